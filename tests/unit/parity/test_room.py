"""What parity imports: the analysis of differences only when something differs."""

import subprocess
import sys

IMPORTED = """
import sys
import labline.lab_replay.parity.parity
import labline.engine.cli.parity
print([name for name in sys.modules if "parity.differences" in name])
"""


def test_equal_pasts_need_no_table() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"

"""The supervisor's keepers: a scorer's place is never given up."""

import asyncio
from pathlib import Path

from labline.engine.factory.supervisor import Slot, Supervisor


def test_a_full_disk_passes_and_the_scorer_is_started(tmp_path: Path) -> None:
    """A keeper that dies of an error of the world leaves a worker that only looks well."""

    async def keep() -> Slot:
        slot = Slot("line", "0")
        supervisor = Supervisor([slot], ["--help"], tmp_path)
        log = tmp_path / "scorer-line-0.log"
        log.mkdir()  # opening it fails as on a full disk
        await supervisor.on_start()
        await asyncio.sleep(0)  # its first attempt
        assert slot.starts == 0
        log.rmdir()
        async with asyncio.timeout(60):
            while slot.exit_code is None:
                await asyncio.sleep(0.02)
        await supervisor.on_stop()
        return slot

    assert asyncio.run(keep()).exit_code == 0

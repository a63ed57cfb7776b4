"""The process that decodes: it may crash, hang or swell, and another one watches it.

``python -m tests.fuzz.child SEED FIRST COUNT [PROGRESS] [PLANT]`` prints, as one line of JSON, a
report or the first payload that was neither a record nor a rejection.
"""

import faulthandler
import json
import math
import mmap
import os
import resource
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from labline.schemas.rejection import Rejection
from tests.fuzz.payloads import Payload, Payloads
from tests.fuzz.targets import Target, targets

HANG_CPU_S = 1.0
WARM_UP = 20_000  # payloads; from there on memory must not grow
FLOAT_ERROR = 1e-7
PLANT_AT = 1_000
SAMPLE_EVERY = 1_000  # payloads

Found = dict[str, Any] | Rejection


class UnsoundError(AssertionError):
    """A record that is none, or that its own schema does not take back."""


def check(target: Target, payload: Payload) -> Found:
    """Decode a payload, and see that what came is sound."""
    found = target.reader.decode(*payload)
    if isinstance(found, Rejection):
        if not (found.stage in ("decode", "constraints") and found.reason and found.message):
            raise UnsoundError(f"a rejection without a reason: {found}")
        return found
    reader = target.reader.schema
    if not isinstance(found, dict) or found.keys() != set(reader.field_names):
        raise UnsoundError("not a record of the schema")
    # Bytes may differ: an index of -1, a number in more bytes than needed, blocks cut otherwise.
    again = reader.encode(found)
    if again != payload.value:
        twice = reader.decode(again)
        if twice != found and not same(twice, found):
            raise UnsoundError(f"another record when it is written and read again: {found} {twice}")
    return found


def same(one: Any, other: Any) -> bool:
    """Tell whether two decoded values are equal, NaN to itself too.

    An old long that is read as a float keeps digits that a float of its own has not.
    """
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=FLOAT_ERROR) or (one != one and other != other)
    return bool(one == other)


def memory_mib() -> float:
    """Return how much memory this process has; on macOS, the most that it has had so far.

    Not the most on Linux: there a child starts with what its parent has had.
    """
    if sys.platform == "darwin":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 * 1024)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / (1024 * 1024)


def plant(name: str) -> Callable[[Target, Payload], Found]:
    """Return a check that has a fault, to see that it is found."""
    kept: list[bytes] = []
    turns = 0

    def faulty(target: Target, payload: Payload) -> Found:
        nonlocal turns
        turns += 1
        if name == "growth":
            kept.append(bytes(2_000))
        elif turns == PLANT_AT:
            if name == "crash":
                os.abort()
            while name == "hang":
                pass
            raise MemoryError  # what a decoder might let through
        return check(target, payload)

    return faulty


def main(seed: int, first: int, count: int, progress: str = "", planted: str = "") -> int:
    """Decode `count` payloads of a seed; return 1 when one of them was not answered as it must."""
    faulthandler.enable()
    faulthandler.register(signal.SIGPROF, chain=True)  # says where, then the signal ends us
    step = _progress(progress)
    payloads = Payloads(seed, targets(seed))
    judge = plant(planted) if planted else check
    outcomes: Counter[str] = Counter()
    warm = peak = 0.0
    for number in range(first, first + count):
        step(number)
        signal.setitimer(signal.ITIMER_PROF, HANG_CPU_S)  # of this process's own CPU time
        target, framing, payload = payloads.at(number)
        try:
            found = judge(target, payload)
        except Exception:  # whatever it is: it must not have come out
            print(json.dumps({"number": number, "failure": traceback.format_exc()}))  # noqa: T201
            return 1
        outcomes[framing.name if isinstance(found, dict) else found.reason] += 1
        if number - first == WARM_UP:
            warm = peak = memory_mib()
        elif number % SAMPLE_EVERY == 0:
            peak = max(peak, memory_mib())
    signal.setitimer(signal.ITIMER_PROF, 0)
    growth = max(peak, memory_mib()) - warm if warm else 0.0
    print(json.dumps({"outcomes": outcomes, "growth_mib": growth, "peak_mib": warm + growth}))  # noqa: T201
    return 0


def _progress(path: str) -> Callable[[int], None]:
    """Return what leaves a number where it outlives this process, at no cost of a call."""
    if not path:
        return lambda _: None
    with open(path, "r+b") as file:  # noqa: PTH123
        shared = mmap.mmap(file.fileno(), 8)

    def step(number: int) -> None:
        shared[:8] = number.to_bytes(8)

    return step


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:4]), *sys.argv[4:]))

"""The environment that a state belongs to: what else its bits depend on."""

import hashlib
import platform
from functools import cache
from importlib.metadata import version

PARTS = ("labline", "river", "numpy")


@cache
def environment() -> dict[str, str]:
    """Return engine, Python and library versions, operating system and CPU architecture.

    Examples
    --------
    >>> sorted(environment())
    ['labline', 'machine', 'numpy', 'python', 'river', 'system']
    """
    return {
        **{part: version(part) for part in PARTS},
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": _system(),
        "machine": platform.machine(),
    }


def _system() -> str:
    """Return the operating system with its release or its C library's: exp and log are theirs."""
    name = platform.system()
    release = platform.mac_ver()[0] if name == "Darwin" else "".join(platform.libc_ver())
    return f"{name} {release}".rstrip()


@cache
def environment_digest() -> str:
    """Return 16 hexadecimal digits that name this environment in the journal."""
    text = "\n".join(f"{name}={value}" for name, value in sorted(environment().items()))
    return hashlib.sha256(text.encode()).hexdigest()[:16]

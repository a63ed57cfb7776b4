"""Times as people's files write them, read as milliseconds since 1970, UTC."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TypeAlias
from zoneinfo import ZoneInfo

from labline.engine.errors import LablineError

ISO = "iso"
EPOCH_S, EPOCH_MS, EPOCH_US, EPOCH_NS = "epoch_s", "epoch_ms", "epoch_us", "epoch_ns"
#: Numbers since 1970, which are told apart by how large they are.
EPOCHS = (EPOCH_MS, EPOCH_S, EPOCH_US, EPOCH_NS)
YEAR = "%Y"
DATES = (
    "%Y/%m/%d", "%Y.%m.%d", "%m/%d/%Y", "%d/%m/%Y", "%m-%d-%Y", "%d-%m-%Y", "%d.%m.%Y",
    "%m/%d/%y", "%d/%m/%y", "%d.%m.%y", "%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%b %d %Y",
    "%b %d, %Y", "%d %B %Y", "%B %d, %Y",
)  # fmt: skip
CLOCKS = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p")
#: In the order in which they are believed.
FORMS = (ISO, YEAR, *(day + clock for day in DATES for clock in CLOCKS), *EPOCHS)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
YEARS = range(1500, 2200)  # a number outside of these is no year, and no date without dashes
#: From 1973 on, and before the year 5138: 1973 in milliseconds would be that in seconds, and so on.
EPOCH_RANGE_MS = range(10**11, 10**14)
_PER_MS = {EPOCH_MS: 1, EPOCH_US: 1_000, EPOCH_NS: 1_000_000}

ReadTime: TypeAlias = Callable[[str], int]


def time_reader(form: str, zone: str = "UTC") -> ReadTime:
    """Return what reads a time: a ``ValueError`` for a text that is none.

    Parameters
    ----------
    form
        ``iso``, ``epoch_s``, ``epoch_ms``, ``epoch_us``, ``epoch_ns``, or a pattern of strptime's.
    zone
        Of times that do not tell their own.

    Raises
    ------
    LablineError
        ``LL-TIME-ZONE`` when there is no such zone.

    Examples
    --------
    >>> time_reader("iso")("2013-01-01T10:00:00Z"), time_reader("epoch_s")("1357034400.5")
    (1357034400000, 1357034400500)
    >>> time_reader("%d.%m.%Y %H:%M", "Europe/Paris")("01.01.2013 11:00")
    1357034400000
    """
    if form == EPOCH_S:
        return lambda text: _whole(text, 1000, 1)
    if form in EPOCHS:
        per_ms = _PER_MS[form]
        return lambda text: _whole(text, 1, per_ms)
    here = _zone(zone)
    if form == ISO:
        return lambda text: _since_1970_ms(datetime.fromisoformat(text.strip()), here)
    # the zone is added right below
    return lambda text: _since_1970_ms(datetime.strptime(text.strip(), form), here)  # noqa: DTZ007


def fitting_forms(texts: Iterable[str], forms: Iterable[str] = FORMS) -> list[str]:
    """Return the forms in which every text can be a time, the likeliest first.

    Examples
    --------
    >>> fitting_forms(["2013-01-01", "2013-01-02T03:04:05+01:00"])
    ['iso']
    >>> fitting_forms(["01/02/2013", "03/04/2013"])
    ['%m/%d/%Y', '%d/%m/%Y']
    >>> fitting_forms(["1980"])[0], fitting_forms(["1357034400"]), fitting_forms(["soon"])
    ('%Y', ['epoch_s'], [])
    >>> fitting_forms(["1357034400000000"]), fitting_forms(["1357034400000000000"])
    (['epoch_us'], ['epoch_ns'])
    """
    left = list(forms)
    for text in texts:
        left = [form for form in left if _plausible(text.strip(), form)]
    return left


def twin(form: str) -> str:
    """Return a pattern with day and month the other way round.

    Examples
    --------
    >>> twin("%d/%m/%Y")
    '%m/%d/%Y'
    """
    return form.replace("%d", "\0").replace("%m", "%d").replace("\0", "%m")


def has_clock(form: str) -> bool:
    """Tell whether a form can say more than the day."""
    return form in (ISO, *EPOCHS) or "%H" in form or "%I" in form


def _plausible(text: str, form: str) -> bool:
    try:
        time_ms = time_reader(form)(text)
    except ValueError:
        return False
    if form == EPOCH_S:
        return abs(time_ms) < EPOCH_RANGE_MS.stop
    if form in EPOCHS:
        return abs(time_ms) in EPOCH_RANGE_MS
    return (EPOCH + time_ms * MILLISECOND).year in YEARS


def _whole(text: str, scale: int, divisor: int) -> int:
    plain = text.strip().lstrip("-").isdecimal()
    number = int(text) * scale // divisor if plain else float(text) * scale / divisor
    if not abs(number) < 2**63:  # so also what is no number
        raise ValueError("no time")
    return round(number)


def _since_1970_ms(time: datetime, here: tzinfo) -> int:
    aware = time if time.tzinfo else time.replace(tzinfo=here)
    return (aware - EPOCH) // MILLISECOND


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC  # also where no table of time zones is installed
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError) as error:
        raise LablineError(
            "LL-TIME-ZONE",
            f"there is no time zone {name[:60]!r} here",
            "write it as Europe/Paris or UTC; the package tzdata brings the table",
        ) from error

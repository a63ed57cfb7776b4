"""The revisions of a line, as a re-run of its journal needs them.

Called by recovery, parity, what-if and upgrade. What comes in is the control topic, folded; what
goes out is a configuration, or an error that a person can mend: a past cannot be folded under a
revision that nobody vouches for.
"""

from collections.abc import Mapping

from labline.engine.core.spec import Spec
from labline.engine.errors import AbsentError, LablineError
from labline.engine.models.control.configuration import SpecOf
from labline.engine.models.control.control import Control, Revision


def line_revisions(control: Control, line: str) -> dict[int, Revision]:
    """Return all revisions of a line, by their offset; none before its first promotion."""
    return {offset: r for offset, r in control.history.items() if r.line == line}


def promoted_revisions(control: Control, line: str) -> dict[int, Revision]:
    """Return all revisions of a line that has a past.

    Raises
    ------
    LablineError
        ``LL-PARITY-NOTHING`` before its first promotion.
    """
    revisions = line_revisions(control, line)
    if not revisions:
        raise LablineError(
            "LL-PARITY-NOTHING", f"line {line} was never promoted", "labline promote NAME@N"
        )
    return revisions


def revision_spec(
    revisions: Mapping[int, Revision], line: str, offset: int, spec_of: SpecOf
) -> Spec:
    """Return the configuration of a revision that a line's journal names.

    Raises
    ------
    AbsentError
        ``LL-REVISION-UNKNOWN`` when no trusted key signed it.
    """
    revision = revisions.get(offset)
    if revision is None:
        raise AbsentError(
            "LL-REVISION-UNKNOWN",
            f"the journal of line {line} names revision {offset}, which no trusted key signed",
            "put the public key that signed it back into keys/, or re-learn the line",
        )
    return spec_of(revision)

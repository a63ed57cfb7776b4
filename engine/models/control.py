"""The control topic: signed records, folded to what is in force. It is also the audit log.

Each record names the revision before it; one whose `previous` is not the last valid revision is
void for every reader, so two operators cannot both win. A revision is its record's offset.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from engine.core.record import Record
from engine.models.envelope import seal, unseal
from engine.models.signing import PublicKeys, Signer

FORMAT = 1
KIND = "control"
PROMOTE = "promote"
NO_REVISION = -1


class ModelRef(NamedTuple):
    """A model version by content."""

    name: str
    version: int
    recipe: str
    manifest: str  # sha256 of its signed manifest

    @property
    def label(self) -> str:
        """Return ``name@N``."""
        return f"{self.name}@{self.version}"


@dataclass(frozen=True)
class Revision:
    """A line's configuration from one control record on.

    Attributes
    ----------
    declaration
        The line and its schemas by content: ``{"line": …, "event_schema": …, "label_schema": …}``.
    slots
        The promoted model of each slot.
    """

    offset: int
    line: str
    declaration: dict[str, Any]
    slots: dict[str, ModelRef]


@dataclass
class Control:
    """The control topic, folded."""

    revision: int = NO_REVISION
    lines: dict[str, Revision] = field(default_factory=dict)
    history: dict[int, Revision] = field(default_factory=dict)
    void: list[tuple[int, str]] = field(default_factory=list)

    def apply(self, records: Iterable[Record], keys: PublicKeys) -> None:
        """Fold further records; void ones are remembered with their reason, never obeyed."""
        for offset, _, _, value, _ in records:
            document = unseal(KIND, value, keys)
            reason = document if isinstance(document, str) else self._refusal(document)
            if reason:
                self.void.append((offset, reason))
            else:
                assert isinstance(document, dict)
                self._obey(offset, document)

    def _refusal(self, document: dict[str, Any]) -> str | None:
        if document.get("format") != FORMAT or document.get("kind") != PROMOTE:
            return "of a format or kind that this version does not read"
        if document["previous"] != self.revision:
            return "its previous revision is not the last valid one"
        return None

    def _obey(self, offset: int, document: dict[str, Any]) -> None:
        line = document["line"]
        before = self.lines[line].slots if line in self.lines else {}
        slots = {**before, document["slot"]: ModelRef(**document["model"])}
        revision = Revision(offset, line, document["declaration"], slots)
        self.revision = offset
        self.lines[line] = self.history[offset] = revision


def promotion(
    *,
    previous: int,
    line: str,
    slot: str,
    model: ModelRef,
    declaration: dict[str, Any],
    signer: Signer,
) -> bytes:
    """Return a signed control record's value that puts a model version in a slot."""
    document = {
        "format": FORMAT,
        "kind": PROMOTE,
        "previous": previous,
        "line": line,
        "slot": slot,
        "model": model._asdict(),
        "declaration": declaration,
    }
    return seal(KIND, document, signer)

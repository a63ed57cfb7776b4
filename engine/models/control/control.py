"""The control topic: signed records, folded to what is in force. It is also the audit log.

Each record names the revision before it; one whose `previous` is not the last valid revision is
void for every reader, so two operators cannot both win. A revision is its record's offset.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from labline.engine.core.record import Record
from labline.engine.models.control.envelope import seal, unseal
from labline.engine.models.control.signing import PublicKeys, Signer

FORMAT = 1
KIND = "control"
PROMOTE = "promote"
CHAMPION = "champion"
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
        The line and its schemas by content: ``line``, ``event_schema``, ``label_schema``, and in
        ``writers`` every other version that records may be written with.
    slots
        The promoted model of each slot.
    """

    offset: int
    line: str
    declaration: dict[str, Any]
    slots: dict[str, ModelRef]


class _Exact(BaseModel):
    """A part of a record: nothing is missing, nothing unknown, nothing of another type."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class _Model(_Exact):
    name: str
    version: int
    recipe: str
    manifest: str


class _Declaration(_Exact):
    line: dict[str, Any]
    event_schema: dict[str, Any]
    label_schema: dict[str, Any] | None
    writers: list[dict[str, Any]] = []


class _Promotion(_Exact):
    """What a control record says; a trusted key vouches for who said it, not for its form."""

    format: Literal[1]
    kind: Literal["promote"]
    previous: int
    line: str
    slot: Literal["champion", "challenger"]
    model: _Model
    declaration: _Declaration


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
            told = document if isinstance(document, str) else _read(document)
            reason = told if isinstance(told, str) else self._refusal(told)
            if isinstance(told, _Promotion) and reason is None:
                self._obey(offset, told)
            else:
                self.void.append((offset, str(reason)))

    def _refusal(self, told: _Promotion) -> str | None:
        if told.previous != self.revision:
            return "its previous revision is not the last valid one"
        if told.declaration.line.get("name") != told.line:
            return "it declares another line than it names"
        if told.slot != CHAMPION and told.line not in self.lines:
            return "its line has no champion yet"
        return None

    def _obey(self, offset: int, told: _Promotion) -> None:
        before = self.lines[told.line].slots if told.line in self.lines else {}
        slots = {**before, told.slot: ModelRef(**dict(told.model))}
        revision = Revision(offset, told.line, dict(told.declaration), slots)
        self.revision = offset
        self.lines[told.line] = self.history[offset] = revision


def _read(document: dict[str, Any]) -> _Promotion | str:
    """Return what a signed document says, or why it is void."""
    if document.get("format") != FORMAT or document.get("kind") != PROMOTE:
        return "of a format or kind that this version does not read"
    try:
        return _Promotion.model_validate(document)
    except ValidationError:
        return "not formed as this version writes it"


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

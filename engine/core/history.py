"""What a task remembers per key: the features of an event that come from those before it."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from labline.engine.core.declared import HistoryFeature

COUNT = -1  # in a field's place: the number of events

#: How many events of a key there were, and of the last one the wanted fields' values.
Past: TypeAlias = tuple[int, tuple[Any, ...]]


class History:
    """The past of each key, as far as a line's features ask for it.

    Parameters
    ----------
    declared
        The features; those ``per`` the same field share one memory.
    keys_max
        Keys remembered per field; the one that was longest not seen is forgotten.

    Examples
    --------
    >>> declared = [HistoryFeature(name="before", kind="previous", field="x", per="k"),
    ...             HistoryFeature(name="seen", kind="count", per="k")]
    >>> history = History(declared, keys_max=10)
    >>> for x in (1.5, 2.5):
    ...     features = {}
    ...     _ = history.extend({"k": "a", "x": x}, features)
    ...     print(features)
    {'seen': 0}
    {'before': 1.5, 'seen': 1}
    """

    __slots__ = ("_declared", "_fields", "_keys_max", "_pasts")

    def __init__(self, declared: Sequence[HistoryFeature], keys_max: int) -> None:
        self._fields: dict[str, tuple[str, ...]] = {}  # whose values are kept, per key field
        self._pasts: dict[str, OrderedDict[object, Past]] = {}
        self.declare(declared, keys_max)

    def declare(self, declared: Sequence[HistoryFeature], keys_max: int) -> None:
        """Put another declaration in force: what it still asks for stays remembered."""
        wanted: dict[str, tuple[str, ...]] = {}
        for told in declared:
            known = wanted.setdefault(told.per, ())
            if told.field is not None and told.field not in known:
                wanted[told.per] = (*known, told.field)
        self._pasts = {per: self._kept(per, fields) for per, fields in wanted.items()}
        self._fields, self._keys_max = wanted, keys_max
        self._declared = tuple(
            (t.name, t.per, COUNT if t.field is None else wanted[t.per].index(t.field))
            for t in declared
        )

    def _kept(self, per: str, wanted: tuple[str, ...]) -> OrderedDict[object, Past]:
        """Return the past of a key field's keys with these fields' values; new ones are None."""
        past, fields = self._pasts.get(per, OrderedDict()), self._fields.get(per, ())
        if fields == wanted:
            return past
        places = [fields.index(field) if field in fields else None for field in wanted]
        return OrderedDict(
            (key, (count, tuple(None if at is None else values[at] for at in places)))
            for key, (count, values) in past.items()
        )

    def __bool__(self) -> bool:
        return bool(self._declared)

    def extend(self, datum: Mapping[str, Any], features: dict[str, Any]) -> int:
        """Add what was before to an event's features, then remember the event.

        A previous value that is not there is left out, as an optional field is.

        Returns
        -------
        int
            How many keys were forgotten for it.
        """
        pasts = self._pasts
        for name, per, field in self._declared:
            count, values = pasts[per].get(datum[per], (0, ()))
            if field == COUNT:
                features[name] = count
            elif values and values[field] is not None:
                features[name] = values[field]
        forgotten = 0
        for per, fields in self._fields.items():
            past, key = pasts[per], datum[per]
            count = past.pop(key, (0, ()))[0]
            past[key] = (count + 1, tuple(datum[field] for field in fields))
            while len(past) > self._keys_max:  # more than one after a lower limit
                past.popitem(last=False)
                forgotten += 1
        return forgotten

    def state(self) -> dict[str, Any]:
        """Return all that it holds, as plain data."""
        return {
            per: {"fields": list(fields), "keys": list(self._pasts[per].items())}
            for per, fields in self._fields.items()
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Hold what `state` returned; `declare` then says what is asked of it."""
        self._fields = {per: tuple(told["fields"]) for per, told in state.items()}
        self._pasts = {per: OrderedDict(told["keys"]) for per, told in state.items()}

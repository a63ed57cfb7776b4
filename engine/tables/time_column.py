"""A column of times: in which forms all its cells can be read, and whether they ascend.

The walk gives it each cell once. As the forms that still fit are read anyway, order and delays are
known for each of them when the last cell was seen: nobody goes over the file again for that.
"""

from labline.engine.tables.times import FORMS, ReadTime, plausible_time, time_reader, twin


class TimeColumn:
    """Takes a column's cells one by one.

    Parameters
    ----------
    form
        As a person said it; None: any of `FORMS`.
    zone
        Of times that do not tell theirs.
    firm
        Whether no other form than the one said is tried.

    Attributes
    ----------
    last_ms
        The last cell's time by form, of those that still fit.

    Raises
    ------
    LablineError
        ``LL-TIME-ZONE``.

    Examples
    --------
    >>> times = TimeColumn()
    >>> [times.add(cell) for cell in ("03/04/2013", "01/02/2013")], list(times.last_ms)
    ([True, True], ['%m/%d/%Y', '%d/%m/%Y'])
    >>> times.is_ambiguous, times.add("28/02/2013"), times.form, times.ascends
    (True, True, '%d/%m/%Y', False)
    >>> times.add("soon"), times.form
    (False, None)
    """

    def __init__(self, form: str | None = None, zone: str = "UTC", *, firm: bool = True) -> None:
        others = () if form is not None and firm else FORMS
        forms = dict.fromkeys((form, *others) if form is not None else others)
        self._said = form
        self._readers: dict[str, ReadTime] = {form: time_reader(form, zone) for form in forms}
        self._falls: set[str] = set()
        self.last_ms: dict[str, int] = {}
        self.is_empty = True

    @property
    def form(self) -> str | None:
        """The likeliest form; None: some cell is no time, or there is none."""
        return None if self.is_empty else next(iter(self._readers), None)

    @property
    def is_ambiguous(self) -> bool:
        """Whether day and month could be meant the other way round."""
        form = self.form
        return (
            form is not None
            and form not in (self._said, twin(form))
            and twin(form) in self._readers
        )

    @property
    def ascends(self) -> bool:
        """Whether, as the form has it, no time is before one that came earlier."""
        return self.form not in self._falls

    def add(self, cell: str) -> bool:
        """Take a cell; tell whether it is a time that fits those before."""
        self.is_empty = False
        times_ms = {
            form: time_ms
            for form, read in self._readers.items()
            if (time_ms := plausible_time(cell, read, form)) is not None
        }
        if len(times_ms) < len(self._readers):
            self._readers = {form: self._readers[form] for form in times_ms}
        for form, time_ms in times_ms.items():
            if time_ms < self.last_ms.get(form, time_ms):
                self._falls.add(form)
        self.last_ms = times_ms
        return bool(times_ms)

"""Errors that people see: a code, a sentence, a remedy."""


class LablineError(Exception):
    """Something that a person can mend.

    Parameters
    ----------
    code
        A stable name to search for, such as ``LL-BROKER-START``.
    message
        What happened, in one sentence, without secrets or payloads.
    remedy
        What to do about it.

    Examples
    --------
    >>> print(LablineError("LL-LINE-UNKNOWN", "no line 'x'", "labline init makes one"))
    LL-LINE-UNKNOWN: no line 'x'
      remedy: labline init makes one
    """

    def __init__(self, code: str, message: str, remedy: str) -> None:
        super().__init__(code, message, remedy)
        self.code = code
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.code}: {self.message}\n  remedy: {self.remedy}"

"""How long to wait before something that failed is tried again."""

FIRST_S = 0.2
MAX_S = 10.0
DOUBLINGS_MAX = 10  # more would overflow a float after a long night


def backoff_s(failures: int) -> float:
    """Return the pause after so many failures in a row.

    Examples
    --------
    >>> backoff_s(1), backoff_s(2), backoff_s(1_000_000)
    (0.2, 0.4, 10.0)
    """
    doublings = min(failures - 1, DOUBLINGS_MAX)
    return min(MAX_S, FIRST_S * float(2**doublings))

"""Which partition a key belongs to: murmur2, as Kafka's Java clients and Faust hash.

`doctor`, recordings of files and the demo ask it; publishing leaves it to the client, which must
agree.
"""

_SEED = 0x9747B28C
_M = 0x5BD1E995
_R = 24
_MASK = 0xFFFFFFFF
_POSITIVE = 0x7FFFFFFF


def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition of a key among `partitions`.

    Examples
    --------
    >>> [partition_of(key, 4) for key in (b"UA1545", b"AA1141", b"DL461")]
    [2, 1, 1]
    """
    return (murmur2(key) & _POSITIVE) % partitions


def murmur2(data: bytes) -> int:
    """Return the 32-bit murmur2 hash of `data`, unsigned, with Kafka's seed.

    Examples
    --------
    >>> murmur2(b"kafka"), murmur2(b"")
    (3496464228, 275646681)
    """
    length = len(data)
    hashed = (_SEED ^ length) & _MASK
    whole = length & ~3
    for at in range(0, whole, 4):
        word = int.from_bytes(data[at : at + 4], "little") * _M & _MASK
        word = (word ^ word >> _R) * _M & _MASK
        hashed = (hashed * _M & _MASK) ^ word
    if whole < length:
        hashed = (hashed ^ int.from_bytes(data[whole:], "little")) * _M & _MASK
    hashed = (hashed ^ hashed >> 13) * _M & _MASK
    return hashed ^ hashed >> 15

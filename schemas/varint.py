"""Avro's whole numbers, zigzag and of variable length: 14 bits at a time, looked up.

The compiled encoder and the encoders of scores call it for every number; the tables are made when
the module is loaded.
"""

_BITS = 14
_END = 1 << _BITS
_MASK = _END - 1
_LAST = [bytes((z,)) if z < 0x80 else bytes((z & 0x7F | 0x80, z >> 7)) for z in range(_END)]
_MORE = [bytes((z & 0x7F | 0x80, z >> 7 | 0x80)) for z in range(_END)]

#: The forms of 0 … 8191, at their places: most lengths and counts.
UNSIGNED = _LAST[::2]


def varint(number: int) -> bytes:
    r"""Return the form of a number of at most 64 bits.

    Examples
    --------
    >>> varint(-1), varint(64), varint(1 << 20)
    (b'\x01', b'\x80\x01', b'\x80\x80\x80\x01')
    """
    rest = (number << 1) ^ (number >> 63)
    if rest < _END:
        return _LAST[rest]
    if 1 << 2 * _BITS <= rest < 1 << 3 * _BITS:  # milliseconds since 1970
        return _MORE[rest & _MASK] + _MORE[rest >> _BITS & _MASK] + _LAST[rest >> 2 * _BITS]
    out = b""
    while rest >= _END:
        out += _MORE[rest & _MASK]
        rest >>= _BITS
    return out + _LAST[rest]

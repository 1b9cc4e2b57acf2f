"""How many different values there were, in bounded memory: the k smallest of their hashes.

Exact below k; above it the error is about 1/sqrt(k - 2), 6 % (Bar-Yossef et al., "Counting distinct
elements in a data stream", RANDOM 2002). Two sketches make one of both by their smallest hashes.
"""

import hashlib
from bisect import bisect_left
from collections.abc import Iterable

_K = 256
_BYTES = 6
"""Of a hash: enough that two of a million recipients hardly ever share one."""
_RANGE = 1 << 8 * _BYTES

Sketch = tuple[int, ...]
"""The smallest hashes, in order."""


def keyed(value: str, key: bytes) -> int:
    """A value's hash. Without `key`, which stays on the host, it tells nobody of the value."""
    digest = hashlib.blake2b(value.encode(errors="replace"), digest_size=_BYTES, key=key).digest()
    return int.from_bytes(digest)


def added(sketch: Sketch, value: int) -> Sketch:
    """The sketch with one more hash."""
    if len(sketch) == _K and value >= sketch[-1]:
        return sketch
    place = bisect_left(sketch, value)
    if place < len(sketch) and sketch[place] == value:
        return sketch
    return (*sketch[:place], value, *sketch[place:])[:_K]


def distinct(sketches: Iterable[Sketch]) -> int:
    """How many different values went into all of them together."""
    smallest = sorted(set[int]().union(*sketches))[:_K]
    if len(smallest) < _K:
        return len(smallest)
    return (_K - 1) * _RANGE // smallest[-1]

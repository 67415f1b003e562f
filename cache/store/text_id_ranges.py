"""Ranges of text ids: work on any number of texts, done on a bounded number at a time.

In:  how many texts there are at most.
Out: ranges that together hold every text id once, and the rows of a table that lie in one.

A text id is a sha256, so ids lie evenly between the first and the last, whatever the texts are.
"""

from dataclasses import dataclass

import pyarrow as pa

RANGE_TEXTS = 2**16  # in one range: about 10 MB of ids as Python holds them
_DIGITS = 8  # of an id, that tell where it lies


@dataclass(frozen=True)
class TextIdRange:
    """Text ids from ``low`` up to, and without, ``high``."""

    low: str
    high: str

    def __contains__(self, text_id: str) -> bool:
        return self.low <= text_id < self.high

    def rows(self, table: pa.Table) -> pa.Table:
        """The rows whose ``text_id`` lies here."""
        import pyarrow.compute as pc

        ids = table["text_id"]
        return table.filter(pc.and_(pc.greater_equal(ids, self.low), pc.less(ids, self.high)))


def ranges_for(texts: int) -> tuple[TextIdRange, ...]:
    """As many ranges as it takes for each to hold about ``RANGE_TEXTS`` of that many texts."""
    count = max(1, -(-texts // RANGE_TEXTS))
    edges = [f"{16**_DIGITS * number // count:0{_DIGITS}x}" for number in range(1, count)]
    return tuple(
        TextIdRange(low, high) for low, high in zip(("", *edges), (*edges, "g"), strict=True)
    )  # "g" comes after every digit

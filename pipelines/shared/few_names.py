"""Name some of many things in a sentence.

In:  names, in order.
Out: words for a sentence.
"""

from collections.abc import Sequence

_NAMED = 5


def few_names(names: Sequence[str]) -> str:
    """All of a few, else the first ones and how many more there are."""
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")

"""Name snapshots in words, however many there are.

In:  names of snapshots, in order.
Out: words for a sentence.
"""

from collections.abc import Sequence


def few_snapshots(names: Sequence[str]) -> str:
    """All of a few, else how many and the first."""
    return ", ".join(names) if len(names) < 4 else f"{len(names)} snapshots from {names[0]}"

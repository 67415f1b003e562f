"""Bring rows that an older LangSeg wrote up to the schema of today, one version at a time.

In:  rows of a table as schema version n has them.
Out: the same rows as ``records`` has them.

Reading does this in memory and changes no file; ``compact`` writes the new form down. A step sees
some rows of a table and never all of them, because parts are read in pieces: it may add, fill,
rename or drop columns, and not look from one row at another. A step is never removed, so that a
store of any age opens. Version 1 was the first to leave the house: there is no step yet.
"""

from collections.abc import Callable, Mapping

import pyarrow as pa

from langseg.cache.records import SCHEMA_VERSION

Step = Callable[[str, pa.Table], pa.Table]  # (table, or "embeddings"; its rows) -> its rows
STEPS: dict[int, Step] = {}  # n -> what turns version n into n + 1


def can_read(version: object) -> bool:
    """Whether every step from that version to today's is known."""
    if not isinstance(version, int) or isinstance(version, bool) or version > SCHEMA_VERSION:
        return False
    return all(number in STEPS for number in range(version, SCHEMA_VERSION))


def upgraded(
    name: str,
    rows: pa.Table,
    version: int,
    steps: Mapping[int, Step] | None = None,
    newest: int = SCHEMA_VERSION,
) -> pa.Table:
    """Rows of version ``version`` as version ``newest`` has them.

    Raises: KeyError, for a version that ``can_read`` refuses.
    """
    for number in range(version, newest):
        rows = (STEPS if steps is None else steps)[number](name, rows)
    return rows

"""What a commit takes in: rows of the right shape, and only those that are not there yet.

In:  Arrow tables from the descriptor stage, and the keys that are committed.
Out: the rows to append; so that a commit may be repeated and a journal may be read twice.
"""

from collections.abc import Mapping, Sequence, Set
from typing import Any

import numpy as np
import pyarrow as pa

from langseg.cache.errors import LangSegError
from langseg.cache.records import TABLES, Response, arrow_schema, embedding_schema

KEYS: dict[str, tuple[str, ...]] = {
    "requests": ("request_key",),
    "responses": ("request_key", "run_id", "attempt"),
    "descriptors": ("descriptor_id",),
    "texts": ("text_id",),
    "classes": ("vocabulary", "class_name", "sense"),
}
EMBEDDING_KEY = ("text_id",)  # within one encoder


def check_rows(name: str, table: pa.Table) -> None:
    """Raises: LangSegError, unless the table has the schema of ``records``, no null and no NaN."""
    if name not in TABLES:
        raise LangSegError(f"commit: wanted one of the tables {', '.join(TABLES)}, got {name!r}")
    _check_schema(name, table, arrow_schema(TABLES[name]))


def check_vectors(encoder_id: str, table: pa.Table, record: Mapping[str, Any] | None) -> None:
    """Raises: LangSegError, unless the vectors are finite unit rows as wide as the record says."""
    where = f"embeddings of {encoder_id}"
    if record is None:
        raise LangSegError(f"{where}: wanted the encoder's record in the store or the commit")
    dim = record["dim"]
    _check_schema(where, table, embedding_schema(dim))
    for chunk in table["emb"].chunks:
        rows = chunk.flatten().to_numpy(zero_copy_only=False).reshape(-1, dim)
        norms = np.linalg.norm(rows.astype(np.float32), axis=1)
        if not np.allclose(norms, 1.0, atol=2e-3):  # float16 rounding is below 1e-3
            raise LangSegError(f"{where}: wanted finite unit vectors, got others")


def fresh_rows(table: pa.Table, keys: pa.ChunkedArray, committed: Set[str]) -> pa.Table:
    """Rows whose key is neither in ``committed`` nor in an earlier row, in their order.

    ``keys`` are those of ``joined_key``.
    """
    seen: set[str] = set()
    fresh = []
    for key in keys.to_pylist():
        fresh.append(key not in committed and key not in seen)
        seen.add(key)
    return table.filter(pa.array(fresh, pa.bool_()))


def joined_key(table: pa.Table, keys: Sequence[str]) -> pa.ChunkedArray:
    """One text for each row's key; parts cannot run into each other, none holds a line feed."""
    import pyarrow.compute as pc

    columns = [pc.cast(table[name], pa.string()) for name in keys]
    return columns[0] if len(columns) == 1 else pc.binary_join_element_wise(*columns, "\n")


def response_key(response: Response) -> str:
    """The key of one response, as ``joined_key`` spells it."""
    return "\n".join(str(getattr(response, name)) for name in KEYS["responses"])


def _check_schema(where: str, table: pa.Table, schema: pa.Schema) -> None:
    import pyarrow.compute as pc

    if not table.schema.equals(schema):
        raise LangSegError(f"{where}: wanted columns {schema}, got {table.schema}")
    for field in schema:
        column = table[field.name]
        if not field.nullable and column.null_count:
            raise LangSegError(f"{where}: wanted no null in {field.name}, got {column.null_count}")
        if pa.types.is_floating(field.type) and pc.any(pc.is_nan(column)).as_py():
            raise LangSegError(f"{where}: wanted a number or null in {field.name}, got NaN")

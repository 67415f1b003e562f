"""Read all tables of a store as SQL takes them.

In:  a snapshot of a store.
Out: its tables by name, among them the embeddings of every encoder as one.
"""

import pyarrow as pa

from langseg.cache.records import TABLES, embedding_schema
from langseg.cache.store.snapshot import Snapshot


def store_tables(store: Snapshot, *, vectors: bool = False) -> dict[str, pa.Table]:
    """``embeddings`` has its encoder's id in column ``encoder``, and ``emb`` only with
    ``vectors``."""
    tables = {name: store.table(name) for name in TABLES}
    return tables | {"embeddings": _embeddings(store, vectors)}


def _embeddings(store: Snapshot, vectors: bool) -> pa.Table:
    columns = [name for name in embedding_schema(1).names if vectors or name != "emb"]
    parts = []
    for encoder_id in store.encoders():
        table = store.embeddings(encoder_id, columns)
        encoder = pa.array([encoder_id] * table.num_rows, pa.string())
        parts.append(_as_lists(table).append_column("encoder", encoder))
    if not parts:
        empty = embedding_schema(1).empty_table().select(columns)
        parts.append(_as_lists(empty).append_column("encoder", pa.array([], pa.string())))
    return pa.concat_tables(parts)


def _as_lists(table: pa.Table) -> pa.Table:
    """Vectors as float32 lists of any width: DuckDB has no float16, encoders differ in width."""
    if "emb" not in table.column_names:
        return table
    at = table.column_names.index("emb")
    return table.set_column(at, "emb", table["emb"].cast(pa.list_(pa.float32())))

"""Read the tables of a store as SQL takes them.

In:  a snapshot of a store, or a set that one model said of a vocabulary.
Out: its tables by name, among them the embeddings of every encoder as one.
"""

from collections.abc import Collection, Mapping
from typing import Any

import pyarrow as pa

from langseg.cache.records import TABLES, embedding_schema
from langseg.cache.store.snapshot import Snapshot
from langseg.descriptors.bank.stored_set import StoredSet


def all_tables(store: Snapshot, *, vectors: bool = False) -> dict[str, pa.Table]:
    """Every table; ``embeddings`` has its encoder's id in column ``encoder``, and ``emb`` only
    with ``vectors``."""
    embeddings = _embeddings(store, vectors=vectors)
    return {name: store.table(name) for name in TABLES} | {"embeddings": embeddings}


def tables_of(chosen: StoredSet) -> dict[str, pa.Table]:
    """The rows of a set's requests, with its vocabulary's names, the classes that they are about,
    and the texts and embeddings (without ``emb``) of their phrases."""
    store = chosen.store
    own = {
        name: store.table(name, where={"request_key": chosen.selection.keys})
        for name in ("requests", "responses", "descriptors")
    }
    for name in ("requests", "descriptors"):
        own[name] = _spelled(own[name], chosen.own_names)
    phrases = {"text_id": own["descriptors"]["text_id"].unique().to_pylist()}
    about = {"sense": own["requests"]["sense"].unique().to_pylist()}
    return own | {
        "texts": store.table("texts", where=phrases),
        "classes": store.table("classes", where=about),
        "embeddings": _embeddings(store, where=phrases),
    }


def _spelled(table: pa.Table, own_names: Mapping[str, str]) -> pa.Table:
    """Classes called as ``own_names`` says of some requests, whoever asked first."""
    keys, names = (table[column].to_pylist() for column in ("request_key", "class_name"))
    spelled = [own_names.get(key, name) for key, name in zip(keys, names, strict=True)]
    at = table.column_names.index("class_name")
    return table.set_column(at, table.schema.field(at), pa.array(spelled, pa.string()))


def _embeddings(
    store: Snapshot, *, vectors: bool = False, where: Mapping[str, Collection[Any]] | None = None
) -> pa.Table:
    columns = [name for name in embedding_schema(1).names if vectors or name != "emb"]
    parts = []
    for encoder_id in store.encoders():
        table = store.embeddings(encoder_id, columns, where)
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

"""Look into a store: standing questions, SQL, checks. Nothing here writes.

In:  the folder of a store.
Out: answers, problems and notes, as JSON-able values.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langseg.cache.errors import InputError
from langseg.cache.records import TABLES, embedding_schema
from langseg.descriptors.vocabulary.source import Source
from langseg.pipelines.shared.settings import load_config

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

    from langseg.cache.sql.limits import QueryLimits
    from langseg.cache.sql.queries import ArrowResult, QueryResult
    from langseg.cache.store.store import Store
    from langseg.descriptors.bank.stored_set import StoredSet


def run_audit(
    store_path: Path,
    dataset: str | None,
    classes: Path | None,
    model: str = "",
    chosen: "StoredSet | None" = None,
) -> dict[str, Any]:
    """Answer every standing question: of one vocabulary's selection, if one is named, or of all.

    ``missing`` names the classes of the vocabulary (else those asked for) without a descriptor.
    ``chosen`` is that selection where it was made already, and what is read is of its snapshot.
    """
    from langseg.cache.sql.queries import AUDIT_QUESTIONS, ask, open_audit
    from langseg.cache.sql.views import question_sql
    from langseg.cache.store.store import Store

    store = Store.open(store_path) if chosen is None else chosen.store
    names: list[str] | None = None
    keys: Collection[str] | None = None
    if chosen is not None:
        names = [entry.name for entry in chosen.vocabulary.classes]
        keys = chosen.selection.keys
    elif dataset is not None or classes is not None:
        flags = {"dataset": dataset, "classes": classes, "store": store_path, "model": model}
        names, keys = _names_and_keys(load_config(Source, None, flags))
    connection = open_audit(_tables(store) if keys is None else _tables_of(store, keys))
    answers = [
        {"name": name, "question": _question(question_sql(name)), **_listed(ask(connection, name))}
        for name in AUDIT_QUESTIONS
    ]
    coverage = next(answer for answer in answers if answer["name"] == "coverage")
    return {"answers": answers, **_covered(coverage["rows"], names)}


def run_sql(store_path: Path, statement: str, limits: "QueryLimits") -> "QueryResult":
    """One SELECT of a person over the live snapshot."""
    from langseg.cache.sql.queries import select

    return select(_opened(store_path, statement, limits), statement, limits)


def run_sql_table(store_path: Path, statement: str, limits: "QueryLimits") -> "ArrowResult":
    """As ``run_sql``, with DuckDB's own types."""
    from langseg.cache.sql.queries import select_table

    return select_table(_opened(store_path, statement, limits), statement, limits)


def run_verify(store_path: Path) -> dict[str, list[str]]:
    """``problems`` of the store and its banks, which lose or falsify data, and ``notes``, which
    nobody need mind; a sentence each."""
    from langseg.cache.store.store import Store
    from langseg.cache.upkeep.bank_checks import bank_notes, bank_problems, index_problems
    from langseg.cache.upkeep.verify import examine

    store = Store.open(store_path)
    found = examine(store.path)
    banks = [*bank_problems(store_path), *index_problems(store_path)]
    return {
        "problems": found.problems + [problem for _, problem in banks],
        "notes": found.notes + bank_notes(store_path),
    }


def _opened(store_path: Path, statement: str, limits: "QueryLimits") -> "DuckDBPyConnection":
    from langseg.cache.sql.queries import needs_vectors, open_audit
    from langseg.cache.store.store import Store

    store = Store.open(store_path)
    tables = _tables(store, vectors=needs_vectors(statement))
    return open_audit(tables, memory_limit_mb=limits.memory_mb)


def _names_and_keys(source: Source) -> tuple[list[str], Collection[str]]:
    """The classes of a vocabulary, and the requests whose answers are its descriptors."""
    from langseg.descriptors.vocabulary.load import load_vocabulary
    from langseg.pipelines.desc.open_sets import open_sets

    vocabulary = load_vocabulary(source.shipped, source.classes)
    names = [entry.name for entry in vocabulary.classes]
    try:
        return names, open_sets(source).of(source.model).selection.keys
    except InputError:  # no answer of it yet: every class is missing
        return names, ()


def _tables(store: "Store", *, vectors: bool = False) -> "dict[str, pa.Table]":
    """Every table of a store, with the embeddings' vectors or without."""
    embeddings = _embeddings(store, vectors=vectors)
    return {name: store.table(name) for name in TABLES} | {"embeddings": embeddings}


def _tables_of(store: "Store", keys: Collection[str]) -> "dict[str, pa.Table]":
    """The rows of some requests, and the texts and embeddings of their phrases."""
    mine = {
        name: store.table(name, where={"request_key": keys})
        for name in ("requests", "responses", "descriptors")
    }
    phrases = {"text_id": mine["descriptors"]["text_id"].unique().to_pylist()}
    texts = store.table("texts", where=phrases)
    return mine | {"texts": texts, "embeddings": _embeddings(store, where=phrases)}


def _covered(rows: list[list[Any]], names: list[str] | None) -> dict[str, Any]:
    """The sentence of an audit. ``rows`` start with class, model, kept descriptors."""
    counts = dict.fromkeys(names or (), 0)
    for name, _, kept, *_rest in rows:
        if names is None or name in counts:
            counts[name] = counts.get(name, 0) + kept
    found = sorted(counts.values())
    spread = f"{found[0]} to {found[-1]}, median {found[len(found) // 2]}" if found else "none"
    models = sorted({row[1] for row in rows})
    sentence = f"{len(found)} classes, {sum(found)} descriptors kept ({spread} for a class)"
    if models:
        sentence += f", written by {', '.join(models)}"
    missing = [name for name, count in counts.items() if not count]
    if missing:
        sentence += f"; {len(missing)} without any: {', '.join(missing[:10])}"
    return {"missing": missing, "sentence": sentence}


def _embeddings(
    store: "Store", *, vectors: bool = False, where: Mapping[str, Collection[Any]] | None = None
) -> "pa.Table":
    """The embeddings of every encoder, whose id is in column ``encoder``."""
    import pyarrow as pa

    columns = [name for name in embedding_schema(1).names if vectors or name != "emb"]
    parts = []
    for encoder_id in store.encoders():
        table = store.embeddings(encoder_id, columns, where)
        named = pa.array([encoder_id] * table.num_rows, pa.string())
        parts.append(_as_lists(table).append_column("encoder", named))
    if not parts:
        empty = embedding_schema(1).empty_table().select(columns)
        parts.append(_as_lists(empty).append_column("encoder", pa.array([], pa.string())))
    return pa.concat_tables(parts)


def _as_lists(table: "pa.Table") -> "pa.Table":
    """Vectors as float32 lists of any width: DuckDB has no float16, encoders differ in width."""
    import pyarrow as pa

    if "emb" not in table.column_names:
        return table
    at = table.column_names.index("emb")
    return table.set_column(at, "emb", table["emb"].cast(pa.list_(pa.float32())))


def _question(sql: str) -> str:
    lines = [line.removeprefix("-- ") for line in sql.splitlines() if line.startswith("-- ")]
    return " ".join(lines)


def _listed(answer: "QueryResult") -> dict[str, Any]:
    return {"columns": list(answer.columns), "rows": [list(row) for row in answer.rows]}

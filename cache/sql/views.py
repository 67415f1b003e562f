"""Turn the manifest's file list into SQL views that any DuckDB can open.

In:  for each table, the Parquet files the manifest lists, relative to the store; its place.
Out: ``views.sql``: one view for each table over exactly those files, and one for each audit
     question (``questions/<name>.sql``, whose first comment line is the question).
"""

import re
from collections.abc import Mapping, Sequence
from importlib.resources import files as package_files
from itertools import groupby
from pathlib import Path

from langseg.cache.files import write_atomic
from langseg.cache.records import EMBEDDINGS, TABLES, arrow_schema

# phrases comes first: it is the view people read
QUESTIONS = (
    "phrases", "coverage", "counts", "duplicates", "rejections", "provenance", "encoders",
    "slots", "places", "cut", "unusable", "spend",
)  # fmt: skip
VIEWS = "views.sql"
ROOT = "langseg_store"  # the variable of a connection that says where the files are
_HEAD = """\
-- The live snapshot of this store, for anyone's own DuckDB, from any folder:
--     duckdb -init views.sql
-- A store that was moved or copied since: start in its folder, or first
--     set file_search_path = '<the store>'
-- Written anew at every commit; never edit it.
"""
_SQL_TYPES = {"string": "varchar", "int64": "bigint", "double": "double"}


def question_sql(name: str) -> str:
    """The SELECT that answers an audit question, with its comment line."""
    return (
        package_files("langseg.cache.sql")
        .joinpath("questions", f"{name}.sql")
        .read_text("utf-8")
        .strip()
    )


def question_views() -> str:
    """One ``create view`` for each audit question, over the tables' names."""
    return "\n\n".join(
        f"create or replace view {name} as\n{question_sql(name)};" for name in QUESTIONS
    )


def views_sql(files: Mapping[str, Sequence[str]], root: Path) -> str:
    """The whole ``views.sql``.

    Args:
        files: table name -> Parquet paths relative to the store; a table without files becomes
            an empty view of the same columns, so that every audit question still runs.
        root: the store, whose place is written down: DuckDB knows no other way to find it.
    """
    listed = [path for name in (*TABLES, EMBEDDINGS) for path in files.get(name, ())]
    place = _find_root(listed[0], str(root.resolve())) if listed else ""
    tables = [_table_view(name, files.get(name, ())) for name in (*TABLES, EMBEDDINGS)]
    return "\n".join([_HEAD, place, *tables, "", question_views(), ""])


def write_views(root: Path, files: Mapping[str, Sequence[str]]) -> None:
    """Let the store's ``views.sql`` be of these files and of this place: a store may have been
    copied. ``files``: as for ``views_sql``. Raises: OSError."""
    views = views_sql(files, root).encode()
    path = root / VIEWS
    if not path.is_file() or path.read_bytes() != views:
        write_atomic(path, views)


def written_for(sql: str) -> str | None:
    """The place of the store that a ``views.sql`` was written for, where it says one."""
    match = re.search(r"then '((?:[^']|'')+)/'\n    else error\(", sql)
    return match[1].replace("''", "'") if match else None


def _find_root(part: str, root: str) -> str:
    """Say where the files are: here if they are (a moved store's folder), else where they were."""
    try:
        root.encode()
    except UnicodeEncodeError:  # a folder that no SQL can name
        root = ""
    missing = _quoted(
        f"views.sql: wanted the store in {root or 'this folder'}, got no {part} there; start in "
        "the store's folder, or set file_search_path to it"
    )
    known = f"    when exists (from glob({_quoted(_literal(f'{root}/{part}'))}))"
    cases = [f"    when exists (from glob({_quoted(part)})) then ''"]
    if root:
        cases.append(f"{known} then {_quoted(f'{root}/')}")
    return "\n".join([f"set variable {ROOT} = case", *cases, f"    else error({missing}) end;"])


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _literal(path: str) -> str:
    """A pattern of ``glob`` that only this path fits."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in path)


def _table_view(name: str, files: Sequence[str]) -> str:
    if not files:
        source = f"select {_no_rows(name)}"
    elif name == EMBEDDINGS:  # embeddings/encoder=<id>/part-*.parquet
        groups = groupby(sorted(files), lambda path: path.split("/")[1].partition("=")[2])
        source = "\n    union all by name ".join(
            f"select *, {_quoted(encoder)} as encoder from {_parquet(list(group))}"  # noqa: S608 (our names)
            for encoder, group in groups
        )
    else:
        source = f"select * from {_parquet(files)}"  # noqa: S608 (our names)
    return f"create or replace view {name} as {source};"


def _parquet(files: Sequence[str]) -> str:
    """`k=v` in a path makes no column."""
    listed = ", ".join(_quoted(path) for path in files)
    paths = f"[coalesce(getvariable('{ROOT}'), '') || f for f in [{listed}]]"
    return f"read_parquet({paths}, hive_partitioning = false)"


def _no_rows(name: str) -> str:
    if name == EMBEDDINGS:
        columns = {"text_id": "varchar", "emb": "float[]", "n_tokens": "integer"}
        columns |= {"truncated": "boolean", "encoder": "varchar"}
    else:
        columns = {field.name: _SQL_TYPES[str(field.type)] for field in arrow_schema(TABLES[name])}
    return (
        ", ".join(f"null::{kind} as {column}" for column, kind in columns.items()) + " where false"
    )

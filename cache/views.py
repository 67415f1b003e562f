"""Turn the manifest's file list into SQL views that any DuckDB can open.

In:  for each table, the Parquet files the manifest lists, relative to the store.
Out: ``views.sql``: one view for each table over exactly those files, and one for each audit
     question (``sql/<name>.sql``, whose first comment line is the question).
"""

from collections.abc import Mapping, Sequence
from importlib.resources import files as package_files

from langseg.cache.records import TABLES, arrow_schema

# phrases comes first: it is the view people read
QUESTIONS = (
    "phrases", "coverage", "counts", "duplicates", "rejections", "provenance", "encoders",
    "slots", "places", "cut", "unusable", "spend",
)  # fmt: skip
EMBEDDINGS = "embeddings"
_HEAD = """\
-- The live snapshot of this store, for anyone's own DuckDB. From the store's folder:
--     duckdb -init views.sql
-- or from anywhere: set file_search_path = '<the store>', then .read views.sql
-- Written anew at every commit; never edit it.
"""
_SQL_TYPES = {"string": "varchar", "int64": "bigint", "double": "double"}


def question_sql(name: str) -> str:
    """The SELECT that answers an audit question, with its comment line."""
    return package_files("langseg.cache").joinpath("sql", f"{name}.sql").read_text("utf-8").strip()


def question_views() -> str:
    """One ``create view`` for each audit question, over the tables' names."""
    return "\n\n".join(
        f"create or replace view {name} as\n{question_sql(name)};" for name in QUESTIONS
    )


def views_sql(files: Mapping[str, Sequence[str]]) -> str:
    """The whole ``views.sql``.

    Args:
        files: table name -> Parquet paths relative to the store; a table without files becomes
            an empty view of the same columns, so that every audit question still runs.
    """
    tables = [_table_view(name, files.get(name, ())) for name in (*TABLES, EMBEDDINGS)]
    return "\n".join([_HEAD, *tables, "", question_views(), ""])


def _table_view(name: str, files: Sequence[str]) -> str:
    if not files:
        return f"create or replace view {name} as select {_no_rows(name)};"
    listed = ", ".join("'" + path.replace("'", "''") + "'" for path in files)
    options = ", union_by_name = true"  # parts of an older schema lack columns: null there
    if name == EMBEDDINGS:
        # embeddings/encoder=<id>/part-*.parquet: the folder's name becomes the column `encoder`
        options += ", hive_partitioning = true, hive_types = {'encoder': varchar}"
    source = f"read_parquet([{listed}]{options})"
    return f"create or replace view {name} as select * from {source};"  # noqa: S608 (our names)


def _no_rows(name: str) -> str:
    if name == EMBEDDINGS:
        columns = {"text_id": "varchar", "emb": "float[]", "n_tokens": "integer"}
        columns |= {"truncated": "boolean", "encoder": "varchar"}
    else:
        columns = {field.name: _SQL_TYPES[str(field.type)] for field in arrow_schema(TABLES[name])}
    return (
        ", ".join(f"null::{kind} as {column}" for column, kind in columns.items()) + " where false"
    )

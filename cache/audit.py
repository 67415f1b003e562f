"""Answer questions about a store in SQL, with DuckDB as the lens and never as the store.

In:  verified Arrow tables, and one SELECT from a person.
Out: columns and rows.

The connection holds copies of the tables in memory and is then locked: no file, no network, no
extension, no setting can be reached from SQL. No folder is allowed either, because an allowed
folder also permits ``COPY ... TO`` into it. DuckDB's own position stands all the same: SQL is
executable code (duckdb.org/security), so this is for the store's owner and not for a web page.
"""

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from langseg.cache.errors import InputError
from langseg.cache.views import QUESTIONS, question_views

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

AUDIT_QUESTIONS = tuple(name for name in QUESTIONS if name != "phrases")
_LOCKS = (
    "set python_enable_replacements = false",
    "set autoinstall_known_extensions = false",
    "set autoload_known_extensions = false",
    "set allow_community_extensions = false",
    "set max_temp_directory_size = '0MB'",
    "set enable_external_access = false",
    "set lock_configuration = true",
)


@dataclass(frozen=True)
class Answer:
    """Rows of one question; ``truncated`` says that more rows were there than were asked for."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    truncated: bool = False


def open_audit(
    tables: Mapping[str, pa.Table], *, memory_limit: str = "2GB"
) -> "DuckDBPyConnection":
    """A locked in-memory DuckDB with the store's tables and one view for each audit question.

    Args:
        tables: every table of ``cache.records`` and ``embeddings`` (columns text_id, n_tokens,
            truncated, encoder, and ``emb`` as float32 lists if vectors are wanted: DuckDB has
            no float16).
        memory_limit: DuckDB's own bound; a query beyond it fails, it does not swap.
    """
    import duckdb

    connection = duckdb.connect(":memory:", config={"memory_limit": memory_limit})
    for name, table in tables.items():
        connection.register("incoming", table)
        connection.execute(f'create table "{name}" as select * from incoming').fetchall()  # noqa: S608 (our names)
        connection.unregister("incoming")
    for statement in question_views().split(";\n"):
        connection.execute(statement).fetchall()
    for statement in _LOCKS:
        connection.execute(statement).fetchall()
    return connection


def ask(connection: "DuckDBPyConnection", question: str) -> Answer:
    """The rows of one audit question by its name (``AUDIT_QUESTIONS``)."""
    cursor = connection.execute(f"from {question}")
    columns = tuple(column[0] for column in cursor.description or ())
    return Answer(columns, tuple(cursor.fetchall()))


def select(
    connection: "DuckDBPyConnection",
    statement: str,
    *,
    max_rows: int = 1000,
    time_limit_s: float = 30.0,
) -> Answer:
    """Run one SELECT written by a person.

    Raises: InputError, for anything that is not exactly one SELECT, for a statement DuckDB
    refuses, and for one that runs past ``time_limit_s`` or the memory limit.
    """
    import duckdb

    try:
        parsed = connection.extract_statements(statement)
    except duckdb.Error as exc:
        raise InputError(f"sql: {_first_line(exc)}") from exc
    kinds = [str(one.type).rpartition(".")[2] for one in parsed]
    if kinds != ["SELECT"]:
        raise InputError(
            f"sql: wanted exactly one SELECT, got {', '.join(kinds) or 'nothing'}; "
            "for anything else open the store's views.sql in your own DuckDB"
        )
    timer = threading.Timer(time_limit_s, connection.interrupt)
    timer.start()
    try:
        cursor = connection.execute(statement)
        columns = tuple(column[0] for column in cursor.description or ())
        rows = cursor.fetchmany(max_rows + 1)
    except duckdb.InterruptException as exc:
        raise InputError(
            f"sql: stopped after {time_limit_s:g} s; narrow the question or raise --time-limit"
        ) from exc
    except duckdb.Error as exc:
        raise InputError(f"sql: {_first_line(exc)}") from exc
    finally:
        timer.cancel()
    return Answer(columns, tuple(rows[:max_rows]), truncated=len(rows) > max_rows)


def needs_vectors(statement: str) -> bool:
    """Whether a statement may read the embeddings' vectors, which cost memory to load."""
    return re.search(r"\bemb\b|\*", statement, re.IGNORECASE) is not None


def _first_line(exc: Exception) -> str:
    return str(exc).strip().splitlines()[0]

"""Answer questions about a store in SQL, with DuckDB as the lens and never as the store.

In:  verified Arrow tables, and one SELECT (or an EXPLAIN of one) from a person.
Out: columns and rows, at most so many, within so much time and memory.

The connection holds copies of the tables in memory and is then locked: no file, no network, no
extension, no setting can be reached from SQL. No folder is allowed either, because an allowed
folder also permits ``COPY ... TO`` into it. DuckDB's own position stands all the same: SQL is
executable code (duckdb.org/security), so this is for the store's owner and not for a web page.
"""

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from langseg.cache.errors import InputError
from langseg.cache.views import QUESTIONS, question_views

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MEMORY_LIMIT_MB = 2048
AUDIT_QUESTIONS = tuple(name for name in QUESTIONS if name != "phrases")
_EXPLAIN = re.compile(r"\s*explain(\s+analyze\b|\s*\([^()]*\))?", re.IGNORECASE)
_NO_SPILLING = (
    "set temp_directory = ''",  # not even an empty folder where one stands
    "set max_temp_directory_size = '0MB'",
)
_LOCKS = (
    "set python_enable_replacements = false",
    "set autoinstall_known_extensions = false",
    "set autoload_known_extensions = false",
    "set allow_community_extensions = false",
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
    tables: Mapping[str, pa.Table], *, memory_limit_mb: int = MEMORY_LIMIT_MB
) -> "DuckDBPyConnection":
    """A locked in-memory DuckDB with the store's tables and one view for each audit question.

    Args:
        tables: every table of ``cache.records`` and ``embeddings`` (columns text_id, n_tokens,
            truncated, encoder, and ``emb`` as float32 lists if vectors are wanted: DuckDB has
            no float16).
        memory_limit_mb: DuckDB's own bound, the tables included; what needs more fails, it does
            not swap.

    Raises: InputError, for tables that do not fit.
    """
    import duckdb

    connection = duckdb.connect(":memory:", config={"memory_limit": f"{memory_limit_mb}MB"})
    for statement in _NO_SPILLING:
        connection.execute(statement).fetchall()
    for name, table in tables.items():
        connection.register("incoming", table)
        try:
            connection.execute(f'create table "{name}" as select * from incoming').fetchall()  # noqa: S608 (our names)
        except duckdb.OutOfMemoryException as exc:
            raise InputError(
                f"{name}: wanted {table.nbytes / 2**20:.0f} MB of rows or more in memory, got "
                f"{memory_limit_mb} MB for all tables; raise --memory-limit"
            ) from exc
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
    """Run one SELECT written by a person, or explain it: a line of the plan is then a row.

    Raises: InputError, for anything but one of these, for a statement DuckDB refuses, and for
    one that runs past ``time_limit_s`` or the memory limit.
    """
    with _limited(connection, statement, time_limit_s) as explains:
        cursor = connection.execute(statement)
        columns = tuple(column[0] for column in cursor.description or ())
        rows = cursor.fetchmany(max_rows + 1)
    if explains:
        columns = ("plan",)
        rows = [(line,) for row in rows for line in str(row[-1]).splitlines()]
    return Answer(columns, tuple(rows[:max_rows]), truncated=len(rows) > max_rows)


def select_table(
    connection: "DuckDBPyConnection",
    statement: str,
    *,
    max_rows: int = 1000,
    time_limit_s: float = 30.0,
) -> tuple[pa.Table, bool]:
    """As ``select``, with DuckDB's own types; and whether rows were left out."""
    if _is_explain(connection, statement):
        answer = select(connection, statement, max_rows=max_rows, time_limit_s=time_limit_s)
        return pa.table({"plan": [row[0] for row in answer.rows]}), answer.truncated
    with _limited(connection, statement, time_limit_s):
        reader = connection.sql(statement).to_arrow_reader(max_rows + 1)
        with closing(reader):
            batches, count = [], 0
            for batch in reader:
                batches.append(batch)
                count += batch.num_rows
                if count > max_rows:
                    break
            table = pa.Table.from_batches(batches, reader.schema)
    return table.slice(0, max_rows), table.num_rows > max_rows


@contextmanager
def _limited(
    connection: "DuckDBPyConnection", statement: str, time_limit_s: float
) -> Iterator[bool]:
    """Run a statement that is allowed, for so long at most. Yields: whether it is an EXPLAIN."""
    import duckdb

    explains = _is_explain(connection, statement)
    stopped = threading.Event()

    def stop() -> None:
        stopped.set()
        connection.interrupt()

    timer = threading.Timer(time_limit_s, stop)
    # a SELECT may hold `with x as (insert ... returning ...)`
    connection.execute("begin transaction read only").fetchall()
    timer.start()
    try:
        yield explains
    except (duckdb.Error, pa.ArrowException, OSError) as exc:  # as the reader of Arrow says it
        if stopped.is_set():
            raise InputError(
                f"sql: stopped after {time_limit_s:g} s; narrow the question or raise --time-limit"
            ) from exc
        raise InputError(f"sql: {_first_line(exc)}") from exc
    finally:
        timer.cancel()
        connection.rollback()


def _is_explain(connection: "DuckDBPyConnection", statement: str) -> bool:
    """Raises: InputError, for anything but one SELECT, or one EXPLAIN of a SELECT."""
    kinds = _kinds(connection, statement)
    if kinds == ["SELECT"]:
        return False
    explained = _EXPLAIN.match(statement)
    if kinds == ["EXPLAIN"] and explained:  # EXPLAIN ANALYZE runs what it explains
        kinds = [f"EXPLAIN of {kind}" for kind in _kinds(connection, statement[explained.end() :])]
        if kinds == ["EXPLAIN of SELECT"]:
            return True
    raise InputError(
        f"sql: wanted exactly one SELECT, or EXPLAIN and a SELECT, got "
        f"{', '.join(kinds) or 'nothing'}; for anything else open the store's views.sql in your "
        "own DuckDB"
    )


def _kinds(connection: "DuckDBPyConnection", statement: str) -> list[str]:
    import duckdb

    try:
        parsed = connection.extract_statements(statement)
    except duckdb.Error as exc:
        raise InputError(f"sql: {_first_line(exc)}") from exc
    return [str(one.type).rpartition(".")[2] for one in parsed]


def needs_vectors(statement: str) -> bool:
    """Whether a statement may read the embeddings' vectors, which cost memory to load."""
    return re.search(r"\bemb\b|\*", statement, re.IGNORECASE) is not None


def _first_line(exc: Exception) -> str:
    return str(exc).strip().splitlines()[0]

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
from dataclasses import dataclass, field
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from langseg.cache.errors import InputError, Remedy
from langseg.cache.sql.limits import CUT, Deadline, QueryLimits, bounded_memory, out_of_memory
from langseg.cache.sql.views import QUESTIONS, question_views

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MEMORY_LIMIT_MB = QueryLimits.memory_mb
AUDIT_QUESTIONS = tuple(name for name in QUESTIONS if name != "phrases")
_EXPLAIN = re.compile(r"\s*explain(\s+analyze\b|\s*\([^()]*\))?", re.IGNORECASE)
_FETCHED = 64  # rows at a time: as many of a megabyte each still fit
_NO_MEMORY = "Out of Memory Error:"  # DuckDB's word, also through the reader of Arrow
_ALONE = (
    "set enable_progress_bar = false",  # it would be drawn on stdout, into the answer
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
class QueryResult:
    """Rows of one question; ``truncated`` says that more rows were there than are kept.

    ``cut`` counts the cells that are only the beginning of what was there, and say so.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    truncated: bool = False
    cut: int = 0
    deadline: Deadline = field(default_factory=lambda: Deadline(float("inf")), compare=False)


@dataclass(frozen=True)
class ArrowResult:
    """As ``QueryResult``, with DuckDB's own types and every value whole."""

    table: pa.Table
    truncated: bool
    deadline: Deadline = field(compare=False)


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
    for statement in _ALONE:
        connection.execute(statement).fetchall()
    for name, table in tables.items():
        connection.register("incoming", table)
        try:
            connection.execute(f'create table "{name}" as select * from incoming').fetchall()  # noqa: S608 (our names)
        except duckdb.OutOfMemoryException as exc:
            raise InputError(
                f"{name}: wanted {table.nbytes / 2**20:.0f} MB of rows or more in memory, got "
                f"{memory_limit_mb} MB for all tables",
                Remedy.ROOM_FOR_TABLES,
            ) from exc
        connection.unregister("incoming")
    for statement in question_views().split(";\n"):
        connection.execute(statement).fetchall()
    for statement in _LOCKS:
        connection.execute(statement).fetchall()
    return connection


def ask(connection: "DuckDBPyConnection", question: str) -> QueryResult:
    """The rows of one audit question by its name (``AUDIT_QUESTIONS``)."""
    cursor = connection.execute(f"from {question}")
    columns = tuple(column[0] for column in cursor.description or ())
    return QueryResult(columns, tuple(cursor.fetchall()))


def select(
    connection: "DuckDBPyConnection", statement: str, limits: QueryLimits | None = None
) -> QueryResult:
    """Run one SELECT written by a person, or explain it: a line of the plan is then a row.

    Raises: InputError, for anything but one of these, for a statement DuckDB refuses, and for
    one that runs past the time or the memory limit.
    """
    limits = limits or QueryLimits()
    with _limited(connection, statement, limits) as (explains, deadline):
        connection.execute(statement)
        columns = tuple(column[0] for column in connection.description or ())
        rows, truncated, cut = _fetched(connection, limits, deadline)
    if explains:
        columns = ("plan",)
        rows = [(line,) for row in rows for line in str(row[-1]).splitlines()]
        rows, truncated = rows[: limits.max_rows], len(rows) > limits.max_rows
    return QueryResult(columns, tuple(rows), truncated, cut, deadline)


def select_table(
    connection: "DuckDBPyConnection", statement: str, limits: QueryLimits | None = None
) -> ArrowResult:
    """As ``select``, with DuckDB's own types."""
    limits = limits or QueryLimits()
    if _is_explain(connection, statement):
        answer = select(connection, statement, limits)
        plan = pa.table({"plan": [row[0] for row in answer.rows]})
        return ArrowResult(plan, answer.truncated, answer.deadline)
    with _limited(connection, statement, limits) as (_, deadline):
        reader = connection.sql(statement).to_arrow_reader(_FETCHED)
        with closing(reader):
            batches, truncated = _read(reader, limits, deadline)
            table = pa.Table.from_batches(batches, reader.schema)
    return ArrowResult(table, truncated, deadline)


def _fetched(
    connection: "DuckDBPyConnection", limits: QueryLimits, deadline: Deadline
) -> tuple[list[tuple[Any, ...]], bool, int]:
    """The rows that are kept, whether there were more, and how many of their cells are cut."""
    rows: list[tuple[Any, ...]] = []
    cut, room = 0, limits.answer_bytes
    while batch := connection.fetchmany(_FETCHED):
        for row in batch:
            deadline.check()
            cells = [_cell(value, limits.cell_chars) for value in row]
            room -= sum(size for _, size, _ in cells)
            if room < 0 or len(rows) == limits.max_rows:
                _refuse_none(len(rows), limits)
                return rows, True, cut
            rows.append(tuple(value for value, _, _ in cells))
            cut += sum(is_cut for _, _, is_cut in cells)
    return rows, False, cut


def _cell(value: Any, most: int) -> tuple[Any, int, bool]:
    """A value or its beginning, its size, and whether it is the beginning only."""
    if not isinstance(value, (str, bytes, list, tuple, dict)):
        return value, 16, False
    size = len(value) if isinstance(value, (str, bytes)) else len(str(value))
    if size <= most:
        return value, size, False
    text = value[:most].hex() if isinstance(value, bytes) else str(value)
    return text[:most] + CUT, most, True


def _read(
    reader: "pa.RecordBatchReader", limits: QueryLimits, deadline: Deadline
) -> "tuple[list[pa.RecordBatch], bool]":
    """The batches that are kept, and whether there was more."""
    batches: list[pa.RecordBatch] = []
    rows, room = 0, limits.answer_bytes
    for batch in reader:
        deadline.check()
        fitting = batch.num_rows * room // max(batch.nbytes, 1)
        part = batch.slice(0, min(fitting, limits.max_rows - rows))
        rows, room = rows + part.num_rows, room - part.nbytes
        batches.append(part)
        if part.num_rows < batch.num_rows:
            _refuse_none(rows, limits)
            return batches, True
    return batches, False


def _refuse_none(rows: int, limits: QueryLimits) -> None:
    if not rows:
        raise InputError(
            f"sql: wanted rows of at most {limits.answer_bytes / 2**20:g} MB, an eighth of the "
            "memory limit, got a larger one",
            Remedy.ROOM_FOR_ROW,
        )


@contextmanager
def _limited(
    connection: "DuckDBPyConnection", statement: str, limits: QueryLimits
) -> Iterator[tuple[bool, Deadline]]:
    """Run a statement that is allowed. Yields: whether it is an EXPLAIN, and its deadline."""
    import duckdb

    explains = _is_explain(connection, statement)
    timer = threading.Timer(limits.time_s, connection.interrupt)
    # a SELECT may hold `with x as (insert ... returning ...)`
    connection.execute("begin transaction read only").fetchall()
    deadline = Deadline(limits.time_s)
    timer.start()
    try:
        with bounded_memory(limits.memory_mb):
            yield explains, deadline
        deadline.check()
    except (duckdb.Error, pa.ArrowException, OSError) as exc:  # as the reader of Arrow says it
        deadline.check()
        if isinstance(exc, duckdb.OutOfMemoryException) or _NO_MEMORY in str(exc):
            raise out_of_memory(limits.memory_mb) from exc
        raise InputError(f"sql: {_useful_half(exc)}") from exc
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
        raise InputError(f"sql: {_useful_half(exc)}") from exc
    return [str(one.type).rpartition(".")[2] for one in parsed]


def needs_vectors(statement: str) -> bool:
    """Whether a statement may read the embeddings' vectors, which cost memory to load.

    It cannot without their table's name: no view has a column of vectors.
    """
    return re.search(r"\bembeddings\b", statement, re.IGNORECASE) is not None


def _useful_half(exc: Exception) -> str:
    """What is wrong and what was perhaps meant, without the statement that DuckDB quotes."""
    lines = [line.strip() for line in str(exc).strip().splitlines()]
    told = list(takewhile(lambda line: not line.startswith("LINE "), lines))
    return " ".join(filter(None, told or lines[:1]))

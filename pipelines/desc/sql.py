"""Answer a statement over a store: a table, JSON, CSV or Parquet, to stdout or a file.

In:  one SELECT, over a store whose texts may be anything that an LLM can write.
Out: rows. In a CSV no text is a formula and none holds a control character, as a spreadsheet or
     a terminal would act on it; Parquet holds every value as it is.
"""

import csv
import io
import json
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from enum import StrEnum
from itertools import chain
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from pydantic import Field

from langseg.cache.errors import InputError, UsageError
from langseg.cache.sql.limits import CUT, QueryLimits, bounded_memory
from langseg.pipelines.desc.store_config import StoreConfig
from langseg.pipelines.shared.json_output import json_text
from langseg.pipelines.shared.settings import ARGUMENT
from langseg.pipelines.shared.table_output import table_pieces

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

    from langseg.cache.sql.queries import QueryResult

_TABLE_CELL = 10_000  # characters: every row of a table is as wide as the widest
_ROW_GROUP = 100_000
_AS_TEXT = 4  # quotes, indents and hex make more of an answer than it is


class Format(StrEnum):
    """How ``sql`` writes rows."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"


class SqlConfig(StoreConfig):
    """What `sql` takes."""

    statement: str = Field(
        description="One SELECT, or EXPLAIN and a SELECT.", json_schema_extra=ARGUMENT
    )
    results: Path | None = Field(
        None,
        description="Folder of a `langseg-seg compare`, whose rows are the table `results`, or of "
        "a `langseg-seg explain`: `explained`.",
    )
    format: Format = Field(
        Format.TABLE,
        description="How the rows are written; parquet needs --out, table has none.",
    )
    out: Path | None = Field(None, description="File for the rows, whole or not there at all.")
    max_rows: int = Field(1000, ge=1, description="Rows written at most.")
    time_limit: float = Field(
        30.0, ge=0.1, le=86_400, description="Seconds a statement and its answer may take."
    )
    memory_limit: int = Field(
        2048, ge=16, le=2**30,  # of MB: more than DuckDB can count
        description="MB that the tables and a statement may take, an answer an eighth of it.",
    )  # fmt: skip


def run_sql(settings: SqlConfig, form: Format, limits: QueryLimits) -> list[str]:
    """Answer a statement and write its rows, to stdout where no file is given.

    The rows are written whole or not at all: the time limit ends when the last byte of them is
    made, and a reader such as ``less`` may then take its time.

    Returns: a sentence about rows that were left out, and one about cells that were cut.
    Raises: UsageError, for a table in a file, and for Parquet without one; InputError, where no
        file can be written, before the question is asked; CorruptError, for damaged results.
    """
    from langseg.cache.sql.queries import select, select_table
    from langseg.pipelines.shared.output_file import check_file

    statement, out = settings.statement, settings.out
    if out is None and form is Format.PARQUET:
        raise UsageError("sql: wanted a file for --format parquet, got none; give --out FILE")
    if out is not None and form is Format.TABLE:
        raise UsageError(f"sql: wanted --format csv, json or parquet for --out {out}, got table")
    try:
        statement.encode()
    except UnicodeEncodeError as exc:  # bytes that the locale cannot read as text
        raise UsageError(
            "sql: wanted a statement of UTF-8 text, got bytes that are none in this locale; set "
            "LC_ALL=C.UTF-8"
        ) from exc
    if out is not None:
        check_file(out, "--out", f"rows.{form}")
    if out is not None and form is Format.PARQUET:
        result = select_table(_connection(settings, limits), statement, limits)
        with bounded_memory(limits.memory_mb):
            data = table_parquet(result.table, result.deadline.check)
        _write(out, data)
        return _notes(result.table.num_rows, result.truncated, 0, limits)
    if form is Format.TABLE:
        limits = replace(limits, cell_chars=_TABLE_CELL)
    answer = select(_connection(settings, limits), statement, limits)
    with bounded_memory(limits.memory_mb):
        text = _written(_pieces(answer, form), answer.deadline.check, limits)
    if out is None:
        print(text.decode(), end="")
    else:
        _write(out, text)
    return _notes(len(answer.rows), answer.truncated, answer.cut, limits)


def _connection(settings: SqlConfig, limits: QueryLimits) -> "DuckDBPyConnection":
    """To the live snapshot and the given results; vectors are read only where the statement names
    them."""
    from langseg.cache.sql.queries import needs_vectors, open_audit
    from langseg.cache.store.store import Store
    from langseg.pipelines.desc.store_tables import all_tables
    from langseg.pipelines.shared.result_rows import read_rows

    vectors = needs_vectors(settings.statement)
    tables = all_tables(Store.open(settings.store), vectors=vectors)
    if settings.results is not None:
        with bounded_memory(limits.memory_mb):
            tables |= read_rows(settings.results)
    return open_audit(tables, memory_limit_mb=limits.memory_mb)


def _write(out: Path, data: bytes) -> None:
    from langseg.cache.files import make_folder, write_atomic

    make_folder(out.parent)
    write_atomic(out, data)


def _pieces(answer: "QueryResult", form: Format) -> Iterator[str]:
    if form is Format.TABLE:
        yield from table_pieces(answer.columns, answer.rows, check=answer.deadline.check)
    elif form is Format.CSV:
        yield from csv_lines(answer.columns, answer.rows)
    else:
        yield f'{{"columns": {json_text(answer.columns)}, "rows": ['
        for number, row in enumerate(answer.rows):
            yield f"{', ' if number else ''}{json_text(row)}"
        yield f'], "truncated": {json_text(answer.truncated or answer.cut > 0)}}}\n'


def _written(pieces: Iterable[str], check: Callable[[], None], limits: QueryLimits) -> bytes:
    """The bytes of an answer. Raises: InputError, when time or memory is over before the end."""
    text = bytearray()
    for piece in pieces:
        check()
        text += piece.encode()
        if len(text) > _AS_TEXT * limits.answer_bytes:
            raise InputError(
                f"sql: wanted at most {_AS_TEXT * limits.answer_bytes >> 20} MB of text, half the "
                "memory limit, got more; select less, take --format csv or raise --memory-limit"
            )
    return bytes(text)


def _notes(rows: int, truncated: bool, cut: int, limits: QueryLimits) -> list[str]:
    notes = []
    if truncated:
        flag = "--max-rows" if rows == limits.max_rows else "--memory-limit"
        notes += [f"truncated: only the first {rows} rows are here; raise {flag} for more"]
    if cut:
        notes += [
            f"truncated: {cut} cells of more than {limits.cell_chars:,} characters end in "
            f"{CUT!r}; parquet holds them whole"
        ]
    return notes


def csv_lines(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """RFC 4180 but for line feeds as line ends; null is an empty cell, bytes are in hex.

    Numbers are numbers: only texts that a spreadsheet would run get a ``'`` before them.
    """
    lines: list[str] = []
    writer = csv.writer(SimpleNamespace(write=lines.append), lineterminator="\n")
    for row in chain([columns], rows):
        writer.writerow([_cell(value) for value in row])
        yield from lines
        lines.clear()


def table_parquet(table: "pa.Table", check: Callable[[], None]) -> bytes:
    """One Parquet file; columns of one name get numbers. ``check`` is called for every batch.

    Raises: InputError, for a type that Parquet lacks, such as an interval.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    named = table.rename_columns(_distinct(table.column_names))
    try:
        with pq.ParquetWriter(sink, named.schema) as writer:
            for start in range(0, max(named.num_rows, 1), _ROW_GROUP):
                check()
                writer.write_table(named.slice(start, _ROW_GROUP))
    except pa.ArrowMemoryError:
        raise
    except (pa.ArrowException, ValueError) as exc:
        raise InputError(
            f"sql: wanted columns that Parquet can hold, got {str(exc).splitlines()[0]}; "
            "cast them, for example with ::text"
        ) from exc
    return sink.getvalue()


def _cell(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float, Decimal)):
        return value
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).hex()
    if isinstance(value, (list, tuple, dict)):
        value = json.dumps(value, ensure_ascii=False, default=str)
    from langseg.descriptors.exchange.imported_rows import guarded_cell

    return guarded_cell("".join(c for c in str(value) if c in "\n\t" or not _controls(c)))


def _controls(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cf", "Cs")


def _distinct(names: Sequence[str]) -> list[str]:
    distinct: list[str] = []
    for name in names:
        number, free = 1, name
        while free in distinct:
            number += 1
            free = f"{name}_{number}"
        distinct.append(free)
    return distinct

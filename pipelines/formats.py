"""Write the rows of a question: a table, JSON, CSV or Parquet, to stdout or a file.

In:  a statement over a store, whose texts may be anything that an LLM can write.
Out: rows. In a CSV no text is a formula and none holds a control character, as a spreadsheet or
     a terminal would act on it; Parquet holds every value as it is.
"""

import csv
import io
import json
import unicodedata
from collections.abc import Iterable, Sequence
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langseg.cache.errors import InputError, UsageError
from langseg.pipelines.console import emit_json, emit_table

if TYPE_CHECKING:
    import pyarrow as pa

_FORMULA = ("=", "+", "-", "@")


class Format(StrEnum):
    """How ``sql`` writes rows."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"


def write_answer(
    store_path: Path,
    statement: str,
    form: Format,
    out: Path | None,
    *,
    max_rows: int,
    time_limit_s: float,
    memory_limit_mb: int,
) -> bool:
    """Answer a statement and write its rows, to stdout where ``out`` is None.

    Returns: whether rows were left out.
    Raises: UsageError, for a table in a file, and for Parquet without one.
    """
    from langseg.cache.files import write_atomic
    from langseg.pipelines.lens import run_sql, run_sql_table

    if out is None and form is Format.PARQUET:
        raise UsageError("sql: wanted a file for --format parquet, got none; give --out FILE")
    if out is not None and form not in (Format.CSV, Format.PARQUET):
        raise UsageError(f"sql: wanted --format csv or parquet for --out {out}, got {form}")
    limits = {"max_rows": max_rows, "memory_limit_mb": memory_limit_mb}
    if out is not None and form is Format.PARQUET:
        table, truncated = run_sql_table(store_path, statement, time_limit_s=time_limit_s, **limits)
        write_atomic(out, parquet_bytes(table))
        return truncated
    answer = run_sql(store_path, statement, time_limit_s=time_limit_s, **limits)
    if form is Format.TABLE:
        emit_table(answer.columns, answer.rows)
    elif form is Format.JSON:
        emit_json({name: getattr(answer, name) for name in ("columns", "rows", "truncated")})
    elif out is None:
        print(csv_text(answer.columns, answer.rows), end="")
    else:
        write_atomic(out, csv_text(answer.columns, answer.rows).encode())
    return answer.truncated


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """RFC 4180 but for line feeds as line ends; null is an empty cell, bytes are in hex.

    Numbers are numbers: only texts that a spreadsheet would run get a ``'`` before them.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([_cell(column) for column in columns])
    writer.writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue()


def parquet_bytes(table: "pa.Table") -> bytes:
    """One Parquet file; columns of one name get numbers.

    Raises: InputError, for a type that Parquet lacks, such as an interval.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    try:
        pq.write_table(table.rename_columns(_distinct(table.column_names)), sink)
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
    kept = "".join(c for c in str(value) if c in "\n\t" or not _controls(c))
    return f"'{kept}" if kept.lstrip().startswith(_FORMULA) else kept


def _controls(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cf", "Cs")


def _distinct(names: Sequence[str]) -> list[str]:
    found: list[str] = []
    for name in names:
        number, free = 1, name
        while free in found:
            number += 1
            free = f"{name}_{number}"
        found.append(free)
    return found

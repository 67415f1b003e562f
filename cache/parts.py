"""Parts: immutable Parquet files, checked when written and checked when read.

In:  an Arrow table.
Out: a file named by its content, and the same table back; or an exception, never other numbers.

Of 60 random bit flips, pyarrow's defaults and DuckDB read 58 back as wrong numbers without an
error; page checksums, written and verified, caught 60 of 60, and the manifest's sha256 covers
the footer too. Embeddings are neither compressed (zstd saves 5 % of float16) nor
dictionary-encoded (which makes reads 3 to 10 times slower); text is both.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from langseg.cache.errors import CorruptError, LangSegError
from langseg.cache.files import make_folder, sha256_of, sync_folder, temporary_beside
from langseg.cache.manifest import VERIFY, Part, part_path
from langseg.cache.records import SCHEMA_VERSION

_ROWS_TEXT = 122_880  # DuckDB's own row-group size
_BYTES_VECTORS = 48 * 2**20  # 64k rows of 384 float16 values
_METADATA = {"langseg.schema_version": str(SCHEMA_VERSION)}


def write_part(root: Path, folder: str, table: pa.Table) -> Part:
    """Write one part and read it back before it gets its name.

    Args:
        folder: relative to the store, such as ``texts`` or ``embeddings/encoder=x``.
        table: at least one row; vectors are recognised by a column ``emb``.

    Raises: OSError, for a full or failing disk; LangSegError, if it does not read back equal.
    No file is left under a part's name in either case.
    """
    import pyarrow.parquet as pq

    home = make_folder(root / folder)
    beside = temporary_beside(home / "part.parquet")
    try:
        with beside.open("xb") as file:
            pq.write_table(
                table.replace_schema_metadata(_METADATA),
                file,
                write_page_checksum=True,
                **_layout(table),
            )
            file.flush()
            os.fsync(file.fileno())
        _read_back(beside, table)
        sha256 = sha256_of(beside)
        path = part_path(folder, sha256)
        beside.replace(root / path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    sync_folder(home)
    return Part(path, table.num_rows, sha256)


def read_part(root: Path, part: Part, wanted: pa.Schema) -> pa.Table:
    """Read the wanted columns of a part, with the checksum of every page of theirs verified.

    Raises: CorruptError, naming the file, for anything but ``part.rows`` rows of that schema.
    """
    path = root / part.path
    try:
        table = _read(path, wanted.names)
    except (OSError, ValueError, pa.ArrowException) as exc:
        raise CorruptError(f"{path}: wanted a Parquet part, got {_short(exc)}; {VERIFY}") from exc
    if table.num_rows != part.rows or not table.schema.equals(wanted):
        raise CorruptError(
            f"{path}: wanted {part.rows} rows of {wanted.names}, "
            f"got {table.num_rows} of {table.schema.names}; {VERIFY}"
        )
    return table


def check_part(root: Path, part: Part) -> None:
    """Raises: CorruptError, naming the file, unless its bytes are those the manifest lists."""
    path = root / part.path
    try:
        found = sha256_of(path)
    except OSError as exc:
        raise CorruptError(f"{path}: wanted a part, got {_short(exc)}; {VERIFY}") from exc
    if found != part.sha256:
        raise CorruptError(
            f"{path}: wanted sha256 {part.sha256[:12]}..., got {found[:12]}...: the file is "
            f"damaged; {VERIFY}"
        )


def _layout(table: pa.Table) -> dict[str, Any]:
    if "emb" not in table.column_names:
        return {"compression": "zstd", "row_group_size": _ROWS_TEXT}
    width_bytes = 2 * table.schema.field("emb").type.list_size
    rows = max(1, _BYTES_VECTORS // width_bytes)
    return {"compression": "none", "use_dictionary": False, "row_group_size": rows}


def _read(path: Path, columns: Sequence[str]) -> pa.Table:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        table = file.read(columns=list(columns))
    there = [name for name in columns if name in table.column_names]  # in the order asked for
    return table.select(there).replace_schema_metadata(None)


def _read_back(path: Path, table: pa.Table) -> None:
    """Other writers' atomic rename did not help where what was renamed was broken already."""
    try:
        same = _read(path, table.schema.names).equals(table.replace_schema_metadata(None))
    except (ValueError, pa.ArrowException) as exc:
        raise LangSegError(f"{path}: written, but does not read back ({_short(exc)})") from exc
    if not same:
        raise LangSegError(f"{path}: written, but reads back differently; nothing was committed")


def _short(exc: Exception) -> str:
    return str(exc).splitlines()[0][:200] if str(exc) else type(exc).__name__

"""Parts: immutable Parquet files, checked when written and checked when read.

In:  an Arrow table, or parts to be merged.
Out: a file named by its content, and the same rows back; or an exception, never other numbers.

Of 60 random bit flips, pyarrow's defaults and DuckDB read 58 back as wrong numbers without an
error; page checksums, written and verified, caught 60 of 60, and the manifest's sha256 covers
the footer too. Embeddings are neither compressed (zstd saves 5 % of float16) nor
dictionary-encoded (which makes reads 3 to 10 times slower); text is both.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from langseg.cache.errors import CorruptError, LangSegError, Remedy
from langseg.cache.files import make_folder, sha256_of, sync_folder, temporary_beside
from langseg.cache.records import SCHEMA_VERSION
from langseg.cache.store.manifest import Part, part_path

_ROWS_TEXT = 122_880  # DuckDB's own row-group size
_BYTES_VECTORS = 48 * 2**20  # 64k rows of 384 float16 values
_BYTES_MERGED = 64 * 2**20  # of rows in memory while parts are merged
_ROWS_READ = 8192
_VERSION = "langseg.schema_version"
_METADATA = {_VERSION: str(SCHEMA_VERSION)}
_TODAY = str(SCHEMA_VERSION).encode()


def write_part(root: Path, folder: str, table: pa.Table) -> Part:
    """Write one part and read it back before it gets its name.

    Args:
        folder: relative to the store, such as ``texts`` or ``embeddings/encoder=x``.
        table: at least one row; vectors are recognised by a column ``emb``.

    Raises: OSError, for a full or failing disk; LangSegError, if it does not read back equal.
    No file is left under a part's name in either case.
    """
    import pyarrow.parquet as pq

    options, rows = _layout(table.schema)

    def write(file: IO[bytes]) -> None:
        stamped = table.replace_schema_metadata(_METADATA)
        pq.write_table(stamped, file, row_group_size=rows, **options)

    return _finished(root, folder, table.num_rows, write, lambda file: file.read().equals(table))


def merge_parts(root: Path, folder: str, parts: Sequence[Part], schema: pa.Schema) -> Part:
    """Write the rows of some parts, in their order, as one part of today's schema.

    Only a row group of them is in memory at a time.

    Args:
        schema: of all the columns, as ``records`` has them.

    Raises: as ``write_part``; CorruptError, for a part that is damaged.
    """
    import pyarrow.parquet as pq

    options, _ = _layout(schema)
    for part in parts:
        check_part(root, part)

    def write(file: IO[bytes]) -> None:
        with pq.ParquetWriter(file, schema.with_metadata(_METADATA), **options) as writer:
            for group in _row_groups(root, parts, schema):
                writer.write_table(group, row_group_size=group.num_rows)

    def same(file: Any) -> bool:
        groups = enumerate(_row_groups(root, parts, schema))
        return all(file.read_row_group(number).equals(group) for number, group in groups)

    return _finished(root, folder, sum(part.rows for part in parts), write, same)


def read_part(root: Path, part: Part, wanted: pa.Schema) -> pa.Table:
    """Read the wanted columns of a part, with the checksum of every page of theirs verified.

    Raises: CorruptError, naming the file, for anything but ``part.rows`` rows of that schema.
    """
    import pyarrow.parquet as pq

    path = root / part.path
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            _check_version(file)
            table = file.read(columns=wanted.names).replace_schema_metadata(None)
    except (OSError, ValueError, pa.ArrowException) as exc:
        raise CorruptError(
            f"{path}: wanted a Parquet part, got {_short(exc)}", Remedy.VERIFY
        ) from exc
    if table.num_rows != part.rows or not table.schema.equals(wanted):
        raise _other_rows(root, part, wanted, table.num_rows, table.schema.names)
    return table


def stream_part(root: Path, part: Part, wanted: pa.Schema, rows: int) -> Iterator[pa.Table]:
    """``read_part`` in pieces of so many rows, of which one is in memory at a time.

    Raises: as ``read_part``; for a wrong number of rows only after the last piece.
    """
    read = 0
    # each thread would keep memory of its own
    for piece in _in_pieces(root, [part], wanted, rows, threads=False):
        read += piece.num_rows
        if not piece.schema.equals(wanted):
            raise _other_rows(root, part, wanted, part.rows, piece.schema.names)
        yield piece
    if read != part.rows:
        raise _other_rows(root, part, wanted, read, wanted.names)


def scan_part(root: Path, part: Part, schema: pa.Schema, columns: Sequence[str]) -> pa.Table:
    """Read every column of a part, a piece at a time, and keep some of them.

    Raises: as ``read_part``.
    """
    pieces = [schema.empty_table().select(list(columns))]
    rows, same = 0, True
    for piece in _in_pieces(root, [part], schema, _ROWS_READ):
        rows += piece.num_rows
        same = same and piece.schema.equals(schema)
        pieces.append(piece.select(list(columns)))
    if not same or rows != part.rows:
        raise CorruptError(
            f"{root / part.path}: wanted {part.rows} rows of {schema.names}, got {rows} of "
            f"{'the same' if same else 'other'} columns",
            Remedy.VERIFY,
        )
    return pa.concat_tables(pieces)


def check_part(root: Path, part: Part) -> None:
    """Raises: CorruptError, naming the file, unless its bytes are those the manifest lists."""
    path = root / part.path
    try:
        sha256 = sha256_of(path)
    except OSError as exc:
        raise CorruptError(f"{path}: wanted a part, got {_short(exc)}", Remedy.VERIFY) from exc
    if sha256 != part.sha256:
        raise CorruptError(
            f"{path}: wanted sha256 {part.sha256[:12]}..., got {sha256[:12]}...: the file is "
            "damaged",
            Remedy.VERIFY,
        )


def count_rows(root: Path, path: str) -> int:
    """Rows of a part that no manifest tells of. Raises: CorruptError, for no Parquet file."""
    import pyarrow.parquet as pq

    try:
        return int(pq.read_metadata(root / path).num_rows)
    except (OSError, ValueError, pa.ArrowException) as exc:
        reason = _short(exc)
        raise CorruptError(
            f"{root / path}: wanted a Parquet part, got {reason}", Remedy.VERIFY
        ) from exc


def _finished(
    root: Path,
    folder: str,
    rows: int,
    write: Callable[[IO[bytes]], None],
    same: Callable[[Any], bool],
) -> Part:
    """Write beside, read back, rename to the content's name.

    ``same`` says of an open ``ParquetFile`` whether it holds what was written.
    """
    home = make_folder(root / folder)
    beside = temporary_beside(home / "part.parquet")
    try:
        with beside.open("xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        _read_back(beside, rows, same)
        sha256 = sha256_of(beside)
        path = part_path(folder, sha256)
        beside.replace(root / path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    sync_folder(home)
    return Part(path, rows, sha256)


def _layout(schema: pa.Schema) -> tuple[dict[str, Any], int]:
    """How a writer is to write, and the rows of a row group."""
    checked = {"write_page_checksum": True}
    if "emb" not in schema.names:
        return {**checked, "compression": "zstd"}, _ROWS_TEXT
    width_bytes = 2 * schema.field("emb").type.list_size
    plain = {**checked, "compression": "none", "use_dictionary": False}
    return plain, max(1, _BYTES_VECTORS // width_bytes)


def _row_groups(root: Path, parts: Sequence[Part], schema: pa.Schema) -> Iterator[pa.Table]:
    """The rows of all parts, cut into row groups wherever the parts end."""
    _, most = _layout(schema)
    held: list[pa.Table] = []
    for rows in _in_pieces(root, parts, schema, _ROWS_READ):
        held.append(rows)
        bytes_held = sum(piece.nbytes for piece in held)
        if sum(map(len, held)) >= most or bytes_held >= _BYTES_MERGED:
            yield pa.concat_tables(held)
            held = []
    if held:
        yield pa.concat_tables(held)


def _in_pieces(
    root: Path, parts: Sequence[Part], schema: pa.Schema, size: int, threads: bool = True
) -> Iterator[pa.Table]:
    import pyarrow.parquet as pq

    for part in parts:
        path = root / part.path
        try:
            with pq.ParquetFile(path, page_checksum_verification=True) as file:
                _check_version(file)
                names = schema.names
                for group in range(file.num_row_groups):  # one call for all would keep them all
                    for batch in file.iter_batches(size, [group], names, use_threads=threads):
                        rows = pa.Table.from_batches([batch]).replace_schema_metadata(None)
                        yield rows.select(names)
        except (OSError, ValueError, KeyError, pa.ArrowException) as exc:
            reason = _short(exc)
            raise CorruptError(
                f"{path}: wanted a Parquet part, got {reason}", Remedy.VERIFY
            ) from exc


def _check_version(file: Any) -> None:
    """Raises: ValueError, for a ``ParquetFile`` that was written in another format."""
    written = (file.schema_arrow.metadata or {}).get(_VERSION.encode(), _TODAY)
    if written != _TODAY:
        raise ValueError(f"schema version {written.decode()}, which another LangSeg wrote")


def _other_rows(
    root: Path, part: Part, wanted: pa.Schema, rows: int, names: Sequence[str]
) -> CorruptError:
    return CorruptError(
        f"{root / part.path}: wanted {part.rows} rows of {wanted.names}, "
        f"got {rows} of {list(names)}",
        Remedy.VERIFY,
    )


def _read_back(path: Path, rows: int, same: Callable[[Any], bool]) -> None:
    """Other writers' atomic rename did not help where what was renamed was broken already."""
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            whole = file.metadata.num_rows == rows and same(file)
    except (ValueError, pa.ArrowException) as exc:
        raise LangSegError(f"{path}: written, but does not read back ({_short(exc)})") from exc
    if not whole:
        raise LangSegError(f"{path}: written, but reads back differently; nothing was committed")


def _short(exc: Exception) -> str:
    return str(exc).splitlines()[0][:200] if str(exc) else type(exc).__name__

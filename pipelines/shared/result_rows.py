"""Keep the rows of a command of stage two where SQL finds them.

In:  rows of a comparison or of an explained picture, in that command's folder.
Out: a Parquet file, written and read; ``langseg-desc sql --results`` joins it with a store.
"""

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from langseg.cache.errors import CorruptError, InputError
from langseg.cache.files import write_atomic


@dataclass(frozen=True, kw_only=True)
class Kind:
    """Rows that SQL has as ``table``: their file, and the ``command`` that writes it."""

    table: str
    file: str
    command: str
    schema: pa.Schema


# pixels: of the class; said: that were said to be it; correct: both
RESULTS = Kind(
    table="results",
    file="results.parquet",
    command="langseg-seg compare",
    schema=pa.schema({
        "arm": pa.string(), "seed": pa.int64(), "bank": pa.string(), "split": pa.int64(),
        "class_name": pa.string(), "unseen": pa.bool_(), "protocol": pa.string(),
        "pixels": pa.int64(), "said": pa.int64(), "correct": pa.int64(),
    }),
)  # fmt: skip
# one row a phrase of a region's class, rank 0 the nearest; vocabulary, model, text_id as in the
# store; share 0..1;
# margin: of the class above runner_up, phrase_margin: of the phrase above runner_up's best
EXPLAINED = Kind(
    table="explained",
    file="explained.parquet",
    command="langseg-seg explain",
    schema=pa.schema({
        "image": pa.string(), "vocabulary": pa.string(), "model": pa.string(),
        "region": pa.int64(), "class_name": pa.string(), "class_id": pa.int64(),
        "share": pa.float64(), "runner_up": pa.string(), "margin": pa.float64(),
        "rank": pa.int64(), "text_id": pa.string(), "phrase": pa.string(),
        "subclass": pa.string(), "slot": pa.string(), "scenes": pa.string(),
        "weight": pa.float64(), "phrase_margin": pa.float64(),
    }),
)  # fmt: skip
KINDS = (RESULTS, EXPLAINED)


def write_rows(kind: Kind, folder: Path, table: pa.Table) -> None:
    """Args: table: of the kind's schema. Raises: OSError."""
    buffer = pa.BufferOutputStream()
    pq.write_table(table, buffer, compression="zstd", write_page_checksum=True)
    write_atomic(folder / kind.file, buffer.getvalue())


def read_rows(folder: Path) -> dict[str, pa.Table]:
    """All kinds of rows that a folder holds, by the names that SQL has for them.

    Raises: InputError, for a folder without any; CorruptError, for damaged ones; MemoryError.
    """
    found = [kind for kind in KINDS if (folder / kind.file).is_file()]
    if not found:
        wanted = " or ".join(f"{kind.file}, which `{kind.command}` writes" for kind in KINDS)
        raise InputError(f"{folder}: wanted a folder with {wanted} into its --out, found neither")
    return {kind.table: _read(kind, folder / kind.file) for kind in found}


def _read(kind: Kind, file: Path) -> pa.Table:
    try:
        with pq.ParquetFile(file, page_checksum_verification=True) as opened:
            schema = opened.schema_arrow.remove_metadata()
            if schema != kind.schema:
                raise ValueError(f"columns {', '.join(schema.names)}")
            return opened.read()
    except pa.ArrowMemoryError:
        raise
    except (OSError, pa.ArrowException, ValueError) as exc:
        raise CorruptError(
            f"{file}: wanted the rows of `{kind.command}`, got {str(exc).splitlines()[0]}; run the "
            f"same `{kind.command}` again"
        ) from exc

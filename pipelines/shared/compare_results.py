"""Keep the rows of a comparison where SQL finds them.

In:  rows of arms, splits, classes and protocols, in the folder of a comparison.
Out: ``results.parquet``, written and read; ``langseg-desc sql --results`` joins it with a store.
"""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from langseg.cache.errors import CorruptError, InputError
from langseg.cache.files import write_atomic

RESULTS = "results.parquet"
# pixels: of the class; said: that were said to be it; correct: both
RESULT_SCHEMA = pa.schema({
    "arm": pa.string(), "seed": pa.int64(), "bank": pa.string(), "split": pa.int64(),
    "class_name": pa.string(), "unseen": pa.bool_(), "protocol": pa.string(),
    "pixels": pa.int64(), "said": pa.int64(), "correct": pa.int64(),
})  # fmt: skip


def write_results(folder: Path, table: pa.Table) -> None:
    """Args: table: of ``RESULT_SCHEMA``. Raises: OSError."""
    buffer = pa.BufferOutputStream()
    pq.write_table(table, buffer, compression="zstd", write_page_checksum=True)
    write_atomic(folder / RESULTS, buffer.getvalue())


def read_results(folder: Path) -> pa.Table:
    """Raises: InputError, for a folder without results; CorruptError, for damaged ones;
    MemoryError."""
    file = folder / RESULTS
    if not file.is_file():
        raise InputError(
            f"{folder}: wanted the folder of a comparison, got one without {RESULTS}; "
            "`langseg-seg compare` writes it into its --out"
        )
    try:
        with pq.ParquetFile(file, page_checksum_verification=True) as opened:
            schema = opened.schema_arrow.remove_metadata()
            if schema != RESULT_SCHEMA:
                raise ValueError(f"columns {', '.join(schema.names)}")
            return opened.read()
    except pa.ArrowMemoryError:
        raise
    except (OSError, pa.ArrowException, ValueError) as exc:
        raise CorruptError(
            f"{file}: wanted the rows of a comparison, got {str(exc).splitlines()[0]}; run the "
            "same `langseg-seg compare` again, which counts no arm twice"
        ) from exc

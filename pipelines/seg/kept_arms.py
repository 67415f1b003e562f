"""Keep what was counted of each arm, so that nothing is fitted or trained twice.

In:  a Tally, the stems of the pictures, the names of the classes.
Out: ``arms/<arm>.parquet``: split, picture, protocol, true_class, predicted_class, pixels; a
     predicted_class of NULL is a thing that no picture holds. The chosen biases are in its
     metadata. The same read back.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from langseg.cache.errors import CorruptError
from langseg.cache.files import make_folder, write_atomic
from langseg.segmenter.comparison.counting import PROTOCOLS, Cells
from langseg.segmenter.comparison.fitted import Tally

ARMS = "arms"
_BIASES = b"biases"


def keep_arm(file: Path, tally: Tally, pictures: Sequence[str], names: Sequence[str]) -> None:
    """Written whole, or not at all."""
    keys = sorted(tally.cells)
    sizes = [len(tally.cells[key].pixels) for key in keys]

    def each(values: Sequence[int], words: Sequence[str] | None) -> pa.Array:
        repeated = pa.array(np.repeat(np.asarray(values, np.int32), sizes))
        if words is None:
            return repeated
        return pa.DictionaryArray.from_arrays(repeated, pa.array(list(words), pa.string()))

    def joined(field: str) -> NDArray[np.int64]:
        parts = [getattr(tally.cells[key], field) for key in keys]
        return np.concatenate(parts) if parts else np.empty(0, np.int64)

    def classes(field: str) -> pa.Array:
        indices = joined(field).astype(np.int32)
        return pa.DictionaryArray.from_arrays(
            pa.array(indices, mask=indices >= len(names)), pa.array(list(names), pa.string())
        )

    table = pa.table(
        {
            "split": each([key[0] for key in keys], None),
            "picture": each([key[1] for key in keys], pictures),
            "protocol": each([PROTOCOLS.index(key[2]) for key in keys], PROTOCOLS),
            "true_class": classes("true"),
            "predicted_class": classes("predicted"),
            "pixels": joined("pixels"),
        }
    ).replace_schema_metadata({_BIASES: json.dumps(tally.biases)})
    buffer = pa.BufferOutputStream()
    pq.write_table(table, buffer, compression="zstd", write_page_checksum=True)
    make_folder(file.parent)
    write_atomic(file, buffer.getvalue())


def kept_arm(file: Path, pictures: Sequence[str], names: Sequence[str]) -> Tally:
    """Raises: CorruptError, for a file that is not as it was written."""
    try:
        table = pq.read_table(file, page_checksum_verification=True)
        biases = json.loads(table.schema.metadata[_BIASES])
        rows = {name: _of_words(table[name], words) for name, words in (
            ("picture", pictures), ("protocol", PROTOCOLS), ("true_class", names),
            ("predicted_class", names),
        )}  # fmt: skip
        split, pixels = table["split"].to_numpy(), table["pixels"].to_numpy()
    except (OSError, pa.ArrowException, KeyError, ValueError, TypeError) as exc:
        raise CorruptError(
            f"{file}: wanted the counts of an arm, got {str(exc).splitlines()[0]}; remove the "
            "file and run the same command again"
        ) from exc
    tally = Tally(biases={int(number): float(bias) for number, bias in biases.items()})
    keys = np.stack([split, rows["picture"], rows["protocol"]], axis=1)
    starts = np.flatnonzero(np.any(np.diff(keys, axis=0, prepend=-1), axis=1))
    for start, end in zip(starts, [*starts[1:], len(keys)], strict=True):
        number, picture, protocol = (int(one) for one in keys[start])
        tally.cells[number, picture, PROTOCOLS[protocol]] = Cells(
            rows["true_class"][start:end].astype(np.int64),
            rows["predicted_class"][start:end].astype(np.int64),
            pixels[start:end],
        )
    return tally


def _of_words(column: pa.ChunkedArray, words: Sequence[str]) -> NDArray[np.int32]:
    """Places in ``words``; behind the last for NULL. Raises: KeyError, for another word."""
    places = {word: place for place, word in enumerate(words)} | {None: len(words)}
    if len(places) <= len(words):
        raise ValueError("words that occur twice")
    column = column.combine_chunks()
    found = np.array([places[word] for word in column.dictionary.to_pylist()], np.int32)
    indices = column.indices.fill_null(len(found)).to_numpy()
    read: NDArray[np.int32] = np.append(found, len(words))[indices]
    return read

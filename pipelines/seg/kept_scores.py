"""Keep what an evaluation found: its report, and where the pixels of each picture went.

In:  a report, the counts of each picture, the names of the classes, a folder.
Out: ``eval.json``, and ``eval-pictures.parquet`` with the confusion matrix of every picture:
     picture, scene, true_class, predicted_class, pixels; a predicted_class of NULL is a pixel
     whose prediction stands for no class.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from langseg.cache.files import write_atomic
from langseg.pipelines.seg.score_report import ScoreReport
from langseg.pipelines.shared.json_output import jsonable
from langseg.segmenter.evaluation.pictures import PictureCounts

EVALUATION = "eval.json"
PICTURES = "eval-pictures.parquet"


def keep_scores(
    folder: Path, report: ScoreReport, pictures: Sequence[PictureCounts], names: Sequence[str]
) -> None:
    """Write both, each whole; the report, which says that they are there, last."""
    buffer = pa.BufferOutputStream()
    table = picture_table(pictures, names)
    pq.write_table(table, buffer, compression="zstd", write_page_checksum=True)
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(folder / PICTURES, buffer.getvalue())
    text = json.dumps(jsonable(report), indent=1, ensure_ascii=False)
    write_atomic(folder / EVALUATION, text.encode("utf-8", "backslashreplace"))


def picture_table(pictures: Sequence[PictureCounts], names: Sequence[str]) -> pa.Table:
    """A row for each picture, true class and predicted class that meet in a pixel."""
    cells = [len(one.pixels) for one in pictures]

    def each(values: Sequence[str]) -> pa.Array:
        rows = np.repeat(np.arange(len(pictures), dtype=np.int32), cells)
        return pa.DictionaryArray.from_arrays(pa.array(rows), pa.array(values, pa.string()))

    def classes(kind: str) -> pa.Array:
        parts = [getattr(one, kind) for one in pictures]
        indices = np.concatenate(parts) if parts else np.empty(0, np.int32)
        missing = indices == len(names)
        return pa.DictionaryArray.from_arrays(
            pa.array(indices.astype(np.int32), mask=missing), pa.array(names, pa.string())
        )

    pixels = [one.pixels for one in pictures]
    return pa.table(
        {
            "picture": each([one.stem for one in pictures]),
            "scene": each([one.scene for one in pictures]),
            "true_class": classes("true"),
            "predicted_class": classes("predicted"),
            "pixels": np.concatenate(pixels) if pixels else np.empty(0, np.int64),
        }
    )

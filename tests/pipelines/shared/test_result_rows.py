"""Rows of a comparison are read as they were written, or not at all."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from langseg.cache.errors import CorruptError, InputError
from langseg.pipelines.shared.result_rows import RESULTS, read_rows, write_rows

ROW: dict[str, Any] = {
    "arm": "real", "seed": None, "bank": "a", "split": 0, "class_name": "sky", "unseen": True,
    "protocol": "among", "pixels": 8, "said": 5, "correct": 4,
}  # fmt: skip


def kept(folder: Path) -> Path:
    rows = [ROW | {"pixels": 1000 + number} for number in range(500)]
    write_rows(RESULTS, folder, pa.Table.from_pylist(rows, RESULTS.schema))
    return folder / RESULTS.file


def test_results__are_read_as_they_were_written(tmp_path):
    kept(tmp_path)
    assert read_rows(tmp_path)["results"].to_pylist()[1] == ROW | {"pixels": 1001}


def test_results__that_are_damaged_or_of_other_columns_are_refused(tmp_path):
    file = kept(tmp_path)
    whole = file.read_bytes()
    pixels = pq.read_metadata(file).row_group(0).column(7)
    place = pixels.dictionary_page_offset + pixels.total_compressed_size - 5  # in its last page
    for damaged in (
        whole[:-20],
        b"",
        whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :],
    ):
        file.write_bytes(damaged)
        with pytest.raises(CorruptError, match="wanted the rows of `langseg-seg compare`"):
            read_rows(tmp_path)
    pq.write_table(pa.table({"arm": ["real"]}), file)
    with pytest.raises(CorruptError, match="got columns arm; run"):
        read_rows(tmp_path)


def test_results__of_a_folder_without_any_name_the_commands_that_write_them(tmp_path):
    with pytest.raises(InputError, match=r"results.parquet, which `langseg-seg compare`"):
        read_rows(tmp_path / "none")

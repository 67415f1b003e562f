"""The array file of a bank is a plain safetensors file, and is verified as it is read."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from langseg.cache.bank.arrays import ArrayFile, Stored, arrays_name, write_arrays
from langseg.cache.errors import CorruptError, Remedy

SOME = {
    "odd": np.array([True, False, True]),
    "none": np.zeros(0, np.uint8),
    "wide": np.arange(5),
    "half": np.arange(6, dtype=np.float16).reshape(2, 3),
    "single": np.array([[0.5], [2.0]], np.float32),
}


def test_write_arrays__makes_a_file_that_safetensors_reads(tmp_path: Path):
    found = load_file(tmp_path / arrays_name(write_arrays(tmp_path, SOME)))
    assert {name: array.tolist() for name, array in found.items()} == {
        name: array.tolist() for name, array in SOME.items()
    }


def test_array_file__gives_back_aligned_views_of_the_file(tmp_path: Path):
    layout = write_arrays(tmp_path, SOME)
    file = ArrayFile(tmp_path / arrays_name(layout), layout, Remedy.BUILD_BANK)
    for name, array in SOME.items():
        again = file.read(name)
        assert (again.dtype, again.tolist()) == (array.dtype, array.tolist())
        assert again.flags.aligned
        assert not again.flags.owndata


def test_write_arrays__of_a_view_in_another_order_writes_what_the_view_shows(tmp_path: Path):
    turned = SOME["half"].T
    layout = write_arrays(tmp_path, {"turned": turned})
    file = ArrayFile(tmp_path / arrays_name(layout), layout, Remedy.BUILD_BANK)
    assert file.read("turned").tolist() == turned.tolist()


def test_array_file__of_another_layout_is_refused_unread(tmp_path: Path):
    layout = dict(write_arrays(tmp_path, SOME))
    path = tmp_path / arrays_name(layout)
    half = layout["half"]
    for other in (Stored("U16", half.shape, half.sha256), Stored("F16", (3, 2), half.sha256)):
        with pytest.raises(CorruptError, match=r"wanted the index of its bank"):
            ArrayFile(path, layout | {"half": other}, Remedy.BUILD_BANK)
    with pytest.raises(CorruptError, match="bytes, got"):
        ArrayFile(path, layout | {"half": Stored("F16", (2, 4), half.sha256)}, Remedy.BUILD_BANK)

"""A bank with one changed bit, or cut short, is never a bank."""

import random
from pathlib import Path

import pytest

from langseg.cache.bank.array_files import HEADER
from langseg.cache.bank.load_save import load_bank, save_bank
from langseg.cache.bank.rules import check_bank
from langseg.cache.errors import CorruptError, Remedy
from tests.support.small_bank import arrays_of, small_bank

ARRAYS = "bank-*.safetensors"
FLIPS = 200


@pytest.mark.slow
@pytest.mark.parametrize("name", [ARRAYS, HEADER])
def test_a_bank__detects_200_of_200_flipped_bits_before_they_are_used(tmp_path: Path, name):
    folder = save_bank(small_bank(), tmp_path)
    (file,) = folder.glob(name)
    data = file.read_bytes()
    chance = random.Random(5)
    for _ in range(FLIPS):
        damaged = bytearray(data)
        bit = chance.randrange(8 * len(data))
        damaged[bit // 8] ^= 1 << bit % 8
        file.write_bytes(damaged)
        with pytest.raises(CorruptError, match=str(folder)) as caught:
            check_bank(load_bank(folder))
        assert caught.value.exit_code == 4
    file.write_bytes(data)
    check_bank(load_bank(folder))


@pytest.mark.slow
def test_load_bank__finds_flipped_bits_of_the_index_of_its_arrays(tmp_path):
    folder = save_bank(small_bank(), tmp_path)
    data = arrays_of(folder).read_bytes()
    index = 8 + int.from_bytes(data[:8], "little")
    for bit in range(0, 8 * index, 31):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        arrays_of(folder).write_bytes(damaged)
        with pytest.raises(CorruptError, match=str(arrays_of(folder))):
            load_bank(folder)


@pytest.mark.parametrize("name", [ARRAYS, HEADER])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.999, 1.001, None])
def test_load_bank__names_a_bank_whose_file_was_cut_lengthened_or_deleted(
    tmp_path: Path, name, share
):
    folder = save_bank(small_bank(), tmp_path)
    (file,) = folder.glob(name)
    data = file.read_bytes()
    if share is None:
        file.unlink()
    else:
        file.write_bytes((data + data)[: int(len(data) * share) + (share > 1)])
    with pytest.raises(CorruptError, match=f"{folder}") as caught:
        load_bank(folder)
    assert caught.value.remedy is Remedy.BUILD_BANK

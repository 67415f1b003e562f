"""Banks and indexes of control arms that are damaged, cut short or gone: told every time."""

import json
import os
import random
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from langseg.cache import sealed
from langseg.cache.bank.arms_index import read_index, write_index
from langseg.cache.bank.array_files import HEADER
from langseg.cache.bank.load_save import save_bank
from langseg.cache.errors import CorruptError, Remedy
from langseg.cache.upkeep import bank_checks
from langseg.cache.upkeep.bank_checks import (
    bank_garbage,
    bank_notes,
    bank_problems,
    index_problems,
    listed_vocabularies,
)
from tests.support.small_bank import arrays_of, in_another_format, in_other_bytes, small_bank

ARMS = ("real", "swapped", "random")


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """The index of three arms whose banks are beside it, in ``tmp_path / "banks"``."""
    banks = tmp_path / "banks"
    banks.mkdir()
    arms: list[dict[str, Any]] = []
    for name in ARMS:
        recipe = None
        if arms:
            of = arms[0]["fingerprint"]
            recipe = {"arm": name, "rule": "a rule", "seed": 0, "of": of}
        folder = save_bank(small_bank(recipe=recipe), banks)
        arms.append({"arm": name, "fingerprint": folder.name, "mean_words": 1.37})
    document = {"format": 1, "real": arms[0]["fingerprint"], "vocabulary": "zwölf", "arms": arms}
    return write_index(banks, document)


def problems(index: Path) -> list[bank_checks.Problem]:
    root = index.parent.parent
    return [*bank_problems(root), *index_problems(root)]


def bank_of(index: Path, number: int) -> Path:
    return index.parent / str(read_index(index)["arms"][number]["fingerprint"])


def old(folder: Path) -> None:
    for path in folder.iterdir():
        os.utime(path, (1, 1))


def test_index__comes_back_as_it_was_written(index):
    document = read_index(index)
    assert document["vocabulary"] == "zwölf"
    assert [arm["arm"] for arm in document["arms"]] == list(ARMS)
    before = index.read_bytes()
    assert write_index(index.parent, document).read_bytes() == before
    assert problems(index) == []
    assert bank_notes(index.parent.parent) == []
    assert bank_garbage(index.parent.parent) == []
    assert listed_vocabularies(index.parent.parent) == {
        arm["fingerprint"]: "zwölf" for arm in document["arms"]
    }


@pytest.mark.slow
def test_index__with_any_flipped_bit_is_named(index):
    data, chance = index.read_bytes(), random.Random(5)
    for bit in chance.sample(range(8 * len(data)), 200):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        index.write_bytes(damaged)
        ((path, problem),) = problems(index)
        assert path == index
        assert f"{index}: wanted" in str(problem)
        assert problem.remedy is Remedy.MAKE_ARMS


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"arms": []}', "[" * 100_000])
def test_index__that_is_none_is_named(index, text):
    index.write_text(text)
    with pytest.raises(CorruptError, match=r"arms-.*: wanted"):
        read_index(index)
    assert [path for path, _ in problems(index)] == [index]


@pytest.mark.parametrize(
    "values", [{"arms": [1]}, {"arms": [{"arm": "real"}]}, {"vocabulary": 3}, {"arms": None}]
)
def test_index__that_is_sealed_but_of_another_shape_is_named(index, values):
    index.write_bytes(sealed.render({**read_index(index), **values}))
    with pytest.raises(CorruptError, match=r"arms-.*: wanted an index of arms"):
        read_index(index)
    assert [path for path, _ in problems(index)] == [index]


def test_index__names_a_bank_that_is_not_there(index):
    shutil.rmtree(bank_of(index, 1))
    ((path, problem),) = problems(index)
    assert path == index
    assert "wanted the banks of 3 arms, got 2: that of swapped" in str(problem)


@pytest.mark.slow
@pytest.mark.parametrize("name", [HEADER, "bank-*.safetensors"])
def test_bank__without_one_of_its_files_is_damage(index, name):
    folder = bank_of(index, 0)
    (file,) = folder.glob(name)
    file.unlink()
    found = dict(problems(index))
    assert str(folder) in str(found[folder])
    assert (index in found) == (name == HEADER)
    assert bank_notes(index.parent.parent) == []
    assert bank_garbage(index.parent.parent) == []


def test_bank__that_is_being_written_is_a_note(index):
    folder = bank_of(index, 0)
    index.unlink()
    (folder / HEADER).unlink()
    (folder / ".bank.json.0a1b.tmp").touch()
    assert problems(index) == []
    notes = bank_notes(index.parent.parent)
    assert any(f"{folder}: somebody is writing this bank" in note for note in notes)
    old(folder)
    assert [path for path, _ in problems(index)] == [folder]


@pytest.mark.slow
def test_bank__whose_header_is_due_is_waited_for(index, monkeypatch):
    folder = bank_of(index, 0)
    header = (folder / HEADER).read_bytes()
    (folder / HEADER).unlink()
    arrays_of(folder).touch()
    monkeypatch.setattr(bank_checks, "_HEADER_S", 30.0)
    late = threading.Timer(0.3, lambda: (folder / HEADER).write_bytes(header))
    late.start()
    assert bank_problems(index.parent.parent) == []
    late.join()
    (folder / HEADER).unlink()
    old(folder)
    began = time.monotonic()
    assert [path for path, _ in bank_problems(index.parent.parent)] == [folder]
    assert time.monotonic() - began < 10  # nothing is due


def test_bank__folder_of_other_files_is_none(index):
    (index.parent / "notes").mkdir()
    (index.parent / "notes" / "bank.json.0a1b.damaged").write_text("{")
    assert problems(index) == []


def test_arms__that_no_index_lists_are_a_note(index):
    index.unlink()
    assert problems(index) == []
    (line,) = bank_garbage(index.parent.parent)
    assert "2 control arms in no arms-*.json" in line


def test_bank__whose_arrays_are_of_a_write_that_was_cut_off_is_a_note(index):
    folder = bank_of(index, 0)
    header = (folder / HEADER).read_bytes()
    save_bank(in_other_bytes(), index.parent)
    (folder / HEADER).write_bytes(header)
    other = save_bank(small_bank(), index.parent.parent / "other")
    shutil.copy(arrays_of(other), folder)
    assert problems(index) == []
    (line,) = bank_garbage(index.parent.parent)
    assert "its bank does not name it" in line
    assert arrays_of(other).name not in line


@pytest.mark.parametrize(("number", "remedy"), [(0, Remedy.BUILD_BANK), (1, Remedy.MAKE_ARMS)])
def test_bank__of_another_format_is_to_be_made_anew_as_what_it_is(index, number, remedy):
    folder = bank_of(index, number)
    in_another_format(folder, 2)
    ((path, problem),) = problems(index)
    assert path == folder
    assert f"{folder / HEADER}: wanted TextBank format" in str(problem)
    assert problem.remedy is remedy


def test_index__says_json_that_others_can_read(index):
    document: dict[str, Any] = json.loads(index.read_text())
    assert set(document) == {"sha256", "format", "real", "vocabulary", "arms"}

"""The TextBank survives the way to disk and back, and notices every change on the way."""

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file as load_numpy

from langseg.cache.bank.array_files import HEADER, unread_arrays
from langseg.cache.bank.arrays import write_arrays
from langseg.cache.bank.load_save import load_bank, newest_bank, save_bank
from langseg.cache.bank.rules import RULES, check_bank
from langseg.cache.bank.text_bank import TextBank
from langseg.cache.errors import CorruptError, FormatError, Remedy
from langseg.cache.keys import canonical_json, sha256_hex
from tests.support.small_bank import (
    RECIPE,
    arrays_of,
    flip_last_byte_of,
    in_another_format,
    in_other_bytes,
    small_bank,
)


def test_bank__comes_back_from_disk_as_it_was(tmp_path: Path):
    bank = small_bank()
    folder = save_bank(bank, tmp_path)
    again = load_bank(folder)
    assert folder.name == bank.fingerprint == again.fingerprint
    for field in dataclasses.fields(TextBank):
        was, now = getattr(bank, field.name), getattr(again, field.name)
        assert np.array_equal(was, now) if isinstance(was, np.ndarray) else was == now


def test_bank__is_mapped_from_the_file_and_read_only(tmp_path: Path):
    again = load_bank(save_bank(small_bank(), tmp_path))
    assert not again.emb.flags.owndata
    with pytest.raises(ValueError, match="read-only"):
        again.emb[0, 0, 0] = 1


def test_bank__saved_twice_is_one_folder(tmp_path: Path):
    folder = save_bank(small_bank(), tmp_path)
    assert save_bank(small_bank(), tmp_path) == folder
    assert list(tmp_path.iterdir()) == [folder]
    assert len(list(folder.iterdir())) == 2


class Cut(Exception):
    """The process ends here."""


def test_bank__saved_in_other_bytes_is_the_old_one_or_the_new_at_every_step(tmp_path, monkeypatch):
    old, new = small_bank(), in_other_bytes()
    assert old.fingerprint == new.fingerprint
    assert not np.array_equal(old.emb, new.emb)
    for step in range(50):
        folder = save_bank(old, tmp_path / str(step))
        before = load_bank(folder)
        with monkeypatch.context() as patched:
            cut_after(step, patched)
            done = not raises_cut(lambda at=folder.parent: save_bank(new, at))
        again = load_bank(folder)
        check_bank(again)
        assert any(np.array_equal(again.emb, bank.emb) for bank in (old, new))
        assert np.array_equal(before.emb, old.emb)  # read from the file only now
        assert np.array_equal(load_bank(save_bank(new, tmp_path / str(step))).emb, new.emb)
        if done:
            break
    assert step > 4
    assert unread_arrays(folder) == []


def cut_after(steps: int, patched: pytest.MonkeyPatch) -> None:
    """Let a process end before one of its renames, removals and fsyncs."""
    left = [steps]
    for where, name in ((Path, "replace"), (Path, "unlink"), (os, "fsync")):
        real = getattr(where, name)

        def counted(*values: Any, real: Any = real, **flags: Any) -> Any:
            left[0] -= 1
            if left[0] < 0:  # nor does anything after it happen
                raise Cut
            return real(*values, **flags)

        patched.setattr(where, name, counted)


def raises_cut(call: Any) -> bool:
    try:
        call()
    except Cut:
        return True
    return False


def test_load_bank__between_whose_two_files_the_bank_is_saved_anew_gets_the_new_one(
    tmp_path, monkeypatch
):
    folder = save_bank(small_bank(), tmp_path)
    real = Path.read_bytes

    def overtaken(path: Path) -> bytes:
        data = real(path)
        monkeypatch.setattr(Path, "read_bytes", real)
        save_bank(in_other_bytes(), tmp_path)
        return data

    monkeypatch.setattr(Path, "read_bytes", overtaken)
    assert np.array_equal(load_bank(folder).emb, in_other_bytes().emb)


def test_save_bank__removes_the_arrays_that_it_replaced_and_no_others(tmp_path):
    folder = save_bank(small_bank(), tmp_path)
    (folder / "bank-0123456789abcdef.safetensors").touch()  # another process may be writing it
    save_bank(in_other_bytes(), tmp_path)
    assert [path.name for path in unread_arrays(folder)] == ["bank-0123456789abcdef.safetensors"]


def test_fingerprint__ignores_rounding_of_embeddings_but_not_what_is_said():
    bank = small_bank()
    nudged = bank.emb.copy()
    nudged[0, 0, 0] = np.nextafter(nudged[0, 0, 0], np.float16(1))
    assert small_bank(emb=nudged).fingerprint == bank.fingerprint
    other = (("wall", "flat upright surface", "planks"), ("sky", "blue above"))
    assert small_bank(texts=other).fingerprint != bank.fingerprint
    assert small_bank(encoder_id="tiny-4567").fingerprint != bank.fingerprint
    assert small_bank(weight=bank.weight * 0.9).fingerprint != bank.fingerprint


def test_load_bank__reads_the_header_alone_and_an_array_when_it_is_asked_for(tmp_path: Path):
    folder = save_bank(small_bank(), tmp_path)
    flip_last_byte_of(folder, "emb")
    again = load_bank(folder)
    assert again.fingerprint == folder.name
    assert again.texts == small_bank().texts
    for _ in range(2):  # what is damaged is never handed out, the second time neither
        with pytest.raises(CorruptError, match=rf"{arrays_of(folder)}: wanted sha256 \w+ of emb"):
            _ = again.emb
    with pytest.raises(CorruptError, match="of emb"):
        check_bank(again)


@pytest.mark.parametrize("part", ["texts.codes", "texts.offsets", "texts.utf8", "mask"])
def test_load_bank__gives_no_text_of_a_damaged_column(tmp_path: Path, part):
    folder = save_bank(small_bank(), tmp_path)
    flip_last_byte_of(folder, part)
    again = load_bank(folder)
    with pytest.raises(CorruptError, match=f"of {part}, got"):
        _ = again.texts


def test_load_bank__leaves_every_part_unread_until_it_is_asked_for(tmp_path: Path):
    bank = load_bank(save_bank(small_bank(), tmp_path))
    assert bank.scene_row("kitchen") == 1
    assert not touched(bank)
    assert bank.prior.shape == (2, 2, 3)
    assert touched(bank) == {"prior"}
    check_bank(bank)
    assert touched(bank) == set(RULES)


def touched(bank: TextBank) -> set[str]:
    """The parts that have been read and verified."""
    return set(RULES) & set(vars(bank))


def test_replace__of_a_bank_on_disk_is_a_bank_that_keeps_the_rules_or_says_so(tmp_path: Path):
    again = load_bank(save_bank(small_bank(), tmp_path))
    other = dataclasses.replace(again, encoder_id="other-0123")
    assert other.fingerprint == small_bank(encoder_id="other-0123").fingerprint
    assert load_bank(save_bank(other, tmp_path)).encoder_id == "other-0123"
    with pytest.raises(CorruptError, match="sum of 1"):
        check_bank(dataclasses.replace(again, weight=again.weight * 2))


@pytest.mark.parametrize("written", [2, 3])
def test_load_bank__refuses_a_bank_of_another_format(tmp_path: Path, written):
    folder = save_bank(small_bank(), tmp_path)
    in_another_format(folder, written)
    with pytest.raises(FormatError, match=f"wanted TextBank format 4, got {written}") as caught:
        load_bank(folder)
    assert caught.value.remedy is Remedy.BUILD_BANK
    assert save_bank(small_bank(), tmp_path) == folder
    check_bank(load_bank(folder))
    assert len(list(folder.iterdir())) == 2


def test_load_bank__refuses_a_header_that_was_edited(tmp_path: Path):
    folder = save_bank(small_bank(), tmp_path)
    header = json.loads((folder / HEADER).read_text())
    (folder / HEADER).write_text(json.dumps({**header, "names": ["wall", "ceiling"]}))
    with pytest.raises(CorruptError, match="it was changed"):
        load_bank(folder)
    (folder / HEADER).write_text(json.dumps({**header, "format": 99}))
    with pytest.raises(CorruptError, match="format"):
        load_bank(folder)
    (folder / HEADER).write_text("{")
    with pytest.raises(CorruptError, match="wanted a TextBank") as caught:
        load_bank(folder)
    assert caught.value.remedy is Remedy.BUILD_BANK


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("ignore_ids", [0, 255]), ("scene_names", {"kitchen": ["pantry"]}), ("arrays", {}),
        ("model", "another"), ("manifest", "000009"), ("image_aligned", True),
        ("vocabulary", "three"), ("header_sha256", "00"), ("fingerprint", "ab" * 32),
    ],
)  # fmt: skip
def test_load_bank__refuses_every_edit_of_the_header(tmp_path: Path, key, value):
    folder = save_bank(small_bank(), tmp_path)
    header = json.loads((folder / HEADER).read_text())
    (folder / HEADER).write_text(json.dumps({**header, key: value}))
    with pytest.raises(CorruptError, match=r"it was changed") as caught:
        load_bank(folder)
    assert caught.value.remedy is Remedy.BUILD_BANK


@pytest.mark.slow
@pytest.mark.parametrize("key", ["names", "ids", "scenes", "fingerprint", "arrays", "scene_names"])
@pytest.mark.parametrize("value", [5, None, "ab", {"a": 1}, [[[]]]])
@pytest.mark.parametrize("sealed", [False, True])
def test_load_bank__ends_in_a_sentence_for_a_header_of_any_shape(tmp_path, key, value, sealed):
    folder = save_bank(small_bank(), tmp_path)
    header = json.loads((folder / HEADER).read_text())
    del header["header_sha256"], header[key]
    header |= {} if value is None else {key: value}
    if sealed:
        header["header_sha256"] = sha256_hex(canonical_json(header))
    (folder / HEADER).write_text(json.dumps(header))
    with pytest.raises(CorruptError, match=r"bank\.json|TextBank"):
        load_bank(folder)


def test_load_bank__of_a_folder_without_a_bank_says_that_building_one_helps(tmp_path: Path):
    with pytest.raises(CorruptError, match="wanted a TextBank") as caught:
        load_bank(tmp_path / "nothing")
    assert caught.value.remedy is Remedy.BUILD_BANK


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"mask": np.zeros((2, 3), np.bool_)}, "no descriptor"),
        ({"emb": np.full((2, 3, 8), np.nan, np.float16)}, "unit vectors"),
        ({"weight": np.ones((2, 3), np.float32)}, "sum of 1"),
        ({"prior": np.zeros((2, 2, 3), np.float32)}, "prior"),
        ({"scenes": ("kitchen", "*")}, "first"),
        ({"ids": (1, 1)}, "distinct"),
        ({"scene": np.eye(3, 8, dtype=np.float16)}, "scene"),
        ({"scene": np.eye(2, 8, dtype=np.float32)}, "wanted float16"),
        ({"slots": (("name",), ("name",))}, "slots"),
        ({"emb": np.ones((2, 3, 8), np.float16) / np.float16(8**0.5)}, "zeros where mask is not"),
        ({"scene_names": {"attic": ("loft",)}}, "scenes of the bank"),
        ({"scene_names": {"kitchen": "pantry"}}, "a tuple of names"),
    ],
)
def test_save_bank__refuses_a_bank_that_breaks_its_rules(tmp_path, changes, word):
    with pytest.raises(CorruptError, match=word):
        save_bank(small_bank(**changes), tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("damage", "word"),
    [
        ({"emb": np.full((2, 3, 8), np.nan, np.float16)}, "unit vectors"),
        ({"weight": np.ones((2, 3), np.float32)}, "sum of 1"),
        ({"texts.codes": np.array([0, 1, 2, 3, 9], np.uint8)}, "index"),
        ({"texts.codes": np.array([0, 1, 2, 3], np.uint8)}, "wanted 5 as the mask holds, got 4"),
        ({"texts.offsets": np.array([0, 24, 4, 29, 32, 42], np.int64)}, "offsets"),
        ({"texts.utf8": np.full(42, 255, np.uint8)}, "utf-8"),
    ],
)
def test_load_bank__refuses_what_another_program_wrote_against_the_rules(tmp_path, damage, word):
    folder = save_bank(small_bank(), tmp_path)
    arrays = load_numpy(arrays_of(folder))
    arrays_of(folder).unlink()
    layout = write_arrays(folder, arrays | damage)
    header = json.loads((folder / HEADER).read_text()) | {"file": arrays_of(folder).name}
    header["arrays"] = {name: dataclasses.asdict(stored) for name, stored in layout.items()}
    reseal(folder, header)
    bank = load_bank(folder)
    with pytest.raises(CorruptError, match=rf"{arrays_of(folder)}: .*({word})") as caught:
        check_bank(bank)
    assert caught.value.remedy is Remedy.BUILD_BANK


def reseal(folder: Path, header: dict[str, Any]) -> None:
    bare = {name: value for name, value in header.items() if name != "header_sha256"}
    sealed = {**bare, "header_sha256": sha256_hex(canonical_json(bare))}
    (folder / HEADER).write_text(json.dumps(sealed))


HOTEL = {"scenes": ("*", "bedroom"), "scene_names": {"bedroom": ("hotel room", "Dorm  Room")}}


def test_scene_row__knows_a_scene_by_its_own_name_and_by_those_of_the_dataset(tmp_path: Path):
    bank = load_bank(save_bank(small_bank(**HOTEL), tmp_path))
    assert bank.scene_names == HOTEL["scene_names"]
    rows = {name: bank.scene_row(name) for name in ("*", "bedroom", "hotel room", " dorm room")}
    assert rows == {"*": 0, "bedroom": 1, "hotel room": 1, " dorm room": 1}
    assert bank.scene_row("HOTEL ROOM") == 1
    assert bank.scene_row("street") is None
    assert small_bank().scene_row("hotel room") is None


def test_scene_names__are_no_part_of_what_a_bank_says():
    named, plain = small_bank(**HOTEL), small_bank(scenes=HOTEL["scenes"])
    assert named.fingerprint == plain.fingerprint


@pytest.mark.parametrize(
    "names",
    [{"*": ("Kitchen ",)}, {"kitchen": ("pantry",), "*": ("PANTRY",)}],
)
def test_scene_names__of_one_name_in_two_scenes_are_refused(tmp_path: Path, names):
    with pytest.raises(CorruptError, match="each name in one scene, got .* in two"):
        save_bank(small_bank(scene_names=names), tmp_path)


def test_recipe__comes_back_and_keeps_a_control_out_of_the_folder_of_an_equal_bank(tmp_path: Path):
    folders = [save_bank(small_bank(recipe=recipe), tmp_path) for recipe in (RECIPE, None)]
    assert [load_bank(folder).recipe for folder in folders] == [RECIPE, None]
    other = small_bank(recipe={**RECIPE, "rule": "the same in other words"})
    assert other.fingerprint == small_bank(recipe=RECIPE).fingerprint


def test_fingerprint__of_a_bank_that_is_no_control_is_the_one_it_had_before_there_were_any():
    before = "4486cc6064ebe4fac5a14b560a94d660b5a0d1f87c5c48443188e54ce075f7f3"
    assert small_bank().fingerprint == before


def test_recipe__is_in_no_header_of_a_bank_that_is_no_control(tmp_path: Path):
    folder = save_bank(small_bank(), tmp_path)
    assert "recipe" not in json.loads((folder / HEADER).read_text())
    assert load_bank(folder).recipe is None


def test_recipe__without_its_seed_is_refused(tmp_path: Path):
    with pytest.raises(CorruptError, match="recipe"):
        save_bank(small_bank(recipe={"arm": "swapped", "rule": "", "of": ""}), tmp_path)


def test_newest_bank__is_never_a_control_arm(tmp_path: Path):
    bank = save_bank(small_bank(), tmp_path)
    save_bank(small_bank(encoder_id="other-0123", recipe=RECIPE), tmp_path)
    os.utime(bank / HEADER, (1, 1))
    assert newest_bank(tmp_path, "two") == bank


def test_newest_bank__is_the_one_of_the_vocabulary_that_was_saved_last(tmp_path: Path):
    old = save_bank(small_bank(), tmp_path)
    new = save_bank(small_bank(encoder_id="other-0123"), tmp_path)
    save_bank(small_bank(vocabulary="another", vocabulary_hash="cd" * 32), tmp_path)
    os.utime(old / HEADER, (1, 1))
    assert newest_bank(tmp_path, "two") == new
    assert newest_bank(tmp_path, "nobody's") is None
    for text in ("{", "[" * 100_000):
        (new / HEADER).write_text(text)
        assert newest_bank(tmp_path, "two") == old


def test_load_bank__of_a_folder_that_is_not_there_says_so_in_words(tmp_path: Path):
    for folder, got in ((tmp_path / "f2c9", "got no such folder$"), (tmp_path, "got none$")):
        with pytest.raises(CorruptError, match=got):
            load_bank(folder)

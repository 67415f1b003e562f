"""The TextBank survives the way to disk and back, and notices every change on the way."""

import dataclasses
import json
import os
from pathlib import Path

import numpy as np
import pytest

from langseg.cache.bank import (
    ARRAYS,
    HEADER,
    PRIOR_FLOOR,
    TextBank,
    load_bank,
    newest_bank,
    save_bank,
)
from langseg.cache.errors import CorruptError
from langseg.cache.keys import canonical_json, sha256_hex


def small_bank(**changes: object) -> TextBank:
    rng = np.random.default_rng(0)
    emb = rng.normal(size=(2, 3, 8))
    emb /= np.linalg.norm(emb, axis=-1, keepdims=True)
    mask = np.array([[True, True, True], [True, True, False]])
    prior = np.ones((2, 2, 3), np.float32)
    prior[0, 0, 2] = PRIOR_FLOOR
    values = {
        "names": ("wall", "sky"),
        "ids": (1, 3),
        "ignore_ids": (0,),
        "scenes": ("*", "kitchen"),
        "texts": (("wall", "flat upright surface", "tiles"), ("sky", "blue above")),
        "slots": (("name", "shape", "material"), ("name", "position")),
        "owners": (("", "", ""), ("", "")),
        "emb": (emb * mask[..., None]).astype(np.float16),
        "mask": mask,
        "weight": np.array([[1 / 3, 1 / 3, 1 / 3], [0.5, 0.5, 0]], np.float32),
        "scene": np.eye(2, 8, dtype=np.float16),
        "prior": prior,
        "vocabulary": "two",
        "vocabulary_hash": "ab" * 32,
        "encoder_id": "tiny-0123",
        "image_aligned": False,
        "model": "hand-written",
        "manifest": "000001",
    }
    return TextBank(**{**values, **changes})


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
    assert save_bank(small_bank(), tmp_path) == save_bank(small_bank(), tmp_path)
    assert len(list(tmp_path.iterdir())) == 1


def test_fingerprint__ignores_rounding_of_embeddings_but_not_what_is_said():
    bank = small_bank()
    nudged = bank.emb.copy()
    nudged[0, 0, 0] = np.nextafter(nudged[0, 0, 0], np.float16(1))
    assert small_bank(emb=nudged).fingerprint == bank.fingerprint
    other = (("wall", "flat upright surface", "planks"), ("sky", "blue above"))
    assert small_bank(texts=other).fingerprint != bank.fingerprint
    assert small_bank(encoder_id="tiny-4567").fingerprint != bank.fingerprint
    assert small_bank(weight=bank.weight * 0.9).fingerprint != bank.fingerprint


def test_load_bank__detects_every_flipped_bit(tmp_path: Path):
    folder = save_bank(small_bank(), tmp_path)
    arrays = folder / ARRAYS
    good = arrays.read_bytes()
    rng = np.random.default_rng(1)
    for bit in rng.integers(0, len(good) * 8, 100):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << (bit % 8)
        arrays.write_bytes(bad)
        with pytest.raises(CorruptError, match="sha256"):
            load_bank(folder)


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
    with pytest.raises(CorruptError, match="langseg-desc bank"):
        load_bank(folder)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("ignore_ids", [0, 255]), ("slots", [["name", "size", "material"], ["name", "size"]]),
        ("owners", [["", "panel", ""], ["", ""]]), ("model", "another"), ("manifest", "000009"),
        ("image_aligned", True), ("vocabulary", "three"), ("header_sha256", "00"),
    ],
)  # fmt: skip
def test_load_bank__refuses_every_edit_of_the_header(tmp_path: Path, key, value):
    folder = save_bank(small_bank(), tmp_path)
    header = json.loads((folder / HEADER).read_text())
    (folder / HEADER).write_text(json.dumps({**header, key: value}))
    with pytest.raises(CorruptError, match=r"it was changed.*langseg-desc bank"):
        load_bank(folder)


@pytest.mark.parametrize("key", ["names", "ids", "texts", "scenes", "fingerprint", "owners"])
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


def test_load_bank__says_how_to_build_one_that_is_missing(tmp_path: Path):
    with pytest.raises(CorruptError, match="langseg-desc bank"):
        load_bank(tmp_path / "nothing")


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
        ({"slots": (("name",), ("name",))}, "slots"),
    ],
)
def test_save_bank__refuses_a_bank_that_breaks_its_rules(tmp_path, changes, word):
    with pytest.raises(CorruptError, match=word):
        save_bank(small_bank(**changes), tmp_path)
    assert not list(tmp_path.iterdir())


RECIPE = {"arm": "swapped", "rule": "lists of others", "seed": 0, "of": "ef" * 32}


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
    (new / HEADER).write_text("{")
    assert newest_bank(tmp_path, "two") == old

"""A bank says exactly what the store kept, and weighs it by the rules."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from langseg.cache.bank.rules import check_bank
from langseg.cache.bank.text_bank import PRIOR_FLOOR, TextBank
from langseg.cache.errors import InputError
from langseg.cache.keys import text_id
from langseg.cache.records import Descriptor
from langseg.descriptors.bank.build import Phrase, bank_texts, build_bank, class_phrases
from langseg.descriptors.encoders.base import EncoderRecord
from langseg.descriptors.vocabulary.vocabulary import ClassEntry, Vocabulary

VOCABULARY = Vocabulary(
    name="two",
    classes=(ClassEntry(name="wall", id=1), ClassEntry(name="sky", id=3)),
    ignore_ids=(0,),
    scenes={"kitchen": ("wall",), "street": ("sky",)},
)
RECORD = EncoderRecord(
    model="tiny", weights_sha256="0" * 64, dim=8, max_tokens=16, prompt="", normalised=True,
    image_aligned=False,
)  # fmt: skip
TEXTS = ("flat surface", "glossy tiles", "brick wall", "blue above", "a wall")


def row(name: str, text: str, scene: str = "*", **changes: object) -> Descriptor:
    values: dict[str, Any] = {
        "descriptor_id": f"{name}-{scene}-{text}", "request_key": "r", "text_id": text_id(text),
        "class_name": name, "scene": scene, "subclass": "", "slot": "shape",
        "rank": 0, "rejected": "", "parser_version": 1,
    }  # fmt: skip
    return Descriptor(**{**values, **changes})


ROWS = (
    row("wall", "glossy tiles", "kitchen"),
    row("wall", "flat surface", rank=0),
    row("wall", "brick wall", rank=1, slot="name", subclass="brick wall"),
    row("wall", "a wall", rejected="names_class"),
    row("sky", "blue above"),
    row("sky", "blue above", "street"),
    row("sea", "blue above"),
    row("wall", "flat surface", "cellar"),
)


def phrases() -> dict[str, tuple[Phrase, ...]]:
    return class_phrases(VOCABULARY, ROWS, {text_id(text): text for text in TEXTS})


def bank(vocabulary: Vocabulary = VOCABULARY, **more: Any) -> TextBank:
    rng = np.random.default_rng(0)
    vectors = {}
    for text in bank_texts(VOCABULARY, phrases()):
        vector = rng.normal(size=8)
        vectors[text_id(text)] = (vector / np.linalg.norm(vector)).astype(np.float16)
    return build_bank(vocabulary, phrases(), vectors, RECORD, model="m", manifest="1", **more)


def test_class_phrases__put_the_name_first_and_generic_before_scene_bound():
    assert [phrase.text for phrase in phrases()["wall"]] == [
        "wall", "flat surface", "brick wall", "glossy tiles",
    ]  # fmt: skip


def test_class_phrases__keep_a_text_once_and_leave_out_what_was_dropped_or_is_foreign():
    assert [phrase.text for phrase in phrases()["sky"]] == ["sky", "blue above"]
    assert set(phrases()) == {"wall", "sky"}


def test_class_phrases__hold_a_text_in_every_scene_it_is_said_of_but_not_beside_scene_any():
    rows = [
        row("wall", "glossy tiles", "kitchen"), row("wall", "glossy tiles", "street"),
        row("wall", "flat surface"), row("wall", "flat surface", "street"),
    ]  # fmt: skip
    texts = {text_id(text): text for text in TEXTS}
    found = class_phrases(VOCABULARY, rows, texts)["wall"]
    assert [(phrase.text, phrase.scene) for phrase in found] == [
        ("wall", "*"), ("flat surface", "*"), ("glossy tiles", "kitchen"),
        ("glossy tiles", "street"),
    ]  # fmt: skip


def test_class_phrases__do_not_depend_on_the_order_of_rows():
    texts = {text_id(text): text for text in TEXTS}
    assert class_phrases(VOCABULARY, reversed(ROWS), texts) == phrases()


def test_bank_texts__name_every_scene_and_phrase_once():
    texts = bank_texts(VOCABULARY, phrases())
    assert len(texts) == len(set(texts)) == 9
    assert "a photo of a kitchen" in texts


def test_build_bank__passes_its_own_check_and_carries_the_vocabulary():
    made = bank()
    check_bank(made)
    assert (made.names, made.ids, made.ignore_ids) == (("wall", "sky"), (1, 3), (0,))
    assert made.owners[0] == ("", "", "brick wall", "")
    assert made.vocabulary_hash == VOCABULARY.hash


def test_build_bank__gives_a_scene_bound_phrase_its_own_scene_only():
    made = bank()
    tiles = made.texts[0].index("glossy tiles")
    assert made.scenes == ("*", "kitchen", "street")
    np.testing.assert_allclose(made.prior[:, 0, tiles], [PRIOR_FLOOR, 1, PRIOR_FLOOR])
    np.testing.assert_array_equal(made.prior[:, 0, :tiles], 1)


def test_build_bank__weighs_the_phrases_of_a_class_alike():
    np.testing.assert_allclose(bank().weight[1], [0.5, 0.5, 0, 0])


def test_build_bank__is_padded_to_a_width_that_is_asked_for():
    wide = bank(width=6)
    check_bank(wide)
    assert wide.mask.sum(axis=1).tolist() == bank().mask.sum(axis=1).tolist()
    assert (wide.emb.shape, wide.prior.shape) == ((2, 6, 8), (3, 2, 6))
    assert bank(width=1).emb.shape == (2, 4, 8)


def test_build_bank__names_the_command_for_texts_without_embedding():
    with pytest.raises(InputError, match=r"9 texts.*langseg-desc encode"):
        build_bank(VOCABULARY, phrases(), {}, RECORD, model="m", manifest="1")


def test_build_bank__knows_other_names_of_its_scenes_but_not_those_described_by_themselves():
    named = replace(
        VOCABULARY, scene_names={"kitchen": ("galley", "Street"), "attic": ("mansard",)}
    )
    assert bank(vocabulary=named).scene_names == {"kitchen": ("galley",)}


def test_class_phrases__begin_with_the_name_as_it_is_said_and_so_do_scenes():
    entries = (ClassEntry(name="bow_(weapon)", id=1), ClassEntry(name="wall-other", id=2))
    words = replace(VOCABULARY, classes=entries, scenes={"living_room": ("wall-other",)})
    found = class_phrases(words, (), {})
    assert {name: rows[0].text for name, rows in found.items()} == {
        "bow_(weapon)": "bow (weapon)", "wall-other": "wall",
    }  # fmt: skip
    assert bank_texts(words, found) == (
        "a photo", "a photo of a living room", "bow (weapon)", "wall",
    )  # fmt: skip

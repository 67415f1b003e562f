"""A scene in free text reads as the scenes that it is near, and as none where it is near none."""

import numpy as np
import pytest

from langseg.cache.bank.load_save import load_bank, newest_bank, save_bank
from langseg.cache.bank.rules import check_bank
from langseg.cache.errors import UsageError
from langseg.descriptors.bank.build import scene_text
from langseg.descriptors.bank.scene_texts import (
    SCENE_TEXT_CHARS,
    embedded_text,
    scene_text_problem,
    with_scene_texts,
)
from tests.support.small_bank import small_bank
from tests.support.tiny_segmenter import tiny_bank

BANK = tiny_bank()  # "*", kitchen and street; each last phrase is street's


def unit(vector):
    return (vector / np.linalg.norm(vector)).astype(np.float16)


def told(vector):
    return with_scene_texts(BANK, {"a wet road": unit(vector)})


def test_text_of_a_scenes_own_vector__is_that_scene():
    bank = told(BANK.scene[2].astype(np.float32))
    assert bank.scenes == (*BANK.scenes, "a wet road")
    assert bank.scene_row("A  wet road") == 3
    assert next(iter(bank.scene_texts["a wet road"])) == "street"
    np.testing.assert_allclose(bank.prior[3], BANK.prior[2], atol=1e-3)
    np.testing.assert_array_equal(bank.prior[:3], BANK.prior)
    check_bank(bank)


def test_text_between_two_scenes__weighs_their_phrases_by_its_shares():
    both = BANK.scene[1].astype(np.float32) + BANK.scene[2]
    bank = told(both)
    shares = bank.scene_texts["a wet road"]
    assert sum(shares.values()) == pytest.approx(1, abs=0.02)
    assert shares["kitchen"] == pytest.approx(shares["street"], abs=0.05)
    assert bank.prior[3, 1, -1] == pytest.approx(shares["street"], abs=1e-3)
    check_bank(bank)


def test_text_like_no_scene__is_no_scene():
    bank = told(BANK.scene[0].astype(np.float32))
    assert next(iter(bank.scene_texts["a wet road"])) == "*"


def test_bank_with_a_text__is_kept_as_another_bank_that_nobody_trains_on_unasked(tmp_path):
    plain, longer = save_bank(BANK, tmp_path), save_bank(told(BANK.scene[2]), tmp_path)
    assert load_bank(longer).scene_texts == told(BANK.scene[2]).scene_texts
    assert newest_bank(tmp_path, BANK.vocabulary) == plain


def test_text_that_names_a_scene_of_the_bank__is_refused():
    with pytest.raises(UsageError, match="'KITCHEN': .* got its 'kitchen'"):
        with_scene_texts(small_bank(), {"KITCHEN": small_bank().scene[1]})


def test_text__with_an_article_is_embedded_as_the_scene_of_that_name():
    assert embedded_text("a  living room") == scene_text("living_room")


@pytest.mark.parametrize(
    "text", ["", "a <b>street</b>", "a \x1b[31mroom", "../street", "r" * (SCENE_TEXT_CHARS + 1)]
)
def test_text_that_is_no_words__is_refused(text):
    assert scene_text_problem(text)


def test_text_of_a_sentence__is_words():
    sentence = "a quiet street with parked cars after rain, seen from a window on the second floor"
    assert not scene_text_problem(sentence)

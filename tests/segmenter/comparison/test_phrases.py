"""The world of features, in which half of the phrases of each class are false."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import mannwhitneyu

from langseg.cache.bank.text_bank import TextBank
from langseg.cache.errors import InputError
from langseg.segmenter.comparison.phrases import DEALS, JudgedPhrases, judge_phrases
from langseg.segmenter.comparison.region_means import RegionMeans
from langseg.segmenter.data.sample import unheard
from tests.support.feature_world import CLASSES, OF, SAID, regions_of

ATTRIBUTES = len(SAID)
REGIONS = regions_of(80)


def bank_of(said: list[list[int]]) -> TextBank:
    """A name that says nothing, then a phrase for each attribute that is said."""
    rng = np.random.default_rng(0)
    width = 1 + max(len(row) for row in said)
    emb = np.zeros((CLASSES, width, SAID.shape[1]), np.float16)
    mask = np.zeros((CLASSES, width), np.bool_)
    for row, attributes in enumerate(said):
        vectors = np.concatenate([rng.normal(size=(1, emb.shape[2])), SAID[attributes].numpy()])
        vectors[1:] += 0.3 * rng.normal(size=vectors[1:].shape)
        emb[row, : len(vectors)] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        mask[row, : len(vectors)] = True
    texts = [
        (f"class {row}", *(f"{n} is {one}" for n, one in enumerate(of)))
        for row, of in enumerate(said)
    ]
    return TextBank(
        names=tuple(f"class {row}" for row in range(CLASSES)), ids=tuple(range(1, CLASSES + 1)),
        ignore_ids=(), scenes=("*",), texts=tuple(texts),
        slots=tuple(("name", *("part" for _ in of)) for of in said),
        owners=tuple(("",) * (1 + len(of)) for of in said), emb=emb, mask=mask,
        weight=(mask / mask.sum(axis=1, keepdims=True)).astype(np.float32),
        scene=np.eye(1, emb.shape[2], dtype=np.float16),
        prior=np.ones((1, CLASSES, width), np.float32), vocabulary="w", vocabulary_hash="w",
        encoder_id="e", image_aligned=False, model="m", manifest="none",
    )  # fmt: skip


def mixed() -> list[list[int]]:
    """Both attributes of each class, each in three wordings, and as many others that it has not."""
    rng = np.random.default_rng(1)
    foreign = [
        rng.choice([a for a in range(ATTRIBUTES - 2) if a not in of], 6, replace=False).tolist()
        for of in OF.tolist()
    ]
    return [[*own * 3, *other] for own, other in zip(OF.tolist(), foreign, strict=True)]


def judged(said: list[list[int]], regions: RegionMeans = REGIONS) -> JudgedPhrases:
    return judge_phrases(bank_of(said), regions, 0, unheard)


def test_phrases__that_are_false_are_ranked_last():
    said = judged(mixed())
    said_of = [one for one in said.phrases if one.slot != "name"]
    truth = [
        int(one.text.rpartition(" ")[2]) in OF[int(one.class_name.removeprefix("class "))]
        for one in said_of
    ]
    of_true, of_false = (
        [one.auc for one, is_true in zip(said_of, truth, strict=True) if is_true == wanted]
        for wanted in (True, False)
    )
    above = mannwhitneyu(of_true, of_false).statistic
    assert above / (len(of_true) * len(of_false)) >= 0.9
    words = [one.word for one in said_of]
    false = [word for word, is_true in zip(words, truth, strict=True) if not is_true]
    true = [word for word, is_true in zip(words, truth, strict=True) if is_true]
    assert false.count("misleads") > 3 * true.count("misleads")
    assert true.count("finds") > 3 * false.count("finds")


def test_phrases__that_are_false_are_mistaken_for_a_class_that_they_are_true_of():
    false = [
        (int(one.text.rpartition(" ")[2]), int(one.mistaken_for.removeprefix("class ")))
        for one in judged(mixed()).phrases
        if one.slot != "name"
        and int(one.text.rpartition(" ")[2]) not in OF[int(one.class_name.removeprefix("class "))]
    ]
    true_of = np.mean([attribute in OF[other] for attribute, other in false])
    by_chance = np.mean(
        [torch.eq(OF, attribute).any(dim=1).float().mean() for attribute, _ in false]
    )
    assert true_of > 0.8
    assert by_chance < 0.3
    assert all(one.mistaken_for != one.class_name for one in judged(mixed()).phrases)


def test_phrases__that_are_true_find_hidden_classes_and_dealt_ones_do_not():
    true = judged(OF.tolist())
    order = np.random.default_rng(3).permutation(CLASSES)
    dealt = judged([OF.tolist()[one] for one in order])
    assert true.classes == CLASSES
    assert true.chance == pytest.approx(1 / 6)
    assert true.interval[0] > 0.5
    assert dealt.interval[0] < true.chance + 0.1
    assert dealt.found < true.interval[0]


def test_phrases__win_every_hidden_region_once_a_deal():
    said = judged(mixed())
    assert sum(one.wins for one in said.phrases) == DEALS * len(REGIONS.classes)
    assert all(one.right <= one.wins for one in said.phrases)
    counts = torch.bincount(REGIONS.classes, minlength=CLASSES).tolist()
    assert [one.regions for one in said.phrases if one.slot == "name"] == counts


def test_phrases__of_a_class_that_no_picture_or_few_show_are_called_nothing():
    few = REGIONS.classes == 0
    few &= few.cumsum(dim=0) > 3
    rows = ~few & (REGIONS.classes != 1)
    some = RegionMeans(*(of[rows] for of in vars(REGIONS).values()))
    said = judged(mixed(), some)
    none = [one for one in said.phrases if one.class_name == "class 1"]
    assert {(one.regions, one.wins, one.word) for one in none} == {(0, 0, "too few")}
    assert all(np.isnan(one.auc) for one in none)
    assert {one.word for one in said.phrases if one.class_name == "class 0"} == {"too few"}
    assert said.classes == CLASSES - 1


def test_phrases__that_are_said_in_several_scenes_are_judged_once():
    bank = bank_of(mixed())
    twice = tuple((*texts[:-1], texts[1]) for texts in bank.texts)
    said = judge_phrases(replace(bank, texts=twice), REGIONS, 0, unheard)
    assert len(said.phrases) == CLASSES * 12


def test_pictures__of_too_few_classes_are_refused():
    rows = REGIONS.classes < 7
    few = RegionMeans(*(of[rows] for of in vars(REGIONS).values()))
    with pytest.raises(InputError, match=r"regions of 8 classes or more.*got 7"):
        judged(mixed(), few)

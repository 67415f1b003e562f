"""A world of features: a class is the sum of two of twelve attributes, its words say which."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from langseg.segmenter.comparison.fitted import (
    Pictures,
    compare_fitted,
    compare_prototypes,
    dealt_scores,
)
from langseg.segmenter.comparison.region_means import LabelledPatches
from langseg.segmenter.comparison.scores import Size, accuracies, ious
from langseg.segmenter.comparison.splits import Split, draw_splits
from langseg.segmenter.comparison.words import ArmWords
from langseg.segmenter.data.sample import unheard
from tests.support.feature_world import CLASSES, GENERATOR, OF, SAID, picture, regions_of


def arm(name: str, vectors: torch.Tensor) -> ArmWords:
    return ArmWords(name, None, name, F.normalize(vectors, dim=1))


REAL = arm("real", SAID[OF].sum(dim=1))
SWAPPED = arm("swapped", SAID[OF].sum(dim=1)[torch.randperm(CLASSES, generator=GENERATOR)])
CHANCE = arm("chance", torch.randn(CLASSES, 16, generator=GENERATOR))
TRAIN, VAL = Pictures(60, picture), Pictures(24, lambda index: picture(200 + index))
SIZE = Size(24, CLASSES)


def compared(arms=(REAL, SWAPPED, CHANCE), count=6, train=TRAIN):
    splits = draw_splits(range(CLASSES), 6, count, 0)
    return splits, compare_fitted(arms, splits, regions_of(60), CLASSES, train, VAL, 0, unheard)


def test_compare_fitted__words_that_say_how_classes_look_find_those_never_trained():
    splits, found = compared()
    scores = {name: accuracies(tally, splits, SIZE).score for name, tally in found.items()}
    assert scores["real"] > 80
    assert scores["chance"] < 40
    assert scores["swapped"] < 40


def test_compare_fitted__one_bias_lets_unseen_classes_be_predicted_among_all():
    splits, found = compared((REAL,))
    alone, biased = (
        ious(found["real"], protocol, splits, SIZE, "unseen").score
        for protocol in ("all", "calibrated")
    )
    assert biased > alone
    assert biased > 20
    assert ious(found["real"], "calibrated", splits, SIZE, "seen").score > 40


def test_compare_fitted__an_arm_is_counted_alike_whichever_others_are():
    _, alone = compared((REAL,), count=2)
    _, among = compared((CHANCE, REAL), count=2)
    one, other = alone["real"], among["real"]
    assert one.biases == other.biases
    assert all((one.cells[key].pixels == other.cells[key].pixels).all() for key in one.cells)


def test_compare_fitted__no_pixel_of_a_split_s_unseen_classes_has_a_say():
    """Neither in the fit nor in the bias: their features become noise, and nothing changes."""
    split = Split((1, 4, 9, 14))
    regions = regions_of(60)
    hidden = torch.isin(regions.classes, torch.tensor(split.unseen))
    spoiled = replace(regions, x=torch.where(hidden[:, None], 1e3, regions.x))

    def spoilt(index: int) -> LabelledPatches:
        one = picture(index)
        of_hidden = torch.isin(one.counts.argmax(dim=1), torch.tensor(split.unseen))
        return replace(one, x=torch.where(of_hidden[:, None], 1e3, one.x))

    clean, dirty = (
        compare_fitted((REAL,), (split,), of, CLASSES, train, VAL, 0, unheard)["real"]
        for of, train in ((regions, TRAIN), (spoiled, Pictures(60, spoilt)))
    )
    assert clean.biases == dirty.biases
    assert clean.cells.keys() == dirty.cells.keys()
    for key, cells in clean.cells.items():
        assert all((a == b).all() for a, b in zip(cells, dirty.cells[key], strict=True))


def test_compare_fitted__a_thing_that_is_nowhere_competes_and_is_never_right():
    more = ArmWords("more", None, "more", torch.cat([REAL.vectors, REAL.vectors[:1]]))
    splits, found = compared((more,), count=2)
    said = {int(one) for cells in found["more"].cells.values() for one in cells.predicted}
    assert said <= set(range(CLASSES + 1))
    assert CLASSES in said
    assert accuracies(found["more"], splits, SIZE).score < 100


def test_compare_prototypes__have_seen_what_they_are_asked():
    splits = draw_splits(range(CLASSES), 6, 3, 0)
    tally = compare_prototypes(splits, regions_of(60), CLASSES, [2] * CLASSES, VAL, 0, unheard)
    assert accuracies(tally, splits, SIZE).score > 90
    assert {protocol for _, _, protocol in tally.cells} == {"among", "all"}


def test_dealt_scores__are_what_an_arm_of_those_words_would_have():
    splits = draw_splits(range(CLASSES), 6, 3, 0)
    found = dealt_scores(REAL, splits, regions_of(60), CLASSES, VAL, 3, 5, unheard)
    generator = torch.Generator().manual_seed(5)
    orders = [torch.randperm(CLASSES, generator=generator) for _ in range(3)]
    arms = [arm(f"dealt-{n}", REAL.vectors[order]) for n, order in enumerate(orders)]
    tallies = compare_fitted(arms, splits, regions_of(60), CLASSES, TRAIN, VAL, 0, unheard)
    wanted = [accuracies(tallies[one.label], splits, SIZE).score for one in arms]
    assert found == pytest.approx(wanted)
    assert max(found) < 40


def test_compare_fitted__of_few_classes_and_pictures_chooses_no_bias_and_still_counts():
    split = Split(tuple(range(2, CLASSES)))
    found = compare_fitted(
        (REAL,), (split,), regions_of(1), CLASSES, Pictures(1, picture), VAL, 0, unheard
    )
    assert found["real"].biases == {0: 0.0}
    assert found["real"].cells

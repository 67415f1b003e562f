"""A world of features: a class is the sum of two of twelve attributes, its words say which."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from langseg.segmenter.comparison.fitted import (
    Pictures,
    TrainedOn,
    compare_fitted,
    compare_prototypes,
    dealt_scores,
)
from langseg.segmenter.comparison.region_means import (
    LabelledPatches,
    RegionMeans,
    joined_regions,
)
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


def alone(pictures):
    return TrainedOn.alone(regions_of(pictures), CLASSES)


def compared(arms=(REAL, SWAPPED, CHANCE), count=6, train=TRAIN):
    splits = draw_splits(range(CLASSES), 6, count, 0)
    return splits, compare_fitted(arms, splits, alone(60), train, VAL, 0, unheard)


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
        compare_fitted((REAL,), (split,), of, train, VAL, 0, unheard)["real"]
        for of, train in (
            (TrainedOn.alone(regions, CLASSES), TRAIN),
            (TrainedOn.alone(spoiled, CLASSES), Pictures(60, spoilt)),
        )
    )
    assert clean.biases == dirty.biases
    assert clean.cells.keys() == dirty.cells.keys()
    for key, cells in clean.cells.items():
        assert all((a == b).all() for a, b in zip(cells, dirty.cells[key], strict=True))


def beside(first: int) -> RegionMeans:
    """Sixty pictures of another dataset, whose classes are the world's from ``first`` on."""
    regions = regions_of(60)
    rows = regions.classes >= first
    classes = regions.classes[rows] - first
    return RegionMeans(regions.x[rows] + 0.1, classes, regions.pictures[rows], regions.pixels[rows])


def test_compare_fitted__a_split_s_unseen_classes_leak_under_no_name_of_a_dataset_beside_it():
    split, first = Split((1, 4, 20)), 16
    theirs = beside(first)
    same = torch.cat([torch.eye(CLASSES, dtype=torch.bool), torch.eye(CLASSES)[:, first:] > 0], 1)
    same[1, CLASSES] = True  # of another name
    words = replace(REAL, beside=REAL.vectors[first:])

    def counted(theirs: RegionMeans, same: torch.Tensor):
        joined = joined_regions([(regions_of(60), CLASSES, 60), (theirs, 8, 60)])
        on = TrainedOn(joined, same)
        return compare_fitted((words,), (split,), on, TRAIN, VAL, 0, unheard)["real"]

    hidden = torch.isin(theirs.classes, torch.tensor([0, 4]))
    assert hidden.any()
    spoiled = replace(theirs, x=torch.where(hidden[:, None], 1e3, theirs.x))
    clean, dirty = counted(theirs, same), counted(spoiled, same)
    assert clean.biases == dirty.biases
    for key, cells in clean.cells.items():
        assert all((a == b).all() for a, b in zip(cells, dirty.cells[key], strict=True))
    leaking = same.clone()
    leaking[20, CLASSES + 4] = False
    assert counted(theirs, leaking).biases != counted(spoiled, leaking).biases


def twice(here: RegionMeans) -> TrainedOn:
    """``here``, and pictures of all classes beside it."""
    same = torch.cat([torch.eye(CLASSES, dtype=torch.bool)] * 2, dim=1)
    parts = [(here, CLASSES, 60), (beside(0), CLASSES, 60)]
    return TrainedOn(joined_regions(parts), same)


def test_compare_fitted__a_fold_of_classes_that_chooses_the_bias_is_hidden_under_all_names():
    """Else it would be chosen for classes that another dataset has shown."""
    split, words = Split((1, 4, 20)), replace(REAL, beside=REAL.vectors)

    def bias(on: TrainedOn) -> float:
        return compare_fitted((words,), (split,), on, TRAIN, VAL, 0, unheard)["real"].biases[0]

    on = twice(regions_of(60))
    unmatched = on.same.clone()
    unmatched[[one for one in range(CLASSES) if one not in split.unseen], CLASSES:] = False
    assert bias(replace(on, same=unmatched)) < 0.75 * bias(on)


def test_compare_fitted__classes_of_pictures_beside_help_to_find_those_never_trained():
    regions = regions_of(60)
    few = regions.classes < 8
    here = RegionMeans(
        *(of[few] for of in (regions.x, regions.classes, regions.pictures, regions.pixels))
    )
    splits = (Split(tuple(range(18, CLASSES))),)

    def score(words: ArmWords, on: TrainedOn) -> float:
        tally = compare_fitted((words,), splits, on, TRAIN, VAL, 0, unheard)["real"]
        return accuracies(tally, splits, SIZE).score

    joined = score(replace(REAL, beside=REAL.vectors), twice(here))
    assert joined > score(REAL, TrainedOn.alone(here, CLASSES)) + 15


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
    found = dealt_scores(REAL, splits, alone(60), VAL, 3, 5, unheard)
    generator = torch.Generator().manual_seed(5)
    orders = [torch.randperm(CLASSES, generator=generator) for _ in range(3)]
    arms = [arm(f"dealt-{n}", REAL.vectors[order]) for n, order in enumerate(orders)]
    tallies = compare_fitted(arms, splits, alone(60), TRAIN, VAL, 0, unheard)
    wanted = [accuracies(tallies[one.label], splits, SIZE).score for one in arms]
    assert found == pytest.approx(wanted)
    assert max(found) < 40


def test_compare_fitted__of_few_classes_and_pictures_chooses_no_bias_and_still_counts():
    split = Split(tuple(range(2, CLASSES)))
    found = compare_fitted((REAL,), (split,), alone(1), Pictures(1, picture), VAL, 0, unheard)
    assert found["real"].biases == {0: 0.0}
    assert found["real"].cells

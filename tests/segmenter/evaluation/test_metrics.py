import json
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from langseg.cache.errors import InputError
from langseg.segmenter.data.labels import IGNORE, LabelRule
from langseg.segmenter.evaluation.metrics import ConfusionMatrix, Scores, seen_unseen


def scored(pred: list[int], target: list[int], classes: int = 3) -> Scores:
    matrix = ConfusionMatrix(classes)
    matrix.update(torch.tensor(pred), torch.tensor(target))
    return matrix.scores()


def by_hand(pred: list[int], target: list[int], classes: int) -> dict[str, object]:
    """The definitions, one pixel at a time, in exact fractions."""
    pairs = [(p, t) for p, t in zip(pred, target, strict=True) if t != IGNORE]
    ious: list[Fraction | None] = []
    accuracies: list[Fraction] = []
    fwiou = Fraction(0)
    for k in range(classes):
        both = sum(p == k and t == k for p, t in pairs)
        either = sum(k in (p, t) for p, t in pairs)
        true = sum(t == k for _, t in pairs)
        ious.append(Fraction(both, either) if either else None)
        if true:
            accuracies.append(Fraction(both, true))
            fwiou += Fraction(true, len(pairs)) * Fraction(both, either)
    present = [iou for iou in ious if iou is not None]
    return {
        "miou": float(sum(present) / len(present)),
        "pixel_accuracy": sum(p == t for p, t in pairs) / len(pairs),
        "mean_accuracy": float(sum(accuracies) / len(accuracies)),
        "fwiou": float(fwiou),
        "per_class_iou": [None if iou is None else float(iou) for iou in ious],
        "dropped": ious.count(None),
        "pixels": len(pairs),
    }


@given(
    st.integers(1, 6).flatmap(
        lambda classes: st.tuples(
            st.just(classes),
            st.integers(1, 40).flatmap(
                lambda size: arrays(np.int64, (2, size), elements=st.integers(-1, classes - 1))
            ),
        )
    )
)
def test_scores__equal_the_definitions_counted_one_pixel_at_a_time(case):
    classes, (pred, target) = case
    if (target == IGNORE).all():
        with pytest.raises(InputError, match="every pixel is ignored"):
            scored(pred.tolist(), target.tolist(), classes)
        return
    got = scored(pred.tolist(), target.tolist(), classes)
    wanted = by_hand(pred.tolist(), target.tolist(), classes)
    assert vars(got) == {key: pytest.approx(value, abs=1e-12) for key, value in wanted.items()}


def test_scores__reproduce_the_benchmarks_own_evaluation(shared_data):
    folder = shared_data / "ade20k_sample"
    reference = json.loads((folder / "predictions_perturbed/reference.json").read_text())
    rule = LabelRule(range(1, 151), (0, 255))
    matrix = ConfusionMatrix(150)
    for path in sorted((folder / "annotations").glob("*.png")):
        pred = rule.read(folder / "predictions_perturbed" / path.name)
        matrix.update(torch.from_numpy(pred), torch.from_numpy(rule.read(path)))
    inside, union = matrix.intersections_and_unions()
    per_class = {str(k + 1): [int(inside[k]), int(union[k])] for k in np.flatnonzero(union)}
    assert per_class == reference["per_class"]
    scores = matrix.scores()
    assert scores.pixels == reference["pixels_counted"]
    assert scores.pixel_accuracy == pytest.approx(reference["pixel_accuracy"], abs=1e-12)
    assert scores.miou == pytest.approx(reference["miou_over_classes_with_union"], abs=1e-12)
    assert 150 - scores.dropped == reference["classes_with_union"]
    over_150 = sum(iou or 0 for iou in scores.per_class_iou) / 150
    assert over_150 == pytest.approx(reference["miou_over_150"], abs=1e-12)


def test_scores__are_1_for_predictions_that_equal_the_annotations(shared_data):
    rule = LabelRule(range(1, 151), (0, 255))
    matrix = ConfusionMatrix(150)
    for path in sorted((shared_data / "ade20k_sample/annotations").glob("*.png")):
        pred = torch.from_numpy(rule.read(path.parents[1] / "predictions" / path.name))
        matrix.update(pred, torch.from_numpy(rule.read(path)))
    scores = matrix.scores()
    assert (scores.miou, scores.pixel_accuracy, scores.fwiou) == (1.0, 1.0, 1.0)


def test_scores__drop_classes_absent_from_both_and_say_how_many():
    scores = scored([0, 0, 1], [0, 0, 1], classes=5)
    assert (scores.miou, scores.dropped) == (1.0, 3)
    assert scores.per_class_iou == [1.0, 1.0, None, None, None]


def test_scores__count_a_class_that_is_predicted_but_never_true_as_0():
    scores = scored([0, 2], [0, 0])
    assert scores.per_class_iou == [0.5, None, 0.0]
    assert scores.miou == 0.25
    assert scores.mean_accuracy == 0.5  # over the classes in the ground truth


def test_update__forgets_every_prediction_on_an_ignored_pixel():
    scores = scored([0, 1, 2], [0, IGNORE, IGNORE])
    assert scores.per_class_iou == [1.0, None, None]
    assert scores.pixels == 1


def test_update__counts_a_pixel_without_a_predicted_class_as_a_miss_of_the_true_class_only():
    scores = scored([0, IGNORE, 1], [0, 0, 1])
    assert scores.per_class_iou == [0.5, 1.0, None]
    assert scores.pixel_accuracy == pytest.approx(2 / 3)


def test_update__adds_maps_up_before_dividing():
    matrix = ConfusionMatrix(2)
    matrix.update(torch.zeros(1, 10, dtype=torch.int64), torch.zeros(1, 10, dtype=torch.int64))
    matrix.update(torch.tensor([[0, 0]]), torch.tensor([[0, 1]]))
    assert matrix.scores().per_class_iou == [11 / 12, 0.0]  # not the mean of 1 and 1/2


def test_update__counts_exactly_beyond_what_float32_can():
    matrix = ConfusionMatrix(1)
    matrix.counts += 2**24
    matrix.update(torch.zeros(1, dtype=torch.int64), torch.zeros(1, dtype=torch.int64))
    assert matrix.scores().pixels == 2 * 2**24 + 1


@pytest.mark.parametrize(
    ("pred", "target", "message"),
    [
        ([0, 3], [0, 0], r"wanted predictions in 0..2, got 0..3"),
        ([0, 0], [0, 3], r"wanted labels in 0..2, got 0..3"),
        ([0, -2], [0, 0], r"wanted predictions in 0..2, got -2..0"),
        ([0], [0, 0], r"wanted a prediction of the labels' size \(2,\), got \(1,\)"),
    ],
)
def test_update__refuses_values_and_shapes_that_cannot_be_counted(pred, target, message):
    with pytest.raises(InputError, match=message):
        scored(pred, target)


def test_update__takes_maps_that_are_ignored_altogether():
    matrix = ConfusionMatrix(2)
    matrix.update(torch.tensor([0, 1]), torch.tensor([IGNORE, IGNORE]))
    assert matrix.counts.sum() == 0


def scores_of(per_class_iou: list[float | None]) -> Scores:
    return Scores(
        miou=0.0, pixel_accuracy=0.0, mean_accuracy=0.0, fwiou=0.0, per_class_iou=per_class_iou,
        dropped=0, pixels=1,
    )  # fmt: skip


def test_median_and_worst_decile__skip_absent_classes():
    scores = scores_of([None, *(k / 20 for k in range(20))])
    assert scores.median_iou == pytest.approx(0.475)
    assert scores.worst_decile_iou == pytest.approx(0.025)  # the mean of 0 and 0.05
    assert scores_of([None, 0.5]).worst_decile_iou == 0.5


def test_seen_unseen__gives_both_means_and_their_harmonic_mean():
    assert seen_unseen(scores_of([0.6, 0.2, None, 0.4]), {1, 2}) == pytest.approx(
        (0.5, 0.2, 2 * 0.5 * 0.2 / 0.7)
    )
    assert seen_unseen(scores_of([0.0, 0.0]), {1}) == (0.0, 0.0, 0.0)
    assert np.isnan(seen_unseen(scores_of([0.5, None]), {1})[1:]).all()

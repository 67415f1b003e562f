import json
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torchmetrics.functional.classification import (
    multiclass_accuracy,
    multiclass_confusion_matrix,
    multiclass_jaccard_index,
)

from langseg.cache.errors import InputError
from langseg.segmenter.data.labels import IGNORE, LabelRule
from langseg.segmenter.evaluation.metrics import (
    Scores,
    confusion,
    intersections_and_unions,
    scores_of,
    seen_unseen,
    shifted_agreement,
)


def scored(pred: list[int], target: list[int], classes: int = 3) -> Scores:
    return scores_of(confusion(torch.tensor(pred), torch.tensor(target), classes))


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
    counts = torch.zeros(150, 151, dtype=torch.int64)
    for path in sorted((folder / "annotations").glob("*.png")):
        pred = rule.read(folder / "predictions_perturbed" / path.name)
        counts += confusion(torch.from_numpy(pred), torch.from_numpy(rule.read(path)), 150)
    inside, union = intersections_and_unions(counts)
    per_class = {str(k + 1): [int(inside[k]), int(union[k])] for k in np.flatnonzero(union)}
    assert per_class == reference["per_class"]
    scores = scores_of(counts)
    assert scores.pixels == reference["pixels_counted"]
    assert scores.pixel_accuracy == pytest.approx(reference["pixel_accuracy"], abs=1e-12)
    assert scores.miou == pytest.approx(reference["miou_over_classes_with_union"], abs=1e-12)
    assert 150 - scores.dropped == reference["classes_with_union"]
    assert scores.miou_over_all == pytest.approx(reference["miou_over_150"], abs=1e-12)
    official = (reference["pixel_accuracy"] + reference["miou_over_150"]) / 2
    assert scores.ade20k_score == pytest.approx(official, abs=1e-12)


def test_scores__are_1_for_predictions_that_equal_the_annotations(shared_data):
    rule = LabelRule(range(1, 151), (0, 255))
    counts = torch.zeros(150, 151, dtype=torch.int64)
    for path in sorted((shared_data / "ade20k_sample/annotations").glob("*.png")):
        pred = torch.from_numpy(rule.read(path.parents[1] / "predictions" / path.name))
        counts += confusion(pred, torch.from_numpy(rule.read(path)), 150)
    scores = scores_of(counts)
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


def test_confusion__forgets_every_prediction_on_an_ignored_pixel():
    scores = scored([0, 1, 2], [0, IGNORE, IGNORE])
    assert scores.per_class_iou == [1.0, None, None]
    assert scores.pixels == 1


def test_confusion__counts_a_pixel_without_a_predicted_class_as_a_miss_of_the_true_class_only():
    scores = scored([0, IGNORE, 1], [0, 0, 1])
    assert scores.per_class_iou == [0.5, 1.0, None]
    assert scores.pixel_accuracy == pytest.approx(2 / 3)


def test_confusion__of_several_maps_is_added_up_before_dividing():
    ten = torch.zeros(1, 10, dtype=torch.int64)
    counts = confusion(ten, ten, 2) + confusion(torch.tensor([[0, 0]]), torch.tensor([[0, 1]]), 2)
    assert scores_of(counts).per_class_iou == [11 / 12, 0.0]  # not the mean of 1 and 1/2


def test_confusion__counts_exactly_beyond_what_float32_can():
    one = torch.zeros(1, dtype=torch.int64)
    counts = torch.tensor([[2 * 2**24, 0]]) + confusion(one, one, 1)
    assert scores_of(counts).pixels == 2 * 2**24 + 1


@pytest.mark.parametrize(
    ("pred", "target", "message"),
    [
        ([0, 3], [0, 0], r"wanted predictions in 0..2, got 0..3"),
        ([0, 0], [0, 3], r"wanted labels in 0..2, got 0..3"),
        ([0, -2], [0, 0], r"wanted predictions in 0..2, got -2..0"),
        ([0], [0, 0], r"wanted a prediction of the labels' size \(2,\), got \(1,\)"),
    ],
)
def test_confusion__refuses_values_and_shapes_that_cannot_be_counted(pred, target, message):
    with pytest.raises(InputError, match=message):
        scored(pred, target)


def test_confusion__takes_maps_that_are_ignored_altogether():
    nothing = torch.tensor([IGNORE, IGNORE])
    assert confusion(torch.tensor([0, 1]), nothing, 2).sum() == 0


def with_ious(per_class_iou: list[float | None]) -> Scores:
    return Scores(
        miou=0.0, pixel_accuracy=0.0, mean_accuracy=0.0, fwiou=0.0, per_class_iou=per_class_iou,
        dropped=0, pixels=1,
    )  # fmt: skip


def test_median_and_worst_decile__skip_absent_classes():
    scores = with_ious([None, *(k / 20 for k in range(20))])
    assert scores.median_iou == pytest.approx(0.475)
    assert scores.worst_decile_iou == pytest.approx(0.025)  # the mean of 0 and 0.05
    assert with_ious([None, 0.5]).worst_decile_iou == 0.5


@pytest.mark.parametrize(("by", "found"), [(1, (1, 0.75)), (-1, (-1, 0.75)), (0, None)])
def test_shifted_agreement__tells_labels_whose_ids_are_off_by_one(by, found):
    target = torch.tensor([0, 1, 2, 3] if by >= 0 else [3, 2, 1, 0])
    pred = (target + by).clamp(0, 3)
    assert shifted_agreement(confusion(pred, target, 4)) == found


def test_seen_unseen__gives_both_means_and_their_harmonic_mean():
    assert seen_unseen(with_ious([0.6, 0.2, None, 0.4]), {1, 2}) == pytest.approx(
        (0.5, 0.2, 2 * 0.5 * 0.2 / 0.7)
    )
    assert seen_unseen(with_ious([0.0, 0.0]), {1}) == (0.0, 0.0, 0.0)
    assert np.isnan(seen_unseen(with_ious([0.5, None]), {1})[1:]).all()


@given(
    st.integers(2, 5).flatmap(
        lambda classes: st.tuples(
            st.just(classes),
            arrays(np.int64, (2, 6, 7), elements=st.integers(0, classes - 1)),
            arrays(np.bool_, (6, 7)),
        )
    )
)
def test_scores__equal_those_of_torchmetrics(case):
    classes, (pred, target), unlabelled = case
    target = np.where(unlabelled, IGNORE, target)
    if unlabelled.all():
        return
    maps = torch.from_numpy(pred), torch.from_numpy(target)
    scores = scores_of(confusion(*maps, classes))
    kind = {"num_classes": classes, "ignore_index": IGNORE}
    ious = multiclass_jaccard_index(*maps, average="none", **kind)  # 0 for an absent class
    assert [iou or 0.0 for iou in scores.per_class_iou] == pytest.approx(ious.tolist(), abs=1e-6)
    mean = multiclass_jaccard_index(*maps, average="macro", **kind)
    assert scores.miou == pytest.approx(float(mean), abs=1e-6)
    right = multiclass_accuracy(*maps, average="micro", **kind)
    assert scores.pixel_accuracy == pytest.approx(float(right), abs=1e-6)
    matrix = multiclass_confusion_matrix(*maps, **kind)
    assert matrix.tolist() == confusion(*maps, classes)[:, :-1].tolist()

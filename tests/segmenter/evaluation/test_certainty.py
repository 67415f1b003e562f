import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.functional.classification import multiclass_calibration_error

from langseg.segmenter.data.labels import IGNORE
from langseg.segmenter.data.sample import Sample
from langseg.segmenter.evaluation.certainty import Anomaly, Calibration, auroc
from langseg.segmenter.evaluation.evaluate import Scored
from langseg.segmenter.inference.class_map import ClassMap

IMAGE = np.zeros((1, 1, 3), np.uint8)  # nothing here looks at it
SAMPLE = Sample("a", None, None, "*")  # type: ignore[arg-type]
SIZE = 24, 30


def scored(seed: int, classes: int = 5, scale: float = 2.0, unlabelled: float = 0.2) -> Scored:
    rng = np.random.default_rng(seed)
    values = torch.from_numpy(rng.normal(size=(classes, 6, 8)) * scale).float()
    seen = ClassMap(values=values, are_probabilities=False, scenes=None, g=None)
    won = seen.mask(SIZE)
    labels = np.where(rng.random(SIZE) < 0.5, won.numpy(), rng.integers(0, classes, SIZE))
    labels[rng.random(SIZE) < unlabelled] = IGNORE
    return Scored(sample=SAMPLE, image=IMAGE, labels=labels, mask=won.numpy(), seen=seen, won=won)


def full(one: Scored) -> torch.Tensor:
    """Logits [pixels, C] at the labels' size."""
    assert one.seen is not None
    values = torch.nn.functional.interpolate(one.seen.values[None], SIZE, mode="bilinear")[0]
    return values.flatten(1).T


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 999), st.sampled_from([0.1, 1.0, 10.0]))
def test_calibration__is_the_expected_calibration_error_of_torchmetrics(seed, scale):
    measure = Calibration()
    pictures = [scored(seed + i, scale=scale) for i in range(3)]
    for one in pictures:
        measure.add(one)
    probabilities = torch.cat([full(one).softmax(dim=1) for one in pictures])
    labels = torch.cat([torch.from_numpy(one.labels).flatten() for one in pictures])
    wanted = multiclass_calibration_error(
        probabilities, labels, num_classes=5, n_bins=15, norm="l1", ignore_index=IGNORE
    )
    got = measure.scores()
    assert got.ece == pytest.approx(float(wanted), abs=2e-4)  # bins differ at their edges
    assert sum(part.share for part in got.bins) == pytest.approx(1, abs=0.01)
    assert measure.counts[:, 0].sum() == (labels != IGNORE).sum()


def test_calibration__of_sure_and_right_is_0_and_of_sure_and_wrong_is_1():
    values = torch.tensor([200.0, 0.0])[:, None, None].expand(2, 2, 2).contiguous()
    seen = ClassMap(values=values, are_probabilities=False, scenes=None, g=None)
    won = seen.mask((2, 2))
    for label, ece in ((0, 0.0), (1, 1.0)):
        measure = Calibration()
        labels = np.full((2, 2), label)
        measure.add(
            Scored(sample=SAMPLE, image=IMAGE, labels=labels, mask=won.numpy(), seen=seen, won=won)
        )
        assert measure.scores().ece == ece
        assert measure.scores().bins[-1].share == 1
        assert measure.scores().bins[0].accuracy is None
    assert np.isnan(Calibration().scores().ece)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 999), st.sampled_from([0.01, 1.0, 1000.0]))
def test_anomaly__is_the_share_of_pairs_in_order_up_to_a_64th_of_a_lead(seed, scale):
    one = scored(seed, scale=scale)
    measure = Anomaly()
    measure.add(one)
    two = full(one).topk(2, dim=1).values
    lead = (two[:, 0] - two[:, 1]).numpy()
    void = (one.labels == IGNORE).ravel()
    a, b = lead[void][:, None], lead[~void][None]
    near = np.abs(a - b) <= np.maximum(a, b) / 64 + 1e-5 * scale
    surely, maybe = ((a < b) & ~near).mean(), near.mean()
    assert surely <= measure.auroc() + 1e-4
    assert measure.auroc() <= surely + maybe + 1e-4
    assert measure.auroc() == pytest.approx(((a < b) + (a == b) / 2).mean(), abs=0.01)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=8))
def test_auroc__counts_pairs_and_draws_half(bins):
    counts = torch.tensor(bins).T
    labelled = [i for i, n in enumerate(counts[0].tolist()) for _ in range(n)]
    void = [i for i, n in enumerate(counts[1].tolist()) for _ in range(n)]
    if not labelled or not void:
        assert np.isnan(auroc(counts))
        return
    pairs = [(v < k) + (v == k) / 2 for v in void for k in labelled]
    assert auroc(counts) == pytest.approx(float(np.mean(pairs)))


def test_anomaly__without_unlabelled_pixels_is_nan():
    measure = Anomaly()
    measure.add(scored(0, unlabelled=0.0))
    assert np.isnan(measure.auroc())

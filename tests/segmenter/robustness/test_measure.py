"""Scores under corruptions, of a model that was trained for a moment."""

from pathlib import Path
from statistics import mean

import numpy as np
import pytest

from langseg.cache.errors import UsageError
from langseg.segmenter.data.labels import LabelRule
from langseg.segmenter.data.sample import read_sample
from langseg.segmenter.evaluation.evaluate import evaluate
from langseg.segmenter.evaluation.pictures import summed
from langseg.segmenter.evaluation.tallies import labelled_miou, tally
from langseg.segmenter.inference.segmenter import Segmenter
from langseg.segmenter.robustness.corrupt import corrupt
from langseg.segmenter.robustness.measure import Robustness
from langseg.segmenter.training.train import train
from tests.support.tiny_segmenter import (
    tiny_bank,
    tiny_config,
    tiny_samples,
    tiny_vit,
    write_dataset,
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("trained")
    write_dataset(root / "data", count=3)
    train(
        config=tiny_config(steps=20, batch_size=4, lr=1e-2), backbone=tiny_vit(), bank=tiny_bank(),
        samples=tiny_samples(root / "data"), out=root / "run",
    )  # fmt: skip
    return root


def test_scores__are_those_of_each_corrupted_picture_beside_the_clean_on_the_same_pixels(root):
    segmenter = Segmenter.load(root / "run", backbone=tiny_vit())
    samples = tiny_samples(root / "data", "val")
    measure = Robustness(
        lambda _, image: segmenter.segment(image).mask, 3, ["occlusion", "noise"], [1, 5], seed=3
    )
    found = evaluate(segmenter, samples, measures=[measure])
    report = measure.report(summed(found.pictures, 3))
    rule, scores = LabelRule((1, 2, 3), (0,)), report.scores
    assert [(one.corruption, one.severity) for one in scores] == [
        ("occlusion", 1), ("occlusion", 5), ("noise", 1), ("noise", 5)
    ]  # fmt: skip
    for one in scores:
        worse = clean = np.zeros((3, 3), np.int64)
        for sample in samples:
            image, labels = read_sample(sample, rule)
            changed, truth = corrupt(
                image, labels, one.corruption, one.severity, seed=3, stem=sample.stem
            )
            worse = worse + tally(segmenter.segment(changed).mask, truth, 3).numpy()
            clean = clean + tally(segmenter.segment(image).mask, truth, 3).numpy()
        as_tensor = measure.counts.new_tensor
        assert one.miou == labelled_miou(as_tensor(worse))
        assert one.clean_miou == labelled_miou(as_tensor(clean))
        assert one.ratio == one.miou / one.clean_miou
        assert one.pixels == worse[1].sum()
    assert scores[1].pixels < scores[0].pixels < scores[2].pixels == found.scores.pixels
    assert [one.corruption for one in report.means] == ["occlusion", "noise"]
    assert report.means[0].ratio == mean([scores[0].ratio, scores[1].ratio])
    assert report.miou == mean(one.miou for one in report.means)
    assert report.clean_miou == found.scores.miou == scores[2].clean_miou


def test_a_misspelt_corruption__is_refused_before_a_picture_is_read():
    def predict(*_):
        raise AssertionError

    with pytest.raises(UsageError, match="'fogg': wanted one of"):
        Robustness(predict, 3, ["fogg"], [1], seed=0)
    with pytest.raises(UsageError, match="severity 9: wanted 1 to 5"):
        Robustness(predict, 3, ["fog"], [9], seed=0)

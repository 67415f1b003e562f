from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from langseg.cache.errors import InputError, UsageError
from langseg.segmenter.data.labels import LabelRule
from langseg.segmenter.data.sample import read_sample
from langseg.segmenter.evaluation.evaluate import evaluate, evaluate_predictions, given_scene
from langseg.segmenter.evaluation.metrics import ConfusionMatrix
from langseg.segmenter.inference.segmenter import Segmenter
from langseg.segmenter.training.train import train
from tests.support.tiny_segmenter import (
    tiny_bank,
    tiny_config,
    tiny_samples,
    tiny_vit,
    write_dataset,
)

RULE = LabelRule((1, 2, 3), (0,))


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("trained")
    write_dataset(root / "data")
    train(
        config=tiny_config(steps=20, batch_size=4, lr=1e-2), backbone=tiny_vit(), bank=tiny_bank(),
        samples=tiny_samples(root / "data"), out=root / "run",
    )  # fmt: skip
    return root


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["whole", "slide"])
def test_evaluate__is_one_matrix_over_the_dataset_at_the_labels_size(root, mode):
    segmenter = Segmenter.load(root / "run", backbone=tiny_vit(), mode=mode)
    samples, seen = tiny_samples(root / "data", "val"), []
    scores = evaluate(segmenter, samples, progress=lambda *args: seen.append(args))
    matrix, pixels = ConfusionMatrix(3), 0
    for sample in samples:
        image, labels = read_sample(sample, RULE)
        pixels += int((labels >= 0).sum())
        mask = segmenter.segment(image).mask
        matrix.update(torch.from_numpy(mask), torch.from_numpy(labels))
    assert scores == matrix.scores()
    assert scores.pixels == pixels == 6 * 46 * 56
    assert seen == [(i, 6) for i in range(1, 7)]


def test_evaluate__a_given_scene_reaches_the_model(root):
    segmenter = Segmenter.load(root / "run", backbone=tiny_vit())
    scenes: list[str | None] = []

    class Listener(Segmenter):
        def segment(self, image, scene=None):
            scenes.append(scene)
            return super().segment(image, scene)

    samples = tiny_samples(root / "data", "val")
    evaluate(Listener(segmenter.loaded), samples, scenes="label")
    assert scenes == [sample.scene for sample in samples]


def test_given_scene__falls_back_to_the_model_where_the_label_says_nothing(root):
    sample = tiny_samples(root / "data")[0]
    bank = replace(tiny_bank(), scene_names={"kitchen": ("galley",)})
    assert given_scene(sample, bank, "label") == "kitchen"
    assert given_scene(replace(sample, scene="galley"), bank, "label") == "galley"
    assert given_scene(replace(sample, scene="attic"), bank, "label") is None
    assert given_scene(replace(sample, scene="*"), bank, "label") is None
    assert given_scene(sample, bank, "predicted") is None
    assert given_scene(sample, bank, "none") == "*"
    with pytest.raises(UsageError, match="'oracle'"):
        given_scene(sample, bank, "oracle")  # type: ignore[arg-type]


def test_evaluate_predictions__scores_stored_masks(root, tmp_path):
    samples = tiny_samples(root / "data", "val")
    for sample in samples:
        assert sample.labels is not None
        Image.open(sample.labels).save(tmp_path / f"{sample.stem}.png")
    assert evaluate_predictions(tmp_path, samples, RULE).miou == 1.0
    blank = np.zeros((48, 56), np.uint8)
    Image.fromarray(blank).save(tmp_path / f"{samples[0].stem}.png")
    scores = evaluate_predictions(tmp_path, samples, RULE)
    assert scores.pixel_accuracy == pytest.approx(5 / 6)
    Image.fromarray(blank[:-1]).save(tmp_path / f"{samples[0].stem}.png")
    with pytest.raises(InputError, match="wanted a mask of 56x48 like its labels, got 56x47"):
        evaluate_predictions(tmp_path, samples, RULE)
    (tmp_path / f"{samples[0].stem}.png").unlink()
    with pytest.raises(InputError, match=f"{samples[0].stem}.png"):
        evaluate_predictions(tmp_path, samples, RULE)

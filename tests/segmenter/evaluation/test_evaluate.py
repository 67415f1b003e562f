from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from langseg.cache.errors import InputError, UsageError
from langseg.segmenter.data.labels import LabelRule
from langseg.segmenter.data.sample import Sample, read_sample
from langseg.segmenter.evaluation.evaluate import (
    evaluate,
    evaluate_predictions,
    given_scene,
    stored_masks,
)
from langseg.segmenter.evaluation.metrics import Scores, confusion, scores_of
from langseg.segmenter.evaluation.pictures import summed
from langseg.segmenter.features.store import FeatureFolder
from langseg.segmenter.inference.reading import Reading
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
    segmenter = Segmenter.load(root / "run", backbone=tiny_vit(), reading=Reading(mode=mode))
    samples, seen = tiny_samples(root / "data", "val"), []
    found = evaluate(segmenter, samples, on_progress=lambda *args: seen.append(args))
    counts, pixels = torch.zeros(3, 4, dtype=torch.int64), 0
    for sample, kept in zip(samples, found.pictures, strict=True):
        image, labels = read_sample(sample, RULE)
        pixels += int((labels >= 0).sum())
        mask = segmenter.segment(image).mask
        own = confusion(torch.from_numpy(mask), torch.from_numpy(labels), 3)
        assert (summed([kept], 3) == own).all()
        assert (kept.stem, kept.height, kept.width) == (sample.stem, *labels.shape)
        counts += own
    assert found.scores == scores_of(counts)
    assert found.scores.pixels == pixels == 6 * 46 * 56
    assert seen == [("scoring", i, 6) for i in range(1, 7)]


def test_evaluate__a_given_scene_reaches_the_model(root):
    segmenter = Segmenter.load(root / "run", backbone=tiny_vit())
    scenes: list[str | None] = []

    class Listener(Segmenter):
        def look(self, picture, scene=None, features=None):
            scenes.append(scene)
            return super().look(picture, scene, features)

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


def test_given_scene__that_is_wrong_is_any_but_the_own_one_and_the_same_every_time(root):
    bank = tiny_bank(scenes=4)
    samples = [
        replace(sample, scene=scene, stem=f"{number}")
        for number, sample in enumerate(tiny_samples(root / "data", "val") * 9)
        for scene in bank.scenes[1:]
    ]
    wrong = [given_scene(sample, bank, "wrong") for sample in samples]
    assert wrong == [given_scene(sample, bank, "wrong") for sample in samples]
    assert not any(told == sample.scene for told, sample in zip(wrong, samples, strict=True))
    assert set(wrong) == set(bank.scenes[1:])
    assert given_scene(replace(samples[0], scene="attic"), bank, "wrong") is None
    texts = replace(bank, scene_texts={scene: {"*": 1.0} for scene in bank.scenes[2:]})
    assert given_scene(replace(samples[0], scene="street"), texts, "wrong") == "kitchen"


def scored(folder: Path, samples: Sequence[Sample]) -> Scores:
    return evaluate_predictions(stored_masks(folder, samples), samples, RULE).scores


def test_evaluate_predictions__scores_stored_masks(root, tmp_path):
    samples = tiny_samples(root / "data", "val")
    for sample in samples:
        assert sample.labels is not None
        Image.open(str(sample.labels)).save(tmp_path / f"{sample.stem}.png")
    assert scored(tmp_path, samples).miou == 1.0
    blank = np.zeros((48, 56), np.uint8)
    Image.fromarray(blank).save(tmp_path / f"{samples[0].stem}.png")
    assert scored(tmp_path, samples).pixel_accuracy == pytest.approx(5 / 6)
    Image.fromarray(blank[:-1]).save(tmp_path / f"{samples[0].stem}.png")
    with pytest.raises(InputError, match="wanted a mask of 56x48 like its labels, got 56x47"):
        scored(tmp_path, samples)
    (tmp_path / f"{samples[0].stem}.png").unlink()
    told = f"got none of {samples[0].stem} \\(1 of 6 have none\\); give the folder that .* --split"
    with pytest.raises(InputError, match=told):
        scored(tmp_path, samples)


def test_stored_masks__are_found_where_predict_wrote_them_by_the_pictures_name(root, tmp_path):
    sample = tiny_samples(root / "data", "val")[0]
    city = replace(sample, stem="aachen/aachen_0")
    (tmp_path / "aachen").mkdir()
    for name in ("aachen_0_leftImg8bit.png", "overlay_aachen_0_leftImg8bit.png"):
        (tmp_path / "aachen" / name).touch()
    assert stored_masks(tmp_path, [city]) == {
        city.stem: tmp_path / "aachen/aachen_0_leftImg8bit.png"
    }


def test_evaluate__of_kept_features_runs_no_backbone_and_scores_the_same(root, tmp_path):
    segmenter = Segmenter.load(root / "run", backbone=tiny_vit())
    samples, folder = tiny_samples(root / "data", "val"), FeatureFolder(path=tmp_path)
    fresh = evaluate(segmenter, samples)
    evaluate(segmenter, samples, features=folder)
    segmenter.loaded.model.backbone.register_forward_pre_hook(lambda *args: pytest.fail("read"))
    kept = evaluate(segmenter, samples, features=folder)
    assert kept.scores.miou == pytest.approx(fresh.scores.miou, abs=1e-3)
    slide = Segmenter(segmenter.loaded, Reading(mode="slide"))
    with pytest.raises(UsageError, match="wanted pictures read once"):
        evaluate(slide, samples, features=folder)

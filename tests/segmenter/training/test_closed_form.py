"""A head in closed form: fitted in one step, to the same whoever fits it, and kept like any."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from langseg.cache.bank.text_bank import TextBank
from langseg.cache.errors import UsageError
from langseg.segmenter.data import packed
from langseg.segmenter.data.sample import read_labels
from langseg.segmenter.evaluation.evaluate import evaluate
from langseg.segmenter.evaluation.metrics import seen_unseen
from langseg.segmenter.heads.config import HeadConfig
from langseg.segmenter.heads.ridge import AlignedMap
from langseg.segmenter.inference.segmenter import Segmenter
from langseg.segmenter.training import closed_form
from langseg.segmenter.training.train import TrainResult, train
from tests.support.tiny_segmenter import (
    tiny_bank,
    tiny_config,
    tiny_head,
    tiny_samples,
    tiny_vit,
    write_dataset,
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write_dataset(tmp_path / "data", count=6)
    return tmp_path / "data"


def run(data: Path, name: str = "run", bank: TextBank | None = None, **changes: Any) -> TrainResult:
    values = {"head": HeadConfig(kind="aligned"), "feature_side": 48} | changes
    return train(
        config=tiny_config(**values), backbone=tiny_vit(), bank=bank or tiny_bank(),
        samples=tiny_samples(data), out=data.parent / name,
    )  # fmt: skip


def segmenter(data: Path, name: str = "run", **changes: Any) -> Segmenter:
    return Segmenter.load(data.parent / name, backbone=tiny_vit(), **changes)


def fitted(segmenter: Segmenter) -> AlignedMap:
    aligned = segmenter.loaded.model.head.aligned
    assert aligned is not None
    return aligned


def test_fit__tells_colours_apart_that_it_was_shown(data):
    result = run(data)
    assert (result.state.step, result.trainable_parameters) == (1, 0)
    scores = evaluate(segmenter(data), tiny_samples(data, "val")).scores
    assert scores.miou > 0.7  # of three colours, at chance 0.2


def test_fit__is_done_once_and_a_finished_run_is_left_as_it_is(data, monkeypatch):
    first = run(data)
    monkeypatch.setattr(closed_form, "RidgeSums", None)
    again = run(data)
    assert (again.first_step, again.checkpoint) == (1, first.checkpoint)


def test_fit__reads_each_label_file_once(data, monkeypatch):
    read: list[str] = []

    def reading(sample, rule):
        read.append(sample.stem)
        return read_labels(sample, rule)

    monkeypatch.setattr(packed, "read_labels", reading)
    run(data, steps=1)
    fitted_on = [sample.stem for sample in tiny_samples(data)]
    assert read[: len(fitted_on)] == fitted_on
    assert len(read) <= len(fitted_on) + tiny_config().batch_size  # and those of the step


def test_fit__has_no_word_of_an_unseen_class(data):
    run(data, unseen=("class 1",))
    aligned = fitted(segmenter(data))
    assert aligned.words.any(dim=1).tolist() == [True, False, True]
    assert aligned.weight.abs().amax(dim=0).gt(0).tolist() == [True, False, True]


def test_fit__of_less_pictures_than_can_be_held_out_still_gives_a_map(data):
    for path in sorted((data / "images/training").iterdir())[1:]:
        path.unlink()
    for path in sorted((data / "annotations/training").iterdir())[1:]:
        path.unlink()
    run(data)
    assert torch.isfinite(fitted(segmenter(data)).weight).all()


def test_fit__answers_with_other_words_than_its_own(data):
    run(data)
    other = segmenter(data, bank=tiny_bank(classes=5, seed=4))
    assert set(np.unique(other.segment(data / "images/validation/p6.png").mask)) <= set(range(5))


def test_joined__is_fitted_before_its_first_step_and_then_stays(data):
    run(data, "alone")
    run(data, head=tiny_head(aligned_share=0.5), steps=3)
    joined = fitted(segmenter(data))
    torch.testing.assert_close(joined.weight, fitted(segmenter(data, "alone")).weight)


def _cube_bank() -> TextBank:
    """Eight classes, the words of each saying whether it has red, green and blue."""
    bank = tiny_bank(classes=8)
    parts = np.linalg.qr(np.random.default_rng(0).normal(size=(16, 6)))[0].T.reshape(2, 3, 16)
    words = [sum(parts[n >> c & 1, c] for c in range(3)) / 3**0.5 for n in range(8)]
    return replace(bank, emb=(np.array(words)[:, None] * bank.mask[..., None]).astype(np.float16))


def _write_cube(root: Path, count: int) -> None:
    """Pictures of three fields that have red, green and blue or not, with noise."""
    rng = np.random.default_rng(3)
    for split, stem_from in (("training", 0), ("validation", count)):
        for kind in ("images", "annotations"):
            (root / kind / split).mkdir(parents=True)
        for i in range(stem_from, stem_from + count):
            labels = np.repeat(rng.choice(8, 3, replace=False), 16)[None].repeat(48, axis=0)
            picture = 60 + 130 * (labels[..., None] >> np.arange(3) & 1)
            picture = (picture + rng.normal(size=picture.shape) * 8).clip(0, 255)
            for kind, pixels in (("images", picture), ("annotations", labels + 1)):
                Image.fromarray(pixels.astype(np.uint8)).save(root / f"{kind}/{split}/p{i}.png")


@pytest.mark.parametrize("head", [HeadConfig(kind="aligned"), tiny_head(aligned_share=0.9)])
def test_fit__finds_a_class_that_was_never_trained_among_those_that_were(tmp_path, head):
    data = tmp_path / "data"
    _write_cube(data, 24)
    run(data, bank=_cube_bank(), unseen=("class 6",), head=head, steps=2)
    scores = evaluate(segmenter(data), tiny_samples(data, "val")).scores
    seen, unseen, _ = seen_unseen(scores, {6})
    assert seen > 0.5
    assert unseen > 0.3


@pytest.mark.parametrize("head", [HeadConfig(kind="aligned"), tiny_head(aligned_share=0.5)])
def test_config__a_fit_wants_kept_features(head):
    with pytest.raises(UsageError, match="feature_side: wanted the short side .*, got 0; give"):
        tiny_config(head=head)

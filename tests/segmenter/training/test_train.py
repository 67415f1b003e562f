import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from langseg.cache.bank.load_save import load_bank
from langseg.cache.errors import CorruptError, InputError, LangSegError, UsageError
from langseg.segmenter.evaluation.evaluate import evaluate
from langseg.segmenter.heads.config import HeadConfig
from langseg.segmenter.inference.segmenter import Segmenter
from langseg.segmenter.losses.weights import LossWeights
from langseg.segmenter.model.checkpoint import latest, load_checkpoint
from langseg.segmenter.training.train import TrainResult, train
from tests.support.repository import ROOT
from tests.support.tiny_segmenter import (
    tiny_bank,
    tiny_config,
    tiny_samples,
    tiny_vit,
    write_dataset,
)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("data")
    write_dataset(root)
    return root


def run(data: Path, out: Path, **changes: object) -> TrainResult:
    values: dict[str, object] = {
        "config": tiny_config(), "backbone": tiny_vit(), "bank": tiny_bank(),
        "samples": tiny_samples(data), "out": out, "checkpoint_every": 4, "log_every": 1,
    }  # fmt: skip
    return train(**values | changes)  # type: ignore[arg-type]


@pytest.mark.slow
def test_train__killed_and_resumed_equals_uninterrupted_bit_by_bit(data, tmp_path):
    whole = run(data, tmp_path / "whole")
    killed = subprocess.run(
        [sys.executable, "-m", "tests.support.killed_run", data, tmp_path / "killed", "6"],
        cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL
    assert latest(tmp_path / "killed") == tmp_path / "killed/ckpt-000004"
    resumed = run(data, tmp_path / "killed")
    assert (whole.first_step, resumed.first_step) == (0, 4)
    assert [row["step"] for row in whole.state.history] == list(range(1, 9))
    assert resumed.state.history == whole.state.history
    for name in ("model.safetensors", "optimizer.safetensors"):
        got, wanted = load_file(resumed.checkpoint / name), load_file(whole.checkpoint / name)
        assert got.keys() == wanted.keys()
        assert all(torch.equal(got[key], wanted[key]) for key in wanted)
    assert (tmp_path / "killed/metrics.jsonl").read_text() == (
        tmp_path / "whole/metrics.jsonl"
    ).read_text()


@pytest.mark.slow
def test_train__resumed_goes_on_with_the_bank_it_was_begun_with(data, tmp_path):
    def stop(step: int, steps: int, losses: Mapping[str, float]) -> None:
        if step == 6:
            raise KeyboardInterrupt

    whole = run(data, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(data, tmp_path / "cut", on_step=stop)
    bank = tiny_bank()
    again = replace(bank, emb=np.roll(bank.emb, 1, axis=-1))  # as it would be embedded elsewhere
    assert again.fingerprint == bank.fingerprint
    resumed = run(data, tmp_path / "cut", bank=again)
    assert resumed.first_step == 4
    assert resumed.state.history == whole.state.history


@pytest.mark.slow
def test_train__a_finished_run_is_left_alone(data, tmp_path):
    first = run(data, tmp_path)
    before = (first.checkpoint / "state.json").stat().st_mtime_ns
    again = run(data, tmp_path)
    assert again.first_step == again.state.step == 8
    assert again.checkpoint == first.checkpoint
    assert (first.checkpoint / "state.json").stat().st_mtime_ns == before


@pytest.mark.slow
def test_train__learns_and_scores_what_it_learnt(data, tmp_path):
    config = tiny_config(steps=60, batch_size=4, lr=1e-2)
    result = run(data, tmp_path, config=config, val=tiny_samples(data, "val"), log_every=20)
    scores = result.state.history[-1]
    assert scores["step"] == 60
    assert scores["miou"] > 0.6
    losses = [row["seg"] for row in result.state.history if "seg" in row]
    assert losses[-1] < 0.7 * losses[0]
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == list(result.state.history)


@pytest.mark.slow
def test_train__the_linear_baseline_learns_too(data, tmp_path):
    config = tiny_config(steps=40, batch_size=4, lr=3e-2, head=HeadConfig(kind="linear"))
    result = run(data, tmp_path, config=config, val=tiny_samples(data, "val"), log_every=20)
    assert result.state.history[-1]["miou"] > 0.6
    assert set(result.state.history[0]) == {"step", "loss", "seg", "grad_norm", "lr"}
    loaded = Segmenter.load(tmp_path, backbone=tiny_vit())
    again = evaluate(loaded, tiny_samples(data, "val")).scores
    assert result.state.history[-1]["miou"] == again.miou  # BatchNorm: scored as it will answer


def test_train__tells_its_progress_after_every_step(data, tmp_path):
    seen = []
    run(data, tmp_path, config=tiny_config(steps=2), on_step=lambda *args: seen.append(args))
    assert [(step, steps) for step, steps, _ in seen] == [(1, 2), (2, 2)]
    assert set(seen[0][2]) == {"loss", "seg", "tri", "ms", "gen", "grad_norm", "lr"}


def test_train__tells_what_it_does_before_between_and_after_its_steps(data, tmp_path):
    told = []
    samples = tiny_samples(data)
    run(
        data, tmp_path, config=tiny_config(steps=2, feature_side=48), samples=samples,
        val=tiny_samples(data, "val")[:2], val_every=1,
        on_step=lambda step, steps, losses: told.append(("training", step, steps)),
        on_progress=lambda *args: told.append(args),
    )  # fmt: skip
    counted = range(1, len(samples) + 1)
    scoring = [("scoring", 1, 2), ("scoring", 2, 2)]
    assert told == [
        *(("checking labels", done, len(samples)) for done in counted),
        *(("looking for kept features", done, len(samples)) for done in counted),
        *(
            ("reading features", done, len(samples))
            for each in counted
            for done in (each - 1, each - 1, each)  # before each of its two views, and after them
        ),
        ("training", 1, 2), *scoring, ("training", 2, 2), *scoring,
    ]  # fmt: skip


def test_train__keeps_its_own_copy_of_the_bank(data, tmp_path):
    result = run(data, tmp_path, config=tiny_config(steps=1))
    copy = load_bank(tmp_path / result.state.bank_folder)
    assert copy.fingerprint == tiny_bank().fingerprint


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bank": tiny_bank(seed=3)}, "begun with bank [0-9a-f]{64}, got [0-9a-f]{64}"),
        ({"bank": replace(tiny_bank(), vocabulary_hash="w" * 64)}, "with vocabulary vv.* got ww"),
        ({"backbone": tiny_vit(seed=3)}, "with backbone tiny .* got tiny"),
        ({"config": tiny_config(steps=1, lr=1.0)}, "with lr 0.003, got 1.0$"),
        (
            {"config": tiny_config(steps=1, loss=LossWeights(tri=0, gen=0))},
            "with loss.tri 0.1, got 0.0; loss.gen 0.1, got 0.0$",
        ),
        ({"config": tiny_config(steps=1, batch_size=3)}, "with pictures a step 2, got 3$"),
    ],
)
def test_train__does_not_resume_a_run_of_something_else(data, tmp_path, changes, message):
    run(data, tmp_path, config=tiny_config(steps=1))
    with pytest.raises(CorruptError, match=message):
        run(data, tmp_path, **{"config": tiny_config(steps=1)} | changes)


def test_train__does_not_resume_on_another_dataset(data, tmp_path):
    run(data, tmp_path, config=tiny_config(steps=1))
    with pytest.raises(CorruptError, match="begun with dataset"):
        run(data, tmp_path, config=tiny_config(steps=1), samples=tiny_samples(data)[1:])


def test_train__does_not_resume_on_other_pictures_of_the_same_names(data, tmp_path):
    run(data, tmp_path / "run", config=tiny_config(steps=1))
    write_dataset(tmp_path / "data", size=56)
    with pytest.raises(CorruptError, match="begun with dataset"):
        run(tmp_path / "data", tmp_path / "run", config=tiny_config(steps=1))


def test_train__refuses_a_crop_below_one_patch(data, tmp_path):
    with pytest.raises(UsageError, match=r"crop at least one patch .*\(8\), got 4"):
        run(data, tmp_path, config=tiny_config(crop=4))


def test_train__refuses_one_patch_a_batch_where_a_batch_is_normalised(data, tmp_path):
    linear = {"head": HeadConfig(kind="linear"), "batch_size": 1, "steps": 1}
    with pytest.raises(UsageError, match=r"wanted batch_size 2 .* two patches \(16\).*linear head"):
        run(data, tmp_path / "one", config=tiny_config(crop=8, **linear))
    run(data, tmp_path / "four", config=tiny_config(crop=16, **linear))
    run(data, tmp_path / "dense", config=tiny_config(crop=8, batch_size=1, steps=1))


def test_train__refuses_to_leave_every_class_unseen(data, tmp_path):
    with pytest.raises(UsageError, match="at least one class"):
        run(data, tmp_path, config=tiny_config(unseen=tiny_bank().names))


@pytest.mark.slow
def test_train__stops_at_a_loss_that_is_not_finite_and_keeps_the_last_checkpoint(data, tmp_path):
    backbone, out = tiny_vit(), tmp_path / "run"

    def poison(step: int, steps: int, losses: object) -> None:
        if step == 5:
            backbone.mean.fill_(math.nan)

    with pytest.raises(LangSegError, match="stopped at step 6.*nan"):
        run(data, out, backbone=backbone, on_step=poison)
    assert latest(out) == out / "ckpt-000004"
    assert load_checkpoint(out, backbone=tiny_vit()).state.step == 4


def test_train__a_bad_label_stops_the_run_before_the_first_step(tmp_path):
    write_dataset(tmp_path / "data")
    path = tmp_path / "data/annotations/training/p3.png"
    with Image.open(path) as labels:
        bad = labels.point(lambda value: 200 if value == 1 else value)
    bad.save(path)
    with pytest.raises(InputError, match=r"p3\.png: label value 200"):
        run(tmp_path / "data", tmp_path / "run", on_step=lambda *args: pytest.fail("a step"))
    assert latest(tmp_path / "run") is None


def test_train__goes_over_pictures_without_any_label_and_refuses_a_dataset_of_them(tmp_path):
    write_dataset(tmp_path / "data")
    first, *others = sorted((tmp_path / "data/annotations/training").iterdir())
    for path in others:
        with Image.open(path) as labels:
            labels.point(lambda value: 0).save(path)
    told: list[str] = []
    result = run(
        tmp_path / "data", tmp_path / "run", config=tiny_config(steps=4, batch_size=1),
        on_note=told.append,
    )  # fmt: skip
    assert 0.0 in [row["seg"] for row in result.state.history]
    assert told[0].startswith("no labelled pixel is in 5 of 6 label files")
    with Image.open(first) as labels:
        labels.point(lambda value: 0).save(first)
    with pytest.raises(InputError, match="no pixel is labelled"):
        run(tmp_path / "data", tmp_path / "again", config=tiny_config(steps=2))


@pytest.mark.slow
def test_train__never_touches_an_unseen_class(data, tmp_path):
    names = tiny_bank().names
    bank, other_words = tiny_bank(), tiny_bank().emb.copy()
    other_words[2] = other_words[1]
    config = tiny_config(steps=3, unseen=(names[2],))
    first = run(data, tmp_path / "a", config=config, bank=bank)
    second = run(data, tmp_path / "b", config=config, bank=replace(bank, emb=other_words))
    one, two = (load_file(r.checkpoint / "model.safetensors") for r in (first, second))
    assert all(torch.equal(one[key], two[key]) for key in one)
    with pytest.raises(UsageError, match="got sofa"):
        run(data, tmp_path / "c", config=tiny_config(unseen=("sofa",)))


@pytest.mark.slow
def test_train__reads_ahead_with_workers_and_gives_the_same_numbers(data, tmp_path):
    config = tiny_config(steps=3)
    alone = run(data, tmp_path / "alone", config=config)
    helped = run(data, tmp_path / "helped", config=config, workers=2)
    assert helped.state.history == alone.state.history


@pytest.mark.slow
def test_train__on_features_computed_once_resumes_bit_by_bit(data, tmp_path):
    config = tiny_config(steps=4, feature_side=48)

    def cut_off(step: int, steps: int, losses: object) -> None:
        if step == 3:
            raise KeyboardInterrupt

    whole = run(data, tmp_path / "whole", config=config, checkpoint_every=2)
    with pytest.raises(KeyboardInterrupt):
        run(data, tmp_path / "cut", config=config, checkpoint_every=2, on_step=cut_off)
    again = run(data, tmp_path / "cut", config=config, checkpoint_every=2)
    assert again.first_step == 2
    weights = [(r.checkpoint / "model.safetensors").read_bytes() for r in (whole, again)]
    assert weights[0] == weights[1]
    assert Segmenter.load(whole.checkpoint, backbone=tiny_vit()).reading.short_side == 48

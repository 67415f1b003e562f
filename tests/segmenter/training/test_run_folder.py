import json
import math
import os
import re
import signal
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from langseg.cache.errors import InputError, LangSegError, LockedError, UsageError
from langseg.cache.folder_lock import folder_lock
from langseg.segmenter.data.loader import Batch, batches
from langseg.segmenter.features.store import FeatureFolder
from langseg.segmenter.losses.weights import LossWeights
from langseg.segmenter.model.checkpoint import latest
from langseg.segmenter.training.config import TrainConfig
from langseg.segmenter.training.run_folder import OtherRunError, RunFolder
from langseg.segmenter.training.train import TrainResult, train
from langseg.segmenter.training.trainer import Trainer
from tests.support.kept_features import map_files
from tests.support.tiny_segmenter import (
    tiny_bank,
    tiny_config,
    tiny_head,
    tiny_samples,
    tiny_vit,
    write_dataset,
)


@pytest.fixture
def data(tmp_path) -> Path:
    write_dataset(tmp_path / "data")
    return tmp_path / "data"


def run(data: Path, out: Path, **changes: object) -> TrainResult:
    values: dict[str, object] = {
        "config": tiny_config(steps=4), "backbone": tiny_vit(), "bank": tiny_bank(),
        "samples": tiny_samples(data), "out": out, "checkpoint_every": 100, "log_every": 1,
    }  # fmt: skip
    return train(**values | changes)  # type: ignore[arg-type]


def stopping(number: int, at: int):
    def on_step(step: int, steps: int, losses: Mapping[str, float]) -> None:
        if step == at:
            os.kill(os.getpid(), number)

    return on_step


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_a_stop__keeps_the_last_whole_step_and_the_run_goes_on_from_it(
    data, tmp_path, number, workers
):
    handler = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt, match="ckpt-000002 is kept, run the same command again"):
        run(data, tmp_path / "cut", on_step=stopping(number, 2), workers=workers)
    assert signal.getsignal(number) is handler
    resumed = run(data, tmp_path / "cut")
    assert resumed.first_step == 2
    whole = run(data, tmp_path / "whole")
    assert resumed.state.history == whole.state.history
    got, wanted = (load_file(r.checkpoint / "model.safetensors") for r in (resumed, whole))
    assert all(torch.equal(got[name], wanted[name]) for name in wanted)


@pytest.mark.parametrize(
    "phase",
    [
        "checking labels", "checking pictures", "looking for kept features", "reading features",
        "counting classes", "fitting", "calibrating", "hiding classes",
    ],
)  # fmt: skip
def test_a_stop__before_the_first_step_says_that_none_was_kept(data, tmp_path, phase):
    asked: list[str] = []

    def on_progress(told: str, done: int, total: int) -> None:
        assert not asked, told
        if told == phase and done == min(2, total):
            os.kill(os.getpid(), signal.SIGTERM)
            asked.append(told)

    side = 0 if phase == "checking pictures" else 48
    head = tiny_head(aligned_share=0.5 * (side > 0))
    with pytest.raises(KeyboardInterrupt, match="no step was kept"):
        run(
            data, tmp_path / "run", on_progress=on_progress,
            config=tiny_config(feature_side=side, head=head),
            on_step=lambda *_: pytest.fail("a step"),
        )  # fmt: skip
    assert asked == [phase]
    assert latest(tmp_path / "run") is None


def test_a_stop__while_the_views_of_a_picture_are_read_waits_for_no_other_view(data, tmp_path):
    backbone, seen = tiny_vit(), []

    def on_view(*given: object) -> None:
        seen.append(given)
        os.kill(os.getpid(), signal.SIGTERM)

    handle = backbone.register_forward_hook(on_view)
    with pytest.raises(KeyboardInterrupt, match="no step was kept"):
        run(data, tmp_path / "run", backbone=backbone, config=tiny_config(feature_side=48, views=4))
    handle.remove()
    assert len(seen) == 1


def test_settings__are_kept_once_a_run_begins_or_goes_on_and_of_no_other(data, tmp_path):
    kept = tmp_path / "run/settings.json"

    def begun(phase: str, done: int, total: int) -> None:
        if phase == "reading features":
            assert kept.read_text() == '{"lr": 1}'
            raise KeyboardInterrupt

    fresh = tiny_config(steps=2, feature_side=48)
    with pytest.raises(KeyboardInterrupt):
        run(data, kept.parent, config=fresh, settings='{"lr": 1}', on_progress=begun)
    run(data, kept.parent, config=fresh, settings='{"lr": 2}')
    assert kept.read_text() == '{"lr": 2}'
    with pytest.raises(OtherRunError):
        run(data, kept.parent, config=replace(fresh, lr=9.0), settings='{"lr": 9}')
    run(data, kept.parent, config=fresh, settings='{"lr": 3}')  # finished before
    assert kept.read_text() == '{"lr": 2}'
    run(data, kept.parent, config=replace(fresh, steps=3), settings='{"lr": 4}')
    assert kept.read_text() == '{"lr": 4}'


@pytest.mark.slow
def test_a_stop__while_features_are_read_says_that_those_are_kept_and_they_are(data, tmp_path):
    def on_progress(told: str, done: int, total: int) -> None:
        if told == "reading features" and done == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    values: dict[str, Any] = {
        "config": tiny_config(steps=1, feature_side=48, views=2),
        "features": FeatureFolder(path=tmp_path / "features"),
    }
    with pytest.raises(
        KeyboardInterrupt, match="^the features that were read are kept; no step was kept, run the"
    ):
        run(data, tmp_path / "run", on_progress=on_progress, **values)
    kept = {file: file.stat().st_mtime_ns for file in map_files(tmp_path / "features")}
    assert kept
    read: dict[str, int] = {}
    again = values | {"on_progress": lambda phase, done, total: read.update({phase: total})}
    run(data, tmp_path / "run", **again)
    assert read["reading features"] == len(tiny_samples(data)) - len(kept) // 2


def test_a_memory_that_is_too_small__keeps_what_there_is_and_the_run_goes_on_in_less(
    data, tmp_path, monkeypatch
):
    """A real allocation that fails: no machine has 2**62 bytes."""
    step = Trainer.step

    def greedy(self, number, parts):
        if number == 2 and len(parts) == 1:
            torch.empty(2**60, dtype=torch.float32)
        return step(self, number, parts)

    monkeypatch.setattr(Trainer, "step", greedy)
    told = (
        "more memory than there is at step 3; ckpt-000002 is kept; --batch-size 1 --set "
        "training.accumulate=2 trains the same in less"
    )
    with pytest.raises(LangSegError, match=told):
        run(data, tmp_path / "run", checkpoint_every=2)
    less = tiny_config(steps=4, batch_size=1, accumulate=2)
    assert run(data, tmp_path / "run", config=less).first_step == 2


@pytest.mark.parametrize(
    ("batch_size", "accumulate", "less"),
    [
        (8, 2, "--batch-size 4 --set training.accumulate=4"),
        (3, 2, "--batch-size 1 --set training.accumulate=6"),
        (1, 4, "smaller --crop in another folder"),
    ],
)
def test_too_large__advises_a_step_of_as_many_pictures(tmp_path, batch_size, accumulate, less):
    folder = RunFolder(tmp_path, writes=True, tensorboard=False)
    config = tiny_config(batch_size=batch_size, accumulate=accumulate)
    assert less in str(folder.too_large(1, config))


def test_a_run__in_the_place_of_a_file_names_the_flag_for_another(data, tmp_path):
    (tmp_path / "file").touch()
    for place in ("file", "file/run"):
        with pytest.raises(
            InputError, match="wanted a folder for the run, got a file there.*--out"
        ):
            run(data, tmp_path / place)


def test_a_stop__while_scoring_is_scored_when_the_run_goes_on(data, tmp_path):
    val = tiny_samples(data, "val")[:2]

    def on_progress(phase: str, done: int, total: int) -> None:
        if phase == "scoring":
            os.kill(os.getpid(), signal.SIGTERM)

    scored = {"val": val, "val_every": 2}
    with pytest.raises(KeyboardInterrupt, match="ckpt-000002 is kept"):
        run(data, tmp_path / "cut", on_progress=on_progress, **scored)
    resumed, whole = (run(data, tmp_path / name, **scored) for name in ("cut", "whole"))
    assert resumed.state.history == whole.state.history
    assert sum("miou" in row for row in whole.state.history) == 2


def test_a_second_run__in_the_same_folder_is_refused(data, tmp_path):
    tmp_path.joinpath("run").mkdir()
    with (
        folder_lock(tmp_path / "run", "this run", "wait"),
        pytest.raises(LockedError, match=rf"process {os.getpid()} on .* is writing to this run"),
    ):
        run(data, tmp_path / "run")
    assert run(data, tmp_path / "run").state.step == 4


def test_a_run__can_be_made_longer_and_never_shorter(data, tmp_path):
    run(data, tmp_path / "run")
    notes: list[str] = []
    again = run(data, tmp_path / "run", config=tiny_config(steps=6), on_note=notes.append)
    assert (again.first_step, again.state.step) == (4, 6)
    assert again.state.lengths == ((0, 4), (4, 6))
    assert len(notes) == 1
    assert "longer at step 4, from 4 steps to 6" in notes[0]
    rates = [row["lr"] for row in again.state.history[4:]]
    assert rates == [tiny_config(steps=6).learning_rate(step) for step in (4, 5)]
    with pytest.raises(UsageError, match="wanted steps 6 or more"):
        run(data, tmp_path / "run", config=tiny_config(steps=5))


def test_a_run__goes_on_with_other_intervals_workers_and_dealing_of_a_steps_pictures(
    data, tmp_path
):
    run(data, tmp_path / "run", config=tiny_config(steps=2))
    dealt = tiny_config(steps=4, batch_size=1, accumulate=2)
    again = run(
        data, tmp_path / "run", config=dealt, log_every=3, checkpoint_every=1, workers=1,
        val=tiny_samples(data, "val")[:1],
    )  # fmt: skip
    assert (again.first_step, again.state.step) == (2, 4)
    with pytest.raises(OtherRunError, match="begun with pictures a step 2, got 4") as caught:
        run(data, tmp_path / "run", config=replace(dealt, batch_size=2, lr=1.0))
    assert caught.value.wanted == {"pictures a step": 2, "lr": 3e-3}


def test_a_broken_picture__is_found_before_the_first_step_and_the_whole_ones_are_not_read_again(
    data, tmp_path
):
    path = data / "images/training/p3.png"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) - 40])
    with pytest.raises(InputError, match=r"p3\.png.*truncated"):
        run(data, tmp_path / "run", on_step=lambda *_: pytest.fail("a step"))
    path.write_bytes(whole)
    told: list[tuple[str, int, int]] = []
    run(data, tmp_path / "run", on_progress=lambda *args: told.append(args))
    first = len((tmp_path / "run/pictures.txt").read_text().split())
    assert first == 6
    checked = [total for phase, _, total in told if phase == "checking pictures"]
    assert 1 <= checked[0] < 6


def test_a_picture__that_was_repaired_or_broke_on_the_way_loses_no_step(data, tmp_path):
    path = data / "images/training/p3.png"
    whole = path.read_bytes()

    def spoil(step: int, steps: int, losses: Mapping[str, float]) -> None:
        if step == 1:
            path.write_bytes(b"")

    with pytest.raises(InputError, match=r"p3\.png"):
        run(data, tmp_path / "run", on_step=spoil)
    kept = latest(tmp_path / "run")
    assert kept is not None
    path.write_bytes(whole)
    with Image.open(path) as picture:
        picture.save(path, compress_level=0)  # the same picture in other bytes
    notes: list[str] = []
    again = run(data, tmp_path / "run", on_note=notes.append)
    assert again.first_step == int(kept.name[5:]) > 0
    assert notes == [
        "the pictures are not what they were when this run was begun; it goes on with these"
    ]


def test_a_disk__that_refuses_a_checkpoint_costs_no_step_kept_before(data, tmp_path):
    in_the_way = tmp_path / "run/ckpt-000003.tmp"

    def block(step: int, steps: int, losses: Mapping[str, float]) -> None:
        if step == 2:
            in_the_way.touch()

    with pytest.raises(LangSegError, match="refused a write .*; ckpt-000002 is kept; free"):
        run(data, tmp_path / "run", on_step=block, checkpoint_every=1)
    in_the_way.unlink()
    assert run(data, tmp_path / "run").first_step == 2


def trainer_of(data: Path, config: TrainConfig) -> tuple[Trainer, list[Batch]]:
    trainer = Trainer(config, tiny_vit(), tiny_bank(), torch.device("cpu"))
    stream = batches(tiny_samples(data), trainer.rule, seed=0, batch_size=2, crop=32)
    return trainer, [next(stream)]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_step__changes_nothing_where_only_a_gradient_is_no_number(data, value):
    trainer, parts = trainer_of(data, tiny_config())
    parameter = next(trainer.model.head.parameters())
    before = parameter.detach().clone()
    parameter.register_hook(lambda gradient: torch.full_like(gradient, value))
    with pytest.raises(FloatingPointError, match=f"grad_norm {value}"):
        trainer.step(0, parts)
    assert torch.equal(parameter, before)
    assert not trainer.optimizer.state


def test_step__alternating_moves_what_its_term_reaches_and_nothing_else(data):
    config = tiny_config(schedule="alternating")
    weights = [config.loss_at(step) for step in range(4)]
    active = [[n for n in ("seg", "tri", "ms", "gen") if getattr(w, n)] for w in weights]
    assert active == [["gen"], ["tri"], ["seg", "ms"], ["gen"]]
    no_gen = replace(config, loss=LossWeights(gen=0))
    assert no_gen.loss_at(0).tri > 0
    assert replace(config, head=tiny_head(kind="linear")).loss_at(0) == replace(
        config.loss, gen=0.0, tri=0.0
    )
    trainer, parts = trainer_of(data, config)
    before = {name: p.detach().clone() for name, p in trainer.model.head.named_parameters()}
    row = trainer.step(1, parts)  # the triplet
    assert row["loss"] == pytest.approx(0.1 * row["tri"], rel=1e-5)
    moved = {n for n, p in trainer.model.head.named_parameters() if not torch.equal(p, before[n])}
    assert "to_text.weight" in moved
    assert "presence" not in moved


@pytest.mark.slow
def test_tensorboard__says_what_the_log_says_also_of_a_run_that_was_killed(data, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with pytest.raises(KeyboardInterrupt):
        run(data, tmp_path, tensorboard=True, on_step=stopping(signal.SIGTERM, 2))
    result = run(data, tmp_path, tensorboard=True, val=tiny_samples(data, "val")[:2])
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    for name in ("loss", "lr", "miou"):
        logged = [(row["step"], row[name]) for row in result.state.history if name in row]
        shown = [(event.step, event.value) for event in events.Scalars(name)]
        assert shown == [(step, pytest.approx(value, rel=1e-6)) for step, value in logged]


def test_a_diverged_run__says_what_is_kept(data, tmp_path):
    backbone = tiny_vit()

    def poison(step: int, steps: int, losses: object) -> None:
        backbone.mean.fill_(math.nan)

    with pytest.raises(LangSegError) as caught:
        run(data, tmp_path / "run", backbone=backbone, on_step=poison)
    assert re.search(r"stopped at step 2: .*nan; no step was kept; train again", str(caught.value))
    assert json.loads((tmp_path / "run/metrics.jsonl").read_text())["step"] == 1

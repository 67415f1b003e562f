import json
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from safetensors.torch import load_file

from langseg.segmenter.distributed import average_over_ranks, place, process_group, sum_over_ranks
from langseg.segmenter.evaluation.evaluate import evaluate
from langseg.segmenter.inference.segmenter import Segmenter
from langseg.segmenter.model.checkpoint import latest
from tests.support.rank_processes import rank_processes
from tests.support.tiny_segmenter import tiny_samples, tiny_vit, write_dataset

pytestmark = pytest.mark.slow


def test_process_group__is_one_rank_without_torchrun(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with process_group(torch.device("cpu")) as where:
        assert where == place() == (0, 1)
        values = torch.tensor([1.0, 2.0])
        average_over_ranks([values])
        assert sum_over_ranks(values).tolist() == [1.0, 2.0]


def run_ranks(world_size: int, data: Path, out: Path, **settings: object) -> list[dict[str, Any]]:
    """What each rank prints (``ranked_run``)."""
    settings_json = json.dumps(settings)
    ranks = rank_processes(world_size, "-m", "tests.support.ranked_run", data, out, settings_json)
    assert [rank.returncode for rank in ranks] == [0] * world_size, ranks[0].stderr
    return [json.loads(rank.stdout) for rank in ranks]


@pytest.mark.parametrize("head", [{"hidden": 32, "blocks": 1}, {"kind": "linear"}])
def test_two_ranks__give_the_losses_of_one_and_score_each_picture_once(tmp_path, head):
    write_dataset(tmp_path / "data")
    head |= {"dropout": 0.0}  # each rank leaves out what it draws itself
    ranks = run_ranks(2, tmp_path / "data", tmp_path / "run", steps=3, batch_size=1, head=head)
    histories = [rank["history"] for rank in ranks]
    assert histories[0] == histories[1]
    (alone,) = run_ranks(1, tmp_path / "data", tmp_path / "alone", steps=3, batch_size=2, head=head)
    for got, wanted in zip(histories[0][:3], alone["history"][:3], strict=True):
        assert got == pytest.approx(wanted, abs=1e-5)
    folder = latest(tmp_path / "run")
    assert folder is not None
    segmenter = Segmenter.load(folder, backbone=tiny_vit())
    scores = evaluate(segmenter, tiny_samples(tmp_path / "data", "val")[:5]).scores
    assert histories[0][-1]["miou"] == scores.miou
    assert histories[0][-1]["pixels"] == scores.pixels


def test_sum_over_ranks__of_a_tensor_on_the_cpu_goes_by_the_gpu_where_nccl_sums(monkeypatch):
    def doubled(tensor: torch.Tensor) -> None:
        assert tensor is not given
        tensor *= 2

    given = torch.tensor([1.0, 2.0])
    monkeypatch.setattr(dist, "is_initialized", lambda: True)
    monkeypatch.setattr(dist, "get_backend", lambda: "nccl")
    monkeypatch.setattr(dist, "all_reduce", doubled)
    monkeypatch.setattr(torch.Tensor, "cuda", torch.Tensor.clone)
    assert sum_over_ranks(given) is given
    assert given.tolist() == [2.0, 4.0]


def test_two_ranks__fit_what_one_fits(tmp_path):
    write_dataset(tmp_path / "data")
    fitted = []
    for world_size in (1, 2):
        out = tmp_path / str(world_size)
        run_ranks(
            world_size, tmp_path / "data", out, batch_size=2 // world_size, feature_side=48,
            head={"kind": "aligned"},
        )  # fmt: skip
        folder = latest(out)
        assert folder is not None
        fitted.append(load_file(folder / "model.safetensors"))
    assert fitted[0]["aligned.weight"].abs().max() > 0
    for name, alone in fitted[0].items():
        torch.testing.assert_close(fitted[1][name], alone, rtol=1e-4, atol=1e-5)


def test_two_ranks__draw_rare_classes_alike_and_look_at_the_labels_once(tmp_path):
    write_dataset(tmp_path / "data", count=4)
    rare = {"steps": 3, "rare_classes": 0.5, "head": {"hidden": 32, "blocks": 1, "dropout": 0.0}}
    ranks = run_ranks(2, tmp_path / "data", tmp_path / "run", batch_size=1, **rare)
    assert [rank["labels_looked_at"] for rank in ranks] == [4, 0]
    (alone,) = run_ranks(1, tmp_path / "data", tmp_path / "alone", batch_size=2, **rare)
    assert alone["labels_looked_at"] == 4
    for got, wanted in zip(ranks[1]["history"][:3], alone["history"][:3], strict=True):
        assert got == pytest.approx(wanted, abs=1e-5)


_ONE_FAILS = """
import os, sys
from langseg.cache.errors import InputError
from langseg.segmenter.distributed import all_or_none, process_group, sum_over_ranks
import torch
with process_group(torch.device("cpu")) as (rank, _):
    with all_or_none():
        pass
    if sys.argv[1] == "dies" and rank == 1:
        os._exit(9)
    try:
        with all_or_none():
            if rank == 1:
                raise InputError("bad label")
    except Exception as exc:
        print(type(exc).__name__, exc, exc.told_by_another)
"""


_OTHER_FOLDERS = """
from langseg.segmenter.distributed import process_group
from langseg.segmenter.training.train import _check_one_folder
import torch
with process_group(torch.device("cpu")) as (rank, _):
    _check_one_folder("run", 4)
    try:
        _check_one_folder("run", 4 * rank)
    except Exception as exc:
        print(exc)
"""


def test_check_one_folder__refuses_ranks_that_see_different_runs():
    ranks = rank_processes(2, "-c", _OTHER_FOLDERS)
    for step, rank in zip((0, 4), ranks, strict=True):
        assert f"that all machines share, got step {step} here and another" in rank.stdout


@pytest.mark.parametrize(
    ("way", "told"),
    [
        ("fails", ["InputError bad label False", "InputError bad label True"]),
        ("dies", ["LangSegError another process of this run is gone", ""]),
    ],
)
def test_all_or_none__ends_every_rank_with_what_ended_one(way, told):
    for rank, words in zip(rank_processes(2, "-c", _ONE_FAILS, way), told, strict=True):
        assert rank.stdout.startswith(words)

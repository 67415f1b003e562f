import json
import os
import socket
import subprocess
import sys

import pytest
import torch

from langseg.segmenter.distributed import average_over_ranks, place, process_group, sum_over_ranks
from langseg.segmenter.evaluation.evaluate import evaluate
from langseg.segmenter.inference.segmenter import Segmenter
from langseg.segmenter.model.checkpoint import latest
from tests.support.repository import ROOT
from tests.support.tiny_segmenter import tiny_samples, tiny_vit, write_dataset
from tests.support.until import PATIENCE_S

pytestmark = pytest.mark.slow


def test_process_group__is_one_rank_without_torchrun(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with process_group(torch.device("cpu")) as where:
        assert where == place() == (0, 1)
        values = torch.tensor([1.0, 2.0])
        average_over_ranks([values])
        assert sum_over_ranks(values).tolist() == [1.0, 2.0]


def test_two_ranks__train_one_model_and_score_each_picture_once(tmp_path):
    write_dataset(tmp_path / "data")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {
        "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
        "GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    command = [sys.executable, "-m", "tests.support.ranked_run"]
    ranks = [
        subprocess.Popen(
            [*command, tmp_path / "data", tmp_path / "run"], cwd=ROOT, stdout=subprocess.PIPE,
            env=os.environ | shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
        )
        for rank in range(2)
    ]  # fmt: skip
    outputs = [process.communicate(timeout=PATIENCE_S)[0] for process in ranks]
    assert [process.returncode for process in ranks] == [0, 0]
    histories = [json.loads(output) for output in outputs]
    assert histories[0] == histories[1]
    folder = latest(tmp_path / "run")
    assert folder is not None
    segmenter = Segmenter.load(folder, backbone=tiny_vit())
    alone = evaluate(segmenter, tiny_samples(tmp_path / "data", "val")[:5])
    assert histories[0][-1]["miou"] == alone.miou
    assert histories[0][-1]["pixels"] == alone.pixels

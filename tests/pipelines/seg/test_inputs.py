from types import SimpleNamespace

import pytest
import torch

from langseg.pipelines.seg.inputs import device_for


@pytest.mark.parametrize("name", ["auto", "cuda"])
def test_device_for__under_torchrun_gives_each_process_a_gpu_of_its_own(monkeypatch, name):
    def ones(_: int, device: str) -> SimpleNamespace:
        return SimpleNamespace(device=torch.device(device), item=lambda: 1.0)

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch, "ones", ones)
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    assert device_for(name) == "cuda:0"
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert device_for(name) == "cuda:1"
    assert device_for("cuda:0") == "cuda:0"
    assert device_for("cpu") == "cpu"

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from langseg.cache.errors import InputError, UsageError
from langseg.descriptors.vocabulary.load import load_vocabulary
from langseg.pipelines.seg.datasets import Dataset
from langseg.pipelines.seg.inputs import check_ids, device_for
from tests.support.random_bank import random_bank


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


def test_device_for__gives_no_gpu_to_several_processes(monkeypatch):
    monkeypatch.setattr(torch, "ones", lambda *_, **__: pytest.fail("it was tried"))
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    with pytest.raises(UsageError, match="wanted cuda, as torchrun began 2 processes here.*; give"):
        device_for("cuda:1")


def test_check_ids__refuses_a_bank_with_classes_that_no_label_holds():
    msrc = load_vocabulary("msrc")
    dataset = Dataset(
        vocabulary=msrc, folder=Path(), flags="", words=" --dataset msrc", read=lambda split: ()
    )
    bank = random_bank("msrc")
    check_ids(bank, dataset, "instead")
    wide = replace(bank, names=(*bank.names, "piano"), ids=(*bank.ids, 24))
    with pytest.raises(InputError, match="wanted the ids and names of msrc"):
        check_ids(wide, dataset, "instead")

"""A text encoder is pinned by its weights, and found again among a store's records."""

import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from langseg.cache.errors import CorruptError, InputError, UpstreamError, UsageError
from langseg.descriptors.encoders import load
from langseg.descriptors.encoders.base import EncoderRecord
from langseg.descriptors.encoders.load import (
    MINILM_SHA256,
    load_encoder,
    record_to_read,
    stored_record,
)


def test_minilm__carries_the_pinned_weights(minilm):
    assert minilm.record.weights_sha256 == MINILM_SHA256
    assert (minilm.record.dim, minilm.record.max_tokens) == (384, 256)
    assert not minilm.record.image_aligned


def test_minilm__is_one_encoder_from_the_hub_folder_and_from_the_extra(minilm, monkeypatch):
    # the hub's snapshot is a folder of the same files: found there, the record is the same
    folder = load._minilm_folder()
    monkeypatch.setattr(load, "find_spec", lambda name: None)
    monkeypatch.setattr(load, "_folder", lambda name: folder)
    assert load_encoder("minilm", device="cpu").record == minilm.record


def test_stored_record__finds_the_record_of_the_weights_that_would_be_loaded(minilm):
    record = asdict(minilm.record)
    older = {**record, "weights_sha256": "0" * 64}
    assert stored_record("minilm", [older, record]) == minilm.record
    assert stored_record("minilm", [older]) is None
    assert stored_record("minilm", [{**record, "model": "another"}]) is None
    assert stored_record("never/was-there", [record]) is None  # and nothing is looked up


def test_record_to_read__of_a_hub_that_cannot_be_reached_is_the_one_of_that_name(
    minilm, monkeypatch: pytest.MonkeyPatch
):
    def unreachable(name: str) -> Path:
        raise UpstreamError("no hub")

    monkeypatch.setattr(load, "_folder", unreachable)
    one = {**asdict(minilm.record), "model": "some/model"}
    two = {**one, "weights_sha256": "0" * 64}
    found = record_to_read("some/model", [asdict(minilm.record), one])
    assert found == EncoderRecord(**one)
    with pytest.raises(UsageError, match=r"which of model-\w+, model-\w+ it is, got none .no hub"):
        record_to_read("some/model", [one, two])
    assert record_to_read("another", [one, two]) is None


@pytest.mark.slow
def test_stored_record__loads_no_model():
    code = (
        "import sys; from langseg.descriptors.encoders.load import stored_record, MINILM;"
        "from langseg.descriptors.encoders.load import MINILM_SHA256 as sha;"
        "record = dict(model=MINILM, weights_sha256=sha, dim=384, max_tokens=256, prompt='',"
        " normalised=True, image_aligned=False);"
        "print(stored_record('minilm', [record]) is not None, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]


def test_load_encoder__refuses_minilm_with_other_weights(tmp_path: Path, monkeypatch):
    (tmp_path / "model.safetensors").write_bytes(b"not the weights")
    monkeypatch.setattr(load, "_minilm_folder", lambda: tmp_path)
    with pytest.raises(CorruptError, match=MINILM_SHA256):
        load_encoder("minilm")


def test_load_encoder__refuses_a_folder_without_safetensors(tmp_path: Path):
    (tmp_path / "pytorch_model.bin").write_bytes(b"a pickle")
    with pytest.raises(InputError, match=r"model\.safetensors"):
        load_encoder(str(tmp_path))

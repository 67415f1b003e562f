import json
import math
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from langseg.cache.bank.load_save import load_bank, save_bank
from langseg.cache.errors import CorruptError, InputError
from langseg.cache.files import sha256_of
from langseg.cache.keys import canonical_json, sha256_hex
from langseg.segmenter.backbones.load import load_backbone
from langseg.segmenter.heads.config import HeadConfig
from langseg.segmenter.heads.registry import build_head
from langseg.segmenter.model.checkpoint import (
    latest,
    load_checkpoint,
    read_state,
    restore,
    save_checkpoint,
)
from langseg.segmenter.training.train import train
from tests.support.small_bank import arrays_of, in_another_format
from tests.support.tiny_segmenter import (
    tiny_bank,
    tiny_config,
    tiny_head,
    tiny_samples,
    tiny_vit,
    write_dataset,
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("trained")
    write_dataset(root / "data")
    train(
        config=tiny_config(steps=3), backbone=tiny_vit(), bank=tiny_bank(),
        samples=tiny_samples(root / "data"), out=root / "run", checkpoint_every=1, log_every=1,
    )  # fmt: skip
    return root / "run"


@pytest.fixture
def run(trained, tmp_path) -> Path:
    return shutil.copytree(trained, tmp_path / "run")


def test_checkpoints__the_last_two_are_kept(run):
    assert sorted(path.name for path in run.iterdir()) == [
        "LOCK", "LOCK.holder", "banks", "ckpt-000002", "ckpt-000003", "metrics.jsonl",
        "pictures.txt",
    ]  # fmt: skip
    assert sorted(path.name for path in (run / "ckpt-000003").iterdir()) == [
        "model.safetensors", "optimizer.safetensors", "state.json",
    ]  # fmt: skip


def test_latest__ignores_what_was_cut_off_while_written(run):
    shutil.copytree(run / "ckpt-000003", run / "ckpt-000009.tmp")
    shutil.copytree(run / "ckpt-000003", run / "ckpt-000008")
    (run / "ckpt-000008/state.json").unlink()
    assert latest(run) == run / "ckpt-000003"
    assert latest(run / "nowhere") is None


def test_read_state__says_what_was_trained_with_what(run):
    state, bank = read_state(run / "ckpt-000003"), tiny_bank()
    assert state.step == 3
    assert state.bank_fingerprint == bank.fingerprint
    assert state.vocabulary_hash == bank.vocabulary_hash
    assert state.encoder_id == "tiny-encoder"
    assert state.backbone == {
        "name": "tiny", "weights": None, "pretrained": False, "revision": None,
        "taps": [0, 1, 2, 3],
    }  # fmt: skip
    assert state.config["seed"] == 0
    assert [row["step"] for row in state.history] == [1, 2, 3]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.safetensors", "state.json"])
def test_read_state__finds_any_flipped_bit(run, name):
    path, rng = run / "ckpt-000003" / name, np.random.default_rng(0)
    head = build_head(tiny_config().head, width=48, patch=8, text_width=16, classes=3, taps=4)
    optimizer = torch.optim.AdamW(head.parameters())
    whole = path.read_bytes()
    for place in rng.integers(len(whole), size=40):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        if name == "state.json" and _same_json(whole, bytes(damaged)):
            continue  # white space
        with pytest.raises(CorruptError, match="ckpt-000003"):
            restore(path.parent, head, optimizer)


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content.pop("sha256"),
        lambda content: content.pop("history"),
        lambda content: content.update(step=float("nan")),
        lambda content: content.update(extra=1),
        lambda content: content["config"].update(crop=64),
    ],
)
def test_read_state__finds_an_edited_record(run, change):
    path = run / "ckpt-000003/state.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(CorruptError, match="was changed|wanted a LangSeg checkpoint"):
        read_state(path.parent)


def test_save_checkpoint__replaces_what_a_killed_process_left(run):
    head = build_head(tiny_config().head, width=48, patch=8, text_width=16, classes=3, taps=4)
    optimizer = torch.optim.AdamW(head.parameters())
    state = read_state(run / "ckpt-000003")
    for name in ("ckpt-000004.tmp", "ckpt-000004"):
        (run / name).mkdir()
        (run / name / "model.safetensors").write_text("half")
    folder = save_checkpoint(run, head, optimizer, replace(state, step=4))
    assert read_state(folder).step == 4
    assert [path.name for path in sorted(run.glob("ckpt-*"))] == ["ckpt-000003", "ckpt-000004"]


def sealed(folder: Path, **changes: object) -> None:
    """Change what state.json says, and its checksums, as whoever means harm would."""
    content = json.loads((folder / "state.json").read_text())
    content |= changes
    names = ("model.safetensors", "optimizer.safetensors")
    content["sha256"] = {name: sha256_of(folder / name) for name in names}
    said = {key: content[key] for key in content.keys() - {"format", "checksum", "sha256"}}
    document = {"state": said, "sha256": content["sha256"]}
    content["checksum"] = sha256_hex(canonical_json(document))
    (folder / "state.json").write_text(json.dumps(content))


def nested(text: str) -> bytes:
    return (text * 5_000_000 + text.translate({91: 93}) * 5_000_000).encode()


CONFIG = asdict(tiny_config(steps=3)) | {"unseen": [], "scale": [0.5, 2.0]}
HOSTILE_STATES: dict[str, dict[str, object]] = {
    "a huge head": {"config": CONFIG | {"head": asdict(tiny_head()) | {"hidden": 10**9}}},
    "many blocks": {"config": CONFIG | {"head": asdict(tiny_head()) | {"blocks": 10**9}}},
    "another head": {"config": CONFIG | {"head": asdict(tiny_head()) | {"hidden": 8192}}},
    "no head": {"config": {}},
    "a head of lists": {"config": CONFIG | {"head": [1]}},
    "an unknown setting": {"config": CONFIG | {"head": {"__class__": "os.system"}}},
    "a huge side": {"config": CONFIG | {"crop": 10**9}},
    "steps below 0": {"step": -1},
    "a step that is no number": {"step": "3"},
    "a step that is true": {"step": True},
    "a bank elsewhere": {"bank_folder": "../../elsewhere"},
    "a wide text": {"text_width": 10**9},
    "many classes": {"classes": 10**9},
    "a history of text": {"history": [{"loss": "x"}]},
    "lengths of nothing": {"lengths": []},
    "another backbone's arguments": {"backbone": {"name": "tiny", "run": "me"}},
}


@pytest.mark.parametrize("changes", HOSTILE_STATES.values(), ids=HOSTILE_STATES)
def test_load__refuses_a_state_that_no_run_has(run, changes):
    sealed(run / "ckpt-000003", **changes)
    with pytest.raises(CorruptError, match="ckpt-000003") as caught:
        load_checkpoint(run, bank=tiny_bank(), backbone=tiny_vit())
    assert len(str(caught.value)) < 700


def rewrite(folder: Path, name: str, change: Callable[[dict[str, Tensor]], object]) -> None:
    tensors = load_file(folder / name)
    change(tensors)
    save_file(tensors, folder / name)
    sealed(folder)


HOSTILE_TENSORS: dict[str, Callable[[dict[str, Tensor]], object]] = {
    "one more": lambda tensors: tensors.update({"head.extra": torch.zeros(2)}),
    "a name that climbs": lambda tensors: tensors.update({"../../x": torch.zeros(2)}),
    "one less": lambda tensors: tensors.pop(min(tensors)),
    "another type": lambda tensors: tensors.update({min(tensors): tensors[min(tensors)].double()}),
    "another shape": lambda tensors: tensors.update({min(tensors): torch.zeros(3, 1, 7)}),
    "NaN": lambda tensors: tensors[min(tensors)].fill_(math.nan),
}


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.safetensors"])
@pytest.mark.parametrize("change", HOSTILE_TENSORS.values(), ids=HOSTILE_TENSORS)
def test_restore__refuses_tensors_that_the_head_has_not(run, name, change):
    rewrite(run / "ckpt-000003", name, change)
    head = build_head(tiny_config().head, width=48, patch=8, text_width=16, classes=3, taps=4)
    with pytest.raises(CorruptError, match=name):
        restore(run / "ckpt-000003", head, torch.optim.AdamW(head.parameters()))


def test_load__refuses_files_that_are_no_plain_files_of_bounded_size(run, tmp_path):
    folder = run / "ckpt-000003"
    whole = {path.name: path.read_bytes() for path in folder.iterdir()}
    huge = (2**60).to_bytes(8, "little") + b"{}"

    def hollow(path: Path) -> None:
        path.touch()
        os.truncate(path, 10**12)

    for name, spoil in (
        ("state.json", lambda path: path.write_bytes(nested("["))),
        ("state.json", hollow),
        ("state.json", lambda path: path.symlink_to("/dev/zero")),
        ("model.safetensors", lambda path: path.symlink_to("/dev/zero")),
        ("model.safetensors", os.mkfifo),
        ("model.safetensors", lambda path: path.symlink_to(tmp_path / "elsewhere")),
        ("model.safetensors", lambda path: path.write_bytes(huge)),
        ("model.safetensors", lambda path: path.write_bytes(b"\x80\x04cos\nsystem\n.")),
        ("model.safetensors", lambda path: path.mkdir()),
    ):
        path = folder / name
        (tmp_path / "elsewhere").write_bytes(whole[name])
        path.unlink()
        spoil(path)
        with pytest.raises(CorruptError, match="ckpt-000003"):
            load_checkpoint(folder, bank=tiny_bank(), backbone=tiny_vit())
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
        path.write_bytes(whole[name])
    assert load_checkpoint(folder, backbone=tiny_vit()).state.step == 3


def _same_json(one: bytes, other: bytes) -> bool:
    try:
        return bool(json.loads(one) == json.loads(other))
    except ValueError:
        return False


@pytest.mark.parametrize("keep", [0.0, 0.3, 0.99])
def test_read_state__finds_a_cut_file(run, keep):
    path = run / "ckpt-000003/model.safetensors"
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])
    with pytest.raises(CorruptError, match="damaged"):
        load_checkpoint(path.parent, backbone=tiny_vit())


def test_load__answers_with_the_bank_that_came_along_also_when_moved(run, tmp_path):
    moved = run.rename(tmp_path / "elsewhere")
    loaded = load_checkpoint(moved, backbone=tiny_vit())
    assert loaded.bank.fingerprint == tiny_bank().fingerprint
    assert not loaded.model.training
    single = load_checkpoint(moved / "ckpt-000002", backbone=tiny_vit())
    assert single.state.step == 2


def test_load__of_a_run_whose_bank_is_damaged_or_old_says_what_to_give_instead(run):
    folder = run / read_state(run / "ckpt-000003").bank_folder
    for spoil in (flip_last_byte, partial(in_another_format, written=2)):
        spoil(folder)
        with pytest.raises(CorruptError, match=rf"{folder}.*`--bank FOLDER`") as caught:
            load_checkpoint(run, backbone=tiny_vit())
        assert "rebuild" not in str(caught.value)
        again = load_bank(save_bank(tiny_bank(), run / "elsewhere"))
        assert load_checkpoint(run, bank=again, backbone=tiny_vit()).bank is again


def flip_last_byte(folder: Path) -> None:
    path = arrays_of(folder)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def test_load__takes_another_vocabulary_of_the_same_encoder(run):
    other = replace(
        tiny_bank(classes=5, seed=9), names=("a", "b", "c", "d", "e"), vocabulary_hash="w" * 64
    )
    loaded = load_checkpoint(run, bank=other, backbone=tiny_vit())
    assert loaded.bank.names == ("a", "b", "c", "d", "e")


def test_load__refuses_a_bank_of_another_encoder_or_width(run):
    with pytest.raises(CorruptError, match=r"tiny-encoder \(16-d\).*got strange \(16-d\)"):
        load_checkpoint(run, bank=tiny_bank(encoder_id="strange"), backbone=tiny_vit())
    with pytest.raises(CorruptError, match=r"tiny-encoder \(16-d\).*got tiny-encoder \(24-d\)"):
        load_checkpoint(run, bank=tiny_bank(width=24), backbone=tiny_vit())


def test_load__refuses_another_backbone(run):
    with pytest.raises(CorruptError, match="wanted backbone tiny \\(random-weights\\) .* got tiny"):
        load_checkpoint(run, backbone=tiny_vit(seed=1))
    with pytest.raises(CorruptError, match=r"wanted taps \[0, 1, 2, 3\], .* got \[0, 1\]"):
        load_checkpoint(run, backbone=tiny_vit(taps=(0, 1)))


def test_load__a_linear_head_refuses_another_bank(tmp_path):
    write_dataset(tmp_path / "data")
    config = tiny_config(steps=1, head=HeadConfig(kind="linear"))
    train(
        config=config, backbone=tiny_vit(), bank=tiny_bank(),
        samples=tiny_samples(tmp_path / "data"), out=tmp_path / "run",
    )  # fmt: skip
    assert load_checkpoint(tmp_path / "run", backbone=tiny_vit()).bank.names == tiny_bank().names
    with pytest.raises(CorruptError, match="knows one vocabulary only"):
        load_checkpoint(tmp_path / "run", bank=tiny_bank(seed=4), backbone=tiny_vit())


@pytest.mark.slow
def test_load__builds_the_backbone_that_the_checkpoint_names(tmp_path):
    write_dataset(tmp_path / "data", size=32)
    backbone = load_backbone("vit_tiny_patch16_224", taps=[3, 7])
    train(
        config=tiny_config(steps=1), backbone=backbone, bank=tiny_bank(),
        samples=tiny_samples(tmp_path / "data"), out=tmp_path / "run",
    )  # fmt: skip
    loaded = load_checkpoint(tmp_path / "run")
    assert loaded.model.backbone.backbone_id == backbone.backbone_id
    assert loaded.model.backbone.taps == (3, 7)


@pytest.mark.slow
def test_load__finds_weights_that_moved_and_takes_none_but_those(tmp_path):
    """As on another machine: the run and its weights arrive at another path."""
    name, file = "vit_tiny_patch16_224", tmp_path / "here" / "w.safetensors"
    file.parent.mkdir()
    tensors = load_backbone(name).vit.state_dict()
    save_file(tensors, file)
    write_dataset(tmp_path / "data")
    train(
        config=tiny_config(steps=1), backbone=load_backbone(name, weights=file), bank=tiny_bank(),
        samples=tiny_samples(tmp_path / "data"), out=tmp_path / "run",
    )  # fmt: skip
    (tmp_path / "there").mkdir()
    moved = file.replace(tmp_path / "there" / "other name.safetensors")
    with pytest.raises(InputError, match="give one with --weights"):
        load_checkpoint(tmp_path / "run")
    loaded = load_checkpoint(tmp_path / "run", weights=moved)
    assert loaded.model.backbone.backbone_id == loaded.state.backbone_id
    shutil.copy(moved, tmp_path / "run" / file.name)  # beside the checkpoints: found by its name
    assert load_checkpoint(tmp_path / "run").state == loaded.state
    tensors["norm.bias"] = tensors["norm.bias"] + 1
    save_file(tensors, tmp_path / "foreign.safetensors")
    with pytest.raises(CorruptError, match="wanted backbone vit_tiny_patch16_224 sha256"):
        load_checkpoint(tmp_path / "run", weights=tmp_path / "foreign.safetensors")


def test_load__without_a_checkpoint_says_so(tmp_path):
    with pytest.raises(InputError, match="got none; train first"):
        load_checkpoint(tmp_path)
    with pytest.raises(InputError, match="got none; train first"):
        load_checkpoint(tmp_path / ("a" * 5000))
    (tmp_path / "state.json").write_text("[]")
    with pytest.raises(CorruptError, match="wanted checkpoint format"):
        load_checkpoint(tmp_path)


def test_restore__brings_back_weights_and_moments(run, tmp_path):
    def fresh(seed: int) -> tuple[torch.nn.Module, torch.optim.AdamW]:
        head = build_head(
            tiny_config().head, width=48, patch=8, text_width=16, classes=3, taps=4, seed=seed
        )
        return head, torch.optim.AdamW(head.parameters())

    folder = run / "ckpt-000003"
    head, optimizer = fresh(5)
    restore(folder, head, optimizer)
    again = save_checkpoint(tmp_path / "copy", head, optimizer, read_state(folder))
    for name in ("model.safetensors", "optimizer.safetensors"):
        assert (again / name).read_bytes() == (folder / name).read_bytes()

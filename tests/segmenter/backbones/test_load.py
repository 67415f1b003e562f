import json
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file

from langseg.cache.errors import CorruptError, InputError, UsageError
from langseg.cache.files import sha256_of
from langseg.segmenter.backbones import load, offline
from langseg.segmenter.backbones.load import load_backbone
from langseg.segmenter.backbones.vit import BackboneSource, FrozenViT

SMALL = "vit_tiny_patch16_224"


def test_load_backbone__random_weights_say_so_and_are_the_same_every_time():
    torch.manual_seed(1)
    first = load_backbone(SMALL)
    torch.manual_seed(2)
    assert load_backbone(SMALL).backbone_id == first.backbone_id
    assert first.backbone_id.startswith(f"{SMALL} (random-weights) sha256:")
    assert first.source == BackboneSource(name=SMALL, taps=(2, 5, 8, 11))


@pytest.mark.slow
def test_load_backbone__reads_safetensors_and_pins_them_in_the_id(tmp_path):
    vit = timm.create_model(SMALL)  # with a classifier, as published files have
    path = tmp_path / "w.safetensors"
    save_file({key: value.half() for key, value in vit.state_dict().items()}, path)
    loaded = load_backbone(SMALL, weights=path)
    assert torch.equal(
        loaded.vit.state_dict()["cls_token"], vit.state_dict()["cls_token"].half().float()
    )
    assert "random" not in loaded.backbone_id
    assert loaded.backbone_id != load_backbone(SMALL).backbone_id
    assert loaded.source == BackboneSource(name=SMALL, weights=str(path), taps=(2, 5, 8, 11))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("norm.bias"), "norm.bias is missing"),
        (lambda s: s.update(extra=torch.zeros(1)), "extra is unknown"),
        (lambda s: s.update({"cls_token": torch.zeros(2)}), r"cls_token wanted \(1, 1, 192\)"),
        (lambda s: s["cls_token"].fill_(torch.nan), "cls_token holds NaN"),
    ],
)
def test_load_backbone__names_the_tensor_that_does_not_fit(tmp_path, change, message):
    state = timm.create_model(SMALL, num_classes=0).state_dict()
    change(state)
    save_file(state, tmp_path / "w.safetensors")
    with pytest.raises(CorruptError, match=message):
        load_backbone(SMALL, weights=tmp_path / "w.safetensors")


def test_load_backbone__says_which_weights_are_not_there(tmp_path):
    with pytest.raises(InputError, match=r"absent\.safetensors: .*--weights"):
        load_backbone("vit_tiny_patch16_224", tmp_path / "absent.safetensors")


def test_load_backbone__never_opens_a_pickle(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "marker"), "w"))

    torch.save(Bomb(), tmp_path / "w.pt")
    with pytest.raises(UsageError, match="wanted weights as .safetensors"):
        load_backbone(SMALL, weights=tmp_path / "w.pt")
    (tmp_path / "w.pt").rename(tmp_path / "w.safetensors")
    with pytest.raises(CorruptError, match="wanted a safetensors file"):
        load_backbone(SMALL, weights=tmp_path / "w.safetensors")
    assert not (tmp_path / "marker").exists()


@pytest.mark.parametrize(
    "name",
    ["resnet18", "swin_tiny_patch4_window7_224", "vit_small_r26_s32_224", "beit_base_patch16_224",
     "naflexvit_base_patch16_gap", "samvit_base_patch16", "vit_relpos_small_patch16_224"],
)  # fmt: skip
def test_load_backbone__refuses_what_is_no_plain_vit(name):
    with pytest.raises(UsageError, match=f"'{name}': wanted a plain ViT of timm, .* another kind"):
        load_backbone(name)


def test_load_backbone__names_what_was_meant():
    for name, near in (("vit_tiny_patch16_22", SMALL), ("dinov2-small-ofline", offline.NAME)):
        with pytest.raises(UsageError, match=f"did you mean {near}"):
            load_backbone(name)
    with pytest.raises(UsageError, match=r"Invalid pretrained tag.*vit_tiny_patch16_224\.augreg"):
        load_backbone("vit_tiny_patch16_224.mine")
    with pytest.raises(UsageError, match="timm knows none"):
        load_backbone("vit_giant_patch14_224", pretrained=True)
    with pytest.raises(UsageError, match="both"):
        load_backbone(SMALL, weights=Path(SMALL), pretrained=True)
    with pytest.raises(UsageError, match="--revision with --pretrained"):
        load_backbone(SMALL, revision="main")
    with pytest.raises(UsageError, match="brings its own weights"):
        load_backbone(offline.NAME, pretrained=True)


def test_load_backbone__demo_checks_its_file_against_its_card(tmp_path, monkeypatch):
    kwargs: dict[str, Any] = {
        "patch_size": 8,
        "img_size": 32,
        "embed_dim": 48,
        "depth": 4,
        "num_heads": 3,
    }
    vit = timm.create_model(SMALL, **kwargs, num_classes=0)
    save_file(
        {key: value.half() for key, value in vit.state_dict().items()},
        tmp_path / "demo_vit.safetensors",
    )
    card = {
        "timm_model": SMALL, "timm_kwargs": kwargs, "mean": [0.5] * 3, "std": [0.25] * 3,
        "sha256": sha256_of(tmp_path / "demo_vit.safetensors"),
    }  # fmt: skip
    monkeypatch.setattr(load, "ASSETS", tmp_path)
    (tmp_path / "demo_vit.json").write_text(json.dumps(card))
    demo = load_backbone("demo")
    assert isinstance(demo, FrozenViT)
    assert demo.patch == 8
    assert demo.backbone_id.startswith("demo sha256:")
    (tmp_path / "demo_vit.json").write_text(json.dumps(card | {"sha256": "0" * 64}))
    with pytest.raises(CorruptError, match="wanted sha256 000"):
        load_backbone("demo")

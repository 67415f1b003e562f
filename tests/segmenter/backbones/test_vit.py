import json
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file

from langseg.cache.errors import CorruptError, InputError, UpstreamError, UsageError
from langseg.cache.files import sha256_of
from langseg.segmenter.backbones import vit as backbone
from langseg.segmenter.backbones.vit import BackboneSource, FrozenViT, load_backbone
from tests.support.tiny_segmenter import tiny_vit

SMALL = "vit_tiny_patch16_224"


def test_frozen_vit__gives_four_maps_and_a_class_token():
    features = tiny_vit()(torch.rand(2, 3, 32, 48))
    assert [tuple(tap.shape) for tap in features.taps] == [(2, 48, 4, 6)] * 4
    assert features.cls.shape == (2, 48)
    assert features.padded == (32, 48)


def test_frozen_vit__taps_are_the_normalised_blocks_of_timm():
    frozen, image = tiny_vit(depth=8), torch.rand(1, 3, 32, 32)
    features = frozen(image)
    x = (image - frozen.mean) / frozen.std
    tokens, taps = frozen.vit.forward_intermediates(x, indices=[1, 3, 5, 7], norm=True)
    for got, wanted in zip(features.taps, taps, strict=True):
        torch.testing.assert_close(got, wanted)
    torch.testing.assert_close(features.cls, tokens[:, 0])
    torch.testing.assert_close(tokens, frozen.vit.forward_features(x))


def test_frozen_vit__pads_any_size_to_whole_patches():
    features = tiny_vit()(torch.rand(1, 3, 33, 7))
    assert features.padded == (40, 8)
    assert features.taps[0].shape[-2:] == (5, 1)


def test_frozen_vit__padding_is_the_mean_colour():
    frozen, image = tiny_vit(), torch.rand(1, 3, 32, 30)
    whole = torch.cat([image, frozen.mean.expand(1, 3, 32, 2)], dim=3)
    torch.testing.assert_close(frozen(image).taps[3], frozen(whole).taps[3])


def test_frozen_vit__leaves_register_tokens_out_of_the_maps():
    features = tiny_vit(reg_tokens=4)(torch.rand(1, 3, 32, 32))
    assert features.taps[0].shape == (1, 48, 4, 4)


def test_frozen_vit__without_a_class_token_gives_the_mean_patch():
    frozen = tiny_vit(class_token=False, global_pool="avg", fc_norm=False, reg_tokens=2)
    features = frozen(torch.rand(1, 3, 32, 32))
    torch.testing.assert_close(features.cls, features.taps[3].mean(dim=(2, 3)))


def test_frozen_vit__of_two_blocks_taps_them_twice():
    taps = tiny_vit(depth=2)(torch.rand(1, 3, 32, 32)).taps
    assert torch.equal(taps[0], taps[1])
    assert not torch.equal(taps[1], taps[2])
    assert len(taps) == 4


def test_frozen_vit__is_never_trained():
    frozen = tiny_vit()
    holder = torch.nn.Sequential(frozen).train()
    assert holder.training
    assert not any(module.training for module in frozen.modules())
    assert not any(p.requires_grad for p in frozen.parameters())
    image = torch.rand(1, 3, 32, 32, requires_grad=True)
    assert not frozen(image).taps[0].requires_grad


def test_load_backbone__random_weights_say_so_and_are_the_same_every_time():
    torch.manual_seed(1)
    first = load_backbone(SMALL)
    torch.manual_seed(2)
    assert load_backbone(SMALL).backbone_id == first.backbone_id
    assert first.backbone_id.startswith(f"{SMALL} random-weights sha256:")
    assert first.source == BackboneSource(name=SMALL)


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
    assert loaded.source == BackboneSource(name=SMALL, weights=str(path))


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


def test_load_backbone__refuses_what_is_no_plain_vit():
    with pytest.raises(UsageError, match="did you mean vit_tiny_patch16_224"):
        load_backbone("vit_tiny_patch16_22")
    for other in ("resnet18", "swin_tiny_patch4_window7_224", "vit_small_r26_s32_224"):
        with pytest.raises(UsageError, match="plain ViT"):
            load_backbone(other)
    with pytest.raises(UsageError, match="both"):
        load_backbone(SMALL, weights=Path(SMALL), pretrained=True)


def test_load_backbone__pretrained_asks_the_hub_for_safetensors_by_name(monkeypatch):
    asked = []

    def no_network(model_id, filename, **kwargs):
        asked.append(filename)
        raise OSError("offline")

    monkeypatch.setattr("timm.models._builder.load_state_dict_from_hf", no_network)
    with pytest.raises(UpstreamError, match="--weights"):
        load_backbone("vit_tiny_patch16_224", pretrained=True)
    assert asked == ["model.safetensors"]
    with pytest.raises(UsageError, match="timm knows none"):
        load_backbone("vit_giant_patch14_224", pretrained=True)


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
    monkeypatch.setattr(backbone, "ASSETS", tmp_path)
    (tmp_path / "demo_vit.json").write_text(json.dumps(card))
    demo = load_backbone("demo")
    assert isinstance(demo, FrozenViT)
    assert demo.patch == 8
    assert demo.backbone_id.startswith("demo sha256:")
    (tmp_path / "demo_vit.json").write_text(json.dumps(card | {"sha256": "0" * 64}))
    with pytest.raises(CorruptError, match="wanted sha256 000"):
        load_backbone("demo")

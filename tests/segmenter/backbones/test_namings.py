import re

import pytest
import timm
import torch
from torch import nn

from langseg.cache.errors import CorruptError
from langseg.segmenter.backbones.namings import timm_named
from langseg.segmenter.backbones.weights import fill

OLD_NAMES = (  # what transformers called things before version 5
    (r"\.attention\.q_proj\.", ".attention.attention.query."),
    (r"\.attention\.k_proj\.", ".attention.attention.key."),
    (r"\.attention\.v_proj\.", ".attention.attention.value."),
    (r"\.attention\.o_proj\.", ".attention.output.dense."),
)
OLD_VIT_NAMES = (
    *OLD_NAMES,
    (r"^layers\.", "encoder.layer."),
    (r"\.mlp\.fc1\.", ".intermediate.dense."),
    (r"\.mlp\.fc2\.", ".output.dense."),
)


def tiny(name: str, side: int = 28, **kwargs):
    return shaken(
        timm.create_model(
            name, embed_dim=48, depth=2, num_heads=3, img_size=side, num_classes=0,
            dynamic_img_size=True, **kwargs,
        ).eval()
    )  # fmt: skip


def shaken(model: nn.Module, seed: int = 0) -> nn.Module:
    """Every value random: a fresh model's zeros and ones would hide what is mixed up."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for value in model.parameters():
            value.add_(torch.randn(value.shape, generator=generator) * 0.1)
    return model


def loaded(tensors, vit):
    named, notes = timm_named("w", dict(tensors), vit)
    fill(vit, named, "w")
    return notes


def test_timm_named__takes_any_one_prefix_and_says_what_it_leaves_out():
    wanted = tiny("vit_small_patch14_dinov2").state_dict()
    for prefix in ("backbone.", "model.", "module.", "teacher.backbone.", "visual.trunk."):
        vit = shaken(tiny("vit_small_patch14_dinov2"), seed=1)
        stored = {prefix + key: value for key, value in wanted.items()}
        notes = loaded(stored | {"criterion.weight": torch.ones(3)}, vit)
        assert notes == (f"w: left out what is not of {prefix}*: criterion.weight",)
        assert all(torch.equal(value, wanted[key]) for key, value in vit.state_dict().items())


def test_timm_named__leaves_out_heads_and_what_helped_to_train():
    vit = tiny("vit_tiny_patch16_224", 32)
    strangers = ("head.weight", "classifier.bias", "pooler.dense.weight", "decoder_embed.bias")
    assert loaded(vit.state_dict() | {key: torch.ones(2) for key in strangers}, vit) == ()


def test_timm_named__resamples_another_image_size_and_says_so():
    vit = tiny("vit_tiny_patch16_224", 32)
    notes = loaded(tiny("vit_tiny_patch16_224", 64).state_dict(), vit)
    assert re.search(r"from 4 x 4 to 2 x 2 patches, as vit_tiny_patch16_224 has them", notes[0])


def test_timm_named__reads_metas_dinov2_names():
    for name, registers in (("vit_small_patch14_dinov2", 0), ("vit_small_patch14_reg4_dinov2", 4)):
        vit = tiny(name)
        wanted = {key: value.clone() for key, value in vit.state_dict().items()}
        stored = dict(wanted) | {"mask_token": torch.zeros(1, 48)}
        if registers:
            stored["register_tokens"] = stored.pop("reg_token")
            stored["pos_embed"] = torch.cat([torch.ones(1, 1, 48), stored["pos_embed"]], dim=1)
            wanted["cls_token"] = wanted["cls_token"] + 1  # of the embedding's first place
        chunked = {re.sub(r"^blocks\.1\.", "blocks.1.1.", key): v for key, v in stored.items()}
        for tensors in (stored, chunked):
            loaded(tensors, vit)
            torch.testing.assert_close(dict(vit.state_dict()), wanted)


def test_timm_named__reads_metas_dinov3_names():
    vit = tiny("vit_small_patch16_dinov3", 32)
    wanted = {key: value.clone() for key, value in vit.state_dict().items()}
    stored = {
        re.sub(r"gamma_(\d)", r"ls\1.gamma", key.replace("reg_token", "storage_tokens")): value
        for key, value in wanted.items()
    }
    stored |= {"mask_token": torch.zeros(1, 48), "rope_embed.periods": torch.ones(4)}
    bias = {f"blocks.{i}.attn.qkv.bias": torch.zeros(144) for i in range(2)}
    loaded(stored | bias, vit)
    torch.testing.assert_close(dict(vit.state_dict()), wanted)
    with pytest.raises(CorruptError, match=r"blocks\.0\.attn\.qkv\.bias.*no place.*_qkvb"):
        loaded(stored | {key: value + 1 for key, value in bias.items()}, vit)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "name", "side", "options", "old"),
    [
        ("Dinov2", "vit_small_patch14_dinov2", 28, {"patch_size": 14}, OLD_NAMES),
        ("Dinov2WithRegisters", "vit_small_patch14_reg4_dinov2", 28, {"patch_size": 14}, OLD_NAMES),
        ("ViT", "vit_tiny_patch16_224", 32, {"intermediate_size": 192}, OLD_VIT_NAMES),
        ("DeiT", "deit_tiny_distilled_patch16_224", 32, {"intermediate_size": 192}, OLD_VIT_NAMES),
        ("DINOv3ViT", "vit_small_patch16_dinov3_qkvb", 32,
         {"intermediate_size": 192, "num_register_tokens": 4}, ()),
    ],
)  # fmt: skip
def test_timm_named__of_transformers_gives_the_same_features(kind, name, side, options, old):
    import transformers

    config = getattr(transformers, f"{kind}Config")(
        hidden_size=48, num_attention_heads=3, num_hidden_layers=2, image_size=side, **options
    )
    theirs = shaken(getattr(transformers, f"{kind}Model")(config).eval())
    vit, image = tiny(name, side), torch.rand(1, 3, side, side)
    stored = theirs.state_dict()
    renamed = {}
    for key, value in stored.items():
        for pattern, word in old:
            key = re.sub(pattern, word, key)  # noqa: PLW2901
        renamed[f"vit.{key}"] = value
    for tensors in (stored, renamed):
        shaken(vit, seed=2)
        loaded(tensors, vit)
        with torch.no_grad():
            wanted = theirs(pixel_values=image).last_hidden_state
            torch.testing.assert_close(vit.forward_features(image), wanted, atol=2e-4, rtol=1e-3)


def test_timm_named__names_what_it_cannot_read():
    vit = tiny("vit_tiny_patch16_224", 32)
    state = dict(vit.state_dict())
    twice = {f"{part}.{key}": v for part in ("student", "teacher") for key, v in state.items()}
    with pytest.raises(CorruptError, match=r"got those of 2 \(student\.\*, teacher\.\*\)"):
        timm_named("w", twice, vit)
    clip = {"vision_model.embeddings.patch_embedding.weight": torch.ones(48, 3, 16, 16)}
    with pytest.raises(CorruptError, match="got those of transformers' CLIP or SigLIP"):
        timm_named("w", clip, vit)
    for tensors, got in (({"conv1.weight": torch.ones(3, 3, 7, 7)}, r"conv1\.weight"), ({}, "no")):
        with pytest.raises(CorruptError, match=f"wanted a ViT under the names of .*got {got}"):
            timm_named("w", tensors, vit)
    with pytest.raises(CorruptError, match="wanted patches of 16 x 16 pixels.*got 8 x 8"):
        timm_named("w", tiny("vit_small_patch8_224", 32).state_dict(), vit)
    for pos_embed in (torch.ones(1, 8, 48), torch.ones(8, 48), torch.ones(1, 5, 47)):
        with pytest.raises(CorruptError, match="pos_embed wanted|timm cannot read them as such"):
            loaded(state | {"pos_embed": pos_embed}, vit)
    with pytest.raises(CorruptError, match=r"norm\.bias wanted torch\.float32, got torch\.int8"):
        loaded(state | {"norm.bias": torch.ones(48, dtype=torch.int8)}, vit)

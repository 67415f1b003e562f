import pytest
import torch

from langseg.cache.errors import UsageError
from langseg.segmenter.backbones.load import load_backbone
from tests.support.tiny_segmenter import tiny_vit

SMALL = "vit_tiny_patch16_224"


def test_frozen_vit__gives_a_map_a_tap_and_a_class_token():
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


@pytest.mark.slow
@pytest.mark.parametrize("name", ["eva02_tiny_patch14_224", "vit_little_patch16_reg4_gap_256"])
def test_frozen_vit__taps_are_normed_where_timm_norms_what_it_pools(name):
    frozen = load_backbone(name)
    with torch.no_grad():
        frozen.vit.fc_norm.weight.fill_(3.0)
    image = torch.rand(1, 3, 4 * frozen.patch, 2 * frozen.patch)
    features = frozen(image)
    for tap in features.taps:
        torch.testing.assert_close(
            tap.std(dim=1, correction=0), torch.full((1, 4, 2), 3.0), rtol=0.01, atol=0
        )
    tokens = frozen.vit.fc_norm(frozen.vit.forward_features((image - frozen.mean) / frozen.std))
    prefix = frozen.vit.num_prefix_tokens
    patches = tokens[:, prefix:].unflatten(1, (4, 2)).permute(0, 3, 1, 2)
    torch.testing.assert_close(features.taps[-1], patches)
    has_class = frozen.vit.cls_token is not None
    wanted = tokens[:, 0] if has_class else tokens[:, prefix:].mean(dim=1)
    torch.testing.assert_close(features.cls, wanted)


def test_frozen_vit__of_two_blocks_taps_each_once():
    frozen = tiny_vit(depth=2)
    assert frozen.taps == (0, 1)
    assert len(frozen(torch.rand(1, 3, 32, 32)).taps) == 2


def test_frozen_vit__taps_the_blocks_that_it_is_told():
    frozen, image = tiny_vit(taps=(0, 2)), torch.rand(1, 3, 32, 32)
    assert frozen.source.taps == (0, 2)
    every, few = tiny_vit()(image), frozen(image)
    for got, wanted in zip(few.taps, (every.taps[0], every.taps[2]), strict=True):
        torch.testing.assert_close(got, wanted)
    torch.testing.assert_close(few.cls, every.cls)


@pytest.mark.parametrize("taps", [(), (1, 0), (1, 1), (0, 4), (-1, 0)])
def test_frozen_vit__refuses_taps_that_it_has_not(taps):
    with pytest.raises(UsageError, match="from 0 to 3, each once and rising, got"):
        tiny_vit(taps=taps)


def test_frozen_vit__is_never_trained():
    frozen = tiny_vit()
    holder = torch.nn.Sequential(frozen).train()
    assert holder.training
    assert not any(module.training for module in frozen.modules())
    assert not any(p.requires_grad for p in frozen.parameters())
    image = torch.rand(1, 3, 32, 32, requires_grad=True)
    assert not frozen(image).taps[0].requires_grad

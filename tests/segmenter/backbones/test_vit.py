import torch

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

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from langseg.cache.errors import UsageError
from langseg.segmenter.heads.dense import (
    FIRST_SCALE,
    DenseHead,
    Head,
    HeadConfig,
    HeadOutput,
    LinearHead,
    build_head,
    cosines,
    projected_cosines,
)
from tests.support.tiny_segmenter import tiny_head, tiny_tensors, tiny_vit


def head_for(patch: int = 8, config: HeadConfig | None = None, classes: int = 3) -> Head:
    return build_head(
        config or tiny_head(), width=48, patch=patch, text_width=16, classes=classes, seed=3
    )


def ask(head: Head, size: tuple[int, int] = (32, 48), patch: int = 8, **bank: int) -> HeadOutput:
    torch.manual_seed(0)
    features = tiny_vit(patch=patch)(torch.rand(2, 3, *size))
    output: HeadOutput = head(features, tiny_tensors(**bank), None, True)
    return output


@pytest.mark.parametrize(("patch", "size"), [(4, (24, 32)), (8, (32, 40)), (16, (32, 48))])
def test_dense__gives_logits_at_a_quarter_of_the_size(patch, size):
    output = ask(head_for(patch), size, patch)
    assert output.logits.shape == (2, 3, size[0] // 4, size[1] // 4)
    assert output.pixels is not None
    assert output.pixels.shape[-2:] == output.logits.shape[-2:]
    assert [tap.shape for tap in output.aux] == [(2, 3, size[0] // patch, size[1] // patch)] * 4


def test_dense__resizes_where_4_does_not_divide_the_patch():
    assert ask(head_for(14), (42, 56), 14).logits.shape == (2, 3, 10, 14)


def test_dense__runs_with_a_bank_of_other_classes_descriptors_and_scenes():
    head = head_for()
    weights = sum(p.numel() for p in head.parameters())
    first = ask(head, classes=3, k=4, scenes=2)
    other = ask(head, classes=7, k=2, scenes=5)
    assert first.logits.shape[1] == 3
    assert other.logits.shape[1] == 7
    assert other.scene_logits is not None
    assert other.scene_logits.shape == (2, 6)
    assert other.presence is not None
    assert other.presence.shape == (2, 7)
    assert sum(p.numel() for p in head.parameters()) == weights
    assert weights == sum(p.numel() for p in head_for(classes=150).parameters())


def test_dense__judges_each_class_by_its_words_alone():
    head, order = head_for(), torch.tensor([2, 0, 1])
    features, bank = tiny_vit()(torch.rand(1, 3, 32, 32)), tiny_tensors()
    straight = head(features, bank)
    shuffled = head(features, bank.select(order))
    torch.testing.assert_close(shuffled.logits, straight.logits[:, order])
    torch.testing.assert_close(shuffled.presence, straight.presence[:, order])


def test_dense__logits_are_cosines_in_the_text_space_times_one_temperature():
    output = ask(head_for())
    assert output.pixels is not None
    assert output.to_text is not None
    assert output.classes is not None
    torch.testing.assert_close(output.classes.norm(dim=2), torch.ones(2, 3))
    projected = F.normalize(output.to_text(output.pixels.permute(0, 2, 3, 1)), dim=-1)
    assert projected.shape == (2, 8, 12, 16)
    cosine = torch.einsum("bhwd,bcd->bchw", projected, output.classes)
    torch.testing.assert_close(output.logits, FIRST_SCALE * cosine, rtol=1e-4, atol=1e-3)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**31 - 1), size=st.floats(1e-2, 1e3))
def test_projected_cosines__equal_projecting_then_normalising(seed, size):
    torch.manual_seed(seed)
    pixels, to_text = torch.randn(2, 3, 4, 6) * size, torch.nn.Linear(6, 40)
    classes = F.normalize(torch.randn(2, 5, 40), dim=-1)
    plain = cosines(F.normalize(to_text(pixels), dim=-1), classes)
    torch.testing.assert_close(
        projected_cosines(pixels, to_text, classes), plain, rtol=1e-4, atol=1e-4
    )


def test_projected_cosines__of_a_pixel_without_length_are_0_with_a_gradient():
    to_text = torch.nn.Linear(6, 40)
    torch.nn.init.zeros_(to_text.bias)
    pixels = torch.zeros(1, 1, 1, 6, requires_grad=True)
    cosine = projected_cosines(pixels, to_text, F.normalize(torch.randn(1, 5, 40), dim=-1))
    assert cosine.abs().max().item() == 0
    cosine.sum().backward()
    assert pixels.grad is not None
    assert bool(torch.isfinite(pixels.grad).all())


def test_dense__temperature_is_clamped():
    head = head_for()
    assert isinstance(head, DenseHead)
    head.log_scale.data.fill_(1e3)
    assert ask(head).logits.abs().max().item() <= 100.001


def test_dense__cosines_stay_exact_where_the_rest_is_bfloat16():
    head, bank = head_for(), tiny_tensors()
    features = tiny_vit()(torch.rand(1, 3, 32, 32))
    with torch.autocast("cpu", torch.bfloat16):
        output = head(features, bank, None, True)
    assert output.logits.dtype == output.classes.dtype == output.aux[0].dtype == torch.float32
    exact = head(features, bank)
    torch.testing.assert_close(output.classes, exact.classes)
    torch.testing.assert_close(output.logits, exact.logits, rtol=0, atol=0.025 * FIRST_SCALE)


def test_dense__tap_weights_start_equal_and_sum_to_1():
    output = ask(head_for())
    assert output.alpha is not None
    torch.testing.assert_close(output.alpha, torch.full((4,), 0.25))


def test_dense__a_known_scene_changes_the_class_vectors():
    head, features, bank = head_for(), tiny_vit()(torch.rand(1, 3, 32, 32)), tiny_tensors()
    kitchen, street = (head(features, bank, torch.tensor([s])) for s in (1, 2))
    assert not torch.allclose(kitchen.classes[0, 1], street.classes[0, 1])
    assert kitchen.scenes.tolist() == [[0.0, 1.0, 0.0]]
    torch.testing.assert_close(kitchen.scene_logits, street.scene_logits)


def test_dense__every_weight_is_trained_and_no_text_is():
    head = head_for(config=tiny_head(text_adapter=True))
    bank = tiny_tensors()
    assert not any(value.requires_grad for value in (bank.emb, bank.scene, bank.weight, bank.prior))
    features = tiny_vit()(torch.rand(2, 3, 32, 32))
    output = head(features, bank, None, True)
    total = output.logits.square().mean() + output.presence.mean() + output.scene_logits.mean()
    (total + sum(tap.square().mean() for tap in output.aux)).backward()
    assert [name for name, p in head.named_parameters() if p.grad is None] == []


def test_dense__the_text_adapter_starts_as_nothing():
    plain, adapted = head_for(), head_for(config=tiny_head(text_adapter=True))
    adapted.load_state_dict(plain.state_dict(), strict=False)
    torch.testing.assert_close(ask(plain).logits, ask(adapted).logits)


def test_build_head__the_same_seed_gives_the_same_weights():
    torch.manual_seed(5)
    first = head_for().state_dict()
    second = head_for().state_dict()
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_linear__is_a_convolution_on_the_last_tap():
    head = head_for(config=HeadConfig(kind="linear"))
    assert isinstance(head, LinearHead)
    assert sum(p.numel() for p in head.parameters()) == 2 * 48 + 48 * 3 + 3
    features = tiny_vit()(torch.rand(2, 3, 32, 48))
    output = head.eval()(features, tiny_tensors())
    assert output.logits.shape == (2, 3, 8, 12)
    assert output.pixels is None
    small = head.classify(features.taps[-1] / (1 + 1e-5) ** 0.5)
    torch.testing.assert_close(
        output.logits, torch.nn.functional.interpolate(small, (8, 12), mode="bilinear")
    )


@pytest.mark.parametrize(
    "changes",
    [{"kind": "magic"}, {"hidden": 100}, {"blocks": -1}, {"beta": -1.0}, {"head_width": 0}],
)
def test_head_config__refuses_what_cannot_be_built(changes):
    with pytest.raises(UsageError):
        HeadConfig(**changes)

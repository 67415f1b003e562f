import pytest
import torch
import torch.nn.functional as F

from langseg.segmenter.heads.dense import FIRST_SCALE, DenseHead
from langseg.segmenter.heads.layers import Entrance
from tests.support.tiny_segmenter import built_head, head_output, tiny_head, tiny_tensors, tiny_vit


@pytest.mark.parametrize(("patch", "size"), [(4, (24, 32)), (8, (32, 40)), (16, (32, 48))])
def test_dense__gives_logits_at_a_quarter_of_the_size(patch, size):
    output = head_output(built_head(patch), size, patch)
    assert output.logits.shape == (2, 3, size[0] // 4, size[1] // 4)
    assert [tap.shape for tap in output.aux] == [(2, 3, size[0] // patch, size[1] // patch)] * 4


def test_dense__resizes_its_logits_where_4_does_not_divide_the_patch():
    output = head_output(built_head(14), (42, 56), 14)
    assert output.logits.shape == (2, 3, 10, 14)
    assert output.pixels is not None
    assert output.pixels.shape[-2:] == (6, 8)


def test_dense__runs_with_a_bank_of_other_classes_descriptors_and_scenes():
    head = built_head()
    weights = sum(p.numel() for p in head.parameters())
    first = head_output(head, classes=3, k=4, scenes=2)
    other = head_output(head, classes=7, k=2, scenes=5)
    assert first.logits.shape[1] == 3
    assert other.logits.shape[1] == 7
    assert other.scene_logits is not None
    assert other.scene_logits.shape == (2, 6)
    assert other.presence is not None
    assert other.presence.shape == (2, 7)
    assert sum(p.numel() for p in head.parameters()) == weights
    assert weights == sum(p.numel() for p in built_head(classes=150).parameters())


def test_dense__judges_each_class_by_its_words_alone():
    head, order = built_head(), torch.tensor([2, 0, 1])
    features, bank = tiny_vit()(torch.rand(1, 3, 32, 32)), tiny_tensors()
    straight = head(features, bank)
    shuffled = head(features, bank.select(order))
    torch.testing.assert_close(shuffled.logits, straight.logits[:, order])
    torch.testing.assert_close(shuffled.presence, straight.presence[:, order])


def test_dense__logits_are_cosines_in_the_text_space_times_one_temperature():
    output = head_output(built_head())
    assert output.pixels is not None
    assert output.to_text is not None
    assert output.classes is not None
    torch.testing.assert_close(output.classes.norm(dim=2), torch.ones(2, 3))
    projected = F.normalize(output.to_text(output.pixels.permute(0, 2, 3, 1)), dim=-1)
    assert projected.shape == (2, 8, 12, 16)
    cosine = torch.einsum("bhwd,bcd->bchw", projected, output.classes)
    torch.testing.assert_close(output.logits, FIRST_SCALE * cosine, rtol=1e-4, atol=1e-3)


def test_dense__temperature_is_clamped():
    head = built_head()
    assert isinstance(head, DenseHead)
    head.log_scale.data.fill_(1e3)
    assert head_output(head).logits.abs().max().item() <= 100.001


def test_dense__cosines_stay_exact_where_the_rest_is_bfloat16():
    head, bank = built_head(), tiny_tensors()
    features = tiny_vit()(torch.rand(1, 3, 32, 32))
    with torch.autocast("cpu", torch.bfloat16):
        output = head(features, bank, None, True)
    assert output.logits.dtype == output.classes.dtype == output.aux[0].dtype == torch.float32
    exact = head(features, bank)
    torch.testing.assert_close(output.classes, exact.classes)
    torch.testing.assert_close(output.logits, exact.logits, rtol=0, atol=0.025 * FIRST_SCALE)


def test_dense__tap_weights_start_equal_and_sum_to_1():
    output = head_output(built_head())
    assert output.alpha is not None
    torch.testing.assert_close(output.alpha, torch.full((4,), 0.25))


def test_dense__a_known_scene_changes_the_class_vectors():
    head, features, bank = built_head(), tiny_vit()(torch.rand(1, 3, 32, 32)), tiny_tensors()
    kitchen, street = (head(features, bank, torch.tensor([s])) for s in (1, 2))
    assert not torch.allclose(kitchen.classes[0, 1], street.classes[0, 1])
    assert kitchen.scenes.tolist() == [[0.0, 1.0, 0.0]]
    torch.testing.assert_close(kitchen.scene_logits, street.scene_logits)


def test_dense__every_weight_is_trained_and_no_text_is():
    head = built_head(config=tiny_head(text_adapter=True))
    bank = tiny_tensors()
    assert not any(value.requires_grad for value in (bank.emb, bank.scene, bank.weight, bank.prior))
    features = tiny_vit()(torch.rand(2, 3, 32, 32))
    output = head(features, bank, None, True)
    total = output.logits.square().mean() + output.presence.mean() + output.scene_logits.mean()
    (total + sum(tap.square().mean() for tap in output.aux)).backward()
    assert [name for name, p in head.named_parameters() if p.grad is None] == []


def test_dense__the_text_adapter_starts_as_nothing():
    plain, adapted = built_head(), built_head(config=tiny_head(text_adapter=True))
    adapted.load_state_dict(plain.state_dict(), strict=False)
    torch.testing.assert_close(head_output(plain).logits, head_output(adapted).logits)


def test_dense__leaves_out_channels_and_outputs_in_training_alone():
    head = built_head(config=tiny_head(dropout=0.5))
    features, bank = tiny_vit()(torch.rand(1, 3, 32, 32)), tiny_tensors()
    first, second = (head.train()(features, bank).logits for _ in range(2))
    assert not torch.allclose(first, second)
    first, second = (head.eval()(features, bank).logits for _ in range(2))
    assert torch.equal(first, second)


def test_dense__begins_with_features_whose_channels_are_alike_in_mean_and_spread():
    head = built_head()
    parts = [tiny_vit()(7 * torch.rand(2, 3, 32, 32)) for _ in range(2)]
    seen = []
    assert isinstance(head, DenseHead)
    first = head.taps[0]
    assert isinstance(first, Entrance)
    first.enter.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    head.begin(parts)
    for part in parts:
        head.eval()(part, tiny_tensors())
    tokens = torch.cat(seen).flatten(0, 2)
    torch.testing.assert_close(tokens.mean(dim=0), torch.zeros(48), rtol=0, atol=1e-3)
    torch.testing.assert_close(tokens.std(dim=0), torch.ones(48), rtol=0, atol=0.05)

import torch

from langseg.segmenter.heads.aligned import AlignedHead
from langseg.segmenter.heads.base import Head
from langseg.segmenter.heads.config import HeadConfig
from langseg.segmenter.text.collapse import plain_classes
from tests.support.tiny_segmenter import built_head, head_output, tiny_head, tiny_tensors, tiny_vit


def filled(head: Head) -> Head:
    """With random weights in place of a fit."""
    assert head.aligned is not None
    generator = torch.Generator().manual_seed(0)
    shape = head.aligned.weight.shape
    head.aligned.weight.copy_(0.01 * torch.randn(shape, generator=generator))
    head.aligned.words.copy_(plain_classes(tiny_tensors(), 1)[0])
    return head.eval()


def aligned_head() -> Head:
    head = built_head(config=HeadConfig(kind="aligned"))
    assert isinstance(head, AlignedHead)
    return filled(head)


def test_aligned__gives_logits_at_a_quarter_of_the_size_for_any_bank():
    for classes in (3, 7):
        output = head_output(aligned_head(), (32, 48), classes=classes)
        assert output.logits.shape == (2, classes, 8, 12)
    assert output.pixels is None
    assert output.scene_logits is None


def test_aligned__judges_each_class_by_its_words_alone():
    head, order = aligned_head(), torch.tensor([2, 0, 1])
    features, bank = tiny_vit()(torch.rand(1, 3, 32, 32)), tiny_tensors()
    straight, shuffled = head(features, bank), head(features, bank.select(order))
    torch.testing.assert_close(shuffled.logits, straight.logits[:, order])


def test_aligned__a_known_scene_changes_the_words_and_an_unknown_one_is_none():
    head, features, bank = aligned_head(), tiny_vit()(torch.rand(1, 3, 32, 32)), tiny_tensors()
    none, unknown, street = (
        head(features, bank, None if s is None else torch.tensor([s])).logits for s in (None, -1, 2)
    )
    assert torch.equal(none, unknown)
    assert torch.equal(none, head(features, bank, torch.tensor([0])).logits)
    assert not torch.allclose(none, street)


def test_dense__joined_is_a_geometric_mean_of_both_heads_probabilities():
    joined = filled(built_head(config=tiny_head(aligned_share=0.3)))
    alone = built_head().eval()
    alone.load_state_dict(joined.state_dict(), strict=False)
    one, other = head_output(alone).logits, head_output(aligned_head()).logits
    wanted = 0.7 * one.log_softmax(dim=1) + 0.3 * other.log_softmax(dim=1)
    torch.testing.assert_close(head_output(joined).logits, wanted, rtol=1e-4, atol=1e-4)


def test_dense__joined_is_trained_by_its_own_answers():
    joined = filled(built_head(config=tiny_head(aligned_share=0.3))).train()
    alone = built_head().train()
    alone.load_state_dict(joined.state_dict(), strict=False)
    torch.testing.assert_close(head_output(joined).logits, head_output(alone).logits)

import torch

from langseg.segmenter.heads.registry import build_head
from langseg.segmenter.model.model import SegModel
from tests.support.tiny_segmenter import tiny_head, tiny_tensors, tiny_vit


def tiny_model() -> SegModel:
    backbone = tiny_vit()
    head = build_head(tiny_head(), width=48, patch=8, text_width=16, classes=3, taps=4)
    return SegModel(backbone, head)


def test_model__trains_the_head_and_nothing_else():
    model, images = tiny_model().train(), torch.rand(2, 3, 32, 32)
    before = {key: value.clone() for key, value in model.backbone.state_dict().items()}
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=0.1)
    model(images, tiny_tensors()).logits.square().mean().backward()
    optimizer.step()
    assert {p for p in model.parameters() if p.requires_grad} == set(model.head.parameters())
    assert all(
        torch.equal(value, before[key]) for key, value in model.backbone.state_dict().items()
    )


def test_model__keeps_nothing_of_a_request():
    model, images = tiny_model().eval(), torch.rand(1, 3, 32, 32)
    first = model(images, tiny_tensors()).logits
    model(images, tiny_tensors(classes=9, seed=4), torch.tensor([1]))
    torch.testing.assert_close(model(images, tiny_tensors()).logits, first)


def test_model__covers_the_padded_image():
    output = tiny_model()(torch.rand(1, 3, 33, 30), tiny_tensors())
    assert output.padded == (40, 32)
    assert output.logits.shape == (1, 3, 10, 8)

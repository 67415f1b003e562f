import torch

from langseg.segmenter.heads.base import HeadConfig
from langseg.segmenter.heads.linear import LinearHead
from tests.support.tiny_segmenter import built_head, tiny_tensors, tiny_vit


def test_linear__is_a_convolution_on_the_last_tap():
    head = built_head(config=HeadConfig(kind="linear"))
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

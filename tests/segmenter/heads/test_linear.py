import torch

from langseg.segmenter.heads.config import HeadConfig
from langseg.segmenter.heads.linear import LinearHead
from tests.support.tiny_segmenter import built_head, tiny_tensors, tiny_vit


def test_linear__is_a_convolution_on_all_taps():
    head = built_head(config=HeadConfig(kind="linear"))
    assert isinstance(head, LinearHead)
    width = 4 * 48
    assert sum(p.numel() for p in head.parameters()) == 2 * width + width * 3 + 3
    features = tiny_vit()(torch.rand(2, 3, 32, 48))
    output = head.eval()(features, tiny_tensors())
    assert output.logits.shape == (2, 3, 8, 12)
    assert output.pixels is None
    small = head.classify(torch.cat(features.taps, dim=1) / (1 + 1e-5) ** 0.5)
    torch.testing.assert_close(
        output.logits, torch.nn.functional.interpolate(small, (8, 12), mode="bilinear")
    )

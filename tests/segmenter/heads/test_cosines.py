import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from langseg.segmenter.heads.cosines import cosines, projected_cosines


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

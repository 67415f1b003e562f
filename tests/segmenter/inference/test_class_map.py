import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from langseg.segmenter.inference.class_map import ClassMap


@settings(deadline=None, max_examples=40)
@given(
    classes=st.integers(1, 20), h=st.integers(1, 9), w=st.integers(1, 9), height=st.integers(1, 40),
    width=st.integers(1, 40), seed=st.integers(0, 99), sure=st.booleans(),
)  # fmt: skip
def test_certainty__is_that_of_the_interpolated_map(classes, h, w, height, width, seed, sure):
    torch.manual_seed(seed)
    values = torch.randn(classes, h, w) * 5
    values = values.softmax(dim=0) if sure else values
    seen = ClassMap(values=values, are_probabilities=sure, scenes=None, g=None)
    mask = seen.mask((height, width))
    confidence, margin = seen.certainty(mask)
    full = F.interpolate(values[None].double(), (height, width), mode="bilinear")[0]
    probability = full if sure else full.softmax(dim=0)
    best = probability.gather(0, mask[None])[0]
    torch.testing.assert_close(confidence.double(), best, rtol=1e-4, atol=1e-6)
    if classes == 1:
        assert (margin == torch.inf).all()
    else:
        two = full.topk(2, dim=0).values
        torch.testing.assert_close(margin.double(), two[0] - two[1], rtol=1e-3, atol=1e-4)


def test_certainty__takes_bands_and_never_all_classes_at_every_pixel(monkeypatch):
    values = torch.randn(30, 12, 10)
    seen = ClassMap(values=values, are_probabilities=False, scenes=None, g=None)
    mask = seen.mask((70, 50))
    whole = seen.certainty(mask)
    monkeypatch.setattr("langseg.segmenter.inference.class_map._BAND_FLOATS", 30 * 50 * 3)
    for got, wanted in zip(seen.certainty(mask), whole, strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("sure", [False, True])
def test_class_confidence__is_the_mean_probability_where_a_class_won(sure):
    torch.manual_seed(0)
    values = torch.randn(4, 3, 5)
    values = values.softmax(dim=0) if sure else values
    seen = ClassMap(values=values, are_probabilities=sure, scenes=None, g=None)
    mask = seen.mask((6, 10))
    near = F.interpolate(values[None], (6, 10), mode="nearest")[0]
    probability = near if sure else near.softmax(dim=0)
    for index, got in enumerate(seen.class_confidence(mask).tolist()):
        won = probability[index][mask == index]
        assert got == pytest.approx(float(won.mean()), nan_ok=True)


class _OnAppleGpu(torch.Tensor):
    """A tensor of a device that has no float64; its ``cpu`` is an ordinary one."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if func is torch.Tensor.cpu:
            return args[0].as_subclass(torch.Tensor)
        made = super().__torch_function__(func, types, args, kwargs)
        if isinstance(made, cls) and made.dtype == torch.float64:
            raise TypeError("Cannot convert a MPS Tensor to float64 dtype")
        return made


@pytest.mark.parametrize("sure", [False, True])
def test_class_map__asks_for_no_float64_where_the_gpu_has_none(sure):
    torch.manual_seed(0)
    values = torch.randn(4, 3, 5).softmax(dim=0)
    seen = ClassMap(values=values, are_probabilities=sure, scenes=None, g=None)
    there = ClassMap(
        values=values.as_subclass(_OnAppleGpu), are_probabilities=sure, scenes=None, g=None
    )
    mask = there.mask((6, 10))
    assert isinstance(mask, _OnAppleGpu)
    assert there.class_confidence(mask).tolist() == seen.class_confidence(mask.cpu()).tolist()
    for got, wanted in zip(there.certainty(mask), seen.certainty(mask.cpu()), strict=True):
        assert got.tolist() == wanted.tolist()

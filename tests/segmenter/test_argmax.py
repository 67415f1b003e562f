import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from langseg.cache.errors import LangSegError
from langseg.segmenter import argmax
from langseg.segmenter.argmax import argmax_upsampled


def naive(logits: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    full = F.interpolate(logits[None], size=size, mode="bilinear", align_corners=False)
    return full[0].argmax(dim=0)


def random_map(kind: str, classes: int, height: int, width: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)

    def noise(h: int, w: int) -> torch.Tensor:
        return torch.randn(classes, h, w, generator=generator)

    if kind == "smooth":
        coarse = noise(-(-height // 5), -(-width // 5))[None]
        return F.interpolate(coarse, size=(height, width), mode="bicubic")[0] * 10
    if kind == "whole numbers":  # exact ties on lattice points and along lines
        return noise(height, width).round()
    if kind == "twins":  # every class has an exact double
        return noise(height, width)[torch.arange(classes) // 2]
    if kind == "nearly twins":  # doubles that differ in the last bits
        twins = noise(height, width)[torch.arange(classes) // 2]
        return twins * (1 + noise(height, width) * 2.0**-23)
    return noise(height, width) * {"noise": 1.0, "large": 1e30, "tiny": 1e-40}[kind]


KINDS = ["noise", "smooth", "whole numbers", "twins", "nearly twins", "large", "tiny"]


@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from(KINDS),
    classes=st.integers(1, 40),
    low=st.tuples(st.integers(1, 24), st.integers(1, 24)),
    size=st.tuples(st.integers(1, 120), st.integers(1, 120)),
    seed=st.integers(0, 2**30),
)
def test_argmax_upsampled__equals_interpolation_then_argmax(kind, classes, low, size, seed):
    logits = random_map(kind, classes, *low, seed)
    assert torch.equal(argmax_upsampled(logits, size), naive(logits, size))


@settings(max_examples=100, deadline=None)
@given(
    arrays(
        np.float32,
        st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, 4)),
        elements=st.floats(-(2.0**127), 2.0**127, width=32),
    ),
    st.tuples(st.integers(1, 12), st.integers(1, 12)),
)
def test_argmax_upsampled__equals_the_plain_way_for_any_finite_numbers(values, size):
    logits = torch.from_numpy(values)
    assert torch.equal(argmax_upsampled(logits, size), naive(logits, size))


@pytest.mark.parametrize("kind", KINDS[:-1])  # subnormal numbers take 10 s here
@pytest.mark.parametrize(("classes", "low", "size"), [(150, (37, 50), (301, 400)),
                                                      (847, (16, 22), (97, 130))])  # fmt: skip
def test_argmax_upsampled__is_exact_at_the_sizes_of_real_vocabularies(kind, classes, low, size):
    logits = random_map(kind, classes, *low, seed=0)
    assert torch.equal(argmax_upsampled(logits, size), naive(logits, size))


def test_argmax_upsampled__gives_ties_to_the_lowest_class():
    assert argmax_upsampled(torch.zeros(5, 4, 4), (9, 9)).unique().tolist() == [0]
    logits = torch.zeros(5, 4, 4)
    logits[[2, 4]] = 1
    assert argmax_upsampled(logits, (9, 9)).unique().tolist() == [2]


def test_argmax_upsampled__leaves_most_classes_out_of_a_smooth_map(monkeypatch):
    kept: list[int] = []
    near_the_top = argmax._near_the_top

    def counting(part, *rest):
        kept.append(len(part))
        return near_the_top(part, *rest)

    monkeypatch.setattr(argmax, "_near_the_top", counting)
    logits = random_map("smooth", 150, 64, 64, seed=0)
    argmax_upsampled(logits, (256, 256))
    assert len(kept) == 64  # tiles
    assert np.mean(kept) < 50


def test_argmax_upsampled__computes_no_full_map_where_the_best_class_is_clear(monkeypatch):
    def refuse(*_: object) -> None:
        raise AssertionError("the plain way was taken")

    monkeypatch.setattr(argmax, "_plain", refuse)
    logits = torch.zeros(3, 8, 8)
    logits[1, :, :4] = 1
    logits[2, :, 4:] = 2.5
    mask = argmax_upsampled(logits, (40, 40))
    assert mask.unique().tolist() == [1, 2]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_argmax_upsampled__compares_in_float32(dtype):
    logits = random_map("noise", 7, 9, 9, seed=1).to(dtype).requires_grad_()
    assert torch.equal(argmax_upsampled(logits, (30, 31)), naive(logits.float(), (30, 31)))


def test_argmax_upsampled__takes_any_memory_layout():
    logits = random_map("noise", 6, 12, 12, seed=2)
    for view in (logits.permute(1, 2, 0).contiguous().permute(2, 0, 1), logits[:, ::2, 1:]):
        assert torch.equal(
            argmax_upsampled(view, (40, 40)), naive(view.contiguous(), (40, 40))
        )  # fmt: skip


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_argmax_upsampled__refuses_numbers_that_cannot_be_compared(bad):
    logits = torch.zeros(3, 4, 4)
    logits[1, 2, 3] = bad
    with pytest.raises(LangSegError, match="wanted finite logits"):
        argmax_upsampled(logits, (8, 8))


def test_plain__keeps_the_running_best_over_chunks(monkeypatch):
    logits = random_map("whole numbers", 50, 9, 9, seed=3)
    monkeypatch.setattr(argmax, "_CHUNK_FLOATS", 20 * 20 * 8)
    assert torch.equal(argmax._plain(logits, (20, 20)), naive(logits, (20, 20)))

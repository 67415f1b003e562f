import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from langseg.cache.errors import LangSegError
from langseg.segmenter.inference import argmax
from langseg.segmenter.inference.argmax import argmax_upsampled


def naive(logits: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    full = F.interpolate(logits[None], size=size, mode="bilinear", align_corners=False)
    return full[0].argmax(dim=0)


def random_map(kind: str, classes: int, low: tuple[int, int], seed: int) -> torch.Tensor:
    height, width = low
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


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from(KINDS),
    classes=st.integers(1, 60),
    low=st.tuples(st.integers(1, 30), st.integers(1, 30)),
    size=st.tuples(st.integers(1, 150), st.integers(1, 150)),
    seed=st.integers(0, 2**30),
)
def test_argmax_upsampled__equals_interpolation_then_argmax(kind, classes, low, size, seed):
    logits = random_map(kind, classes, low, seed)
    assert torch.equal(argmax_upsampled(logits, size), naive(logits, size))


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(
    arrays(
        np.float32,
        st.tuples(st.integers(16, 18), st.integers(1, 3), st.integers(1, 3)),
        elements=st.floats(-(2.0**127), 2.0**127, width=32),
    ),
    st.tuples(st.integers(1, 9), st.integers(125, 135)),
)
def test_argmax_upsampled__equals_the_plain_way_for_any_finite_numbers(values, size):
    logits = torch.from_numpy(values)
    assert torch.equal(argmax_upsampled(logits, size), naive(logits, size))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS[:-1])  # subnormal numbers take 10 s here
@pytest.mark.parametrize(("classes", "low", "size"), [(150, (37, 50), (301, 400)),
                                                      (847, (16, 22), (97, 130))])  # fmt: skip
def test_argmax_upsampled__is_exact_at_the_sizes_of_real_vocabularies(kind, classes, low, size):
    logits = random_map(kind, classes, low, seed=0)
    assert torch.equal(argmax_upsampled(logits, size), naive(logits, size))


@pytest.fixture
def one_thread():
    """With one thread torch interpolates 3 channels by a kernel that rounds differently."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("others", [0, 17])
@pytest.mark.parametrize("seed", range(5))
def test_argmax_upsampled__settles_three_near_ties_as_the_whole_map_does(others, seed):
    one = random_map("noise", 1, (33, 40), seed)
    triplets = one * (1 + random_map("noise", 3, (33, 40), seed) * 2.0**-23)
    logits = torch.cat([triplets, torch.full((others, 33, 40), -9.0)])
    assert torch.equal(argmax_upsampled(logits, (150, 171)), naive(logits, (150, 171)))


def test_argmax_upsampled__gives_ties_to_the_lowest_class():
    assert set(argmax_upsampled(torch.zeros(20, 4, 4), (90, 90)).flatten().tolist()) == {0}
    logits = torch.zeros(20, 4, 4)
    logits[[7, 9, 12]] = 1
    assert set(argmax_upsampled(logits, (90, 90)).flatten().tolist()) == {7}


def test_argmax_upsampled__leaves_most_classes_out_of_a_smooth_map(monkeypatch):
    sizes: list[int] = []
    near_the_top = argmax._near_the_top

    def counting(part, *rest):
        sizes.append(len(part))
        return near_the_top(part, *rest)

    monkeypatch.setattr(argmax, "_near_the_top", counting)
    logits = random_map("smooth", 150, (64, 64), seed=0)
    argmax_upsampled(logits, (256, 256))
    assert len(sizes) == 64  # tiles
    assert np.mean(sizes) < 50


def test_argmax_upsampled__computes_no_full_map_where_the_best_class_is_clear(monkeypatch):
    def refuse(*_: object) -> None:
        raise AssertionError("the plain way was taken")

    monkeypatch.setattr(argmax, "_plain", refuse)
    logits = torch.zeros(20, 8, 8)
    logits[3, :, :4] = 1
    logits[5, :, 4:] = 2.5
    assert set(argmax_upsampled(logits, (80, 80)).flatten().tolist()) == {3, 5}


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_argmax_upsampled__compares_in_float32(dtype):
    logits = random_map("noise", 17, (9, 9), seed=1).to(dtype).requires_grad_()
    assert torch.equal(argmax_upsampled(logits, (80, 81)), naive(logits.float(), (80, 81)))


def test_argmax_upsampled__takes_any_memory_layout():
    logits = random_map("noise", 18, (12, 12), seed=2)
    for view in (logits.permute(1, 2, 0).contiguous().permute(2, 0, 1), logits[:, ::2, 1:]):
        assert torch.equal(
            argmax_upsampled(view, (80, 80)), naive(view.contiguous(), (80, 80))
        )  # fmt: skip


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_argmax_upsampled__refuses_numbers_that_cannot_be_compared(bad):
    logits = torch.zeros(3, 4, 4)
    logits[1, 2, 3] = bad
    with pytest.raises(LangSegError, match="wanted finite logits"):
        argmax_upsampled(logits, (8, 8))


def test_plain__keeps_the_running_best_over_chunks(monkeypatch):
    logits = random_map("whole numbers", 50, (9, 9), seed=3)
    monkeypatch.setattr(argmax, "_CHUNK_FLOATS", 80 * 80 * 20)
    assert torch.equal(argmax._plain(logits, (80, 80)), naive(logits, (80, 80)))

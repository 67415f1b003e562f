"""Corruptions: pure functions of a picture, its labels, and (seed, stem, corruption, severity)."""

import io
from typing import TypeAlias

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from langseg.cache.errors import InputError, UsageError
from langseg.segmenter.data.labels import IGNORE
from langseg.segmenter.data.regions import background_and_objects
from langseg.segmenter.robustness.camera import jpeg
from langseg.segmenter.robustness.corrupt import corrupt, parameters
from langseg.segmenter.robustness.names import CORRUPTIONS, SEVERITIES

Pixels: TypeAlias = NDArray[np.uint8]
Labels: TypeAlias = NDArray[np.int64]
OF_OBJECTS = ("occlusion", "clutter")
EDGES = np.random.default_rng(0)


def photograph(height: int = 160, width: int = 230) -> tuple[Pixels, Labels]:
    """Two objects before a background, each with a texture of its own, and some void."""
    labels = np.zeros((height, width), np.int64)
    labels[height // 6 : height // 2, width // 6 : width // 3] = 1
    labels[height // 2 :, width // 2 : width // 2 + width // 5] = 2
    labels[: height // 12] = IGNORE
    colours = np.array([[90, 140, 200], [210, 60, 40], [60, 160, 70], [255, 255, 255]])
    texture = np.random.default_rng(3).integers(-30, 31, (height // 8 + 1, width // 8 + 1))
    texture = np.kron(texture, np.ones((8, 8), np.int64))[:height, :width, None]
    return np.clip(colours[labels] + texture, 0, 255).astype(np.uint8), labels


def made(
    corruption: str, severity: int = 3, *, seed: int = 0, stem: str = "p1"
) -> tuple[Pixels, Labels]:
    return corrupt(*photograph(), corruption, severity, seed=seed, stem=stem)


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_corruption__is_the_same_again_and_leaves_what_it_was_given(corruption: str):
    image, labels = photograph()
    kept = image.copy(), labels.copy()
    threads = torch.get_num_threads()
    first = corrupt(image, labels, corruption, 3, seed=0, stem="p1")
    np.random.seed(5)  # noqa: NPY002 (the generator that other libraries share)
    corrupt(image, labels, "noise", 1, seed=1, stem="p2")
    torch.set_num_threads(1)
    second = corrupt(image, labels, corruption, 3, seed=0, stem="p1")
    torch.set_num_threads(threads)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)
    for now, before in zip((image, labels), kept, strict=True):
        np.testing.assert_array_equal(now, before)
    assert (first[0].dtype, first[0].shape) == (image.dtype, image.shape)
    assert (first[0] != image).any()


@pytest.mark.parametrize("corruption", [*OF_OBJECTS, "noise", "fog", "night"])
def test_what_is_random__differs_by_seed_and_stem(corruption: str):
    pictures = [made(corruption)[0], made(corruption, seed=1)[0], made(corruption, stem="p2")[0]]
    assert len({picture.tobytes() for picture in pictures}) == 3


@pytest.mark.parametrize("corruption", ["low_resolution", "noise", "blur", "jpeg", "night"])
def test_severities__grow(corruption: str):
    image, labels = photograph()
    worse = [corrupt(image, labels, corruption, s, seed=0, stem="p")[0] for s in SEVERITIES]
    errors = [float(np.abs(one.astype(float) - image).mean()) for one in worse]
    assert errors[0] > 0
    assert errors == sorted(errors)


@pytest.mark.parametrize("corruption", sorted(set(CORRUPTIONS) - set(OF_OBJECTS)))
def test_what_hides_nothing__leaves_the_labels(corruption: str):
    np.testing.assert_array_equal(made(corruption)[1], photograph()[1])


@pytest.mark.parametrize("severity", SEVERITIES)
def test_occlusion__hides_its_share_of_each_object_and_ignores_it(severity: int):
    image, labels = photograph()
    worse, truth = made("occlusion", severity)
    hidden = truth != labels
    assert (truth[hidden] == IGNORE).all()
    seen = truth != IGNORE
    np.testing.assert_array_equal(worse[seen], image[seen])
    for label in (1, 2):
        share = hidden[labels == label].mean()
        assert share >= parameters("occlusion", severity)["hidden"] - 1e-9
        assert share < 1


@pytest.mark.parametrize("severity", SEVERITIES)
def test_clutter__hides_its_share_of_the_background_and_no_object(severity: int):
    image, labels = photograph()
    worse, truth = made("clutter", severity)
    hidden = truth != labels
    assert not hidden[labels != 0].any()
    wanted = parameters("clutter", severity)["hidden"]
    assert wanted - 0.01 <= hidden[labels == 0].mean() <= wanted + 0.02
    np.testing.assert_array_equal(worse[~hidden], image[~hidden])
    assert (truth[hidden] == IGNORE).all()


def test_fog__whitens_a_black_picture():
    black = np.zeros((40, 50, 3), np.uint8)
    foggy, _ = corrupt(black, np.zeros((40, 50), np.int64), "fog", 3, seed=0, stem="p")
    assert foggy.mean() > 50


@pytest.mark.parametrize("value", [0, 255])
def test_values__are_clipped_not_wrapped(value: int):
    flat = np.full((64, 64, 3), value, np.uint8)
    noisy, _ = corrupt(flat, np.zeros((64, 64), np.int64), "noise", 5, seed=0, stem="p")
    assert abs(float(np.median(noisy)) - value) < 3


def test_noise__has_its_deviation():
    grey = np.full((128, 128, 3), 128, np.uint8)
    noisy, _ = corrupt(grey, np.zeros((128, 128), np.int64), "noise", 1, seed=0, stem="p")
    assert float(noisy.astype(float).std() / 255) == pytest.approx(0.08, rel=0.03)


def test_blur__is_the_same_on_a_larger_picture_of_the_same_scene():
    small = np.zeros((56, 56, 3), np.uint8)
    small[:, 28:] = 255
    large = np.asarray(Image.fromarray(small).resize((224, 224), Image.Resampling.NEAREST))
    widths = []
    for image in (small, large):
        labels = np.zeros(image.shape[:2], np.int64)
        blurred, _ = corrupt(image, labels, "blur", 4, seed=0, stem="p")
        edge = blurred[len(image) // 2, :, 0]
        widths.append(float(((edge > 25) & (edge < 230)).mean()))
    assert widths[0] == pytest.approx(widths[1], abs=0.04)


def test_low_resolution__leaves_a_picture_that_has_no_more_pixels():
    image, labels = photograph(30, 45)
    worse, _ = corrupt(image, labels, "low_resolution", 5, seed=0, stem="p")
    np.testing.assert_array_equal(worse, image)


def test_jpeg__is_what_pillow_writes():
    image, _ = photograph()
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=25)
    np.testing.assert_array_equal(made("jpeg", 1)[0], np.asarray(Image.open(file)))


def test_jpeg__refuses_a_side_that_a_jpeg_cannot_have():
    strip = np.zeros((1, 65_501, 3), np.uint8)
    with pytest.raises(InputError, match=r"at most 65500 pixels, got 65501x1; leave jpeg out"):
        jpeg(strip, np.random.default_rng(0), quality=25)


# fog that needs a power of two and 224 pixels (LIBERO-plus#7), blur and most others below 32
# pixels (imagecorruptions#5, #21), sides of one pixel
@pytest.mark.parametrize("corruption", CORRUPTIONS)
@pytest.mark.parametrize("size", [(1, 1), (7, 9), (1500, 4), (4, 1500), (33, 257)])
def test_any_size__is_corrupted_at_every_severity(corruption: str, size: tuple[int, int]):
    image = EDGES.integers(0, 256, (*size, 3), dtype=np.uint8)
    maps = [np.zeros(size, np.int64), np.full(size, IGNORE), np.indices(size).sum(0) // 5 % 3]
    for labels in maps:
        for severity in (1, 5):
            worse, truth = corrupt(image, labels, corruption, severity, seed=0, stem="p")
            assert (worse.shape, worse.dtype) == (image.shape, image.dtype)
            assert (truth.shape, truth.dtype) == (labels.shape, labels.dtype)
            assert set(np.unique(truth)) <= {IGNORE, *np.unique(labels)}


def test_a_picture_of_one_region__has_no_object_to_occlude():
    image, _ = photograph()
    labels = np.zeros(image.shape[:2], np.int64)
    worse, truth = corrupt(image, labels, "occlusion", 5, seed=0, stem="p")
    np.testing.assert_array_equal(worse, image)
    np.testing.assert_array_equal(truth, labels)
    assert background_and_objects(labels)[1] == []


def test_every_corruption__has_five_severities_stored():
    for corruption in CORRUPTIONS:
        stored = [parameters(corruption, severity) for severity in SEVERITIES]
        assert len({tuple(sorted(one.items())) for one in stored}) == 5
        assert len({tuple(one) for one in stored}) == 1


@pytest.mark.parametrize(
    ("corruption", "severity", "told"),
    [
        ("snow", 1, r"'snow': wanted one of occlusion, clutter"),
        ("fog", 0, r"severity 0: wanted 1 to 5"),  # imagecorruptions#8: taken silently there
        ("fog", 6, r"severity 6: wanted 1 to 5"),
    ],
)
def test_what_there_is_not__is_refused(corruption: str, severity: int, told: str):
    with pytest.raises(UsageError, match=told):
        corrupt(*photograph(), corruption, severity, seed=0, stem="p")

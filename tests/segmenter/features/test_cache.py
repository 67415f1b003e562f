"""Features computed once are the features the backbone gives, and windows of them line up."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from langseg.cache.errors import InputError
from langseg.segmenter.data.labels import LabelRule
from langseg.segmenter.data.layouts.registry import find_samples
from langseg.segmenter.data.pixels import unit_floats
from langseg.segmenter.data.sample import read_sample
from langseg.segmenter.features import cache
from langseg.segmenter.features.cache import FeatureCache
from tests.support.tiny_segmenter import tiny_vit, write_dataset

RULE = LabelRule([1, 2, 3], [0])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root: Path = tmp_path_factory.mktemp("data")
    write_dataset(root, size=48)
    return root


def small_cache(data: Path, crop: int = 24) -> FeatureCache:
    return FeatureCache(
        tiny_vit(), find_samples("ade20k", data, "train"), RULE, side=48, unit=8, crop=crop
    )


def test_window__is_what_the_backbone_gives_for_the_picture_or_its_mirror_image(data, tmp_path):
    sample = find_samples("ade20k", data, "train")[0]
    square = replace(sample, image=tmp_path / "image.png", labels=tmp_path / "labels.png")
    Image.open(sample.image).crop((0, 0, 48, 48)).save(square.image)
    Image.open(str(sample.labels)).crop((0, 0, 48, 48)).save(tmp_path / "labels.png")
    one = FeatureCache(tiny_vit(), [square], RULE, side=48, unit=8, crop=48)
    image, labels = read_sample(square, RULE)
    pixels = unit_floats(image)[None]
    batch = next(one.batches(seed=0, batch_size=2))  # both views, whole
    views = {False: (pixels, labels), True: (pixels.flip(-1), labels[:, ::-1])}
    matched = set()
    for i in range(2):
        for mirrored, (seen, truth) in views.items():
            wanted = tiny_vit()(seen)
            if torch.allclose(batch.features.taps[3][i], wanted.taps[3][0], atol=2e-3):
                assert torch.equal(batch.labels[i], torch.from_numpy(truth.copy()))
                assert torch.allclose(batch.features.cls[i], wanted.cls[0], atol=1e-5)
                matched.add(mirrored)
    assert matched == {False, True}


def test_windows__are_square_and_cover_the_pixels_of_their_labels(data):
    batch = next(small_cache(data, crop=30).batches(seed=0, batch_size=3))  # 3 whole patches of 8
    assert [tuple(tap.shape) for tap in batch.features.taps] == [(3, 48, 3, 3)] * 4
    assert batch.labels.shape == (3, 24, 24)
    assert batch.features.padded == (24, 24)


def test_batches__are_a_pure_function_of_seed_and_step(data):
    whole = small_cache(data).batches(seed=5, batch_size=2)
    first = [next(whole) for _ in range(4)]
    resumed = next(small_cache(data).batches(seed=5, batch_size=2, start_step=3))
    assert torch.equal(first[3].features.taps[0], resumed.features.taps[0])
    assert torch.equal(first[3].labels, resumed.labels)
    other = next(small_cache(data).batches(seed=6, batch_size=2))
    assert not torch.equal(first[0].features.taps[0], other.features.taps[0])


def test_batches__of_two_ranks_make_one_step_together(data):
    one = next(small_cache(data).batches(seed=5, batch_size=4))
    places = [
        next(small_cache(data).batches(seed=5, batch_size=2, rank=rank, world_size=2))
        for rank in range(2)
    ]
    assert torch.equal(one.labels, torch.cat([place.labels for place in places]))


def test_cache__that_would_not_fit_in_memory_is_refused_before_it_is_built(data, monkeypatch):
    monkeypatch.setattr(cache, "MAX_BYTES", 1000)
    with pytest.raises(InputError, match="feature_side"):
        small_cache(data)


def test_cache__names_the_picture_that_is_smaller_than_a_window(data, tmp_path):
    sample = find_samples("ade20k", data, "train")[0]
    banner = replace(sample, image=tmp_path / "banner.png", labels=tmp_path / "labels.png")
    Image.new("RGB", (600, 48)).save(banner.image)
    Image.new("L", (600, 48)).save(tmp_path / "labels.png")
    with pytest.raises(InputError, match=r"banner\.png: wanted .* 6 x 6 patches.* got 2 x 24"):
        FeatureCache(tiny_vit(), [banner], RULE, side=48, unit=8, crop=48)

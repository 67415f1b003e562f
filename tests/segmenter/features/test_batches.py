"""Windows of kept features are what the backbone gives, and line up with their labels."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from langseg.segmenter.data.labels import IGNORE
from langseg.segmenter.data.pixels import unit_floats
from langseg.segmenter.data.sample import Sample, read_sample
from langseg.segmenter.features.batches import FeatureBatch, feature_batches
from tests.support.kept_features import RULE, kept_features
from tests.support.tiny_segmenter import tiny_samples, tiny_vit, write_dataset


@pytest.fixture(scope="module")
def samples(tmp_path_factory) -> tuple[Sample, ...]:
    root = tmp_path_factory.mktemp("data")
    write_dataset(root, size=48)
    return tiny_samples(root)


def first_batch(samples, crop=24, seed=5, batch_size=2, views=2, **place) -> FeatureBatch:
    kept = kept_features(samples, views=views)
    return next(
        feature_batches(kept, samples, RULE, crop=crop, seed=seed, batch_size=batch_size, **place)
    )


def test_window__is_what_the_backbone_gives_for_the_picture_or_its_mirror_image(samples, tmp_path):
    square = replace(samples[0], image=tmp_path / "image.png", labels=tmp_path / "labels.png")
    Image.open(str(samples[0].image)).crop((0, 0, 48, 48)).save(tmp_path / "image.png")
    Image.open(str(samples[0].labels)).crop((0, 0, 48, 48)).save(tmp_path / "labels.png")
    image, labels = read_sample(square, RULE)
    pixels = unit_floats(image)[None]
    batch = first_batch([square], crop=48, batch_size=2)  # both views, whole
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


def test_windows__are_square_and_cover_the_pixels_of_their_labels(samples):
    batch = first_batch(samples, crop=30, batch_size=3)  # 3 whole patches of 8
    assert [tuple(tap.shape) for tap in batch.features.taps] == [(3, 48, 3, 3)] * 4
    assert batch.labels.shape == (3, 24, 24)
    assert batch.features.padded == (24, 24)


def test_batches__are_a_pure_function_of_seed_and_step(samples):
    kept = kept_features(samples, views=3)
    whole = feature_batches(kept, samples, RULE, crop=24, seed=5, batch_size=2)
    first = [next(whole) for _ in range(4)]
    resumed = first_batch(samples, start_step=3, views=3)
    assert torch.equal(first[3].features.taps[0], resumed.features.taps[0])
    assert torch.equal(first[3].labels, resumed.labels)
    other = first_batch(samples, seed=6, views=3)
    assert not torch.equal(first[0].features.taps[0], other.features.taps[0])


def test_batches__of_two_ranks_make_one_step_together(samples):
    one = first_batch(samples, batch_size=4)
    places = [first_batch(samples, rank=rank, world_size=2) for rank in range(2)]
    assert torch.equal(one.labels, torch.cat([place.labels for place in places]))


def test_epochs__show_each_view_of_a_picture_once(samples):
    kept = kept_features(samples[:1], views=4)
    stream = feature_batches(kept, samples[:1], RULE, crop=48, seed=0, batch_size=4)
    tokens = next(stream).features.cls
    assert len({tuple(token.tolist()) for token in tokens}) == 4


@pytest.mark.parametrize("size", [(1, 1), (2000, 20), (20, 2000)])
def test_window__of_a_picture_smaller_than_it_has_zeros_and_nothing_labelled_beyond(
    samples, tmp_path: Path, size: tuple[int, int]
):
    odd = replace(samples[0], image=tmp_path / "image.png", labels=tmp_path / "labels.png")
    Image.new("RGB", size, "red").save(tmp_path / "image.png")
    Image.new("L", size, 2).save(tmp_path / "labels.png")
    batch = first_batch([odd], crop=48, batch_size=8, views=4)
    assert batch.labels.shape == (8, 48, 48)
    patches = batch.labels.unfold(1, 8, 8).unfold(2, 8, 8).flatten(3)
    labelled = (patches != IGNORE).all(dim=3)
    assert torch.equal(labelled, (patches != IGNORE).any(dim=3))
    assert labelled.any()
    assert torch.equal(labelled, batch.features.taps[0].ne(0).any(dim=1))

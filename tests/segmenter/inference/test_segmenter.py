import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from langseg.cache.errors import CorruptError, UsageError
from langseg.segmenter.data.images import resize_to_units
from langseg.segmenter.heads.config import HeadConfig
from langseg.segmenter.inference.reading import Reading
from langseg.segmenter.inference.segmenter import Segmenter
from langseg.segmenter.model.checkpoint import load_checkpoint
from langseg.segmenter.text.collapse import BankTensors
from langseg.segmenter.training.train import train
from tests.support.tiny_segmenter import (
    tiny_bank,
    tiny_config,
    tiny_samples,
    tiny_vit,
    trained_run,
    write_dataset,
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    return trained_run(tmp_path_factory.mktemp("trained"))


@pytest.fixture(scope="module")
def segmenter(trained) -> Segmenter:
    return Segmenter.load(trained, backbone=tiny_vit())


def picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(32, 32), (47, 31), (1, 1), (5, 400), (90, 61)])
@pytest.mark.parametrize("mode", ["whole", "slide"])
def test_segment__gives_a_mask_of_the_pictures_own_size(trained, size, mode):
    segmenter = Segmenter.load(
        trained,
        backbone=tiny_vit(),
        reading=Reading(mode=mode, window=16 if mode == "slide" else None),
    )
    prediction = segmenter.segment(picture(*size))
    assert prediction.mask.shape == size
    assert prediction.mask.dtype == np.int64
    assert 0 <= prediction.mask.min() <= prediction.mask.max() < 3


def test_segment__is_the_plain_way_on_the_whole_picture(segmenter):
    image = picture(32, 48)
    x = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
    with torch.inference_mode():
        model, bank = segmenter.loaded.model, BankTensors.of(segmenter.bank)
        output = model(x, bank)
    wanted = F.interpolate(output.logits, (32, 48), mode="bilinear").argmax(dim=1)[0]
    got = segmenter.segment(image)
    assert (got.mask == wanted.numpy()).all()
    assert list(got.scenes) == ["*", "kitchen", "street"]
    np.testing.assert_allclose(list(got.scenes.values()), output.scenes[0].numpy(), rtol=1e-5)
    assert got.g is not None
    np.testing.assert_allclose(got.g, output.g[0].numpy(), rtol=1e-4, atol=1e-6)


def test_segment__believes_the_scene_it_is_told(segmenter):
    prediction = segmenter.segment(picture(32, 32), scene="street")
    assert prediction.scenes == {"*": 0.0, "kitchen": 0.0, "street": 1.0}
    with pytest.raises(UsageError, match="'attic'"):
        segmenter.segment(picture(32, 32), scene="attic")


def test_segment__a_window_as_large_as_the_picture_is_the_whole_picture(trained):
    whole = Segmenter.load(trained, backbone=tiny_vit())
    slide = Segmenter.load(trained, backbone=tiny_vit(), reading=Reading(mode="slide", window=64))
    image = picture(40, 60)
    assert (whole.segment(image).mask == slide.segment(image).mask).all()


def test_segment__slide_averages_the_logits_of_its_windows(trained):
    segmenter = Segmenter.load(
        trained, backbone=tiny_vit(), reading=Reading(mode="slide", window=32)
    )
    image = picture(32, 48)  # windows at 0 and 16
    x = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
    with torch.inference_mode():
        bank = BankTensors.of(segmenter.bank)
        left, right = (segmenter.loaded.model(x[..., at : at + 32], bank).logits for at in (0, 16))
        total = torch.zeros(1, 3, 8, 12)
        total[..., :8] += left
        total[..., 4:] += right
        total[..., 4:8] /= 2
    wanted = F.interpolate(total, (32, 48), mode="bilinear").argmax(dim=1)[0]
    assert (segmenter.segment(image).mask == wanted.numpy()).all()


def test_segment__says_which_classes_are_there_and_how_sure_it_is(segmenter):
    image = picture(32, 48)
    got = segmenter.segment(image)
    counts = np.bincount(got.mask.ravel(), minlength=3) / got.mask.size
    assert list(got.classes.values()) == sorted(counts[counts > 0], reverse=True)
    assert got.classes == {got.names[i]: counts[i] for i in range(3) if counts[i]}
    x = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
    with torch.inference_mode():
        logits = segmenter.loaded.model(x, BankTensors.of(segmenter.bank)).logits
    near = F.interpolate(logits, (32, 48), mode="nearest").softmax(dim=1)[0].numpy()
    assert set(got.scores) == set(got.classes)
    for name, score in got.scores.items():
        index = got.names.index(name)
        assert score == pytest.approx(near[index][got.mask == index].mean(), rel=1e-5)


def test_segment__takes_a_path_a_pillow_image_or_an_array(segmenter, tmp_path):
    image = picture(20, 30)
    Image.fromarray(image).save(tmp_path / "photo.png")
    wanted = segmenter.segment(image)
    assert wanted.image.tolist() == image.tolist()
    for given in (tmp_path / "photo.png", str(tmp_path / "photo.png"), Image.fromarray(image)):
        assert (segmenter.segment(given).mask == wanted.mask).all()
    drawn = wanted.overlay()
    assert (drawn.mode, drawn.width) == ("RGB", 640)
    stored = Image.open(io.BytesIO(wanted.index_png()))
    assert (np.asarray(stored) == np.array(wanted.ids)[wanted.mask]).all()
    assert stored.convert("RGB").getpixel((0, 0)) == wanted.colours[wanted.mask[0, 0]]


def test_with_bank__answers_in_another_vocabulary_without_training(segmenter):
    bank = segmenter.bank
    swapped = replace(
        tiny_bank(classes=4, seed=1), emb=np.concatenate([bank.emb, bank.emb[:1]]),
        mask=np.concatenate([bank.mask, bank.mask[:1]]),
    )  # fmt: skip
    swapped.emb[3] *= -1
    other = segmenter.with_bank(swapped)
    assert other.loaded.model is segmenter.loaded.model
    assert other.segment(picture(32, 32)).mask.max() < 4
    assert segmenter.bank is bank
    with pytest.raises(CorruptError, match="wanted text encoder tiny-encoder"):
        segmenter.with_bank(tiny_bank(encoder_id="strange"))


def test_segment__a_linear_head_says_nothing_of_scenes(tmp_path):
    write_dataset(tmp_path / "data")
    train(
        config=tiny_config(steps=1, head=HeadConfig(kind="linear")), backbone=tiny_vit(),
        bank=tiny_bank(), samples=tiny_samples(tmp_path / "data"), out=tmp_path / "run",
    )  # fmt: skip
    loaded = load_checkpoint(tmp_path / "run", backbone=tiny_vit())
    prediction = Segmenter(loaded).segment(picture(32, 32))
    assert prediction.scenes == {}
    assert prediction.g is None


@pytest.mark.parametrize("average", ["logits", "probabilities"])
def test_look__averages_scales_and_mirror_images_on_the_grid_of_the_largest(trained, average):
    reading = Reading(scales=(0.5, 1.5), flip=True, average=average)
    segmenter = Segmenter.load(trained, backbone=tiny_vit(), reading=reading)
    image, total = picture(32, 48), torch.zeros(1, 3, 12, 18)
    bank = BankTensors.of(segmenter.bank)
    for scale in (0.5, 1.5):
        small = resize_to_units(image, round(32 * scale), 8)
        x = torch.from_numpy(small).permute(2, 0, 1)[None].float() / 255
        for mirrored in (False, True):
            with torch.inference_mode():
                logits = segmenter.loaded.model(x.flip(-1) if mirrored else x, bank).logits
            values = logits if average == "logits" else logits.softmax(dim=1)
            values = values.flip(-1) if mirrored else values
            total += F.interpolate(values, (12, 18), mode="bilinear") / 4
    seen = segmenter.look(image)
    torch.testing.assert_close(seen.values, total[0], rtol=1e-5, atol=1e-5)
    assert seen.are_probabilities == (average == "probabilities")
    assert list(segmenter.segment(image).scenes) == ["*", "kitchen", "street"]


def test_look__of_kept_features_is_that_of_the_picture(segmenter):
    image = picture(32, 48)
    x = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
    features = segmenter.loaded.model.backbone(x)
    kept, fresh = segmenter.look(image, features=features), segmenter.look(image)
    torch.testing.assert_close(kept.values, fresh.values)


def test_segmenter__refuses_a_stride_that_leaves_gaps_between_whole_patches(trained):
    reading = Reading(mode="slide", window=39, stride=34)
    with pytest.raises(UsageError, match="wanted 4 to 32 pixels, the window in whole patches"):
        Segmenter.load(trained, backbone=tiny_vit(), reading=reading)

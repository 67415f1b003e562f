import numpy as np
import pytest
from PIL import Image

from langseg.cache.errors import InputError
from langseg.segmenter.data.labels import LabelRule
from langseg.segmenter.data.layouts.registry import find_samples
from langseg.segmenter.data.sample import Sample, dataset_hash, pictures_hash, read_sample
from tests.support.tiny_segmenter import touch, write_camvid

RULE = LabelRule((1, 2, 3), (0,))


def test_read_sample__refuses_labels_of_another_size(tmp_path):
    sample = write_camvid(tmp_path)[0]
    Image.new("L", (24, 32), 1).save(tmp_path / "trainannot/0.png")
    with pytest.raises(InputError, match=r"0.png: wanted labels of 32x24 like .*, got 24x32"):
        read_sample(sample, RULE)


def test_read_sample__refuses_a_sample_without_labels(tmp_path):
    with pytest.raises(InputError, match="wanted a picture with labels"):
        read_sample(Sample("a", tmp_path / "a.jpg", None, "*"), RULE)


def test_read_sample__reads_real_pairs(shared_data):
    rule = LabelRule(range(1, 151), (0, 255))
    for sample in find_samples("ade20k", shared_data / "ade20k_sample", "val"):
        image, labels = read_sample(sample, rule)
        assert image.shape[:2] == labels.shape


def test_dataset_hash__tells_apart_label_files_of_other_sizes_and_a_repaired_picture_changes_none(
    tmp_path,
):
    touch(tmp_path, "images/training/a.jpg", "annotations/training/a.png")
    samples = find_samples("ade20k", tmp_path, "train")
    labels, pictures = dataset_hash(samples), pictures_hash(samples)
    (tmp_path / "images/training/a.jpg").write_bytes(b"longer")
    assert (dataset_hash(samples), pictures_hash(samples) == pictures) == (labels, False)
    (tmp_path / "annotations/training/a.png").write_bytes(b"longer")
    assert dataset_hash(samples) != labels


@pytest.mark.parametrize("drawn_on", ["upright", "stored"])
def test_read_sample__gives_upright_labels_whichever_picture_they_were_drawn_on(tmp_path, drawn_on):
    upright = np.array([[1, 1, 2], [3, 3, 3]], np.uint8)
    stored = np.rot90(upright)  # orientation 6 turns it back by 90 degrees clockwise
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(stored * 80).save(tmp_path / "a.png", exif=exif)
    Image.fromarray(upright if drawn_on == "upright" else stored).save(tmp_path / "labels.png")
    sample = Sample("a", tmp_path / "a.png", tmp_path / "labels.png", "*")
    image, labels = read_sample(sample, RULE)
    assert (image[..., 0] // 80 - 1).tolist() == labels.tolist() == [[0, 0, 1], [2, 2, 2]]

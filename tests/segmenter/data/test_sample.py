import pytest
from PIL import Image

from langseg.cache.errors import InputError
from langseg.segmenter.data.labels import IGNORE, LabelRule
from langseg.segmenter.data.layouts.registry import find_samples
from langseg.segmenter.data.sample import Sample, count_labels, dataset_hash, read_sample
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


def test_count_labels__counts_each_class_and_the_unlabelled_last(tmp_path):
    samples = write_camvid(tmp_path, count=4)  # filled with 0, 1, 2, 3; corners of 16 pixels are 1
    area = 24 * 32
    assert count_labels(samples, RULE).tolist() == [area + 48, area - 16, area - 16, area - 16]


def test_count_labels__finds_a_bad_value_and_a_wrong_size_before_training(tmp_path):
    samples = write_camvid(tmp_path)
    Image.new("L", (32, 24), 200).save(tmp_path / "trainannot/3.png")
    with pytest.raises(InputError, match=r"3.png: label value 200 on 768 pixels"):
        count_labels(samples, RULE)
    Image.new("L", (32, 25), 1).save(tmp_path / "trainannot/3.png")
    with pytest.raises(InputError, match=r"3.png: wanted labels of 32x24"):
        count_labels(samples, RULE)


def test_read_sample__reads_real_pairs(shared_data):
    rule = LabelRule(range(1, 151), (0, 255))
    for sample in find_samples("ade20k", shared_data / "ade20k_sample", "val"):
        image, labels = read_sample(sample, rule)
        assert image.shape[:2] == labels.shape
    camvid = find_samples("camvid", shared_data / "camvid", "val")[:3]
    counts = count_labels(camvid, LabelRule(range(11), (11, 255)))
    assert counts.sum() == 3 * 360 * 480
    assert counts[IGNORE] > 0


def test_dataset_hash__tells_apart_files_of_other_sizes_under_the_same_names(tmp_path):
    touch(tmp_path, "images/training/a.jpg", "annotations/training/a.png")
    samples = find_samples("ade20k", tmp_path, "train")
    seen = {dataset_hash(samples)}
    for path in (samples[0].image, samples[0].labels):
        assert path is not None
        path.write_bytes(b"longer")
        seen.add(dataset_hash(samples))
    assert len(seen) == 3

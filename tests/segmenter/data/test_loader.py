from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from langseg.cache.errors import InputError
from langseg.segmenter.data.labels import IGNORE, LabelRule
from langseg.segmenter.data.layouts.find import Sample, find_samples
from langseg.segmenter.data.loader import Batch, batches, count_labels, read_sample, sample_order

RULE = LabelRule((1, 2, 3), (0,))


def dataset(root: Path, count: int = 5) -> tuple[Sample, ...]:
    """CamVid-shaped pictures of 24 x 32; picture k is labelled k % 4 with a corner of 1."""
    for folder in ("train", "trainannot"):
        (root / folder).mkdir()
    for number in range(count):
        labels = np.full((24, 32), number % 4, np.uint8)
        labels[:4, :4] = 1
        grey = np.full((24, 32, 3), 20 * number, np.uint8)
        Image.fromarray(labels).save(root / f"trainannot/{number}.png")
        Image.fromarray(grey).save(root / f"train/{number}.png")
    return find_samples("camvid", root, "train")


def take(samples: tuple[Sample, ...], count: int, **changes) -> list[Batch]:
    options = {"seed": 3, "batch_size": 2, "crop": 16} | changes
    stream = batches(samples, RULE, **options)
    return [next(stream) for _ in range(count)]


def assert_same(left: list[Batch], right: list[Batch]) -> None:
    assert len(left) == len(right)
    for one, other in zip(left, right, strict=True):
        assert one.stems == other.stems
        assert torch.equal(one.images, other.images)
        assert torch.equal(one.labels, other.labels)


def test_sample_order__is_a_permutation_that_seed_and_epoch_decide():
    order = sample_order(1, 2, 50)
    assert sorted(order) == list(range(50))
    sample_order.cache_clear()
    np.testing.assert_array_equal(sample_order(1, 2, 50), order)
    assert (sample_order(1, 3, 50) != order).any()
    assert (sample_order(2, 2, 50) != order).any()


def test_batches__hold_unit_floats_and_int64_labels(tmp_path):
    batch = take(dataset(tmp_path), 1)[0]
    assert (batch.images.shape, batch.images.dtype) == ((2, 3, 16, 16), torch.float32)
    assert (batch.labels.shape, batch.labels.dtype) == ((2, 16, 16), torch.int64)
    assert 0 <= batch.images.min() <= batch.images.max() <= 1
    assert batch.scenes == ("*", "*")


def test_batches__started_at_step_k_continue_exactly(tmp_path):
    samples = dataset(tmp_path)
    assert_same(take(samples, 7)[4:], take(samples, 3, start_step=4))


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")  # Python 3.12 and later
def test_batches__are_the_same_for_any_number_of_workers(tmp_path):
    samples = dataset(tmp_path)
    assert_same(take(samples, 4), take(samples, 4, workers=2))


def test_batches__are_split_between_ranks(tmp_path):
    samples = dataset(tmp_path)
    whole = take(samples, 5, batch_size=4)[2:]
    ranks = [
        take(samples, 3, batch_size=2, start_step=2, rank=rank, world_size=2) for rank in (0, 1)
    ]
    for step, batch in enumerate(whole):
        assert batch.stems == ranks[0][step].stems + ranks[1][step].stems
        assert torch.equal(batch.images, torch.cat([rank[step].images for rank in ranks]))


def test_batches__give_every_sample_once_an_epoch_also_when_the_batch_is_larger(tmp_path):
    samples = dataset(tmp_path, count=3)
    stems = [stem for batch in take(samples, 3, batch_size=4) for stem in batch.stems]
    for epoch in range(4):
        assert sorted(stems[3 * epoch : 3 * epoch + 3]) == ["0", "1", "2"]


def test_batches__leave_the_global_random_state_alone(tmp_path):
    samples = dataset(tmp_path)
    torch.manual_seed(0)
    take(samples, 2)
    after = torch.rand(3)
    torch.manual_seed(0)
    assert torch.equal(torch.rand(3), after)


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")  # Python 3.12 and later
@pytest.mark.parametrize("workers", [0, 1])
def test_batches__report_a_bad_file_in_one_sentence(tmp_path, workers):
    samples = dataset(tmp_path)
    for sample in samples:
        sample.image.write_bytes(b"GIF89a")
    with pytest.raises(InputError, match=r"\.png: wanted a JPEG or PNG or WEBP picture") as caught:
        take(samples, 1, workers=workers)
    assert "\n" not in str(caught.value)


def test_read_sample__refuses_labels_of_another_size(tmp_path):
    sample = dataset(tmp_path)[0]
    Image.new("L", (24, 32), 1).save(tmp_path / "trainannot/0.png")
    with pytest.raises(InputError, match=r"0.png: wanted labels of 32x24 like .*, got 24x32"):
        read_sample(sample, RULE)


def test_read_sample__refuses_a_sample_without_labels(tmp_path):
    with pytest.raises(InputError, match="wanted a picture with labels"):
        read_sample(Sample("a", tmp_path / "a.jpg", None, "*"), RULE)


def test_count_labels__counts_each_class_and_the_unlabelled_last(tmp_path):
    samples = dataset(tmp_path, count=4)  # filled with 0, 1, 2, 3; corners of 16 pixels are 1
    area = 24 * 32
    assert count_labels(samples, RULE).tolist() == [area + 48, area - 16, area - 16, area - 16]


def test_count_labels__finds_a_bad_value_and_a_wrong_size_before_training(tmp_path):
    samples = dataset(tmp_path)
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

import numpy as np
import pytest
import torch

from langseg.cache.errors import InputError
from langseg.segmenter.data.labels import LabelRule
from langseg.segmenter.data.loader import Batch, batches, sample_order
from langseg.segmenter.data.sample import Sample
from tests.support.tiny_segmenter import write_camvid

RULE = LabelRule((1, 2, 3), (0,))


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
    batch = take(write_camvid(tmp_path), 1)[0]
    assert (batch.images.shape, batch.images.dtype) == ((2, 3, 16, 16), torch.float32)
    assert (batch.labels.shape, batch.labels.dtype) == ((2, 16, 16), torch.int64)
    assert 0 <= batch.images.min() <= batch.images.max() <= 1
    assert batch.scenes == ("*", "*")


def test_batches__started_at_step_k_continue_exactly(tmp_path):
    samples = write_camvid(tmp_path)
    assert_same(take(samples, 7)[4:], take(samples, 3, start_step=4))


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")  # Python 3.12 and later
def test_batches__are_the_same_for_any_number_of_workers(tmp_path):
    samples = write_camvid(tmp_path)
    assert_same(take(samples, 4), take(samples, 4, workers=2))


def test_batches__are_split_between_ranks(tmp_path):
    samples = write_camvid(tmp_path)
    whole = take(samples, 5, batch_size=4)[2:]
    ranks = [
        take(samples, 3, batch_size=2, start_step=2, rank=rank, world_size=2) for rank in (0, 1)
    ]
    for step, batch in enumerate(whole):
        assert batch.stems == ranks[0][step].stems + ranks[1][step].stems
        assert torch.equal(batch.images, torch.cat([rank[step].images for rank in ranks]))


def test_batches__give_every_sample_once_an_epoch_also_when_the_batch_is_larger(tmp_path):
    samples = write_camvid(tmp_path, count=3)
    stems = [stem for batch in take(samples, 3, batch_size=4) for stem in batch.stems]
    for epoch in range(4):
        assert sorted(stems[3 * epoch : 3 * epoch + 3]) == ["0", "1", "2"]


def test_batches__leave_the_global_random_state_alone(tmp_path):
    samples = write_camvid(tmp_path)
    torch.manual_seed(0)
    take(samples, 2)
    after = torch.rand(3)
    torch.manual_seed(0)
    assert torch.equal(torch.rand(3), after)


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")  # Python 3.12 and later
@pytest.mark.parametrize("workers", [0, 1])
def test_batches__report_a_bad_file_in_one_sentence(tmp_path, workers):
    samples = write_camvid(tmp_path)
    for sample in samples:
        (tmp_path / "train" / sample.image.name).write_bytes(b"GIF89a")
    with pytest.raises(InputError, match=r"\.png: wanted a JPEG or PNG or .* picture") as caught:
        take(samples, 1, workers=workers)
    assert "\n" not in str(caught.value)


def test_batches__of_rare_classes_continue_exactly_and_cut_a_picture_anew_each_time(tmp_path):
    samples = write_camvid(tmp_path, count=2)
    shares = np.array([1.0, 0.0]).tobytes()
    first = take(samples, 4, shares=shares)
    assert {stem for batch in first for stem in batch.stems} == {"0"}
    assert_same(first[2:], take(samples, 2, shares=shares, start_step=2))
    assert not torch.equal(first[0].labels[0], first[0].labels[1])

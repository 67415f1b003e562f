import numpy as np
import pytest

from langseg.cache.errors import InputError
from langseg.segmenter.data.loader import sample_order
from langseg.segmenter.data.rare_classes import rare_class_shares

COUNTS = np.array([[90, 0, 0, 10], [90, 0, 0, 0], [89, 1, 0, 5], [0, 0, 0, 99]], np.int32)


def shares(temperature: float) -> np.ndarray:
    return np.frombuffer(rare_class_shares(COUNTS, temperature))


def test_rare_class_shares__follow_daformer_and_leave_out_what_shows_nothing():
    frequency = np.array([269 / 270, 1 / 270])
    chance = np.exp((1 - frequency) / 0.5)
    chance /= chance.sum()
    wanted = [chance[0] / 3, chance[0] / 3, chance[0] / 3 + chance[1], 0]
    np.testing.assert_allclose(shares(0.5), wanted)
    assert shares(0.01)[2] > 0.999
    np.testing.assert_allclose(shares(1e9), [1 / 6, 1 / 6, 2 / 3, 0])
    with pytest.raises(InputError, match="wanted labelled pixels"):
        rare_class_shares(COUNTS[3:], 0.01)


def test_sample_order__by_shares_is_a_pure_function_that_draws_some_again():
    given = rare_class_shares(COUNTS, 0.5)
    orders = [sample_order(3, epoch, 4, given) for epoch in range(400)]
    drawn = np.bincount(np.concatenate(orders), minlength=4) / 1600
    np.testing.assert_allclose(drawn, shares(0.5), atol=0.04)
    sample_order.cache_clear()
    np.testing.assert_array_equal(sample_order(3, 7, 4, given), orders[7])
    assert sorted(sample_order(3, 7, 4)) == [0, 1, 2, 3]

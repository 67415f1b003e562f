import numpy as np
import pytest

from langseg.segmenter.comparison.bootstrap import Bootstrap, Counted, holm


def counted(share: float, seed: int = 0, spread: float = 0.1, pixels: int = 100) -> Counted:
    """4 splits, 30 pictures, 12 classes of which each split hides 4."""
    rng = np.random.default_rng(seed)
    whole = np.full((4, 30, 12), float(pixels))
    of_class = np.clip(share + spread * rng.standard_normal((1, 1, 12)), 0, 1)
    asked = np.zeros((4, 12), np.bool_)
    for split in range(4):
        asked[split, [(4 * split + one) % 12 for one in range(4)]] = True
    return Counted(whole * of_class, whole, asked)


def test_score__is_the_mean_over_asked_cells_of_part_by_whole():
    one = counted(0.5)
    wanted = np.mean(
        [one.part[s, :, c].sum() / one.whole[s, :, c].sum() for s, c in np.argwhere(one.asked)]
    )
    assert one.score == pytest.approx(100 * wanted)
    assert Bootstrap(30, 12, 0).scores([one])[0] == pytest.approx(100 * wanted)


def test_difference__of_an_arm_to_itself_is_nothing_and_sure():
    found = Bootstrap(30, 12, 0).difference([counted(0.5)], [counted(0.5)])
    assert (found.difference, found.low, found.high, found.p) == (0, 0, 0, 1)


def test_difference__that_each_class_shows_is_sure_however_far_apart_the_classes_are():
    real, other = counted(0.6, seed=1, spread=0.2), counted(0.4, seed=1, spread=0.2)
    found = Bootstrap(30, 12, 0).difference([real], [other])
    assert found.difference == pytest.approx(20, abs=0.5)
    assert found.low > 15
    assert found.p < 0.01
    assert found.clusters == 12


def test_difference__that_rests_on_one_class_is_not():
    real, other = counted(0.5), counted(0.5)
    real.part[:, :, 0] = real.whole[:, :, 0]
    other.part[:, :, 0] = 0
    found = Bootstrap(30, 12, 0).difference([real], [other])
    assert found.difference == pytest.approx(100 * 2 / 16)  # in 2 of 16 cells
    assert found.low < 0 < found.high


def test_difference__of_lists_by_chance_is_called_one_in_no_more_than_a_tenth_of_cases():
    sure = 0
    for seed in range(30):
        real, other = (counted(0.4, seed=2 * seed + one, spread=0.2) for one in (0, 1))
        found = Bootstrap(30, 12, seed).difference([real], [other])
        sure += found.p < 0.05
    assert sure <= 3


def test_difference__the_draws_of_an_arm_are_resampled_too():
    draws = [counted(share) for share in (0.1, 0.9, 0.5)]
    one, many = Bootstrap(30, 12, 0), Bootstrap(30, 12, 0)
    narrow = one.difference([counted(0.5)], [counted(0.4)])
    wide = many.difference([counted(0.5)], draws)
    assert wide.other == pytest.approx(np.mean([draw.score for draw in draws]))
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


def test_difference__is_the_same_for_the_same_seed():
    real, other = counted(0.6), counted(0.4, seed=3)
    assert Bootstrap(30, 12, 7).difference([real], [other]) == Bootstrap(30, 12, 7).difference(
        [real], [other]
    )


def test_holm__is_the_published_procedure():
    """Holm 1979: the smallest of m is multiplied by m, the next by m - 1, and none falls below the
    one before."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []

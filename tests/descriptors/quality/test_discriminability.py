"""Whether phrases find their class among its look-alikes, and what cannot fool the number."""

import numpy as np
import pytest
from numpy.typing import NDArray

from langseg.descriptors.quality.discriminability import (
    FEWEST,
    class_means,
    interval,
    mean_of,
    measure,
    paired_shares,
)
from langseg.descriptors.quality.look_alikes import find_look_alikes
from langseg.descriptors.vocabulary.vocabulary import ClassEntry, Vocabulary

C, N, D = 60, 12, 48


def unit(rows: NDArray[np.float64]) -> NDArray[np.float32]:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def vocabulary(*names: str, synonyms: dict[str, tuple[str, ...]] | None = None) -> Vocabulary:
    entries = tuple(
        ClassEntry(name=name, id=i, synonyms=(synonyms or {}).get(name, ()))
        for i, name in enumerate(names, 1)
    )
    return Vocabulary(name="v", classes=entries, ignore_ids=(0,), scenes={})


@pytest.fixture
def world():
    """Meanings in six families of like classes; phrases scattered about the meanings."""
    rng = np.random.default_rng(7)
    meanings = unit(np.repeat(rng.normal(size=(6, D)), C // 6, axis=0) + rng.normal(size=(C, D)))
    owners = np.repeat(np.arange(C), N)
    phrases = unit(meanings[owners] + 0.16 * rng.normal(size=(C * N, D)))
    look_alikes = find_look_alikes(vocabulary(*(f"class {i}" for i in range(C))), meanings)
    return phrases, owners, meanings, look_alikes


def test_measure__is_perfect_where_phrases_are_their_meaning(world):
    _, owners, meanings, look_alikes = world
    found = measure(meanings[owners].astype(np.float16), owners, meanings, look_alikes)
    assert found.score == 1.0
    assert mean_of(found.by_phrases) == 1.0
    assert found.weak_pairs == ()


def test_measure__of_phrases_about_nothing_is_what_chance_gives(world):
    _, owners, meanings, look_alikes = world
    noise = unit(np.random.default_rng(0).normal(size=(C * N, D)))
    found = measure(noise, owners, meanings, look_alikes)
    assert mean_of(found.by_phrases) == pytest.approx(1 / 6, abs=0.03)
    assert found.score == pytest.approx(found.dealt, abs=0.04)
    assert mean_of(found.chance) == pytest.approx(1 / 6)


def test_measure__falls_with_swapped_lists_where_lists_alone_would_rise(world):
    phrases, owners, meanings, look_alikes = world
    true = measure(phrases, owners, meanings, look_alikes)
    swapped = measure(phrases, (owners + C // 6) % C, meanings, look_alikes)
    assert true.score > 0.6
    assert swapped.score < 0.25
    assert mean_of(swapped.by_phrases) > 0.9 * mean_of(true.by_phrases)


def test_measure__gains_nothing_from_more_phrases_of_the_same_kind(world):
    phrases, owners, meanings, look_alikes = world
    few = np.concatenate([np.flatnonzero(owners == c)[:8] for c in range(C)])
    rich, poor = (
        measure(phrases[rows], owners[rows], meanings, look_alikes)
        for rows in (np.arange(len(owners)), few)
    )
    assert rich.score == pytest.approx(poor.score, abs=0.05)
    assert mean_of(rich.by_phrases) == pytest.approx(mean_of(poor.by_phrases), abs=0.05)


def test_measure__is_the_same_again_and_in_any_order(world):
    phrases, owners, meanings, look_alikes = world
    first = measure(phrases, owners, meanings, look_alikes, seed=3)
    again = measure(phrases, owners, meanings, look_alikes, seed=3)
    turned = measure(phrases[::-1], owners[::-1], meanings, look_alikes, seed=3)
    np.testing.assert_array_equal(first.by_phrases, again.by_phrases)
    np.testing.assert_array_equal(first.by_name, turned.by_name)


def test_measure__leaves_out_classes_without_phrases_and_says_so(world):
    phrases, owners, meanings, look_alikes = world
    described = (owners >= 10) | (owners == 3)
    described &= ~((owners == 3) & (np.arange(len(owners)) % N > 0))  # a single phrase
    found = measure(phrases[described], owners[described], meanings, look_alikes)
    assert np.flatnonzero(~np.isnan(found.by_name)).tolist() == [3, *range(10, C)]
    assert np.flatnonzero(~np.isnan(found.chance)).tolist() == [3, *range(10, C)]
    assert np.isnan(found.by_both[:10]).all()
    assert found.look_alikes_there[:10].tolist() == [0] * 10


def test_measure__asks_a_sparse_set_what_it_asks_a_full_one(world):
    """One class of each family, so that no class has a look-alike with phrases."""
    phrases, owners, meanings, look_alikes = world
    alone = np.isin(owners, np.arange(0, C, C // 6))
    full = measure(phrases, owners, meanings, look_alikes)
    sparse = measure(phrases[alone], owners[alone], meanings, look_alikes)
    rows = np.arange(0, C, C // 6)
    assert not sparse.look_alikes_there.any()
    np.testing.assert_array_equal(sparse.chance[rows], full.chance[rows])
    assert sparse.score == pytest.approx(mean_of(full.by_name[rows]), abs=0.1)


@pytest.mark.slow
def test_measure__takes_nothing_of_a_class_off_it_where_few_are_described(world):
    phrases, owners, meanings, look_alikes = world
    rows = np.array([[c, (c + C // 2) % C] for c in range(C)])
    full = measure(phrases, owners, meanings, look_alikes).by_name
    for count in (2, 1):
        members = [np.isin(owners, pair[:count]) for pair in rows]
        alone = [measure(phrases[k], owners[k], meanings, look_alikes).by_name for k in members]
        shares = [share[c] for c, share in enumerate(alone)]
        assert np.mean(shares) == pytest.approx(full.mean(), abs=0.05)


def test_measure__of_a_sparse_set_about_nothing_is_chance_too(world):
    _, owners, meanings, look_alikes = world
    noise = unit(np.random.default_rng(1).normal(size=(C * N, D)))
    few = owners < 20
    assert measure(noise[few], owners[few], meanings, look_alikes).score == pytest.approx(
        1 / 6, abs=0.1
    )


def test_gain__is_over_names_in_the_same_trials(world):
    phrases, owners, meanings, look_alikes = world
    sure = measure(meanings[owners], owners, meanings, look_alikes)
    assert (mean_of(sure.by_name_there), mean_of(sure.gain)) == (1.0, 0.0)
    strange = unit(np.random.default_rng(2).normal(size=(C, D)))  # names the encoder misreads
    by_strange_names = measure(
        phrases, owners, strange, find_look_alikes(vocabulary(*map(str, range(C))), meanings)
    )
    assert mean_of(by_strange_names.gain) > 0.2
    assert interval(by_strange_names.gain)[0] > 0


def test_gain__is_none_where_a_sparse_set_only_has_fewer_look_alikes_with_phrases(world):
    _, owners, meanings, look_alikes = world
    half = owners % 2 == 0
    noise = unit(np.random.default_rng(4).normal(size=(int(half.sum()), D)))
    found = measure(noise, owners[half], meanings, look_alikes)
    assert 0 < found.look_alikes_there[::2].mean() < 4
    assert mean_of(found.by_both) > found.score + 0.08
    assert mean_of(found.gain) == pytest.approx(0, abs=0.05)


def test_paired__is_over_the_classes_both_describe_whatever_else_a_set_holds(world):
    phrases, owners, meanings, look_alikes = world
    few = owners < 12
    first, second = paired_shares(
        (phrases, owners), (phrases[few], owners[few]), meanings, look_alikes
    )
    assert np.flatnonzero(~np.isnan(first)).tolist() == list(range(12))
    np.testing.assert_array_equal(first, second)


def test_paired__difference_shows_which_set_is_worse(world):
    phrases, owners, meanings, look_alikes = world
    few = owners < 30
    noise = unit(np.random.default_rng(3).normal(size=(int(few.sum()), D)))
    true, false = paired_shares((phrases, owners), (noise, owners[few]), meanings, look_alikes)
    low, high = interval(false - true)
    assert high < 0
    assert low < mean_of(false - true) < high


def test_paired__of_sets_with_no_class_in_common_is_nothing(world):
    phrases, owners, meanings, look_alikes = world
    low = owners < 30
    pair = paired_shares(
        (phrases[low], owners[low]), (phrases[~low], owners[~low]), meanings, look_alikes
    )
    assert all(np.isnan(shares).all() for shares in pair)


def test_measure__of_nothing_is_not_a_number(world):
    _, _, meanings, look_alikes = world
    found = measure(np.zeros((0, D), np.float16), np.zeros(0, int), meanings, look_alikes)
    assert np.isnan(found.score)
    assert np.isnan(interval(found.by_name)).all()


def test_measure__counts_a_tie_as_not_found():
    same = np.ones((4, 2), np.float32) / np.sqrt(2)
    look_alikes = [np.array([1]), np.array([0])]
    found = measure(same, np.array([0, 0, 1, 1]), same[:2], look_alikes)
    assert found.score == 0.0


def test_weak_pairs__names_two_classes_with_the_same_phrases(world):
    phrases, owners, meanings, look_alikes = world
    twin = int(look_alikes[0][0])
    phrases = phrases.copy()
    phrases[owners == twin] = phrases[owners == 0]
    found = measure(phrases, owners, meanings, look_alikes)
    assert (min(0, twin), max(0, twin)) in {pair[:2] for pair in found.weak_pairs}


def test_interval__of_shares_holds_their_mean():
    shares = np.array([0.1, 0.4, 0.7, np.nan, 0.6, 0.2, 0.3, 0.9, 0.5], np.float32)
    low, high = interval(shares)
    assert low < mean_of(shares) < high
    assert (low, high) == interval(shares)


def test_interval__of_a_handful_of_classes_is_none():
    assert np.isnan(interval(np.linspace(0, 1, FEWEST - 1, dtype=np.float32))).all()


def test_class_means__give_every_class_the_same_weight_in_the_middle():
    rows = np.array([[1, 0], [1, 0], [1, 0], [0, 1]], np.float16)
    means, middle = class_means(rows, np.array([0, 0, 0, 2]), 3)
    assert means.tolist() == [[1, 0], [0, 0], [0, 1]]
    assert middle.tolist() == [0.5, 0.5]

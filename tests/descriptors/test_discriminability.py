"""Whether phrases find their class among its rivals, and what the number cannot be fooled by."""

import numpy as np
import pytest
from numpy.typing import NDArray

from langseg.descriptors.discriminability import (
    class_means,
    find_rivals,
    interval,
    mean_of,
    meaning_text,
    measure,
)
from langseg.descriptors.vocabulary import ClassEntry, Vocabulary

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
    rivals = find_rivals(vocabulary(*(f"class {i}" for i in range(C))), meanings)
    return phrases, owners, meanings, rivals


def test_measure__is_perfect_where_phrases_are_their_meaning(world):
    _, owners, meanings, rivals = world
    found = measure(meanings[owners].astype(np.float16), owners, meanings, rivals)
    assert found.score == 1.0
    assert mean_of(found.by_phrases) == 1.0
    assert found.weak_pairs == ()


def test_measure__of_phrases_about_nothing_is_what_chance_gives(world):
    _, owners, meanings, rivals = world
    noise = unit(np.random.default_rng(0).normal(size=(C * N, D)))
    found = measure(noise, owners, meanings, rivals)
    assert mean_of(found.by_phrases) == pytest.approx(1 / 6, abs=0.03)
    assert found.score == pytest.approx(found.dealt, abs=0.04)
    assert mean_of(found.chance) == pytest.approx(1 / 6)


def test_measure__falls_with_swapped_lists_where_lists_alone_would_rise(world):
    phrases, owners, meanings, rivals = world
    true = measure(phrases, owners, meanings, rivals)
    swapped = measure(phrases, (owners + C // 6) % C, meanings, rivals)
    assert true.score > 0.6
    assert swapped.score < 0.25
    assert mean_of(swapped.by_phrases) > 0.9 * mean_of(true.by_phrases)


def test_measure__gains_nothing_from_more_phrases_of_the_same_kind(world):
    phrases, owners, meanings, rivals = world
    few = np.concatenate([np.flatnonzero(owners == c)[:8] for c in range(C)])
    rich, poor = (
        measure(phrases[rows], owners[rows], meanings, rivals)
        for rows in (np.arange(len(owners)), few)
    )
    assert rich.score == pytest.approx(poor.score, abs=0.05)
    assert mean_of(rich.by_phrases) == pytest.approx(mean_of(poor.by_phrases), abs=0.05)


def test_measure__is_the_same_again_and_in_any_order(world):
    phrases, owners, meanings, rivals = world
    first = measure(phrases, owners, meanings, rivals, seed=3)
    again = measure(phrases, owners, meanings, rivals, seed=3)
    turned = measure(phrases[::-1], owners[::-1], meanings, rivals, seed=3)
    np.testing.assert_array_equal(first.by_phrases, again.by_phrases)
    np.testing.assert_array_equal(first.by_name, turned.by_name)


def test_measure__leaves_out_classes_without_phrases_and_says_so(world):
    phrases, owners, meanings, rivals = world
    kept = (owners >= 10) | (owners == 3)
    kept &= ~((owners == 3) & (np.arange(len(owners)) % N > 0))  # a single phrase
    found = measure(phrases[kept], owners[kept], meanings, rivals)
    assert np.isnan(found.by_name[:10]).all()
    assert not np.isnan(found.by_name[10:]).any()


def test_measure__of_nothing_is_not_a_number(world):
    _, _, meanings, rivals = world
    found = measure(np.zeros((0, D), np.float16), np.zeros(0, int), meanings, rivals)
    assert np.isnan(found.score)
    assert np.isnan(interval(found.by_name)).all()


def test_measure__counts_a_tie_as_not_found():
    same = np.ones((4, 2), np.float32) / np.sqrt(2)
    rivals = [np.array([1]), np.array([0])]
    found = measure(same, np.array([0, 0, 1, 1]), same[:2], rivals)
    assert found.score == 0.0


def test_weak_pairs__names_two_classes_with_the_same_phrases(world):
    phrases, owners, meanings, rivals = world
    twin = int(rivals[0][0])
    phrases = phrases.copy()
    phrases[owners == twin] = phrases[owners == 0]
    found = measure(phrases, owners, meanings, rivals)
    assert (min(0, twin), max(0, twin)) in {pair[:2] for pair in found.weak_pairs}


def test_rivals__leave_out_synonyms_and_classes_that_share_a_name():
    angles = np.array([0.0, 0.1, 0.9, 1.0, 1.4])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    shared = {"settee": ("sofa", "couch"), "seat": ("couch",)}
    words = vocabulary("settee", "divan", "seat", "chair", "rug", synonyms=shared)
    (first, *_) = find_rivals(words, vectors, k=3)
    assert first.tolist() == [3, 4]  # divan has a cosine of 0.995, seat is called couch, too


def test_interval__of_shares_holds_their_mean():
    shares = np.array([0.1, 0.4, 0.7, np.nan, 0.6], np.float32)
    low, high = interval(shares)
    assert low < mean_of(shares) < high
    assert (low, high) == interval(shares)


def test_class_means__give_every_class_the_same_weight_in_the_middle():
    rows = np.array([[1, 0], [1, 0], [1, 0], [0, 1]], np.float16)
    means, middle = class_means(rows, np.array([0, 0, 0, 2]), 3)
    assert means.tolist() == [[1, 0], [0, 0], [0, 1]]
    assert middle.tolist() == [0.5, 0.5]


def test_meaning_text__holds_synonyms_and_definition():
    entry = ClassEntry(name="crane", id=1, synonyms=("hoist",), definition="a machine")
    assert meaning_text(entry) == "crane, hoist: a machine"

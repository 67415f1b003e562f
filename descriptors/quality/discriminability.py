"""Measure, without an image, whether descriptors tell a class from those it is confused with.

In:  unit vectors of the phrases of each class, and of what each class is called (name, synonyms).
Out: how often a phrase finds its own class among its look-alikes; chance; an interval; weak pairs.

The look-alikes of a class come from the vocabulary alone (those it names, then the nearest names),
so that two sets of phrases for one vocabulary answer the same questions. A phrase that holds its
class's name is measured with the name masked ("a car has doors": "it has doors"), so that a set
which says the name in every phrase has a number, too, and none gains by saying it. A phrase is held
out, and looked for in three ways:

    by name     its cosine with what each class is called: its name and synonyms
    by phrases  its cosine with the mean of the other phrases of each class
    by both     its cosine with the sum of the two

*By name* is the number of a set: it is the only one of the three that wrong lists lower. (The
bundled ade20k phrases find their class by name in 40.7 % of cases, and in 12 % with the classes'
lists swapped; by phrases in 59.9 %, and swapped in 76 %: lists of far-off classes are easier to
tell apart than those of true look-alikes.) It asks nothing of a look-alike but its name, so that a
set which describes few classes gets the look-alikes that a full one gets. The other two need
look-alikes with phrases; a sparse set has fewer of those, and its shares are no match for a full
set's.

A name and its synonyms are the benchmark's own words, and take no set's side. A definition does
where its author also wrote one of the sets, as with LangSeg's and the bundled packs: with it in
place of the bare name they find their class in 59.5 %, and lead another's set for Places365 by
24.9 points in place of 10.9. That share is told as *by meaning*, and no sets are compared by it.

Names without descriptors hold no phrase to look for. What they can do is the first way; so the
gain of the third over the first, in the very same trials (``by_name_there``), is what descriptors
add; wrong lists raise it, too, so that it speaks for a set only beside the set's number.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PER_CLASS = 8  # phrases of a class when its mean is looked at, so that large sets gain nothing
DRAWS = 5  # of those phrases
RESAMPLES = 1000
FEWEST = 8  # classes, for an interval worth the name
# two classes told apart in less than this share of trials, where 1/2 is chance, are a weak pair
WEAK_PAIR = 0.55
_CHUNK = 8192  # rows of a matrix product at a time: 12 MiB of 384 floats
Floats = NDArray[np.float32]
PhraseVectors = tuple[
    NDArray[np.floating], NDArray[np.integer]
]  # unit rows [N, D], their classes [N]


@dataclass(frozen=True, kw_only=True)
class Discriminability:
    """Shares of one set.

    ``by_name`` [C], of every class with a phrase and a look-alike; ``chance`` [C] is
    1 / (1 + look-alikes); ``dealt`` is ``by_name`` of the same phrases dealt to the classes at
    random: what chance truly gives, a little less than ``chance``, because a class lies in the
    midst of its look-alikes.
    ``by_phrases``, ``by_both``, ``by_name_there`` [C] are three ways through the same trials, of
    every class with two phrases and a look-alike that has two; ``look_alikes_there`` [C] of those
    it has.
    ``pairs`` (row, look-alike's row, share of trials in which their phrases are told apart).
    """

    by_name: Floats
    chance: Floats
    dealt: float
    by_phrases: Floats
    by_both: Floats
    by_name_there: Floats
    look_alikes_there: NDArray[np.intp]
    pairs: tuple[tuple[int, int, float], ...]

    @property
    def score(self) -> float:
        """The set's one number: the mean of ``by_name`` over the classes, nan for none."""
        return mean_of(self.by_name)

    @property
    def gain(self) -> Floats:
        """[C] what the other phrases add to the names, in shares of the same trials."""
        return self.by_both - self.by_name_there

    @property
    def weak_pairs(self) -> tuple[tuple[int, int, float], ...]:
        """Pairs that are not told apart, the worst first."""
        weak = (pair for pair in self.pairs if pair[2] < WEAK_PAIR)
        return tuple(sorted(weak, key=lambda pair: pair[2]))


def measure(
    vectors: NDArray[np.floating],
    owners: NDArray[np.integer],
    names: Floats,
    look_alikes: Sequence[NDArray[np.intp]],
    seed: int = 0,
) -> Discriminability:
    """Measure one set; ``seed`` draws the phrases of the means and deals them for ``dealt``.

    Args:
        vectors: [N, D] unit rows of phrases that do not hold their class's name, or no longer;
            float16 will do, no second copy of them is made.
        owners: [N] row of each phrase's class.
        names: [C, D] unit vectors of ``contrast.class_text``.
        look_alikes: as ``look_alikes.find_look_alikes`` gives them.
    """
    rng = np.random.default_rng(seed)
    members = _members(owners, len(names))
    centred = _unit(names - names.mean(axis=0))
    against = [
        np.array([c, *(r for r in look_alikes[c] if len(members[r]) > 1)])
        for c in range(len(names))
    ]
    bench = _Bench(
        vectors=vectors,
        members=members,
        middle=class_means(vectors, owners, len(names))[1],
        names=centred,
        against=against,
        scored=[c for c, rows in enumerate(members) if len(rows) > 1 and len(against[c]) > 1],
    )
    by_phrases, by_both, by_name_there, pairs = _by_phrases(bench, rng)
    by_name = shares_found(vectors, owners, names, look_alikes)
    chance = np.array([1 / (1 + len(rows)) for rows in look_alikes], np.float32)
    there = np.zeros(len(names), np.intp)
    there[bench.scored] = [len(against[c]) - 1 for c in bench.scored]
    return Discriminability(
        by_name=by_name,
        chance=np.where(np.isnan(by_name), np.float32(np.nan), chance),
        dealt=mean_of(shares_found(vectors, rng.permutation(owners), names, look_alikes)),
        by_phrases=by_phrases,
        by_both=by_both,
        by_name_there=by_name_there,
        look_alikes_there=there,
        pairs=pairs,
    )


def shares_found(
    vectors: NDArray[np.floating],
    owners: NDArray[np.integer],
    names: Floats,
    look_alikes: Sequence[NDArray[np.intp]],
) -> Floats:
    """[C] of each class the share of its phrases that are nearest to its name; nan for none.

    What phrases share says nothing about a class, and makes some names the nearest of all. It
    is taken off as the mean of the classes that a trial is not about, so that a set which
    describes a class and none of its look-alikes loses nothing by it; where a trial is about all of
    them, as the mean of all; and not at all where there is but one.
    Args: as ``measure``, or ``look_alikes.meaning_text`` in the place of names; an owner of -1 is
    nobody's.
    """
    members = _members(owners, len(names))
    means, middle = class_means(vectors, owners, len(names))
    has_any = np.array([len(rows) > 0 for rows in members], np.bool_)
    centred = _unit(names - names.mean(axis=0))
    shares = np.full(len(members), np.nan, np.float32)
    total, count = means.sum(axis=0), int(has_any.sum())
    middle = middle if count > 1 else np.zeros_like(middle)
    for c in np.flatnonzero(has_any).tolist():
        if not len(look_alikes[c]):
            continue
        round_ = np.array([c, *look_alikes[c]])
        outside = count - int(has_any[round_].sum())
        shared: Floats = (total - means[round_].sum(axis=0)) / outside if outside else middle
        shares[c] = _found(vectors, members[c], shared, centred[round_])
    return shares


def paired_shares(
    first: PhraseVectors,
    second: PhraseVectors,
    names: Floats,
    look_alikes: Sequence[NDArray[np.intp]],
) -> tuple[Floats, Floats]:
    """``shares_found`` of two sets [C], cut to the classes that both describe.

    Each is measured as if it held nothing else: the same classes, the same look-alikes, and as many
    classes to take what phrases share from.
    """
    both = np.intersect1d(first[1], second[1])
    one, other = (
        shares_found(vectors, np.where(np.isin(owners, both), owners, -1), names, look_alikes)
        for vectors, owners in (first, second)
    )
    return one, other


def mean_of(shares: Floats) -> float:
    """The mean over the classes that have a share; nan where none has."""
    known = shares[~np.isnan(shares)]
    return float(known.mean()) if len(known) else float("nan")


def interval(shares: Floats, seed: int = 0) -> tuple[float, float]:
    """The middle 95 % of means over classes drawn with replacement.

    Of a difference of two sets' shares it is the paired interval, over the classes both have.
    Fewer than ``FEWEST`` classes show too little of how classes differ: theirs is nan.
    """
    known = shares[~np.isnan(shares)]
    if len(known) < FEWEST:
        return float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    means = [known[rng.integers(len(known), size=len(known))].mean() for _ in range(RESAMPLES)]
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)


def class_means(
    vectors: NDArray[np.floating], owners: NDArray[np.integer], classes: int
) -> tuple[Floats, Floats]:
    """The mean of each class's phrases [C, D], zero where it has none, and their middle [D]."""
    members = _members(owners, classes)
    means = np.zeros((classes, vectors.shape[1]), np.float32)
    for row, rows in enumerate(members):
        if len(rows):
            means[row] = sum(_chunks(vectors, rows), np.zeros(1, np.float32)) / len(rows)
    has_any = np.array([len(rows) > 0 for rows in members], np.bool_)
    middle = means[has_any].mean(axis=0) if has_any.any() else means.sum(axis=0)
    return means, middle


@dataclass(frozen=True, kw_only=True)
class _Bench:
    """What one set is measured on. ``against`` [C]: the class's own row, then those of its
    look-alikes that have two phrases. ``middle`` is taken off every phrase, and theirs off the
    names."""

    vectors: NDArray[np.floating]
    members: Sequence[NDArray[np.intp]]
    middle: Floats
    names: Floats
    against: Sequence[NDArray[np.intp]]
    scored: Sequence[int]

    def phrases(self, rows: NDArray[np.intp]) -> Floats:
        """Centred, of no particular length."""
        centred: Floats = self.vectors[rows].astype(np.float32) - self.middle
        return centred


def _chunks(vectors: NDArray[np.floating], rows: NDArray[np.intp]) -> Iterator[Floats]:
    """Sums of the rows, some thousands at a time."""
    for start in range(0, len(rows), _CHUNK):
        yield vectors[rows[start : start + _CHUNK]].astype(np.float32).sum(axis=0)


def _found(
    vectors: NDArray[np.floating], rows: NDArray[np.intp], shared: Floats, names: Floats
) -> float:
    """The share of some phrases that are nearest to the first of the names."""
    hits = 0
    for start in range(0, len(rows), _CHUNK):
        # a phrase's own length changes no order, so that it need not be a unit vector
        centred: Floats = vectors[rows[start : start + _CHUNK]].astype(np.float32) - shared
        hits += int(_first_wins(centred @ names.T).sum())
    return hits / len(rows)


def _by_phrases(
    bench: _Bench, rng: np.random.Generator
) -> tuple[Floats, Floats, Floats, tuple[tuple[int, int, float], ...]]:
    """Of each class as many phrases as the poorest of its round has, ``PER_CLASS`` at most.

    The i-th phrase is compared with means that all lack their i-th phrase: were the phrases all
    alike, own and others would be of one kind, and chance exactly 1 / (1 + look-alikes).
    """
    shares = np.full((3, len(bench.members)), np.nan, np.float32)
    shares[:, bench.scored] = 0.0
    told_apart: dict[tuple[int, int], list[float]] = {}
    for _ in range(DRAWS):
        drawn = [_draw(rows, rng) for rows in bench.members]
        for c in bench.scored:
            round_ = bench.against[c]
            count = min(len(drawn[row]) for row in round_)
            rows = np.stack([drawn[row][:count] for row in round_])
            phrases = _unit(bench.phrases(rows))  # [1 + look-alikes, count, D]
            others = _unit(phrases.sum(axis=1, keepdims=True) - phrases)
            names = bench.names[round_][:, None]
            ways = (others, _unit(others + names), np.broadcast_to(names, others.shape))
            cosines: list[Floats] = [np.einsum("kd,rkd->kr", phrases[0], way) for way in ways]
            shares[:, c] += [_first_wins(one).mean() / DRAWS for one in cosines]
            by_others = cosines[0]
            apart = (by_others[:, :1] > by_others[:, 1:]).mean(axis=0)
            for other, share in zip(round_[1:], apart, strict=True):
                told_apart.setdefault((min(c, other), max(c, other)), []).append(float(share))
    pairs = ((int(a), int(b), float(np.mean(all_))) for (a, b), all_ in sorted(told_apart.items()))
    by_phrases, by_both, by_name_there = shares
    return by_phrases, by_both, by_name_there, tuple(pairs)


def _draw(rows: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.intp]:
    return rng.choice(rows, min(PER_CLASS, len(rows)), replace=False) if len(rows) else rows


def _first_wins(cosines: Floats) -> NDArray[np.bool_]:
    """[N, 1 + look-alikes] -> whether the own class, in front, beats all; a tie is no win."""
    won: NDArray[np.bool_] = cosines[:, 0] > cosines[:, 1:].max(axis=1)
    return won


def _members(owners: NDArray[np.integer], classes: int) -> list[NDArray[np.intp]]:
    """Rows of the phrases of each class; an owner of -1 is nobody's."""
    order = np.argsort(owners, kind="stable")
    cuts = np.searchsorted(owners[order], np.arange(classes + 1))
    return [order[a:b] for a, b in zip(cuts[:-1], cuts[1:], strict=True)]


def _unit(rows: Floats) -> Floats:
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    unit: Floats = rows / np.maximum(lengths, 1e-12)
    return unit

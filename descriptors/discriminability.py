"""Measure, without an image, whether descriptors tell a class from those it is confused with.

In:  unit vectors of the phrases of each class, and of what each class means (``meaning_text``).
Out: how often a phrase finds its own class among its rivals; chance; an interval; weak pairs.

The rivals of a class come from the vocabulary alone (nearest names), so that two sets of phrases
for one vocabulary answer the same questions. A phrase is held out, and looked for in three ways:

    by name     its cosine with what each class means
    by phrases  its cosine with the mean of the other phrases of each class
    by both     its cosine with the sum of the two

*By name* is the number of a set: it is the only one of the three that wrong lists lower. (The
bundled ade20k phrases found their class by name in 32 % of cases, and in 14 % with the classes'
lists swapped; by phrases in 33 %, and swapped in 49 %: lists of far-off classes are easier to
tell apart than those of true look-alikes.) Names without descriptors hold no phrase to look for;
what they can do is the first way, so the gain of the third over it is what descriptors add.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from langseg.descriptors.contrast import SYNONYM_COSINE, class_text
from langseg.descriptors.vocabulary import ClassEntry, Vocabulary

RIVALS = 5
PER_CLASS = 8  # phrases of a class when its mean is looked at, so that large sets gain nothing
DRAWS = 5  # of those phrases
RESAMPLES = 1000
# two classes told apart in less than this share of trials, where 1/2 is chance, are a weak pair
WEAK_PAIR = 0.55
_CHUNK = 8192  # rows of a matrix product at a time: 12 MiB of 384 floats
Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Discriminability:
    """Shares of one set. A class without two phrases, or without a rival that has two, is nan.

    ``by_name``, ``by_phrases``, ``by_both`` [C]; ``chance`` [C] is 1 / (1 + rivals);
    ``dealt`` is ``by_name`` of the same phrases dealt to the classes at random: what chance truly
    gives, a little less than ``chance``, because a class lies in the midst of its rivals;
    ``pairs`` (row, rival's row, share of trials in which their phrases are told apart).
    """

    by_name: Floats
    by_phrases: Floats
    by_both: Floats
    chance: Floats
    dealt: float
    pairs: tuple[tuple[int, int, float], ...]

    @property
    def score(self) -> float:
        """The set's one number: the mean of ``by_name`` over the classes, nan for none."""
        return mean_of(self.by_name)

    @property
    def weak_pairs(self) -> tuple[tuple[int, int, float], ...]:
        """Pairs that are not told apart, the worst first."""
        weak = (pair for pair in self.pairs if pair[2] < WEAK_PAIR)
        return tuple(sorted(weak, key=lambda pair: pair[2]))


def meaning_text(entry: ClassEntry) -> str:
    """The text whose vector stands for what a class means."""
    return f"{class_text(entry)}: {entry.definition}" if entry.definition else class_text(entry)


def find_rivals(vocabulary: Vocabulary, vectors: Floats, k: int = RIVALS) -> list[NDArray[np.intp]]:
    """For each class the rows of its nearest others, nearest first, near-synonyms left out.

    Args:
        vectors: [C, D] unit vectors of ``contrast.class_text``.
    """
    own = [{n.casefold() for n in (e.name, *e.synonyms)} for e in vocabulary.classes]
    found = []
    for start in range(0, len(own), _CHUNK // 8):
        cosines = vectors[start : start + _CHUNK // 8] @ vectors.T
        for row, line in enumerate(cosines, start):
            line[row] = 2.0
            line[line >= SYNONYM_COSINE] = -2.0
            few = min(k + 16, len(line))  # some of them may share a name
            near = np.argpartition(-line, few - 1)[:few]
            near = near[np.lexsort((near, -line[near]))]
            kept = [o for o in near if line[o] > -2.0 and not own[row] & own[o]]
            found.append(np.array(kept[:k], np.intp))
    return found


def measure(
    vectors: NDArray[np.floating],
    owners: NDArray[np.integer],
    meanings: Floats,
    rivals: Sequence[NDArray[np.intp]],
    seed: int = 0,
) -> Discriminability:
    """Measure one set; ``seed`` draws the phrases of the means and deals them for ``dealt``.

    Args:
        vectors: [N, D] unit rows of phrases that do not hold their class's name; float16 will
            do, no second copy of them is made.
        owners: [N] row of each phrase's class.
        meanings: [C, D] unit vectors of ``meaning_text``.
        rivals: as ``find_rivals`` gives them.
    """
    rng = np.random.default_rng(seed)
    members = _members(owners, len(meanings))
    against = [
        np.array([c, *(r for r in rivals[c] if len(members[r]) > 1)]) for c in range(len(meanings))
    ]
    bench = _Bench(
        vectors=vectors,
        members=members,
        middle=_middle(vectors, members),
        meanings=_unit(meanings - meanings.mean(axis=0)),
        against=against,
        scored=[c for c, rows in enumerate(members) if len(rows) > 1 and len(against[c]) > 1],
    )
    by_phrases, by_both, pairs = _by_phrases(bench, rng)
    chance = np.full(len(meanings), np.nan, np.float32)
    chance[bench.scored] = [1 / len(against[c]) for c in bench.scored]
    return Discriminability(
        by_name=_by_name(bench, members),
        by_phrases=by_phrases,
        by_both=by_both,
        chance=chance,
        dealt=mean_of(_by_name(bench, _members(rng.permutation(owners), len(meanings)))),
        pairs=pairs,
    )


def mean_of(shares: Floats) -> float:
    """The mean over the classes that have a share; nan where none has."""
    known = shares[~np.isnan(shares)]
    return float(known.mean()) if len(known) else float("nan")


def interval(shares: Floats, seed: int = 0) -> tuple[float, float]:
    """The middle 95 % of means over classes drawn with replacement; nan where there are none.

    Of a difference of two sets' shares it is the paired interval, over the classes both have.
    """
    known = shares[~np.isnan(shares)]
    if not len(known):
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
    """What one set is measured on. ``against`` [C]: the class's own row, then its rivals'.

    ``middle`` is taken off every phrase, and theirs off the meanings: what all texts of a set
    share says nothing about a class, and makes some meanings the nearest of everything.
    """

    vectors: NDArray[np.floating]
    members: Sequence[NDArray[np.intp]]
    middle: Floats
    meanings: Floats
    against: Sequence[NDArray[np.intp]]
    scored: Sequence[int]

    def phrases(self, rows: NDArray[np.intp]) -> Floats:
        """Centred, of no particular length."""
        centred: Floats = self.vectors[rows].astype(np.float32) - self.middle
        return centred


def _middle(vectors: NDArray[np.floating], members: Sequence[NDArray[np.intp]]) -> Floats:
    """The mean of the classes' means, so that no class counts more for having more phrases."""
    owners = np.full(len(vectors), -1, np.intp)
    for row, rows in enumerate(members):
        owners[rows] = row
    return class_means(vectors, owners, len(members))[1]


def _chunks(vectors: NDArray[np.floating], rows: NDArray[np.intp]) -> Iterator[Floats]:
    """Sums of the rows, some thousands at a time."""
    for start in range(0, len(rows), _CHUNK):
        yield vectors[rows[start : start + _CHUNK]].astype(np.float32).sum(axis=0)


def _by_name(bench: _Bench, members: Sequence[NDArray[np.intp]]) -> Floats:
    shares = np.full(len(members), np.nan, np.float32)
    for c in bench.scored:
        hits, rows = 0, members[c]
        rivals = bench.meanings[bench.against[c]].T
        for start in range(0, len(rows), _CHUNK):
            # a phrase's own length changes no order, so that it need not be a unit vector
            hits += int(_first_wins(bench.phrases(rows[start : start + _CHUNK]) @ rivals).sum())
        shares[c] = hits / len(rows)
    return shares


def _by_phrases(
    bench: _Bench, rng: np.random.Generator
) -> tuple[Floats, Floats, tuple[tuple[int, int, float], ...]]:
    """Of each class as many phrases as the poorest of its round has, ``PER_CLASS`` at most.

    The i-th phrase is compared with means that all lack their i-th phrase: were the phrases all
    alike, own and others would be of one kind, and chance exactly 1 / (1 + rivals).
    """
    by_phrases, by_both = (np.full(len(bench.members), np.nan, np.float32) for _ in range(2))
    by_phrases[bench.scored], by_both[bench.scored] = 0.0, 0.0
    told: dict[tuple[int, int], list[float]] = {}
    for _ in range(DRAWS):
        drawn = [_draw(rows, rng) for rows in bench.members]
        for c in bench.scored:
            round_ = bench.against[c]
            count = min(len(drawn[row]) for row in round_)
            rows = np.stack([drawn[row][:count] for row in round_])
            phrases = _unit(bench.phrases(rows))  # [1 + rivals, count, D]
            others = _unit(phrases.sum(axis=1, keepdims=True) - phrases)
            joined = _unit(others + bench.meanings[round_][:, None])
            cosines = np.einsum("kd,rkd->kr", phrases[0], others)
            by_phrases[c] += _first_wins(cosines).mean() / DRAWS
            by_both[c] += _first_wins(np.einsum("kd,rkd->kr", phrases[0], joined)).mean() / DRAWS
            apart = (cosines[:, :1] > cosines[:, 1:]).mean(axis=0)
            for rival, share in zip(round_[1:], apart, strict=True):
                told.setdefault((min(c, rival), max(c, rival)), []).append(float(share))
    pairs = ((int(a), int(b), float(np.mean(shares))) for (a, b), shares in sorted(told.items()))
    return by_phrases, by_both, tuple(pairs)


def _draw(rows: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.intp]:
    return rng.choice(rows, min(PER_CLASS, len(rows)), replace=False) if len(rows) else rows


def _first_wins(cosines: Floats) -> NDArray[np.bool_]:
    """[N, 1 + rivals] -> whether the own class, in front, beats every rival; a tie is no win."""
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

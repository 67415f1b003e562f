"""Judge phrases by labelled pictures: which of them point at the regions of their class.

In:  a TextBank, region means of pictures, a seed.
Out: JudgedPhrases: a row for each phrase, and how often the class vectors find a hidden class.

The classes are dealt into folds, DEALS times. A fold's classes are hidden: ridge regression from
the other regions to their classes' words (``words.py``) places every hidden region among the words,
though nothing has shown it what the hidden words look like. There a phrase of a hidden class
competes with all other phrases of hidden classes: the nearest to a region *wins* it, and is right
where the region is of its class. Winning has much luck in it, as a class has many phrases alike; so
a phrase is ranked by its AUC, how often a region of its own class is nearer to it than one of
another hidden class. The map hears of the trained classes' phrases alone: no phrase vouches for
itself.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy import stats
from torch import Tensor

from langseg.cache.bank.text_bank import TextBank
from langseg.cache.errors import InputError
from langseg.segmenter.comparison.bootstrap import LEVEL
from langseg.segmenter.comparison.region_means import RegionMeans
from langseg.segmenter.comparison.words import arm_words
from langseg.segmenter.data.sample import OnProgress

FOLDS = 4
DEALS = 5
LEAST_REGIONS = 8  # of its class, for a phrase to be called anything
ERRORS = 2.0  # standard errors of an AUC without meaning, from one half
_LEAST_CLASSES = 2 * FOLDS  # so that two are hidden at a time

Word = Literal["finds", "chance", "misleads", "too few"]


@dataclass(frozen=True, kw_only=True)
class JudgedPhrase:
    """``regions`` of its class and ``others`` that it was asked about, each once; ``wins`` and
    ``right`` are summed over the deals, ``auc`` is their mean, nan without a region;
    ``mistaken_for``: the other class whose regions lie nearest to it on average, "" for none.

    ``word``: *misleads* or *finds* where the AUC is further from one half than ERRORS standard
    errors of one that means nothing, *too few* below LEAST_REGIONS of its class.
    """

    class_name: str
    text: str
    slot: str
    subclass: str
    regions: int
    others: int
    wins: int
    right: int
    auc: float
    mistaken_for: str
    word: Word


@dataclass(frozen=True, kw_only=True)
class JudgedPhrases:
    """``found``: hidden regions whose class vector is the nearest of the hidden, in 0..1, averaged
    over classes, with the interval over them; ``classes`` were hidden, ``chance`` is what blind
    guesses find."""

    found: float
    interval: tuple[float, float]
    chance: float
    classes: int
    phrases: Sequence[JudgedPhrase]


def judge_phrases(
    bank: TextBank, regions: RegionMeans, seed: int, on_progress: OnProgress
) -> JudgedPhrases:
    """Every phrase of the bank once a class, its name among them.

    Raises: InputError, for pictures that show too few classes.
    """
    places = _places(bank)
    of = torch.tensor([row for row, _ in places])
    rows, columns = zip(*places, strict=True)
    texts = torch.from_numpy(bank.emb[list(rows), list(columns)].astype(np.float32))
    vectors = arm_words(bank, "real", None).vectors
    held = torch.bincount(regions.classes, minlength=len(vectors))
    shown = (held > 0).nonzero()[:, 0].numpy()
    if len(shown) < _LEAST_CLASSES:
        raise InputError(
            f"pictures: wanted regions of {_LEAST_CLASSES} classes or more, to hide some of them, "
            f"got {len(shown)}; give pictures of more classes"
        )
    wins, right = (np.zeros(len(places), np.int64) for _ in range(2))
    auc = np.zeros(len(places))
    near = torch.zeros(2, len(vectors), len(places))
    asked = torch.zeros(len(places), len(regions.classes), dtype=torch.bool)
    found: dict[int, list[float]] = {}
    chances = []
    for number, hidden in enumerate(_folds(shown, seed)):
        trained = held > 0
        trained[hidden] = False
        at = ~trained[regions.classes]
        classes = regions.classes[at]
        mean = vectors[trained].mean(dim=0)
        shares = regions.x[at] @ regions.shares(trained[regions.classes], len(vectors))
        directions = F.normalize(vectors - mean, dim=1)
        place = F.normalize(shares @ (directions * trained[:, None]), dim=1)
        nearest = hidden[(place @ directions[hidden].mT).argmax(dim=1)]
        for one in hidden.tolist():
            found.setdefault(one, []).append(float((nearest[classes == one] == one).float().mean()))
        chances.append(1 / len(hidden))
        mine = torch.isin(of, hidden).nonzero()[:, 0]
        cosines = place @ F.normalize(texts[mine] - mean, dim=1).mT
        own = classes[:, None] == of[mine]
        winner = cosines.argmax(dim=1)
        wins += np.bincount(mine[winner], minlength=len(wins))
        is_right = own[torch.arange(len(own)), winner]
        right += np.bincount(mine[winner[is_right]], minlength=len(wins))
        auc[mine] += _aucs(cosines.numpy(), own.numpy()) / DEALS
        asked[mine] |= at
        near[:, :, mine] += _class_means(cosines, classes, len(vectors))
        on_progress("phrases", number + 1, FOLDS * DEALS)
    others_of = _nearest_other(near, of)
    judged = []
    for number, (row, column) in enumerate(places):
        other = others_of[number]
        count = int(held[row])
        others = int(asked[number].sum()) - count if count else 0
        judged.append(JudgedPhrase(
            class_name=bank.names[row], text=bank.texts[row][column], slot=bank.slots[row][column],
            subclass=bank.owners[row][column], regions=count, others=others,
            wins=int(wins[number]), right=int(right[number]),
            auc=float(auc[number]) if count else float("nan"),
            mistaken_for="" if other is None else bank.names[other],
            word=_word(float(auc[number]), count, others),
        ))  # fmt: skip
    shares_found = np.array([np.mean(of_deals) for of_deals in found.values()])
    error = float(shares_found.std(ddof=1)) / len(shares_found) ** 0.5
    reach = float(stats.t.ppf((1 + LEVEL) / 2, len(shares_found) - 1)) * error
    middle = float(shares_found.mean())
    return JudgedPhrases(
        found=middle, interval=(max(0.0, middle - reach), min(1.0, middle + reach)),
        chance=float(np.mean(chances)), classes=len(shown), phrases=judged,
    )  # fmt: skip


def _class_means(cosines: Tensor, classes: Tensor, count: int) -> Tensor:
    """[2, C, phrases]: a phrase's mean cosine with a class's regions, and 1 where it has any."""
    one_hot = F.one_hot(classes, count).float()
    sizes = one_hot.sum(dim=0)[:, None]
    means = one_hot.mT @ cosines / sizes.clamp_min(1)
    return torch.stack([means, (sizes > 0).float().expand_as(means)])


def _nearest_other(near: Tensor, of: Tensor) -> list[int | None]:
    """Of each phrase the class with the highest mean over the deals, but its own ``of``.

    Args: near: sums over the deals of ``_class_means``.
    """
    means = torch.where(near[1] > 0, near[0] / near[1].clamp_min(1), -torch.inf)
    means[of, torch.arange(len(of))] = -torch.inf
    best, other = means.max(dim=0)
    return [
        one if value > -torch.inf else None
        for one, value in zip(other.tolist(), best.tolist(), strict=True)
    ]


def _places(bank: TextBank) -> list[tuple[int, int]]:
    """Row and column of each text of each class; one that is said in several scenes is once."""
    first: dict[tuple[int, str], int] = {}
    for row, texts in enumerate(bank.texts):
        for column, text in enumerate(texts):
            first.setdefault((row, text), column)
    return [(row, column) for (row, _), column in first.items()]


def _folds(classes: NDArray[np.int64], seed: int) -> Iterator[Tensor]:
    rng = np.random.default_rng(seed)
    for _ in range(DEALS):
        for fold in np.array_split(rng.permutation(classes), FOLDS):
            yield torch.from_numpy(np.sort(fold))


def _aucs(cosines: NDArray[np.float32], own: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Of each column: how often a row that is ``own`` is above one that is not, ties half."""
    ranks = stats.rankdata(cosines, axis=0)
    count = own.sum(axis=0)
    above = (ranks * own).sum(axis=0) - count * (count + 1) / 2
    found: NDArray[np.float64] = above / np.maximum(count * (len(own) - count), 1)
    return found


def _word(auc: float, regions: int, others: int) -> Word:
    if regions < LEAST_REGIONS or others < LEAST_REGIONS:
        return "too few"
    error = ((regions + others + 1) / (12 * regions * others)) ** 0.5  # Mann and Whitney
    if abs(auc - 0.5) <= ERRORS * error:
        return "chance"
    return "finds" if auc > 0.5 else "misleads"

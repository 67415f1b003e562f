"""Say which words won each region of a picture.

In:  a Segmenter, a picture with the backbone's features of it, and the scene that is told.
Out: regions of the mask, the largest first; of each the class that is next, by how much it lost,
     and the phrases by how near the region is to each of them alone.

A phrase is judged by what the very head says of a vocabulary in which each phrase is a class of its
own, trained or new as its class is, so this holds for every head that reads words. All values are
a head's logits: a difference d between two is odds of e^d.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

import numpy as np
import scipy.ndimage
import torch
from numpy.typing import NDArray
from torch import Tensor

from langseg.cache.bank.text_bank import TextBank
from langseg.cache.errors import UsageError
from langseg.cache.records import ANY_SCENE
from langseg.segmenter.backbones.vit import Features
from langseg.segmenter.inference.class_map import ClassMap
from langseg.segmenter.inference.segmenter import Segmenter

LEAST_SHARE = 0.005  # of the pixels; smaller regions are not explained
MOST_REGIONS = 30


@dataclass(frozen=True, kw_only=True)
class Phrase:
    """A phrase of the bank, ``row`` in its class; ``value``: the mean logit over a region of a
    class that were this phrase alone."""

    class_index: int
    row: int
    value: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Region:
    """Pixels that touch and have one class.

    ``pixels`` bool [H, W]; ``share`` of the picture, 0..1; ``runner_up``: the class whose mean
    logit over the region is next, ``margin`` below (negative where the mean is above, which a
    region that its borders won can have; None for a vocabulary of one). ``phrases`` of the class
    and ``runner_up_phrases``, the nearest to the region first.
    """

    class_index: int
    pixels: NDArray[np.bool_]
    share: float
    runner_up: int | None
    margin: float | None
    phrases: tuple[Phrase, ...]
    runner_up_phrases: tuple[Phrase, ...]


def explained_regions(
    segmenter: Segmenter, image: NDArray[np.uint8], features: Features, seen: ClassMap,
    mask: NDArray[np.int64], scene: str | None,
) -> list[Region]:  # fmt: skip
    """Args: features, seen, mask: of the whole image, read once; scene: as told to ``look``."""
    regions = touching(mask)
    parts = torch.stack([_cells(pixels, seen.values.shape[1:]) for _, pixels in regions])
    means = (parts.to(seen.values) @ seen.values.flatten(1).mT).cpu()  # [R, C]
    nexts = [_runner_up(mean, won) for mean, (won, _) in zip(means, regions, strict=True)]
    asked = sorted({won for won, _ in regions} | {each for each in nexts if each is not None})
    rows = [(c, k) for c in asked for k in range(len(segmenter.bank.texts[c]))]
    alone = segmenter.with_bank(single_phrases(segmenter.bank, rows), [c for c, _ in rows])
    values = alone.look(image, scene, features).values.flatten(1)
    phrase_means = (parts.to(values) @ values.mT).cpu().tolist()  # [R, phrases]
    phrases = [
        sorted(
            (
                Phrase(class_index=c, row=k, value=value)
                for (c, k), value in zip(rows, of_region, strict=True)
            ),
            key=lambda phrase: -phrase.value,
        )
        for of_region in phrase_means
    ]
    return [
        Region(
            class_index=won,
            pixels=pixels,
            share=float(pixels.mean()),
            runner_up=other,
            margin=None if other is None else float(mean[won] - mean[other]),
            phrases=tuple(each for each in of_region if each.class_index == won),
            runner_up_phrases=tuple(each for each in of_region if each.class_index == other),
        )
        for (won, pixels), other, mean, of_region in zip(
            regions, nexts, means, phrases, strict=True
        )
    ]


def touching(mask: NDArray[np.int64]) -> list[tuple[int, NDArray[np.bool_]]]:
    """Class and pixels of the regions of a mask, the largest first: those of LEAST_SHARE and
    more, MOST_REGIONS of them at most, and always the largest."""
    found: list[tuple[int, int, NDArray[np.bool_]]] = []
    for index in np.unique(mask).tolist():
        labels, _ = scipy.ndimage.label(mask == index)
        sizes = np.bincount(labels.ravel())[1:]
        large = sizes >= min(LEAST_SHARE * mask.size, sizes.max())
        found += [
            (int(sizes[number]), index, labels == number + 1)
            for number in np.flatnonzero(large).tolist()
        ]
    found.sort(key=lambda one: -one[0])
    kept = [one for one in found[:MOST_REGIONS] if one[0] >= LEAST_SHARE * mask.size] or found[:1]
    return [(index, pixels) for _, index, pixels in kept]


def single_phrases(bank: TextBank, rows: Sequence[tuple[int, int]]) -> TextBank:
    """A vocabulary in which each of these phrases (class, k) is a class."""
    classes, ks = (np.array(each) for each in zip(*rows, strict=True))
    return replace(
        bank,
        scene_names={},
        scene_texts={},
        names=tuple(f"phrase {number}" for number in range(len(rows))),
        ids=tuple(range(1, len(rows) + 1)),
        ignore_ids=(0,),
        texts=tuple((bank.texts[c][k],) for c, k in rows),
        slots=tuple((bank.slots[c][k],) for c, k in rows),
        owners=tuple((bank.owners[c][k],) for c, k in rows),
        emb=bank.emb[classes, ks][:, None],
        mask=np.ones((len(rows), 1), np.bool_),
        weight=np.ones((len(rows), 1), np.float32),
        prior=np.ones((len(bank.scenes), len(rows), 1), np.float32),
    )


def bank_without(
    bank: TextBank, *, phrases: Collection[str] = (), classes: Collection[str] = (),
    scenes: Collection[str] = (),
) -> TextBank:  # fmt: skip
    """The bank as it would be without some phrases (of every class that has them), classes and
    scenes; what is left of a class's weights is made to sum to 1 again.

    Raises: UsageError, for what the bank does not hold, the last phrase of a class, the last
    class, and ``*``, which is no scene.
    """
    for kind, names, known in (
        ("phrase", phrases, {text for texts in bank.texts for text in texts}),
        ("class", classes, set(bank.names)),
        ("scene", scenes, set(bank.scenes) - {ANY_SCENE}),
    ):
        for name in sorted(set(names) - known):
            close = get_close_matches(name, known, n=1)
            raise UsageError(
                f"without {kind} {name!r}: wanted a {kind} of the bank, word for word, "
                + (f"did you mean {close[0]!r}?" if close else f"got none of its {len(known)}")
            )
    kept = [c for c, name in enumerate(bank.names) if name not in classes]
    if not kept:
        raise UsageError("--without-class: wanted a class that is left, got all of the bank's")
    places = [[k for k, text in enumerate(bank.texts[c]) if text not in phrases] for c in kept]
    for c, ks in zip(kept, places, strict=True):
        if not ks:
            raise UsageError(
                f"--without-phrase: wanted a phrase that is left of {bank.names[c]}, got all of "
                "them; leave the class out with --without-class"
            )
    rows = [s for s, name in enumerate(bank.scenes) if name not in scenes]
    most = max(map(len, places))
    emb = np.zeros((len(kept), most, bank.emb.shape[2]), bank.emb.dtype)
    weight = np.zeros((len(kept), most), np.float32)
    prior = np.ones((len(rows), len(kept), most), np.float32)
    for place, (c, ks) in enumerate(zip(kept, places, strict=True)):
        emb[place, : len(ks)] = bank.emb[c, ks]
        left = bank.weight[c, ks]
        weight[place, : len(ks)] = left / left.sum() if left.any() else 1 / len(ks)
        prior[:, place, : len(ks)] = bank.prior[np.ix_(rows, [c], ks)][:, 0]
    texts, slots, owners = (
        tuple(tuple(column[c][k] for k in ks) for c, ks in zip(kept, places, strict=True))
        for column in (bank.texts, bank.slots, bank.owners)
    )
    return replace(
        bank,
        names=tuple(bank.names[c] for c in kept),
        ids=tuple(bank.ids[c] for c in kept),
        scenes=tuple(bank.scenes[s] for s in rows),
        scene=bank.scene[rows],
        scene_names={s: names for s, names in bank.scene_names.items() if s not in scenes},
        scene_texts={s: parts for s, parts in bank.scene_texts.items() if s not in scenes},
        texts=texts,
        slots=slots,
        owners=owners,
        emb=emb,
        mask=np.arange(most) < np.array([[len(ks)] for ks in places]),
        weight=weight,
        prior=prior,
    )


def _cells(pixels: NDArray[np.bool_], grid: torch.Size) -> Tensor:
    """[h * w]: which share of a region's pixels is nearest to each cell of the grid."""
    h, w = grid
    height, width = pixels.shape
    rows, columns = pixels.nonzero()
    cell = rows * h // height * w + columns * w // width
    counts = np.bincount(cell, minlength=h * w)
    return torch.from_numpy(counts / counts.sum())


def _runner_up(mean: Tensor, won: int) -> int | None:
    others = mean.clone()
    others[won] = -torch.inf
    return int(others.argmax()) if len(mean) > 1 else None

"""The palette: the colour of each class, in masks, overlays and legends alike.

In:  the names of a vocabulary's classes, and the vocabulary's own name.
Out: red, green and blue of each class, 0..255.

A dataset's own colours where it has some (``palettes/*.yaml``, each with its source): those of the
vocabulary's dataset, else of the first dataset that has all the names; then those that the first
dataset with such a name lends. Another class gets a colour by its name, far in CIELAB from those
that are taken; so a name has one colour, as far as that is possible, whatever stands beside it.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files as package_files

import numpy as np
import yaml
from numpy.typing import NDArray

Rgb = tuple[int, int, int]
Lab = NDArray[np.float64]
DATASETS = ("ade20k", "coco", "cityscapes", "camvid", "pascal-voc", "msrc")  # first to last asked
LENT_FAR = 6.0  # CIELAB distance that a colour lent by a dataset keeps from those taken
OWN_FAR = 25.0  # that a colour chosen by name keeps, while there is room
_WISHES = 256  # colours to choose from by name, far apart: a byte of the name's hash is a wish
_LEVELS = range(0, 256, 17)  # of red, green and blue in the pool
_LIGHTNESS, _CHROMA = (25.0, 92.0), 12.0  # of the pool: neither black, nor white, nor grey


def class_colours(names: Sequence[str], vocabulary: str = "") -> tuple[Rgb, ...]:
    """The colour of each class, the same in every picture and run, in whatever order they come."""
    keys = _keys(names)
    datasets = [_dataset(name) for name in DATASETS]
    whole = [one for one in datasets if vocabulary in one.vocabularies]
    whole += [one for one in datasets if one.colours.keys() >= set(keys)]
    colours = {key: whole[0].colours[key] for key in keys if whole and key in whole[0].colours}
    taken = _Taken(colours.values())
    for key in sorted(set(keys) - colours.keys()):
        lent = next((one.colours[key] for one in datasets if key in one.colours), None)
        if lent is not None and taken.distance(lent) >= LENT_FAR:
            colours[key] = taken.add(lent)
    hashes = {key: sha256(key.encode("utf-8", "surrogatepass")).digest() for key in keys}
    for key in sorted(set(keys) - colours.keys(), key=hashes.__getitem__):
        colours[key] = taken.add(taken.free_colour(hashes[key]))
    return tuple(colours[key] for key in keys)


def lab(colours: Sequence[Rgb]) -> Lab:
    """CIELAB (D65) of sRGB colours: [N, 3]."""
    channels = np.array(colours, np.float64).reshape(-1, 3) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    xyz = linear @ np.array(
        [[0.4124564, 0.2126729, 0.0193339], [0.3575761, 0.7151522, 0.1191920],
         [0.1804375, 0.0721750, 0.9503041]]
    )  # fmt: skip
    ratio = xyz / (0.95047, 1.0, 1.08883)
    f = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio * (29 / 6) ** 2 / 3 + 4 / 29)
    x, y, z = f.T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)


class _Taken:
    """The colours that are taken, and how far each colour of the pool is from them."""

    def __init__(self, colours: Iterable[Rgb]) -> None:
        self._labs: list[Lab] = []
        self._pool, self._pool_labs = _pool()
        self._pool_distance = np.full(len(self._pool), np.inf)
        for colour in colours:
            self.add(colour)

    def add(self, colour: Rgb) -> Rgb:
        self._labs.append(lab([colour])[0])
        apart = np.linalg.norm(self._pool_labs - self._labs[-1], axis=1)
        self._pool_distance = np.minimum(self._pool_distance, apart)
        return colour

    def distance(self, colour: Rgb) -> float:
        """From the nearest colour that is taken."""
        apart = [float(np.linalg.norm(lab([colour])[0] - other)) for other in self._labs]
        return min(apart, default=float("inf"))

    def free_colour(self, wishes: bytes) -> Rgb:
        """The first wish that is far from what is taken, else what is farthest from it; where
        all is taken (thousands of classes), the first wish again."""
        far = (wish for wish in wishes if self._pool_distance[wish] >= OWN_FAR)
        farthest = int(self._pool_distance.argmax())
        last = farthest if self._pool_distance[farthest] else wishes[0]
        return self._pool[next(far, last)]


@dataclass(frozen=True)
class _Dataset:
    """A dataset's own colours, and the vocabularies that are of it."""

    vocabularies: tuple[str, ...]
    colours: Mapping[str, Rgb]


@cache
def _dataset(name: str) -> _Dataset:
    file = package_files("langseg.segmenter.inference").joinpath("palettes", f"{name}.yaml")
    content = yaml.safe_load(file.read_text("utf-8"))
    colours = {_plain(name): tuple(colour) for name, colour in content["colours"].items()}
    unmerged = {name.removesuffix(" merged"): colour for name, colour in colours.items()}
    return _Dataset(tuple(content["vocabularies"]), unmerged | colours)


@cache
def _pool() -> tuple[list[Rgb], Lab]:
    """Colours, of which each of the first is as far as can be from those before it."""
    colours = [(r, g, b) for r in _LEVELS for g in _LEVELS for b in _LEVELS]
    labs = lab(colours)
    light, chroma = labs[:, 0], np.hypot(labs[:, 1], labs[:, 2])
    fit = (light >= _LIGHTNESS[0]) & (light <= _LIGHTNESS[1]) & (chroma >= _CHROMA)
    colours, labs = [colours[i] for i in np.flatnonzero(fit)], labs[fit]
    distance, chosen = np.full(len(labs), np.inf), [0]
    while len(chosen) < _WISHES:
        distance = np.minimum(distance, np.linalg.norm(labs - labs[chosen[-1]], axis=1))
        chosen.append(int(distance.round(6).argmax()))  # no tie hangs on a platform's last bits
    order = [*chosen, *sorted(set(range(len(colours))) - set(chosen))]
    return [colours[i] for i in order], labs[order]


def _keys(names: Sequence[str]) -> list[str]:
    """A key for each name: the name as it is spoken, unless another name took that already."""
    keys: dict[str, None] = {}
    for name in names:
        plain = _plain(name)
        keys[plain if plain not in keys else f"{plain} {name} {len(keys)}"] = None
    return list(keys)


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", " ", name.casefold()).strip()

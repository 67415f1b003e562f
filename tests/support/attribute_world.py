"""A rendered world in which it is known whether words tell how classes look.

In:  a folder, a kind of world, a seed, how many classes and pictures.
Out: pictures and index labels of two splits, a class list, and a file of descriptors that
     ``langseg-desc import`` takes.

A class is a colour, a pattern and a tone under a name that means nothing; each of the three is
shared with other classes, so a class that was never trained is made of what others have shown.

    positive   its descriptors say the three: words must help
    negative   the lists are dealt to the classes by chance: they read as well and say nothing
    mixed      half of the descriptors of each class say what it is not
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Kind = Literal["positive", "negative", "mixed"]
Grid = NDArray[np.float32]
SIDE = 128  # pixels
CELLS = 2  # regions in a row of a picture, and rows
NOISE = 6.0  # standard deviation in a channel's 0..255
COLOURS = {
    "red": ((205, 40, 40), ("red", "scarlet", "crimson")),
    "yellow": ((225, 200, 40), ("yellow", "lemon yellow", "golden yellow")),
    "green": ((50, 160, 60), ("green", "grass green", "leafy green")),
    "blue": ((45, 85, 205), ("blue", "navy blue", "azure blue")),
    "purple": ((140, 55, 170), ("purple", "violet", "lilac purple")),
}
PATTERNS = {
    "plain": ("plain", "blank", "featureless"),
    "striped": ("horizontally striped", "level banded", "layered"),
    "barred": ("upright barred", "fenced", "vertical columned"),
    "checkered": ("checkered", "chessboard", "alternating squared"),
    "slanted": ("slanted", "diagonal", "oblique"),
    "grainy": ("grainy", "gritty", "rough sandpapery"),
}
TONES = {
    "pale": ("pale", "very light", "pastel"),
    "dark": ("dark", "very deep", "almost black"),
}
SORTS = (  # of attributes: their words, and what stands around a word
    (
        {colour: words for colour, (_, words) in COLOURS.items()},
        ("{} colour", "painted {}", "{} all over", "{} shade", "{} paint", "{} coat"),
    ),
    (PATTERNS, ("{} surface", "{} pattern", "{} texture", "{} finish", "{} look", "{} fabric")),
    (TONES, ("{} tone", "{} tint", "{} appearance", "{} hue", "{} impression", "{} value")),
)
PHRASES = {
    attribute: tuple(frame.format(word) for word in words for frame in frames)
    for sort, frames in SORTS
    for attribute, words in sort.items()
}
FEWEST = 20  # classes of whom any attribute has three
EACH = 6  # phrases of an attribute in a list
PERIODS = {  # pixels
    "striped": (8, 11),
    "barred": (8, 11),
    "checkered": (20, 26),
    "slanted": (11, 15),
}
NAMES = (
    "blicket", "wug", "dax", "toma", "fep", "zup", "gazzer", "modi", "koba", "tulver", "plim",
    "sprock", "vorple", "nerb", "quimp", "zav", "mipen", "lorp", "drindle", "fask", "jubbit",
    "kewel", "narp", "osper", "pilk", "ruvo", "skeb", "tandle", "ummick", "vash", "wibber",
    "yoft", "zindle", "gorp", "hask", "cleem",
)  # fmt: skip


@dataclass(frozen=True)
class Look:
    colour: str
    pattern: str
    tone: str

    def attributes(self) -> tuple[str, str, str]:
        return self.colour, self.pattern, self.tone


@dataclass(frozen=True)
class AttributeWorld:
    """``truth``: of each class and phrase of ``descriptors``, whether the class looks so."""

    classes: Path
    descriptors: Path
    images: Path
    labels: Path
    val_images: Path
    val_labels: Path
    looks: Mapping[str, Look]
    truth: Mapping[tuple[str, str], bool]


def write_world(
    folder: Path, *, kind: Kind, seed: int = 0, classes: int = 30, train: int = 60, val: int = 30
) -> AttributeWorld:
    """A pure function of the arguments; the pictures and the looks are the same for every kind."""
    regions = CELLS**2 * min(train, val)
    if regions < classes:
        raise ValueError(
            f"{min(train, val)} pictures show {regions} regions, not all {classes} classes"
        )
    looks = _looks(seed, classes)
    world = AttributeWorld(
        classes=folder / "classes.txt",
        descriptors=folder / "descriptors.json",
        images=folder / "images" / "train",
        labels=folder / "labels" / "train",
        val_images=folder / "images" / "val",
        val_labels=folder / "labels" / "val",
        looks=looks,
        truth={
            (name, phrase): attribute in looks[name].attributes()
            for name, said in _said(looks, kind, seed).items()
            for phrase, attribute in said.items()
        },
    )
    for images, labels, count, stream in (
        (world.images, world.labels, train, 1), (world.val_images, world.val_labels, val, 2)
    ):  # fmt: skip
        images.mkdir(parents=True)
        labels.mkdir(parents=True)
        _draw(images, labels, tuple(looks.values()), count, np.random.default_rng([seed, stream]))
    world.classes.write_text("".join(f"{name}\n" for name in looks))
    said: dict[str, list[str]] = {name: [] for name in looks}
    for name, phrase in world.truth:
        said[name].append(phrase)
    world.descriptors.write_text(json.dumps(said, indent=1))
    return world


def _looks(seed: int, count: int) -> dict[str, Look]:
    """Rows of a Latin square, so that every attribute is as frequent as any other."""
    rng = np.random.default_rng([seed, 0])
    names, colours, patterns = (
        [str(one) for one in rng.permutation(given)]
        for given in (NAMES, tuple(COLOURS), tuple(PATTERNS))
    )
    most = len(colours) * len(patterns)
    if not FEWEST <= count <= most:
        raise ValueError(f"{FEWEST} to {most} classes, not {count}")
    looks = {}
    for place, name in enumerate(names[:count]):
        row, column = divmod(place, len(colours))
        pattern = patterns[(row + column) % len(patterns)]
        looks[name] = Look(colours[column], pattern, tuple(TONES)[row % len(TONES)])
    return looks


def _said(looks: Mapping[str, Look], kind: Kind, seed: int) -> dict[str, dict[str, str]]:
    """Of each class its phrases, and the attribute that each says."""
    rng = np.random.default_rng([seed, 3])
    lists = [
        [(str(phrase), one) for one in look.attributes() for phrase in _some(PHRASES[one], rng)]
        for look in looks.values()
    ]
    if kind == "negative":
        lists = [lists[place] for place in rng.permutation(len(lists))]
    if kind == "mixed":
        for look, pairs in zip(looks.values(), lists, strict=True):
            for place in rng.permutation(len(pairs))[: len(pairs) // 2]:
                pairs[place] = _false(look, [phrase for phrase, _ in pairs], rng)
    return {name: dict(pairs) for name, pairs in zip(looks, lists, strict=True)}


def _some(phrases: tuple[str, ...], rng: np.random.Generator) -> NDArray[np.str_]:
    return rng.choice(phrases, EACH, replace=False)


def _false(look: Look, taken: list[str], rng: np.random.Generator) -> tuple[str, str]:
    """A phrase that says any attribute which the class has not: one of the same sort would be the
    other tone wherever a tone is wrong, and lists would say both as often."""
    foreign = [one for one in PHRASES if one not in look.attributes()]
    free = [(phrase, one) for one in foreign for phrase in PHRASES[one] if phrase not in taken]
    return free[int(rng.integers(len(free)))]


def _draw(
    images: Path, labels: Path, looks: tuple[Look, ...], count: int, rng: np.random.Generator
) -> None:
    """Every class is dealt once before any is dealt again."""
    regions = CELLS**2
    rounds = -(-count * regions // len(looks))
    deck = np.concatenate([rng.permutation(len(looks)) for _ in range(rounds)])
    for number in range(count):
        dealt = deck[number * regions : (number + 1) * regions]
        picture, places = _picture([looks[one] for one in dealt], rng)
        Image.fromarray(picture).save(images / f"{number:03}.png")
        Image.fromarray((dealt[places] + 1).astype(np.uint8)).save(labels / f"{number:03}.png")


def _picture(
    looks: list[Look], rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """RGB, and which of the looks each pixel has: cells around scattered points."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    step = SIDE / CELLS
    grid = np.stack(np.meshgrid(np.arange(CELLS), np.arange(CELLS)), -1).reshape(-1, 2)
    points = (grid + rng.uniform(0.2, 0.8, grid.shape)) * step
    distances = [np.hypot(x - px, y - py) for px, py in points]
    places = np.argmin(distances, axis=0)
    rgb = np.zeros((SIDE, SIDE, 3), np.float32)
    for place, look in enumerate(looks):
        mine = places == place
        rgb[mine] = _surface(look, x, y, rng)[mine]
    angle = rng.uniform(0, 2 * np.pi)
    light = 1 + rng.uniform(0, 0.2) * ((x * np.cos(angle) + y * np.sin(angle)) / SIDE)
    rgb = rgb * light[..., None] * rng.uniform(0.85, 1.0) + rng.normal(0, NOISE, rgb.shape)
    return np.clip(np.rint(rgb), 0, 255).astype(np.uint8), places


def _surface(look: Look, x: Grid, y: Grid, rng: np.random.Generator) -> Grid:
    base = np.array(COLOURS[look.colour][0]) + rng.normal(0, 10, 3)
    light = look.tone == "pale"
    base = base + (255 - base) * rng.uniform(0.4, 0.55) if light else base * rng.uniform(0.4, 0.55)
    ink = base * 0.45 if light else base + (255 - base) * 0.4
    share = _cover(look.pattern, x, y, rng)[..., None]
    return (base + (ink - base) * share).astype(np.float32)


def _cover(pattern: str, x: Grid, y: Grid, rng: np.random.Generator) -> Grid:
    """How much of each pixel is inked, 0..1."""
    if pattern == "plain":
        return np.zeros_like(x)
    if pattern == "grainy":
        return rng.random(x.shape, dtype=np.float32)
    period = rng.uniform(*PERIODS[pattern])
    u, v = x + rng.uniform(0, period), y + rng.uniform(0, period)
    if pattern == "striped":
        return _soft(np.sin(2 * np.pi * v / period))
    if pattern == "barred":
        return _soft(np.sin(2 * np.pi * u / period))
    if pattern == "checkered":
        return _soft(2 * np.sin(2 * np.pi * u / period) * np.sin(2 * np.pi * v / period))
    return _soft(np.sin(2 * np.pi * (u + v) / period))


def _soft(height: Grid) -> Grid:
    return np.clip(height * 2 + 0.5, 0, 1)

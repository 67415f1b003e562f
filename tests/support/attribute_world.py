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
    "red": (205, 40, 40),
    "yellow": (225, 200, 40),
    "green": (50, 160, 60),
    "blue": (45, 85, 205),
    "purple": (140, 55, 170),
    "brown": (135, 85, 45),
}
PATTERNS = ("plain", "striped", "checkered", "dotted", "grainy", "ringed")
TONES = ("pale", "dark")
PHRASES = {  # what a list says of an attribute
    "red": (
        "bright red colour", "painted scarlet red", "crimson shade all over",
        "the red of ripe tomatoes",
    ),
    "yellow": (
        "bright yellow colour", "painted lemon yellow", "golden yellow shade all over",
        "the yellow of ripe bananas",
    ),
    "green": (
        "bright green colour", "painted grass green", "leafy green shade all over",
        "the green of fresh lawns",
    ),
    "blue": (
        "bright blue colour", "painted navy blue", "azure blue shade all over",
        "the blue of a clear sky",
    ),
    "purple": (
        "bright purple colour", "painted violet purple", "lilac purple shade all over",
        "the purple of ripe plums",
    ),
    "brown": (
        "earthy brown colour", "painted chocolate brown", "chestnut brown shade all over",
        "the brown of bare soil",
    ),
    "plain": (
        "plain even surface", "smooth and without any pattern", "one flat uniform area",
        "blank empty surface",
    ),
    "striped": (
        "striped surface", "parallel stripes", "straight stripes side by side",
        "stripes like those of a zebra",
    ),
    "checkered": (
        "checkered surface", "chessboard squares", "checkerboard of alternating squares",
        "checks like those of a chessboard",
    ),
    "dotted": (
        "dotted surface", "round polka dots", "polka dots in rows",
        "dots like those of a ladybird",
    ),
    "grainy": (
        "grainy rough surface", "coarse gritty texture", "rough speckled grit",
        "grain like that of sandpaper",
    ),
    "ringed": (
        "ringed surface", "concentric circles", "circles within circles",
        "rings like those of a target",
    ),
    "pale": ("pale washed-out tone", "very light and pastel", "faded almost to white"),
    "dark": ("dark gloomy tone", "very dark and deep", "shaded almost to black"),
}  # fmt: skip
NAMES = (
    "blicket", "wug", "dax", "toma", "fep", "zup", "gazzer", "modi", "koba", "tulver", "plim",
    "sprock", "vorple", "nerb", "quill", "zav", "mipen", "lorp", "drindle", "fask", "jubbit",
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
        [str(one) for one in rng.permutation(tuple(given))] for given in (NAMES, COLOURS, PATTERNS)
    )
    if not 3 * len(colours) <= count <= len(names):
        raise ValueError(f"{3 * len(colours)} to {len(names)} classes, not {count}")
    looks = {}
    for place, name in enumerate(names[:count]):
        row, column = divmod(place, len(colours))
        pattern = patterns[(row + column) % len(patterns)]
        looks[name] = Look(colours[column], pattern, TONES[row % len(TONES)])
    return looks


def _said(looks: Mapping[str, Look], kind: Kind, seed: int) -> dict[str, dict[str, str]]:
    """Of each class its phrases, and the attribute that each says."""
    rng = np.random.default_rng([seed, 3])
    told = list(looks.values())
    if kind == "negative":
        told = [told[place] for place in rng.permutation(len(told))]
    said = {}
    for name, look in zip(looks, told, strict=True):
        pairs = [(phrase, one) for one in look.attributes() for phrase in PHRASES[one]]
        if kind == "mixed":
            for place in rng.permutation(len(pairs))[: len(pairs) // 2]:
                pairs[place] = _false(pairs[place][1], [phrase for phrase, _ in pairs], rng)
        said[name] = dict(pairs)
    return said


def _false(true: str, taken: list[str], rng: np.random.Generator) -> tuple[str, str]:
    """A phrase that says another attribute of the same sort."""
    (sort,) = (sort for sort in (tuple(COLOURS), PATTERNS, TONES) if true in sort)
    others = [(phrase, one) for one in sort if one != true for phrase in PHRASES[one]]
    free = [pair for pair in others if pair[0] not in taken]
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
    base = np.array(COLOURS[look.colour]) + rng.normal(0, 10, 3)
    light = look.tone == "pale"
    base = base + (255 - base) * rng.uniform(0.4, 0.55) if light else base * rng.uniform(0.4, 0.55)
    ink = base * 0.45 if light else base + (255 - base) * 0.4
    share = _cover(look.pattern, x, y, rng)[..., None]
    return (base + (ink - base) * share).astype(np.float32)


def _cover(pattern: str, x: Grid, y: Grid, rng: np.random.Generator) -> Grid:
    """How much of each pixel is inked, 0..1."""
    period = rng.uniform(9, 13)
    u, v = x + rng.uniform(0, period), y + rng.uniform(0, period)
    if pattern == "plain":
        return np.zeros_like(x)
    if pattern == "grainy":
        return rng.random(x.shape, dtype=np.float32)
    if pattern == "striped":
        return _soft(np.sin(2 * np.pi * (u if rng.random() < 0.5 else v) / period))
    if pattern == "checkered":
        return _soft(np.sin(np.pi * u / period) * np.sin(np.pi * v / period) * 2)
    if pattern == "dotted":
        far = np.hypot(u % period - period / 2, v % period - period / 2)
        return _soft(period / 3.2 - far)
    far = np.hypot(x - rng.uniform(0, SIDE), y - rng.uniform(0, SIDE))
    return _soft(np.sin(2 * np.pi * far / period))


def _soft(height: Grid) -> Grid:
    return np.clip(height * 2 + 0.5, 0, 1)

"""A rendered world in which a class looks otherwise in another scene, and only the words say so.

In:  a folder, a seed, how many pictures.
Out: pictures and index labels of two splits, a class list, descriptors that ``langseg-desc import``
     takes, and of each picture its scene, as ``langseg-seg`` reads it.

In a kitchen the door is red and the curtain blue, in a bedroom it is the other way round, and so
with the chest and the lamp in green and yellow. Half of the pictures show a stove or a bed: they
tell by themselves where they are; the others have a wall instead, and tell nothing.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from langseg.segmenter.data.layouts.scenes import SCENES_FILE

SIDE, NOISE = 128, 8.0  # pixels; standard deviation in a channel's 0..255
COLOURS = {
    "red": (205, 40, 40), "blue": (45, 85, 205), "green": (50, 160, 60), "yellow": (225, 200, 40),
    "black": (35, 35, 35), "pink": (240, 170, 190), "grey": (150, 150, 150),
}  # fmt: skip
SAID = {
    "red": ("scarlet painted surface", "plain red boards", "crimson panels"),
    "blue": ("navy blue surface", "plain blue boards", "azure panels"),
    "green": ("leafy green surface", "plain green boards", "emerald panels"),
    "yellow": ("lemon yellow surface", "plain yellow boards", "golden panels"),
    "black": ("dark iron surface", "black enamel", "charcoal panels"),
    "pink": ("rosy blankets", "pink covers", "pale pillows"),
    "grey": ("grey plaster", "bare concrete", "ashen surface"),
}
LOOKS = {  # scene -> class -> colour
    "kitchen": {"door": "red", "curtain": "blue", "chest": "green", "lamp": "yellow"},
    "bedroom": {"door": "blue", "curtain": "red", "chest": "yellow", "lamp": "green"},
}
EVERYWHERE = {"stove": "black", "bed": "pink", "wall": "grey"}
TELLS = {"kitchen": "stove", "bedroom": "bed"}
CLASSES = (*LOOKS["kitchen"], *EVERYWHERE)


@dataclass(frozen=True)
class SceneWorld:
    classes: Path
    descriptors: Path
    images: Path
    labels: Path
    val_images: Path
    val_labels: Path


def write_scene_world(folder: Path, *, seed: int = 0, train: int = 48, val: int = 24) -> SceneWorld:
    """A pure function of the arguments."""
    world = SceneWorld(
        classes=folder / "classes.yaml",
        descriptors=folder / "descriptors.json",
        images=folder / "train/images",
        labels=folder / "train/labels",
        val_images=folder / "val/images",
        val_labels=folder / "val/labels",
    )
    for images, labels, count, stream in (
        (world.images, world.labels, train, 1), (world.val_images, world.val_labels, val, 2)
    ):  # fmt: skip
        images.mkdir(parents=True)
        labels.mkdir(parents=True)
        rng = np.random.default_rng([seed, stream])
        scenes = [tuple(LOOKS)[number % len(LOOKS)] for number in range(count)]
        for number, scene in enumerate(scenes):
            picture, drawn = _picture(scene, number // len(LOOKS) % 2 == 0, rng)
            Image.fromarray(picture).save(images / f"{number:03}.png")
            Image.fromarray(drawn).save(labels / f"{number:03}.png")
        tell(images, scenes)
    scenes_of_classes = {scene: list(CLASSES) for scene in LOOKS}
    world.classes.write_text(json.dumps({"classes": CLASSES, "scenes": scenes_of_classes}))
    world.descriptors.write_text(json.dumps(_said()))
    return world


def tell(images: Path, scenes: list[str]) -> None:
    """Write down the scene of each picture, in the order of their names."""
    lines = (f"{number:03} {scene.replace(' ', '_')}\n" for number, scene in enumerate(scenes))
    (images / SCENES_FILE).write_text("".join(lines))


def _said() -> list[dict[str, str]]:
    everywhere = [("*", *pair) for pair in EVERYWHERE.items()]
    bound = [(scene, *pair) for scene, looks in LOOKS.items() for pair in looks.items()]
    return [
        {"class_name": name, "scene": scene, "text": text}
        for scene, name, colour in (*everywhere, *bound)
        for text in SAID[colour]
    ]


def _picture(
    scene: str, tells: bool, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """RGB and labels: four cells around scattered points, one of them what tells the scene, or a
    wall."""
    three = [str(name) for name in rng.permutation(tuple(LOOKS[scene]))[:3]]
    names = [str(name) for name in rng.permutation([*three, TELLS[scene] if tells else "wall"])]
    y, x = np.mgrid[:SIDE, :SIDE]
    points = (np.array([(0, 0), (1, 0), (0, 1), (1, 1)]) + rng.uniform(0.2, 0.8, (4, 2))) * SIDE / 2
    places = np.argmin([np.hypot(x - px, y - py) for px, py in points], axis=0)
    colours = [COLOURS[(LOOKS[scene] | EVERYWHERE)[name]] for name in names]
    rgb = np.array(colours, np.float64)[places] * rng.uniform(0.85, 1.0)
    rgb += rng.normal(0, NOISE, rgb.shape)
    ids = np.array([CLASSES.index(name) + 1 for name in names], np.uint8)
    return np.clip(np.rint(rgb), 0, 255).astype(np.uint8), ids[places]

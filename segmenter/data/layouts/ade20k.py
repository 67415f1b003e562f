"""The folders, the scenes and the label values of ADE20K (the 150 classes of SceneParsing).

    images/{training,validation}/*.jpg  annotations/{training,validation}/*.png
    sceneCategories.txt                 "<stem> <scene>" a line, underscores in scene names

The flat images/ + annotations/ of the development kit counts as "val".

Its labels are shifted by one: 0 is "not labelled" and classes 0..149 are the values 1..150.
No code subtracts the 1. The vocabulary lists ids 1..150 and the ignore ids 0 and 255
(``descriptors/vocabulary/ade20k.yaml``), a TextBank carries them along, and the one table of
``data.labels.LabelRule`` turns values into class indices.
"""

from pathlib import Path

from langseg.cache.errors import InputError
from langseg.segmenter.data.layouts.base import Layout

SCENES_FILE = "sceneCategories.txt"


def read_sample_scenes(root: Path) -> dict[str, str]:
    """Scene of each stem; empty where there is no SCENES_FILE. Raises: InputError."""
    path = root / SCENES_FILE
    if not path.exists():
        return {}
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as exc:
        raise InputError(f"{path}: wanted UTF-8 text, got {exc}; save it as UTF-8") from exc
    scenes = {}
    for number, line in enumerate(text.splitlines(), start=1):
        match line.split():
            case []:
                continue
            case [stem, scene]:
                scenes[stem] = scene.replace("_", " ")
            case _:
                raise InputError(f"{path} line {number}: wanted '<stem> <scene>', got {line!r}")
    return scenes


ADE20K = Layout(
    name="ade20k",
    folders={
        "train": ("images/training", "annotations/training"),
        "val": ("images/validation", "annotations/validation"),
    },
    flat_folders={"val": ("images", "annotations")},
    read_sample_scenes=read_sample_scenes,
)

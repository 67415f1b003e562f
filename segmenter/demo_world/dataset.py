"""Render the demo dataset: small illustrated scenes in ADE20K's folder layout and label ids.

In:  a folder, a seed, the number of pictures in each split, their size.
Out: a dataset any ADE20K reader can read, made on the spot from nothing but its parameters:

    images/{training,validation}/ADE_{train,val}_00000001.jpg
    annotations/{training,validation}/ADE_{train,val}_00000001.png   0 unlabelled, ids 1..150
    sceneCategories.txt     "<stem> <scene>" a line, underscores in scene names
    looks.jsonl             {"stem", "scene", "looks": {class: [subclasses in sight]}} a line
    demo.json               the parameters

Everything is drawn in a folder beside the target and renamed when complete, so a dataset is
whole or absent, and one that is there with the same parameters is left alone.
"""

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from PIL import Image

from langseg.cache.errors import InputError
from langseg.cache.files import sync_folder, temporary_beside
from langseg.segmenter.data.layouts.scenes import SCENES_FILE
from langseg.segmenter.data.sample import OnProgress, unheard
from langseg.segmenter.demo_world.scenes import DEMO_SPLITS, DemoPicture, render_picture

RENDERER_VERSION = 1  # raise it when the same parameters give other pictures
JPEG_QUALITY = 92
SMALLEST_SIDE, LARGEST_SIDE = 64, 2048  # pixels
PARAMETERS = "demo.json"
_STEMS = {"training": "ADE_train", "validation": "ADE_val"}


@dataclass(frozen=True, kw_only=True)
class _Parameters:
    renderer: int
    seed: int
    n_train: int
    n_val: int
    size: list[int]


def render_demo_dataset(
    out: Path,
    seed: int = 0,
    n_train: int = 240,
    n_val: int = 60,
    size: tuple[int, int] = (256, 192),
    on_progress: OnProgress = unheard,
) -> None:
    """Make the dataset at ``out``; ``size`` is (W, H) in pixels.

    Raises: InputError, if ``out`` holds something else or a parameter makes no dataset.
    """
    parameters = _Parameters(
        renderer=RENDERER_VERSION, seed=seed, n_train=n_train, n_val=n_val, size=list(size)
    )
    _check(parameters)
    if out.exists() and _already_there(out, parameters):
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    beside = temporary_beside(out)
    try:
        _render(beside, parameters, on_progress)
        if out.exists():
            out.rmdir()  # an empty folder; anything else was refused above
        beside.rename(out)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    sync_folder(out.parent)


def _check(parameters: _Parameters) -> None:
    if parameters.seed < 0 or parameters.n_train < 0 or parameters.n_val < 0:
        raise InputError(
            "demo dataset: seed and picture counts must be 0 or more, got "
            f"seed {parameters.seed}, {parameters.n_train} training and "
            f"{parameters.n_val} validation pictures; choose others"
        )
    if not all(SMALLEST_SIDE <= side <= LARGEST_SIDE for side in parameters.size):
        raise InputError(
            f"demo dataset: each side must be {SMALLEST_SIDE} to {LARGEST_SIDE} pixels, got "
            f"{parameters.size[0]} x {parameters.size[1]}; choose another size"
        )


def _already_there(out: Path, parameters: _Parameters) -> bool:
    """True for this very dataset, False for an empty folder."""
    if out.is_dir() and not any(out.iterdir()):
        return False
    record = out / PARAMETERS
    if not record.is_file():
        raise InputError(
            f"{out} is not empty and holds no demo dataset; name a new folder for the pictures"
        )
    try:
        recorded = json.loads(record.read_text(encoding="utf-8"))
    except ValueError as exc:
        raise InputError(f"{record} is not JSON; delete {out} and render it again") from exc
    if recorded != asdict(parameters):
        raise InputError(
            f"{out} holds a demo dataset made with {recorded}, wanted {asdict(parameters)}; "
            "name another folder or delete this one"
        )
    return True


def _render(folder: Path, parameters: _Parameters, on_progress: OnProgress) -> None:
    counts = {"training": parameters.n_train, "validation": parameters.n_val}
    scenes: list[str] = []
    looks: list[str] = []
    for split in DEMO_SPLITS:
        (folder / "images" / split).mkdir(parents=True)
        (folder / "annotations" / split).mkdir(parents=True)
        for index in range(counts[split]):
            picture = render_picture(
                parameters.seed, split, index, (parameters.size[0], parameters.size[1])
            )
            stem = f"{_STEMS[split]}_{index + 1:08d}"
            _save(folder, split, stem, picture)
            scenes.append(f"{stem} {picture.scene.replace(' ', '_')}\n")
            line = {"stem": stem, "scene": picture.scene, "looks": picture.looks}
            looks.append(json.dumps(line) + "\n")
            on_progress("rendering", len(scenes), sum(counts.values()))
    (folder / SCENES_FILE).write_text("".join(scenes), encoding="utf-8")
    (folder / "looks.jsonl").write_text("".join(looks), encoding="utf-8")
    record = json.dumps(asdict(parameters), indent=2) + "\n"
    (folder / PARAMETERS).write_text(record, encoding="utf-8")


def _save(folder: Path, split: str, stem: str, picture: DemoPicture) -> None:
    image = folder / "images" / split / f"{stem}.jpg"
    Image.fromarray(picture.rgb).save(image, quality=JPEG_QUALITY, subsampling=0)
    label = folder / "annotations" / split / f"{stem}.png"
    Image.fromarray(picture.labels).save(label, optimize=False)

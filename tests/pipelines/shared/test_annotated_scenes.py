"""Which classes are plausible where: counted in a dataset, or read from a file."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from langseg.cache.errors import InputError
from langseg.cache.store.store import Store
from langseg.cache.upkeep.verify import examine
from langseg.descriptors.vocabulary.source import Source
from langseg.descriptors.vocabulary.vocabulary import ClassEntry, Vocabulary
from langseg.pipelines.shared import annotated_scenes as scenes
from langseg.pipelines.shared.annotated_scenes import known_scenes

ROOMS = Vocabulary(
    name="rooms",
    classes=tuple(ClassEntry(name=n, id=i) for i, n in enumerate(("wall", "bed", "sink"), 1)),
    ignore_ids=(0,),
    scenes={"bedroom": ("bed",), "kitchen": ("sink", "wall")},
)
WALL, BED, SINK = 1, 2, 3


def dataset(root: Path, pictures: list[tuple[str, list[int]]], split: str = "training") -> Path:
    """A folder in the ADE20K layout: for each picture its scene and the labels it shows."""
    lines = []
    for number, (scene, labels) in enumerate(pictures):
        stem = f"ADE_{number:04}"
        for kind in ("images", "annotations"):
            (root / kind / split).mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4)).save(root / "images" / split / f"{stem}.jpg")
        pixels = np.resize(np.array([*labels, 0], np.uint8), (4, 4))
        Image.fromarray(pixels).save(root / "annotations" / split / f"{stem}.png")
        lines.append(f"{stem} {scene}")
    (root / "sceneCategories.txt").write_text("\n".join(lines))
    return root


def counted(tmp_path: Path, root: Path, vocabulary: Vocabulary = ROOMS, **more: Any) -> Any:
    (tmp_path / "store").mkdir(exist_ok=True)
    source = Source(store=tmp_path / "store", scenes_from=root, **more)
    found, asked = known_scenes(source, vocabulary)
    assert asked == ()
    return dict(found.scenes)


def test_count__has_the_classes_that_pictures_of_a_scene_show(tmp_path: Path):
    pictures = [("bedroom", [BED]), ("living_room", [WALL]), ("bedroom", [WALL, BED])]
    assert list(counted(tmp_path, dataset(tmp_path / "ade", pictures)).items()) == [
        ("bedroom", ("wall", "bed")),  # of two pictures, so first; classes as the vocabulary has
        ("living room", ("wall",)),
    ]


def test_count__goes_by_the_names_that_the_vocabulary_has_for_scenes(tmp_path: Path):
    rooms = replace(ROOMS, scene_names={"bedroom": ("hotel room",)})
    root = dataset(tmp_path / "ade", [("hotel_room", [BED]), ("bedroom", [WALL])])
    assert counted(tmp_path, root, rooms) == {"bedroom": ("wall", "bed")}


@pytest.mark.parametrize("split", ["training", "validation"])
def test_count__takes_the_training_pictures_where_there_are_any(tmp_path: Path, split: str):
    root = dataset(tmp_path / "ade", [("bedroom", [BED])], "validation")
    if split == "training":
        dataset(tmp_path / "ade", [("kitchen", [SINK])], "training")
    wanted = {"kitchen": ("sink",)} if split == "training" else {"bedroom": ("bed",)}
    assert counted(tmp_path, root) == wanted


def test_count__leaves_out_a_class_that_too_few_pictures_show(tmp_path: Path):
    shown = [[WALL]] * 38 + [[WALL, BED]] + [[WALL, SINK]] * 2
    root = dataset(tmp_path / "ade", [("kitchen", labels) for labels in shown])
    assert len(shown) * scenes.PLAUSIBLE_SHARE > 2  # two of 41 are too few
    assert counted(tmp_path, root) == {"kitchen": ("wall",)}
    dataset(root, [("kitchen", labels) for labels in shown[1:]])
    (root / "images/training/ADE_0040.jpg").unlink()
    (root / "annotations/training/ADE_0040.png").unlink()
    assert counted(tmp_path, root) == {"kitchen": ("wall", "sink")}  # two of 40 are enough


def test_count__leaves_out_a_scene_whose_pictures_show_no_class(tmp_path: Path):
    root = dataset(tmp_path / "ade", [("void", []), ("bedroom", [BED])])
    assert counted(tmp_path, root) == {"bedroom": ("bed",)}


def test_count__keeps_the_commonest_scenes_where_only_so_many_are_wanted(tmp_path: Path):
    pictures = [("attic", [WALL]), ("bedroom", [BED]), ("bar", [WALL]), ("bedroom", [BED])]
    root = dataset(tmp_path / "ade", pictures)
    assert list(counted(tmp_path, root, max_scenes=2)) == ["bedroom", "attic"]


def test_count__is_kept_in_the_store_and_used_again(tmp_path: Path, monkeypatch: Any):
    root = dataset(tmp_path / "ade", [("bedroom", [BED])])
    first = counted(tmp_path, root)
    assert len(list((tmp_path / "store" / "scenes").iterdir())) == 1
    monkeypatch.setattr(scenes, "_count", lambda samples, vocabulary: pytest.fail("counted again"))
    assert counted(tmp_path, root) == first


def test_count__of_a_dataset_or_vocabulary_that_changed_is_made_anew(tmp_path: Path):
    root = dataset(tmp_path / "ade", [("bedroom", [BED])])
    counted(tmp_path, root)
    (root / "sceneCategories.txt").write_text("ADE_0000 attic")
    assert counted(tmp_path, root) == {"attic": ("bed",)}
    dataset(root, [("bedroom", [BED]), ("kitchen", [SINK, WALL])])
    assert set(counted(tmp_path, root)) == {"bedroom", "kitchen"}
    cot = replace(ROOMS.classes[1], name="cot")
    others = replace(ROOMS, classes=(ROOMS.classes[0], cot, ROOMS.classes[2]), scenes={})
    assert counted(tmp_path, root, others)["bedroom"] == ("cot",)


def test_count__makes_no_store_where_none_is(tmp_path: Path):
    root = dataset(tmp_path / "ade", [("bedroom", [BED])])
    known_scenes(Source(store=tmp_path / "store", scenes_from=root), ROOMS)
    assert list((tmp_path / "store").glob("*")) == []


def test_count__refuses_a_scene_that_is_no_name(tmp_path: Path):
    root = dataset(tmp_path / "ade", [("bed\u202eroom", [BED])])
    with pytest.raises(InputError, match="sceneCategories.txt.*U\\+202E"):
        counted(tmp_path, root)


@pytest.mark.parametrize(
    "damage",
    [b"", b'{"bedroom": ["be', b"\xff", b"[]", b'{"a": 3}', b'{"bedroom": ["another"]}'],
)
def test_count__that_was_kept_badly_is_made_anew(tmp_path: Path, damage: bytes):
    root = dataset(tmp_path / "ade", [("bedroom", [BED])])
    first = counted(tmp_path, root)
    (file,) = (tmp_path / "store" / "scenes").iterdir()
    file.write_bytes(damage)
    assert counted(tmp_path, root) == first
    assert json.loads(file.read_bytes()) == {"bedroom": ["bed"]}


def test_count__leaves_room_for_a_store_in_the_same_folder(tmp_path: Path):
    counted(tmp_path, dataset(tmp_path / "ade", [("bedroom", [BED])]))
    with pytest.raises(InputError, match="no store is here"):
        Store.open(tmp_path / "store")
    store = Store.open(tmp_path / "store", create=True)
    assert examine(store.path).problems == []


@pytest.mark.parametrize("lines", ["", "ADE_9999 bedroom"])
def test_count__refuses_a_dataset_that_tells_no_scene(tmp_path: Path, lines: str):
    root = dataset(tmp_path / "ade", [("bedroom", [BED])])
    (root / "sceneCategories.txt").write_text(lines)
    with pytest.raises(InputError, match=r"sceneCategories\.txt tells, got none"):
        counted(tmp_path, root)


def test_count__refuses_labels_that_are_not_the_vocabularys(tmp_path: Path):
    root = dataset(tmp_path / "ade", [("bedroom", [BED, 77])])
    with pytest.raises(InputError, match="label value 77"):
        counted(tmp_path, root)
    assert list((tmp_path / "store").glob("*")) == []


def test_count__refuses_a_folder_that_is_no_dataset(tmp_path: Path):
    with pytest.raises(InputError, match="wanted a folder with"):
        counted(tmp_path, tmp_path)


def test_scenes__of_the_dataset_are_those_that_ship_with_it(tmp_path: Path):
    assert known_scenes(Source(store=tmp_path), ROOMS) == (ROOMS, ())
    one = known_scenes(Source(store=tmp_path, max_scenes=1), ROOMS)[0]
    assert one.scenes == {"bedroom": ("bed",)}
    assert known_scenes(Source(store=tmp_path, scenes="none"), ROOMS)[0].scenes == {}


def test_scenes__of_a_file_are_known_or_to_be_asked_about(tmp_path: Path):
    (tmp_path / "mine.yaml").write_text("attic:\nkitchen: [sink]\nbar:\nlobby: [wall]\n")
    source = Source(store=tmp_path / "store", scenes=str(tmp_path / "mine.yaml"))
    found, asked = known_scenes(source, ROOMS)
    assert (found.scenes, asked) == ({"kitchen": ("sink",), "lobby": ("wall",)}, ("attic", "bar"))
    found, asked = known_scenes(source.model_copy(update={"max_scenes": 2}), ROOMS)
    assert (found.scenes, asked) == ({"kitchen": ("sink",)}, ("attic",))
    assert list((tmp_path / "store").glob("*")) == []

"""A vocabulary's hash is that of what it describes, and a scene has many names."""

import json
from pathlib import Path

import pytest

from langseg.descriptors.vocabulary.load import load_vocabulary
from langseg.descriptors.vocabulary.vocabulary import ClassEntry, Vocabulary
from tests.support.class_lists import listed


def test_ade20k__tells_a_scene_by_each_of_its_names():
    ade = load_vocabulary("ade20k")
    scenes = {"hotel room": "bedroom", "Hotel  Room": "bedroom", "bedroom": "bedroom"}
    assert {name: ade.scene_of(name) for name in scenes} == scenes
    assert ade.scene_of("misc") == "misc"
    assert list(ade.scenes)[:3] == ["bedroom", "living room", "kitchen"]  # those of the demo first


def test_hash__is_the_same_whatever_else_a_scene_is_called(tmp_path: Path):
    plain = {"classes": ["wall"], "scenes": {"bar": ["wall"]}}
    named = listed(tmp_path, json.dumps(plain | {"scene_names": {"bar": ["pub"]}}), "json")
    assert (named.scene_names, named.scene_of("pub")) == ({"bar": ("pub",)}, "bar")
    assert named.hash == listed(tmp_path, json.dumps(plain), "json").hash


def test_hash__is_the_same_whatever_a_class_is_confused_with(tmp_path: Path):
    plain = {"classes": ["wall", "fence", "building"]}
    alike = {"look_alikes": {"building": ["wall"], "wall": ["fence", "building"]}}
    named = listed(tmp_path, json.dumps(plain | alike), "json")
    assert named.look_alikes == {
        "building": ("wall",),
        "wall": ("fence", "building"),
        "fence": ("wall",),
    }
    assert named.hash == listed(tmp_path, json.dumps(plain), "json").hash


def test_hash__is_the_same_whatever_a_class_is_a_kind_of(tmp_path: Path):
    plain = {"classes": ["chair", "couch", "sky"]}
    kinds = {"hypernyms": {"furniture": ["chair", "couch"]}}
    told = listed(tmp_path, json.dumps(plain | kinds), "json")
    assert told.hypernyms == {"chair": "furniture", "couch": "furniture"}
    assert told.hash == listed(tmp_path, json.dumps(plain), "json").hash


def test_hash__changes_with_every_part(tmp_path: Path):
    whole = {
        "name": "rooms",
        "ignore_ids": [0],
        "classes": [{"name": "wall", "id": 1, "synonyms": ["screen"], "definition": "upright"}],
        "scenes": {"kitchen": ["wall"]},
    }
    others = [
        whole | {"name": "room"},
        whole | {"ignore_ids": [0, 255]},
        whole | {"scenes": {}},
        whole | {"classes": [{"name": "wall", "id": 2}]},
        whole | {"classes": [{"name": "wall", "id": 1, "synonyms": ["screen"]}]},
    ]
    hashes = {listed(tmp_path, json.dumps(one), "json").hash for one in [whole, *others]}
    assert len(hashes) == 6
    assert listed(tmp_path, json.dumps(whole), "json").hash in hashes


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (ClassEntry(name="wall", id=1), ("wall", [], "")),
        (ClassEntry(name="bow_(weapon)", id=1, synonyms=("bow_(weapon)", "long_bow"),
                    definition="shoots arrows"), ("bow", ["long bow"], "weapon; shoots arrows")),
        (ClassEntry(name="wall-other-merged", id=1),
         ("wall", [], "any wall that has no class of its own")),
        (ClassEntry(name="wall-other", id=1, synonyms=("wall",), definition="papered"),
         ("wall-other", ["wall"], "papered")),
        (ClassEntry(name="object--traffic-sign--front", id=1),
         ("traffic sign", [], "front; of the group object")),
        (ClassEntry(name="car/bus", id=1, synonyms=("auto",)), ("car", ["bus", "auto"], "")),
    ],
)  # fmt: skip
def test_prompt__tells_a_name_as_it_is_said_and_which_kind_it_means(
    entry: ClassEntry, told: tuple[str, list[str], str]
):
    assert tuple(entry.prompt_data.values()) == told


def test_said_names__are_what_a_text_encoder_reads_and_all_different():
    names = ("wall", "wall-other-merged", "bow_(weapon)", "bow_(ribbon)", "car/vehicle")
    words = Vocabulary(
        name="mine",
        classes=tuple(ClassEntry(name=name, id=n) for n, name in enumerate(names)),
        ignore_ids=(),
        scenes={},
    )
    said = ("wall", "other wall", "bow (weapon)", "bow (ribbon)", "car or vehicle")
    assert words.said_names == dict(zip(names, said, strict=True))

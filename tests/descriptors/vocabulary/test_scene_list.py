"""A file of scenes is read in every form it may have, or refused with every bad scene named."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langseg.cache.errors import InputError
from langseg.descriptors.vocabulary.load import load_vocabulary
from langseg.descriptors.vocabulary.scene_list import read_scenes, with_scenes
from langseg.descriptors.vocabulary.vocabulary import ClassEntry, Vocabulary

unhurried = settings(max_examples=50, deadline=None)
ROOMS = Vocabulary(
    name="rooms",
    classes=tuple(ClassEntry(name=name, id=i) for i, name in enumerate(("wall", "bed", "sink"))),
    ignore_ids=(255,),
    scenes={},
)


def read(folder: Path, name: str, text: str | bytes) -> dict[str, tuple[str, ...]]:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_scenes(path, ROOMS)


def refusal(folder: Path, name: str, text: str | bytes) -> str:
    with pytest.raises(InputError) as caught:
        read(folder, name, text)
    message = str(caught.value)
    assert message.startswith(f"{folder / name}: ")
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("s.txt", "kitchen\nliving room\n"),
        ("s.txt", "# places\n\n  kitchen # with a sink\r\nliving   room"),
        ("s", "\ufeffkitchen\nliving room"),
        ("s.json", '["kitchen", "living  room"]'),
        ("s.json", '{"kitchen": null, "living room": null}'),
        ("s.JSON", ' ["kitchen", "living room "]'),
        ("s.yaml", "- kitchen\n- living room\n"),
        ("s.yml", "kitchen:\nliving room:\n"),
    ],
)
def test_file__names_scenes_whose_classes_are_not_known(tmp_path: Path, name: str, text: str):
    found = read(tmp_path, name, text)
    assert list(found.items()) == [("kitchen", ()), ("living room", ())]


def test_file__may_know_the_classes_of_some_scenes_and_keeps_their_order(tmp_path: Path):
    text = "street:\nkitchen: [sink, wall, sink]\nbar:\nbedroom: [bed]\n"
    assert list(read(tmp_path, "s.yaml", text).items()) == [
        ("street", ()),
        ("kitchen", ("sink", "wall")),
        ("bar", ()),
        ("bedroom", ("bed",)),
    ]


def test_scene__is_one_name_in_whatever_unicode_form_it_is_written(tmp_path: Path):
    assert list(read(tmp_path, "s.json", '["cafe\\u0301"]')) == ["caf\u00e9"]


@pytest.mark.parametrize(
    ("name", "text", "reasons"),
    [
        ("s.txt", "kitchen\nbar{}\n", ["scene 2", "U+007B"]),
        ("s.txt", "*", ["scene 1", "a letter or digit among them"]),
        ("s.txt", "kitchen\x1bbar", ["scene 1", "U+001B"]),
        ("s.txt", "kit\u202echen", ["RIGHT-TO-LEFT OVERRIDE"]),
        ("s.txt", "kitchen\u2028bar", ["scene 1", "LINE SEPARATOR"]),
        ("s.txt", "x" * 65, ["65 characters"]),
        ("s.json", '["kitchen", 7, null, ["a"], ""]', ["scene 2", "scene 3", "scene 4", "scene 5"]),
        ("s.yaml", "- no\n", ["scene 1", "wanted a name in text, got False"]),
        ("s.yaml", "7: [wall]\n", ["wanted a name in text, got 7"]),
        ("s.json", '{"kitchen": []}', ["'kitchen'", "wanted a list of class names"]),
        ("s.json", '{"kitchen": "wall"}', ["'kitchen'", "wanted a list of class names"]),
        ("s.json", '{"kitchen": ["wall", "spoon"], "bar": [7]}', ["'spoon'", "'bar'", "7"]),
        ("s.txt", "kitchen\nbar\nKitchen", ["scene 3: 'Kitchen' is there twice"]),
        ("s.json", '["living room", "living  room"]', ["scene 2", "twice"]),
        ("s.json", '{"bar": null, "Bar": ["wall"]}', ["'Bar' is there twice"]),
        ("s.json", '{"bar  room": ["wall"], "bar room": null}', ["'bar room' is there twice"]),
        ("s.txt", "", ["it names none"]),
        ("s.txt", "# only words\n", ["it names none"]),
        ("s.json", "[]", ["it names none"]),
        ("s.json", "{}", ["it names none"]),
        ("s.yaml", "", ["got NoneType"]),
        ("s.yaml", "kitchen", ["got str"]),
        ("s.json", "7", ["got int"]),
        ("sceneCategories.txt", "", ["it names none"]),
    ],
)
def test_file__with_a_scene_that_cannot_be_used_is_refused(
    tmp_path: Path, name: str, text: str, reasons: list[str]
):
    message = refusal(tmp_path, name, text)
    assert "these scenes cannot be used: " in message
    assert all(reason in message for reason in reasons)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("s.json", "[kitchen"),
        ("s.json", "[" * 100_000),
        ("s.json", "9" * 5000),
        ("s.yaml", "{a: [}"),
        ("s.yaml", "? [a, b]\n: c"),
        ("s.yaml", "!!python/object/apply:os.getcwd []"),
        ("s.txt", b"\xea\xf3\xf5\xed\xff"),
    ],
)
def test_file__that_cannot_be_read_as_its_kind_is_refused(tmp_path: Path, name: str, text: Any):
    assert "wanted a file of scenes, got " in refusal(tmp_path, name, text)


def test_file__that_is_none_is_refused(tmp_path: Path):
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    for path in (tmp_path, tmp_path / "none.txt", loop):
        with pytest.raises(InputError, match="wanted a file of scenes, got "):
            read_scenes(path, ROOMS)


def test_file__that_is_too_large_is_refused_unread(tmp_path: Path):
    with (tmp_path / "s.txt").open("wb") as file:
        file.truncate(16 * 2**20 + 1)
    with pytest.raises(InputError, match="at most 16 MiB"):
        read_scenes(tmp_path / "s.txt", ROOMS)


def test_file__with_many_bad_scenes_names_twenty_of_them(tmp_path: Path):
    assert refusal(tmp_path, "s.txt", "{}\n" * 5000).count("U+007B") == 20


def test_file__with_thousands_of_scenes_is_read_in_no_time(tmp_path: Path):
    assert len(read(tmp_path, "s.txt", "\n".join(f"place {n}" for n in range(20_000)))) == 20_000


def test_scene_categories__come_with_the_commonest_first(tmp_path: Path):
    lines = ["a bar", "b living_room", "c bar", "d kitchen", "e living_room", "f living_room", ""]
    found = read(tmp_path, "sceneCategories.txt", "\n".join(lines))
    assert list(found.items()) == [("living room", ()), ("bar", ()), ("kitchen", ())]


def test_scene_categories__are_counted_under_the_name_that_the_vocabulary_has(tmp_path: Path):
    lines = ["a bar", "b living_room", "c pub", "d living_room", "e saloon"]
    (tmp_path / "sceneCategories.txt").write_text("\n".join(lines))
    rooms = replace(ROOMS, scenes={"bar": ("wall",)}, scene_names={"bar": ("pub", "saloon")})
    found = read_scenes(tmp_path / "sceneCategories.txt", rooms)
    assert list(found) == ["bar", "living room"]


def test_scene_categories__of_ade20k_begin_with_streets_and_bedrooms(shared_data: Path):
    path = shared_data / "ade20k_sample" / "sceneCategories.txt"
    found = read_scenes(path, load_vocabulary("ade20k"))
    assert len(found) == 57 + 1055 - 840  # which are names of those 57
    assert {"street", "bedroom", "living room", "public building"} < set(list(found)[:8])
    assert set(found.values()) == {()}


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(["wall", "bar"]),
    lambda item: st.lists(item, max_size=3) | st.dictionaries(st.text(), item, max_size=3),
    max_leaves=8,
)


@unhurried
@given(document=anything)
def test_read_scenes__gives_names_that_can_be_used_or_an_input_error(tmp_path_factory, document):
    path = tmp_path_factory.mktemp("scenes") / "s.json"
    path.write_text(json.dumps(document))
    try:
        found = read_scenes(path, ROOMS)
    except InputError as exc:
        str(exc).encode()
        return
    assert found
    assert len({scene.casefold() for scene in found}) == len(found)
    for classes in found.values():
        assert set(classes) <= {"wall", "bed", "sink"}


def test_with_scenes__puts_further_pairs_behind_those_there_are():
    rooms = replace(ROOMS, scenes={"bedroom": ("bed",), "kitchen": ("sink", "wall")})
    more = with_scenes(rooms, {"bar": ("wall",)})
    assert list(more.scenes) == ["bedroom", "kitchen", "bar"]
    assert with_scenes(rooms, {}) == rooms


@pytest.mark.parametrize("codec", ["utf-8", "utf-16", "cp1252"])
def test_read_scenes__takes_places365_and_every_encoding(codec: str, tmp_path: Path):
    path = tmp_path / "categories_places365.txt"
    path.write_bytes("/a/apartment_building/outdoor 8\r\n/c/café 9\r\n".encode(codec))
    assert list(read_scenes(path, ROOMS)) == ["apartment building outdoor", "café"]

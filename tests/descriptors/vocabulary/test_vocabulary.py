"""A class list is what it says, or is refused whole with every bad row named."""

import csv
import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langseg.cache.errors import InputError, LangSegError, UsageError
from langseg.descriptors.quality.rivals import RIVALS
from langseg.descriptors.vocabulary.class_list import parse_class_list
from langseg.descriptors.vocabulary.vocabulary import Vocabulary, check_classes, load_vocabulary


def listed(tmp_path: Path, text: str, suffix: str = "txt") -> Vocabulary:
    path = tmp_path / f"rooms.{suffix}"
    path.write_bytes(text.encode())
    return load_vocabulary(classes_file=path)


def refusal(tmp_path: Path, text: str, suffix: str = "txt") -> str:
    with pytest.raises(InputError) as caught:
        listed(tmp_path, text, suffix)
    return str(caught.value)


def names(vocabulary: Vocabulary) -> list[str]:
    return [entry.name for entry in vocabulary.classes]


def test_ade20k__has_the_150_names_of_the_benchmark_in_its_order(shared_data: Path):
    with (shared_data / "ade20k_sample/objectInfo150.csv").open() as file:
        wanted = [(int(row["Idx"]), row["Name"]) for row in csv.DictReader(file)]
    flat = [
        # the table has every space turned into the mark between synonyms
        (entry.id, ";".join((entry.name, *entry.synonyms)).replace(" ", ";"))
        for entry in load_vocabulary("ade20k").classes
    ]
    assert flat == wanted


def test_ade20k__tells_look_alike_names_apart():
    ade = load_vocabulary("ade20k")
    by_id = {entry.id: entry for entry in ade.classes}
    assert len(set(names(ade))) == 150
    assert [by_id[i].name for i in (8, 59, 64, 131, 142)] == [
        "bed", "screen door", "blind", "screen", "crt screen",
    ]  # fmt: skip
    assert by_id[45].synonyms == ("chest", "bureau", "dresser")
    assert ade.ignore_ids == (0, 255)
    assert set(ade.scenes["living room"]) > {"sofa", "television"}


def test_ade20k__tells_a_scene_by_each_of_its_names():
    ade = load_vocabulary("ade20k")
    said = {"hotel room": "bedroom", "Hotel  Room": "bedroom", "bedroom": "bedroom"}
    assert {name: ade.scene_of(name) for name in said} == said
    assert ade.scene_of("misc") == "misc"
    assert list(ade.scenes)[:3] == ["bedroom", "living room", "kitchen"]  # those of the demo first


def test_ade20k__knows_the_scenes_of_most_training_pictures(shared_data: Path):
    ade = load_vocabulary("ade20k")
    lines = (shared_data / "ade20k_sample/sceneCategories.txt").read_text().splitlines()
    pairs = [line.split() for line in lines if line.startswith("ADE_train_")]
    said = [ade.scene_of(scene.replace("_", " ")) for _, scene in pairs]
    known = sum(scene in ade.scenes for scene in said)
    assert (known, len(said)) == (17_395, 20_210)  # 86.1 %, or 93.0 % of those not "misc"
    assert said.count("misc") == 1516
    listed = {scene.replace("_", " ") for _, scene in (line.split() for line in lines)}
    others = {name for names in ade.scene_names.values() for name in names}
    assert others <= listed


def test_camvid__counts_from_zero_and_ignores_eleven():
    camvid = load_vocabulary("camvid")
    assert [entry.id for entry in camvid.classes] == list(range(11))
    assert names(camvid)[::5] == ["sky", "tree", "bicyclist"]
    assert camvid.ignore_ids == (11, 255)


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


@pytest.mark.parametrize("dataset", ["ade20k", "coco-stuff", "cityscapes", "pascal-context"])
def test_shipped__look_alikes_leave_chance_the_same_for_every_class(dataset: str):
    alike = load_vocabulary(dataset).look_alikes
    assert 1 <= min(map(len, alike.values())) <= max(map(len, alike.values())) <= RIVALS


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
    ("suffix", "text"),
    [
        ("txt", "\ufeff# my rooms\nwall, partition\n\n sofa  bed # for guests\r\n"),
        ("csv", 'ID,Name,Synonyms\n1,wall,partition\n2," sofa  bed ",,\n'),
        ("json", '[{"name": "wall", "synonyms": ["partition"]}, "sofa bed"]'),
        ("yaml", "- {name: wall, synonyms: [partition, wall]}\n- sofa bed\n"),
        ("yml", "name: rooms\nclasses: [{name: wall, synonyms: [partition]}, sofa bed]\n"),
    ],
)
def test_classes_file__means_the_same_in_every_format(suffix: str, text: str, tmp_path: Path):
    found = listed(tmp_path, text, suffix)
    assert [(e.name, e.id, e.synonyms) for e in found.classes] == [
        ("wall", 1, ("partition",)), ("sofa bed", 2, ()),
    ]  # fmt: skip
    assert (found.name, found.ignore_ids, found.scenes) == ("rooms", (0, 255), {})


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("Ignore all; rm -rf /", "U+003B SEMICOLON"),
        ("</data>", "U+003C LESS-THAN SIGN"),
        ("../../x", "U+002E FULL STOP"),
        ("=cmd|x", "U+003D EQUALS SIGN"),
        ("a\u202eb", "U+202E RIGHT-TO-LEFT OVERRIDE"),
        ("a\x00b", "U+0000"),
        ("a\u200bb", "U+200B ZERO WIDTH SPACE"),
        ("a\u3164b", "U+3164 HANGUL FILLER"),
        ("a\tb", "U+0009"),
        ("a\x1cb", "U+001C"),
        ("C#", "U+0023 NUMBER SIGN"),
        ("x" * 5000, "5000 characters"),
        ("- (/)", "a letter or digit"),
        ("wall,", "a letter or digit"),
        ("wall,", "0 characters"),
        ("Sofa", "'Sofa' is the name of row 1 again"),
        ("CAFÉ", "the name of row 2 again"),
    ],
)
def test_bad_row__is_refused_with_its_number(row: str, reason: str, tmp_path: Path):
    message = refusal(tmp_path, f"sofa\ncafe\u0301\n{row}\n")
    assert "row 3: " in message
    assert reason in message
    assert "row 1: " not in message
    assert "row 2: " not in message


def test_bad_rows__are_all_reported_together(tmp_path: Path):
    rows = [{"name": "ok"}, {"name": 7}, {"nmae": "x"}, {"name": "y", "definition": "a\nb"}]
    message = refusal(tmp_path, json.dumps(rows), "json")
    assert [int(n) for n in re.findall(r"row (\d+): ", message)] == [2, 3, 3, 4]
    assert "unknown key 'nmae'" in message


def test_bad_row_of_a_csv__has_the_line_number_of_the_file(tmp_path: Path):
    assert "row 3: " in refusal(tmp_path, "name\nwall\na|b\n", "csv")
    assert "no column 'name'" in refusal(tmp_path, "id\n1\n", "csv")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("name,synonym\nwall,screen\n", "row 1: unknown column 'synonym'"),
        ("name,id,\nwall,1,x\n", "row 1: unknown column ''"),
        ("name,id,Name\nwall,1,sky\n", "row 1: column 'name' is there twice"),
        ("name,id\nwall,1\nsofa, bed,2\n", "row 3: 3 cells for 2 columns"),
    ],
)
def test_csv_with_cells_that_would_be_lost__is_refused_with_their_row(
    text: str, reason: str, tmp_path: Path
):
    assert reason in refusal(tmp_path, text, "csv")


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([{"name": "a", "id": 3}, {"name": "b"}], "row 2: id: wanted 0 to 65535 in every row"),
        ([{"name": "a", "id": 3}, {"name": "b", "id": 3}], "row 2: id 3 is the id of row 1 again"),
        ([{"name": "a", "id": True}], "row 1: id"),
        ([{"name": "a", "id": 70000}], "row 1: id"),
        ([{"name": "a", "synonyms": "b"}], "row 1: synonyms"),
        ([{"name": "a", "synonyms": ["b|c"]}], "row 1: 'b|c' holds U+007C"),
        ([], "no class"),
    ],
)
def test_bad_fields__are_refused(rows: list[object], reason: str, tmp_path: Path):
    assert reason in refusal(tmp_path, json.dumps(rows), "json")


BAR = {"scenes": {"bar": ["wall"]}}


@pytest.mark.parametrize(
    ("rest", "reason"),
    [
        ({"scenes": {"kitchen": ["wall", "stov"]}}, "scene 'kitchen': no class is named 'stov'"),
        ({"scenes": {"*": ["wall"]}}, "scenes: '*' holds U+002A"),
        ({"scenes": {"a": ["wall"], "A": ["wall"]}}, "scene 'A': it is there twice"),
        ({"scenes": {"a": [["wall"]]}}, "no class is named a value of type list"),
        ({"scenes": ["kitchen"]}, "scenes: wanted"),
        ({**BAR, "scene_names": {"pub": ["inn"]}}, "scene_names: no scene is named 'pub'"),
        ({**BAR, "scene_names": {"bar": "pub"}}, "scene_names of 'bar': wanted a list"),
        ({**BAR, "scene_names": {"bar": ["inn", "Inn"]}}, "'Inn' already names a scene"),
        ({**BAR, "scene_names": {"bar": ["Bar"]}}, "'Bar' already names a scene"),
        ({**BAR, "scene_names": {"bar": ["a|b"]}}, "scene_names of 'bar': 'a|b' holds U+007C"),
        ({**BAR, "scene_names": [1]}, "scene_names: wanted {scene: [other names]}"),
        ({"look_alikes": ["wall"]}, "look_alikes: wanted {class: [classes]}"),
        ({"look_alikes": {"wal": ["wall"]}}, "look_alikes: no class is named 'wal'"),
        ({"look_alikes": {"wall": "wall"}}, "look_alikes of 'wall': wanted a list"),
        ({"look_alikes": {"wall": ["x", 1]}}, "look_alikes of 'wall': no class is named 'x', 1"),
        ({"look_alikes": {"wall": ["wall"]}}, "look_alikes of 'wall': it cannot be its own"),
        ({"ignore_ids": [1]}, "ignore_ids: 1 is a class's id"),
        ({"ignore_ids": "0"}, "ignore_ids: wanted a list"),
        ({"name": ""}, "name: wanted 1 to 64"),
        ({"extra": 1}, "unknown keys extra"),
    ],
)
def test_bad_parts__are_refused(rest: dict[str, object], reason: str, tmp_path: Path):
    assert reason in refusal(tmp_path, json.dumps({"classes": ["wall"], **rest}), "json")


def test_ids__leave_no_room_for_255_as_ignored_past_254_classes(tmp_path: Path):
    def ignored(count: int) -> tuple[int, ...]:
        return listed(tmp_path, "\n".join(f"class {i}" for i in range(count))).ignore_ids

    assert (ignored(254), ignored(255)) == ((0, 255), (0,))


def test_ids__that_start_at_zero_leave_zero_a_class(tmp_path: Path):
    found = listed(tmp_path, "id,name\n0,sky\n1,road\n", "csv")
    assert found.ignore_ids == (255,)


@pytest.mark.parametrize(
    ("suffix", "data"),
    [
        ("txt", b"\xff\xfe"),
        ("json", b"[" * 100_000),
        ("json", b'"wall"'),
        ("json", b"[1" + b"0" * 9999 + b"]"),
        ("yaml", b"[" * 10_000),
        ("yaml", b"- &a [*a]\n- 0x" + b"f" * 9999),
        ("yaml", b"- !!python/object/apply:os.system [ls]"),
        ("csv", b'name\n"wall'),
        ("csv", b"\x00"),
        ("pt", b"wall"),
    ],
)
def test_file_that_is_no_class_list__is_an_input_error(suffix: str, data: bytes):
    with pytest.raises(InputError, match="list.x"):
        check_classes(parse_class_list(data, suffix, "list.x"), "list.x", default_name="x")


def test_alias_bomb__is_refused_without_being_written_out():
    levels = [b"a0: &a0 [x,x,x,x,x,x,x,x,x]"] + [
        b"a%d: &a%d [%s]" % (i, i, b",".join([b"*a%d" % (i - 1)] * 9)) for i in range(1, 12)
    ]
    bomb = b"- {" + b", ".join(levels) + b"}\n- *a11\n"
    with pytest.raises(InputError, match="a value of type list"):
        check_classes(parse_class_list(bomb, "yaml", "bomb"), "bomb", default_name="x")


@settings(deadline=None)  # a busy machine is no bug
@given(st.binary(max_size=200), st.sampled_from(["txt", "csv", "json", "yaml"]))
def test_any_bytes__are_a_vocabulary_or_an_input_error(data: bytes, kind: str):
    try:
        found = check_classes(parse_class_list(data, kind, "x"), "x", default_name="x")
    except InputError:
        return
    assert all(1 <= len(name) <= 64 and name.isprintable() for name in names(found))
    assert len({name.casefold() for name in names(found)}) == len(found.classes)


def test_missing_file__is_an_input_error(tmp_path: Path):
    with pytest.raises(InputError, match="No such file"):
        load_vocabulary(classes_file=tmp_path / "none.txt")


@pytest.mark.parametrize(
    ("dataset", "file", "reason"),
    [
        (None, None, "neither"),
        ("ade20k", Path("x.txt"), "both"),
        ("ade2k", None, "did you mean 'ade20k'"),
        ("zzz", None, "--classes FILE"),
    ],
)
def test_load_vocabulary__wants_one_known_source(
    dataset: str | None, file: Path | None, reason: str
):
    with pytest.raises(UsageError, match=reason) as caught:
        load_vocabulary(dataset, file)
    assert isinstance(caught.value, LangSegError)

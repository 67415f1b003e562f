"""A class list is what it says, or is refused whole with every bad row named."""

import json
import re
from pathlib import Path

import pytest

from langseg.cache.errors import InputError
from langseg.descriptors.vocabulary.class_list import parse_class_list
from langseg.descriptors.vocabulary.validation import check_classes
from tests.support.class_lists import listed, refusal


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("</data>", "U+003C LESS-THAN SIGN"),
        ("a\u2028b", "U+2028 LINE SEPARATOR"),
        ("a\u200cb", "U+200C ZERO WIDTH NON-JOINER"),
        ("-\u00ad-", "U+00AD SOFT HYPHEN"),
        ("../../x", "it begins as a formula, or holds a path"),
        ("+1", "it begins as a formula"),
        ("C:\\x", "U+005C REVERSE SOLIDUS"),
        ("=cmd|x", "U+003D EQUALS SIGN"),
        ("a\u202eb", "U+202E RIGHT-TO-LEFT OVERRIDE"),
        ("a\x00b", "U+0000"),
        ("a\u200bb", "U+200B ZERO WIDTH SPACE"),
        ("a\u3164b", "U+3164 HANGUL FILLER"),
        ("a\tb", "U+0009"),
        ("a\x1cb", "U+001C"),
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


@pytest.mark.parametrize(
    "name",
    [
        "Kitchen & dining room table", "jack-o’-lantern", "traffic light: red", "T.V. set",
        "50% sale sign", "other–construction", "Bank/ATM", "bow_(weapon)", "wall-other-merged",
        "door;double door", "C#", "A+ sign", "№ 5", "24\" monitor", "180° turn", "$100 bill",
        "🚗 car", "👩\u200d🚒 firefighter", "☎\ufe0f booth", "Straßen\u00adbahn", "می\u200cخانه",
        "क्\u200dष", "ｃａｒ（ｒｅｄ）", "what?!", "Ignore all; rm -rf /", "“STOP” sign", "x…",
    ],
)  # fmt: skip
def test_name__is_taken_as_the_dataset_has_it(name: str, tmp_path: Path):
    (entry,) = listed(tmp_path, json.dumps([name]), "json").classes
    assert entry.name == name


def test_name__has_plain_spaces_only(tmp_path: Path):
    (entry,) = listed(tmp_path, json.dumps([" traffic\u00a0 light\u3000"]), "json").classes
    assert entry.name == "traffic light"


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        ("traffic light", "traffic_light", "says what row 1 says, 'traffic light'"),
        ("Tram", "Tr\u00adam", "is the name of row 1 again"),
        ("wall-other", "wall (any wall that has no class of its own)", "says what row 1 says"),
    ],
)
def test_names__that_are_said_alike_are_refused(
    first: str, second: str, reason: str, tmp_path: Path
):
    assert f"row 2: {second!r}"[:12] in (
        message := refusal(tmp_path, json.dumps([first, second]), "json")
    )
    assert reason in message
    listed(tmp_path, json.dumps([first, {"name": second, "definition": "of iron"}][:1]), "json")


def test_bad_rows__are_all_reported_together(tmp_path: Path):
    rows = [{"name": "ok"}, {"name": 7}, {"nmae": "x"}, {"name": "y", "definition": "a\nb"}]
    message = refusal(tmp_path, json.dumps(rows), "json")
    assert [int(n) for n in re.findall(r"row (\d+): ", message)] == [2, 3, 3, 4]
    assert "unknown key 'nmae'" in message


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
        ({"scenes": {"*": ["wall"]}}, "scenes: '*' has 1 characters; wanted 1 to 64, a letter"),
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
        ({"hypernyms": {"wall": "part"}}, "hypernyms: 'wall': wanted a list of classes"),
        ({"hypernyms": ["part"]}, "hypernyms: wanted {broader word: [classes]}"),
        ({"hypernyms": {"part": ["wal", 1]}}, "hypernyms: 'part': no class is named 'wal'"),
        ({"hypernyms": {"a|b": ["wall"]}}, "hypernyms: 'a|b' holds U+007C"),
        ({"hypernyms": {"part": ["wall"], "side": ["wall"]}}, "'wall' has 'part' and 'side'"),
        ({"hypernyms": {"wall": ["wall"]}}, "'wall' is a name of 'wall', not a broader one"),
        ({"ignore_ids": [1]}, "ignore_ids: 1 is a class's id"),
        ({"ignore_ids": "0"}, "ignore_ids: wanted a list"),
        ({"name": ""}, "name: wanted 1 to 64"),
        ({"scene": 1}, "unknown key 'scene' (did you mean 'scenes'?)"),
    ],
)
def test_bad_parts__are_refused(rest: dict[str, object], reason: str, tmp_path: Path):
    assert reason in refusal(tmp_path, json.dumps({"classes": ["wall"], **rest}), "json")


def test_ids__leave_no_room_for_255_as_ignored_past_254_classes(tmp_path: Path):
    def ignored(count: int) -> tuple[int, ...]:
        return listed(tmp_path, "\n".join(f"thing {i}" for i in range(count))).ignore_ids

    assert (ignored(254), ignored(255)) == ((0, 255), (0,))


def test_ids__that_start_at_zero_leave_zero_a_class(tmp_path: Path):
    found = listed(tmp_path, "id,name\n0,sky\n1,road\n", "csv")
    assert found.ignore_ids == (255,)


def test_alias_bomb__is_refused_without_being_written_out():
    levels = [b"a0: &a0 [x,x,x,x,x,x,x,x,x]"] + [
        b"a%d: &a%d [%s]" % (i, i, b",".join([b"*a%d" % (i - 1)] * 9)) for i in range(1, 12)
    ]
    bomb = b"- {" + b", ".join(levels) + b"}\n- *a11\n"
    with pytest.raises(InputError, match="a value of type list"):
        check_classes(parse_class_list(bomb, "yaml", "bomb"), "bomb", default_name="x")

"""Class lists in lines are read with the id, colour or key that a dataset writes beside each."""

import time
from pathlib import Path

import pytest

from langseg.descriptors.vocabulary.load import vocabulary_of
from tests.support.class_lists import listed, refusal


def read(tmp_path: Path, text: str, name: str = "list.txt") -> tuple[str, list[tuple[int, str]]]:
    path = tmp_path / name
    path.write_text(text)
    found = vocabulary_of(path)
    form = found.read_as.removeprefix(f"{name}: ").partition(", ")[0]
    return form, [(entry.id, entry.name) for entry in found.classes]


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("0: sky\n1: stop sign\n", "numbered lines"),
        ("0 sky\n1 stop sign\n", "numbered lines"),
        ("0\tsky\n1\tstop sign\n", "numbered lines"),
        ("0,sky\n1,stop sign\n", "numbered lines"),
        ("0=sky\n1=stop sign\n", "numbered lines"),
        ("0. sky\n1. stop sign\n", "numbered lines"),
        ("0 - sky\n1 - stop sign\n", "numbered lines"),
        ("0-sky\n1-stop sign\n", "numbered lines"),
        ("[0] sky\n[1] stop sign\n", "numbered lines"),
        ("0 -> sky\n1 -> stop sign\n", "numbered lines"),
        ("sky -> 0\nstop sign -> 1\n", "names with ids"),
        ("sky 0\nstop sign 1\n", "names with ids"),
        ("sky:0\nstop sign:1\n", "names with ids"),
        ("sky, 0\nstop sign, 1\n", "names with ids"),
        ("sky\t0\nstop sign\t1\n", "names with ids"),
        ("/s/sky 0\n/s/stop_sign 1\n", "Places365 categories"),
        ("n01440764 sky\nn01443537 stop sign\n", "ImageNet synset words"),
        ("0 0 0 128 sky\n1 128 64 0 stop sign\n", "names with colours"),
        ("0;sky;#00ff00\n1;stop sign;#ff0000\n", "names with colours"),
    ],
)
def test_lines__have_their_ids(text: str, form: str, tmp_path: Path):
    found = read(tmp_path, text)
    assert (found[0], [(i, n.replace("_", " ")) for i, n in found[1]]) == (
        form, [(0, "sky"), (1, "stop sign")],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("1) sky\n2) stop sign\n", "numbered lines"),
        ("1: 'sky'\n2: 'stop sign',\n", "numbered lines"),
        ("1 001.sky\n2 002.stop sign\n", "numbered lines"),
        ("0 0 128\tsky\n128 64 0\tstop sign\n", "names with colours"),
        ("sky: 0,0,128\nstop sign: 128,64,0\n", "names with colours"),
        ("sky 0 0 128\nstop sign 128 64 0\n", "names with colours"),
        ("#000080 sky\n#804000 stop sign\n", "names with colours"),
        ("# label:color_rgb:parts:actions\nsky:0,0,128::\nstop sign:9,9,9:a,b:run\n",
         "CVAT label map"),
        ('"sky",\n"stop sign"\n', "quoted names"),
        ("- sky\n- stop sign\n", "list with bullets"),
        ("* sky\n* stop sign\n", "list with bullets"),
        ("sky,\nstop sign,\n", "names with a comma behind each"),
        ("| class |\n|---|\n| sky |\n| stop sign |\n", ""),
    ],
)  # fmt: skip
def test_lines_without_ids_or_counted_from_one__are_one_to_c(text: str, form: str, tmp_path: Path):
    if form:
        assert read(tmp_path, text) == (form, [(1, "sky"), (2, "stop sign")])


def test_darknets_names__count_from_zero(tmp_path: Path):
    assert read(tmp_path, "sky\nstop sign\n", "obj.names")[1] == [(0, "sky"), (1, "stop sign")]


def test_list_that_begins_with_the_background__counts_from_zero(tmp_path: Path):
    assert read(tmp_path, "background\nsky\n")[1] == [(0, "background"), (1, "sky")]
    form, found = read(tmp_path, "__ignore__\n_background_\nsky\n")  # labelme's labels.txt
    assert [number for number, _ in found] == [0, 1]


@pytest.mark.parametrize(
    ("text", "ids", "ignored"),
    [
        ("unlabeled\nsky\nroad\n", [1, 2], (0, 255)),
        ("sky\nvoid\nroad\n", [1, 3], (0, 255)),
        ("0: sky\n1: road\n7: Unlabelled\n", [0, 1], (7, 255)),
        ("1: sky\n2: road\n255: ignore\n", [1, 2], (0, 255)),
    ],
)
def test_what_means_not_labelled__is_left_out_and_keeps_the_others_ids(
    text: str, ids: list[int], ignored: tuple[int, ...], tmp_path: Path
):
    found = listed(tmp_path, text)
    assert ([entry.id for entry in found.classes], found.ignore_ids) == (ids, ignored)
    assert "left out: " in found.read_as


@pytest.mark.parametrize(
    "text",
    [
        "2 door car\n4 door car\n",
        "2 door car\n7 segment display\n3 phase outlet\n",
        "Boeing 737\nAirbus 320\nCessna 172\n",
        "gate 1\ngate 2\ngate 3\n",
        "7up can\n3D printer\nA4 paper\n",
        "traffic light: red\ntraffic light: green\n",
        "a\nb\nc\n",
        "桌子\n椅子\nكرسي\nTür\nकुर्सी\nเก้าอี้\n",
        "car/vehicle\nbow_(weapon)\nwall-other-merged\nT.V. set\n50% sale sign\n",
        "name tag\nlabel\nclass\n",
        "nan bread\nn/a sign\nnull\n",
        "door (open, wooden)\nwall\n",
    ],
)
def test_numbers_marks_and_other_scripts_in_names__stay(text: str, tmp_path: Path):
    found = listed(tmp_path, text)
    assert [(entry.id, entry.name) for entry in found.classes] == [
        (i, line) for i, line in enumerate(text.split("\n")[:-1], 1)
    ]
    assert found.read_as == ""


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("person, car, dog, tree\n", "row 1: one line of 4 names"),
        ("person;car;dog;tree\n", "row 1: one line of 4 names"),
        ("person, car, dog,\ntree, sky, sea,\n", "parted by commas over several lines"),
        ("sky, " + ", ".join(f"thing{chr(97 + i)}" for i in range(25)) + "\nperson\n",
         "row 1: 26 names on one line"),
        ("cat . dog . person .\n", "row 1: one line of"),
        ("person|car|dog\n", "row 1: one line of 3 names"),
        ("person 262465\ncar 43867\nbench 9838\n", "a number behind each name, such as 262465"),
        ("person: 262465\ncar: 43867\n", "a number behind each name"),
        ("wall 1234\nfloor 992\nsky 118\n", "a number behind each name, such as 1234"),
        ("wall 0.16\nfloor 0.2\n", "such as 0.16, which are scores or shares"),
        ("wall: 16.3%\nfloor: 9%\n", "such as 16.3%, which are scores or shares"),
        ("  262465 person\n   43867 car\n", "a number before each name, such as 262465"),
        ("3\nperson\ncar\ndog\n", "row 1: 3 is how many names follow"),
        ("Things:\nperson\nStuff:\nsky\n", "row 1: 'Things:' is a heading"),
        ("name\nsky\nroad\n", "row 1: 'name' is a heading"),
        ("Class Names\nsky\nroad\n", "'Class Names' is a heading"),
        ("0: sky\n1: road\n2: car\nbench\n", "row 4: 'bench' has no number in front"),
        ("1: sky\n1: road\n2: car\n", "a number in front of each"),
        ("classes= 2\ntrain = train.txt\nnames = obj.names\n", "darknet's .data file"),
    ],
)  # fmt: skip
def test_lines_that_mean_something_else__are_refused(text: str, reason: str, tmp_path: Path):
    assert reason in refusal(tmp_path, text)


@pytest.mark.parametrize("mark", [",", ";", "|", "\t;"])
def test_a_long_line__is_refused_in_no_time(mark: str, tmp_path: Path):
    started = time.monotonic()
    assert "one line of" in refusal(tmp_path, "a" + mark * 20_000 + "b\n")
    assert time.monotonic() - started < 1

"""What a person would see to be no list of classes is refused; what a dataset calls its classes
passes."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langseg.cache.errors import InputError
from langseg.descriptors.vocabulary.class_list import listed_names, parse_class_list
from langseg.descriptors.vocabulary.load import load_vocabulary, shipped_vocabularies, vocabulary_of
from tests.support.class_lists import names, refusal


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("images/001.jpg 3\nimages/002.jpg 7\n", "row 1: 'images/001.jpg 3' is a file's name"),
        ("001.png\n002.png\n", "row 1: '001.png' is a file's name"),
        ("wall\nIMG_0001.JPG\n", "row 2: 'IMG_0001.JPG' is a file's name"),
        ("./images/train/0001\n./images/train/0002\n", "are paths"),
        ("/data/ade/images\n/data/ade/masks\n", "are paths"),
        ("https://example.org/a\nhttps://example.org/b\n", "is an address"),
        ("wall\nNaN\nsky\n", "row 2: 'NaN' is what a program writes for a missing value"),
        ("wall\n#REF!\n", "row 2: '#REF!'"),
        ("wall\nNone\nsky\n", "row 2: 'None' is what a program writes for a missing value"),
        ("ann@example.org\nbob@example.org\n", "is an address"),
        ("a photo of a cat\na blurry photo of a dog\n", "are prompts"),
        ("0\n1\n2\n", "3 of 3 rows, such as row 1: '0', are numbers"),
        ("0 0.5 0.5 0.1 0.2\n1 0.4 0.4 0.1 0.1\n", "numbers"),
        ("12 0.513 0.2 0.3 0.4 0.5 0.6\n", "7 numbers"),
        ("wall\n128, 64, 128\n", "row 2: 3 numbers (a colour, coordinates?)"),
        ("[128, 64, 128]\n[244, 35, 232]\n", "wanted a name in text"),
        ("sky\n#ff00aa\n", "row 2: '#ff00aa' is a colour"),
        ("n01440764\nn01443537\n", "are keys of a dataset"),
        ("/m/011k07\n/m/0h8n5zk\n", "are keys of a dataset"),
        ("aerosol.n.02\nair_conditioner.n.01\n", "are keys of a dataset"),
        ("LABEL_0\nLABEL_1\nLABEL_2\n", "are placeholders"),
        ("class_0\nclass_1\n", "are placeholders"),
        ("image_0001 3\nimage_0002 7\nimage_0003 3\n", "are placeholders or file names"),
        ("404: Not Found", "a server's error in place of a file"),
        ("#!/bin/bash\necho hi\n", "a program"),
        ("iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAA\n", "no name but data"),
        ("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\n", "no name but data"),
        ("cafÃ© table\nwall\n", "was read in a wrong encoding"),
        ("jack-oâ€™-lantern\n", "was read in a wrong encoding"),
        ("segment all the cars and people in this picture\n", "is a sentence, no name of a class"),
        ("wall\nThis list holds the classes.\n", "row 2: .* is a sentence"),
        ("a person who rides a bicycle slowly\na car that is parked at night\n", "are phrases"),
        ("car\ncar\ntruck\ncar\ncar\ncar\n", "6 rows with 2 names"),
        ("true\nfalse\n", "are answers, no names"),
        ("\n".join(f"thing {i:x}z" for i in range(50_001)), "50,001 rows"),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 1\n", "git lfs pull"),
        ("<!DOCTYPE html>\n<html lang='en'><head>", "a web page"),
    ],
)
def test_text_that_is_no_class_list__is_refused_with_the_reason(
    text: str, reason: str, tmp_path: Path
):
    message = refusal(tmp_path, text)
    assert re.search(reason.replace("(", r"\(").replace("?)", r"\?\)"), message)
    assert len(message) < 700


def test_vocabularies_of_the_world__pass(shared_data: Path):
    for file in sorted((shared_data / "vocabularies").iterdir()):
        assert len(vocabulary_of(file).classes) >= 20
    places = (shared_data / "ade20k_sample/sceneCategories.txt").read_text().split("\n")
    scenes = sorted({line.split()[1] for line in places if line.strip()})
    parse_class_list("\n".join(scenes).encode(), "txt", "scenes.txt")


@pytest.mark.parametrize("dataset", shipped_vocabularies())
def test_vocabularies_that_ship__pass_in_every_form(dataset: str, tmp_path: Path):
    wanted = load_vocabulary(dataset)
    rows = [{"id": e.id, "name": e.name} for e in wanted.classes]
    by_form = {
        "a.json": json.dumps({"images": [], "annotations": [], "categories": rows}),
        "b.json": json.dumps({str(row["id"]): row["name"] for row in rows}),
        "c.txt": "".join(f"{row['id']}: {row['name']}\n" for row in rows),
        "d.csv": "id;name\n" + "".join(f"{row['id']};{row['name']}\n" for row in rows),
        "e.yaml": json.dumps({"nc": len(rows), "names": {r["id"]: r["name"] for r in rows}}),
        "f.py": f"id2label = {dict((row['id'], row['name']) for row in rows)!r}\n",
        "g.json": json.dumps({row["name"]: row["id"] for row in rows}),
    }
    for name, text in by_form.items():
        (tmp_path / name).write_text(text)
        found = vocabulary_of(tmp_path / name)
        assert [(e.id, e.name) for e in found.classes] == [(r["id"], r["name"]) for r in rows], name


NAME = st.text(
    st.sampled_from("abcdefghijklmnopqrstuvwxyzßéñøжяλ椅子机كرسيक0123456789 -_'()&/."), min_size=1
).filter(lambda text: any(char.isalpha() for char in text))
MARKS = st.sampled_from(["{id}: {name}", "{id}\t{name}", "{id}. {name}", "{name}"])


@settings(deadline=None, max_examples=150)
@given(
    st.lists(
        st.from_regex(r"[a-zé椅]{2,9}( [a-zж]{2,9}){0,2}", fullmatch=True),
        min_size=2, max_size=30, unique_by=str.casefold,
    ),
    MARKS,
)  # fmt: skip
def test_words_in_any_order__are_read_as_they_stand(words: list[str], form: str):
    text = "".join(form.format(id=i, name=word) + "\n" for i, word in enumerate(words))
    if any(word in ("void", "ignore", "name", "class", "label") for word in words):
        return
    raw = parse_class_list(text.encode(), "txt", "x.txt")
    assert [row.fields["name"] for row in raw.rows] == words
    if "{id}" in form:
        assert [row.fields["id"] for row in raw.rows] == list(range(len(words)))


@settings(deadline=None, max_examples=150)
@given(st.lists(NAME, min_size=1, max_size=12))
def test_names_in_any_form__are_read_or_refused_in_one_sentence(words: list[str]):
    categories = {"categories": [{"id": i, "name": word} for i, word in enumerate(words)]}
    for data, kind in (
        ("\n".join(words).encode(), "txt"),
        (json.dumps(words).encode(), "json"),
        (json.dumps(categories).encode(), "json"),
        (("name\n" + "\n".join(words)).encode("utf-16"), "csv"),
    ):
        try:
            parse_class_list(data, kind, "x")
            continue
        except InputError as exc:
            message = str(exc)
        assert (message.isprintable(), len(message) < 700) == (True, True)


def test_shipped_names__are_names_of_their_own(tmp_path: Path):
    every = {name for dataset in shipped_vocabularies() for name in names(load_vocabulary(dataset))}
    listed_names(sorted(every), "all")

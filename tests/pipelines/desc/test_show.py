"""Everything a store knows about one class."""

import json
from pathlib import Path

import pytest

from langseg.cache.errors import InputError
from langseg.cache.records import ANY_SCENE, Descriptor, Text, to_table
from langseg.cache.store.store import Store
from langseg.pipelines.desc.generate import run_generate
from langseg.pipelines.desc.generate_settings import DescribeConfig
from langseg.pipelines.desc.show import run_show
from tests.support.quiet import Quiet

DESC = "langseg-desc"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wall and a seat, beds of two senses, and a phrase of the wall's that was dropped."""
    folder = tmp_path_factory.mktemp("show")
    words = {"wall": "", "seat": "", "bed": "furniture to sleep on"}
    rows = [
        {"name": name, "definition": definition, "synonyms": ["place to sit"] * (name == "seat")}
        for name, definition in words.items()
    ]
    for senses in (rows, [{"name": "bed", "definition": "ground for flowers"}]):
        (folder / "mine.json").write_text(json.dumps(senses))
        run_generate(DescribeConfig(store=folder / "store", classes=folder / "mine.json"), Quiet())
    opened = Store.open(folder / "store")
    asked = opened.table("requests").to_pylist()
    key = next(row["request_key"] for row in asked if row["class_name"] == "wall")
    dropped = Descriptor(
        descriptor_id="d", request_key=key, text_id="t", class_name="wall", scene=ANY_SCENE,
        subclass="", slot="shape", rank=99, rejected="names_class", parser_version=3,
    )  # fmt: skip
    text = Text(text_id="t", text="a wall \x1b[31mof stone", n_chars=18)
    with opened.writer() as writer:
        tables = {"descriptors": to_table(Descriptor, [dropped]), "texts": to_table(Text, [text])}
        writer.commit(tables)
    return folder / "store"


@pytest.mark.slow
def test_show__tells_what_was_asked_kept_and_dropped(store):
    report = run_show(store, "wall")
    assert [row["text"] for row in report["dropped"]] == ["a wall \x1b[31mof stone"]
    assert report["dropped"][0]["rejected"] == "names_class"
    assert {row["class_name"] for row in report["requests"]} == {"wall"}
    assert {row["status"] for row in report["answers"]} == {"ok"}
    assert {"shape", "name"} <= {row["slot"] for row in report["kept"]}
    assert "1 dropped" in report["sentence"]


def test_show__finds_a_class_in_any_case_and_by_its_synonym(store):
    assert run_show(store, "WALL")["class_name"] == "wall"
    assert run_show(store, "Place to sit")["class_name"] == "seat"


def test_show__keeps_two_senses_of_a_name_apart(store):
    senses = run_show(store, "bed")["senses"]
    assert {sense["definition"] for sense in senses} == {
        "furniture to sleep on",
        "ground for flowers",
    }


def test_show__names_near_names_for_a_class_nobody_asked_about(store):
    with pytest.raises(InputError, match="did you mean wall"):
        run_show(store, "walls")


def test_show__prints_every_part_without_control_characters(call, store):
    done = call(DESC, "show", "wall", "--store", store)
    assert done.code == 0
    for title in ("What it means", "Phrases kept", "Phrases dropped", "Requests", "Answers"):
        assert title in done.out
    assert "\x1b" not in done.out
    assert call(DESC, "show", "nothing", "--store", store).code == 3
    assert call(DESC, "show", "wall", "--store", store, "--json").json["class_name"] == "wall"

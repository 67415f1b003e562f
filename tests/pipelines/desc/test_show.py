"""Everything a store knows about one class."""

import json
from pathlib import Path
from typing import Any

import pytest

from langseg.cache.errors import InputError
from langseg.cache.records import ANY_SCENE, Descriptor, Text, to_table
from langseg.cache.store.store import Store
from langseg.descriptors.vocabulary.source import Source
from langseg.pipelines.desc.generate import run_generate
from langseg.pipelines.desc.generate_settings import DescribeConfig
from langseg.pipelines.desc.open_sets import open_sets
from langseg.pipelines.desc.repair import run_repair
from langseg.pipelines.desc.show import run_show, show_tables
from langseg.pipelines.desc.verify import run_verify
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
    assert [row["text"] for row in report.dropped] == ["a wall \x1b[31mof stone"]
    assert report.dropped[0]["rejected"] == "names_class"
    assert {row["class_name"] for row in report.requests} == {"wall"}
    assert {row["status"] for row in report.answers} == {"ok"}
    assert {"shape", "name"} <= {row["slot"] for row in report.kept}
    assert "1 dropped" in report.sentence


def test_show__finds_a_class_in_any_case_and_by_its_synonym(store):
    assert run_show(store, "WALL").class_name == "wall"
    assert run_show(store, "Place to sit").class_name == "seat"


def test_show__keeps_two_senses_of_a_name_apart(store):
    senses = run_show(store, "bed").senses
    assert {sense["definition"] for sense in senses} == {
        "furniture to sleep on",
        "ground for flowers",
    }


def test_shared_class__is_one_row_with_both_names_and_two_rows_where_the_senses_differ(
    call, tmp_path: Path
):
    (tmp_path / "home.txt").write_text("wall\nbed\n")
    beds = [{"name": "bed", "definition": "ground for flowers"}, {"name": "wall"}]
    (tmp_path / "garden.json").write_text(json.dumps(beds))
    store = tmp_path / "store"
    for name in ("home.txt", "garden.json"):
        run_generate(DescribeConfig(store=store, classes=tmp_path / name), Quiet())
    sql = "select distinct class_name, vocabularies from phrases order by all"
    rows = call(DESC, "sql", sql, "--store", store, "--json").json["rows"]
    assert rows == [["bed", "garden"], ["bed", "home"], ["wall", "garden, home"]]
    wall, bed = run_show(store, "wall"), run_show(store, "bed")
    assert [sense["vocabularies"] for sense in wall.senses] == [["garden", "home"]]
    assert sorted(sense["vocabularies"] for sense in bed.senses) == [["garden"], ["home"]]
    assert len({row["sense"] for row in bed.kept}) == len(bed.senses) == 2
    titles = {title: columns for title, columns, _ in show_tables(bed)}
    assert titles["Phrases kept"][:2] == titles["Requests"][:2] == ("sense", "vocabularies")
    assert "vocabularies" not in {t: c for t, c, _ in show_tables(wall)}["Phrases kept"]


def test_class_that_another_list_spells_otherwise__has_the_answers_that_both_share(
    tmp_path: Path,
):
    store = tmp_path / "store"
    (tmp_path / "first.txt").write_text("traffic light\nwall\n")
    (tmp_path / "second.txt").write_text("traffic_light\nwall\n")
    for name in ("first.txt", "second.txt"):
        run_generate(DescribeConfig(store=store, classes=tmp_path / name), Quiet())
    sets = open_sets(Source(store=store, classes=tmp_path / "second.txt"))
    chosen = sets.of("")
    assert {name for name, _ in chosen.described()} == {"traffic_light", "wall"}
    assert all(len(phrases) > 10 for phrases in chosen.phrases().values())


def test_classes__are_noted_before_anything_is_asked_and_again_once_they_are_lost(tmp_path: Path):
    (tmp_path / "mine.txt").write_text("wall\n")
    config = DescribeConfig(store=tmp_path / "store", classes=tmp_path / "mine.txt")

    class Killed(Quiet):
        def on_event(self, kind: str, report: Any) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_generate(config, Killed())
    store = Store.open(config.store)
    assert store.table("classes", ("vocabulary", "class_name")).to_pylist() == [
        {"vocabulary": "mine", "class_name": "wall"}
    ]
    (part,) = store.manifest.tables["classes"]
    (config.store / part.path).write_bytes(b"damaged")
    assert run_verify(config.store).problems
    run_repair(config.store)
    assert not run_verify(config.store).problems
    assert Store.open(config.store).table("classes").num_rows == 0
    run_generate(config, Quiet())
    number = Store.open(config.store).manifest.number
    run_generate(config, Quiet())  # all is there: no commit
    store = Store.open(config.store)
    assert (store.table("classes").num_rows, store.manifest.number) == (1, number)


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

"""Stores of older versions open, one step at a time."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from langseg.cache.errors import CorruptError
from langseg.cache.files import sha256_of
from langseg.cache.records import SCHEMA_VERSION
from langseg.cache.store import migrations
from langseg.cache.store.manifest import Part, part_path, publish, write_current
from langseg.cache.store.migrations import can_read, upgraded
from langseg.cache.store.parts import schema_version
from langseg.cache.store.store import Store
from langseg.cache.upkeep.compact import compact
from langseg.cache.upkeep.repair import repair_store
from langseg.cache.upkeep.verify import examine
from tests.support.nursery import content
from tests.support.store_rows import make_tables


def count_characters(name: str, rows: pa.Table) -> pa.Table:
    """What turns this test's version 0 into version 1."""
    if name != "texts":
        return rows
    return rows.append_column(
        pa.field("n_chars", pa.int64(), nullable=False),
        pc.cast(pc.utf8_length(rows["text"]), pa.int64()),
    )


def name_the_text(name: str, rows: pa.Table) -> pa.Table:
    """What turns this test's version -1 into version 0: a phrase was called so, and came first."""
    if name != "texts":
        return rows
    return rows.rename_columns(["text", "text_id"]).select(["text_id", "text"])


def as_of_0(name: str, rows: pa.Table) -> pa.Table:
    return rows.drop_columns(["n_chars"]) if name == "texts" else rows


def as_of_minus_1(name: str, rows: pa.Table) -> pa.Table:
    if name != "texts":
        return rows
    return rows.select(["text", "text_id"]).rename_columns(["phrase", "text_id"])


Ages = Callable[[int], int]  # number of a part in its table -> the version it is to have


def aged(store: Store, version: int, ages: Ages) -> Path:
    """The store as that version would have had it, some of its parts as older ones left them."""
    live = store.manifest

    def group(name: str, parts: tuple[Part, ...]) -> tuple[Part, ...]:
        return tuple(_aged(store.path, part, name, ages(at)) for at, part in enumerate(parts))

    tables = {name: group(name, parts) for name, parts in live.tables.items()}
    vectors = {name: group("embeddings", parts) for name, parts in live.embeddings.items()}
    for path in (store.path / "manifests").iterdir():
        path.unlink()
    manifest = replace(live, schema_version=version, tables=tables, embeddings=vectors)
    publish(store.path, manifest)
    write_current(store.path, manifest)
    return store.path


@pytest.fixture
def old(filled) -> Path:
    """The filled store as version 0 would have had it: its texts have no n_chars."""
    return aged(filled, 0, lambda at: 0)


def _aged(root: Path, part: Part, name: str, version: int) -> Part:
    if version == SCHEMA_VERSION:
        return part
    path = root / part.path
    table = as_of_0(name, pq.read_table(path, partitioning=None))
    table = table if version == 0 else as_of_minus_1(name, table)
    table = table.replace_schema_metadata({"langseg.schema_version": str(version)})
    path.unlink()
    pq.write_table(table, path, write_page_checksum=True)
    sha256 = sha256_of(path)
    name = part_path(str(Path(part.path).parent), sha256)
    path.rename(root / name)
    return Part(name, part.rows, sha256)


def test_upgraded__takes_the_steps_in_order():
    taken = []

    def step(number: int) -> migrations.Step:
        def take(name: str, rows: pa.Table) -> pa.Table:
            taken.append((number, name))
            return rows.append_column(f"c{number}", pa.array([number] * len(rows)))

        return take

    steps = {2: step(2), 0: step(0), 1: step(1)}
    found = upgraded("texts", pa.table({"a": [7]}), 0, steps, newest=3)
    assert taken == [(0, "texts"), (1, "texts"), (2, "texts")]
    assert found.column_names == ["a", "c0", "c1", "c2"]
    assert upgraded("texts", found, 3, steps, newest=3) is found


def test_can_read__needs_every_step_on_the_way(monkeypatch):
    assert can_read(SCHEMA_VERSION)
    assert not any(can_read(version) for version in (SCHEMA_VERSION + 1, 0, True, "1", None, 1.0))
    monkeypatch.setitem(migrations.STEPS, 0, count_characters)
    assert can_read(0)
    assert not can_read(-1)
    monkeypatch.setitem(migrations.STEPS, -2, count_characters)
    assert not can_read(-2)


def test_steps__lead_to_the_version_of_today_without_a_gap():
    assert sorted(migrations.STEPS) == list(
        range(SCHEMA_VERSION - len(migrations.STEPS), SCHEMA_VERSION)
    )


def test_store__of_an_unknown_version_is_refused_with_what_to_do(old):
    with pytest.raises(CorruptError, match=r"schema version 1, got 0; open the store with"):
        Store.open(old).table("texts")


def test_store__of_version_0_reads_verifies_commits_and_compacts(old, rows, monkeypatch):
    monkeypatch.setitem(migrations.STEPS, 0, count_characters)
    store = Store.open(old)
    wanted = {text: len(text) for text in store.table("texts")["text"].to_pylist()}
    assert len(wanted) == 6
    texts = store.table("texts")
    assert (
        dict(zip(*(texts[name].to_pylist() for name in ("text", "n_chars")), strict=True)) == wanted
    )
    assert store.table("texts", ("n_chars",)).num_rows == 6
    assert examine(old).problems == []
    with store.writer() as writer:
        live = writer.commit(rows.tables([rows.answer(number) for number in (5, 6)]))
    assert (live.number, live.schema_version) == (4, SCHEMA_VERSION)
    assert {schema_version(old, part) for part in live.parts()} == {0, 1}
    before = content(old)
    assert len(before["texts"]) == 7
    compact(store)
    live = Store.open(old).manifest
    assert {schema_version(old, part) for part in live.parts()} == {1}
    assert content(old) == before
    assert examine(old).problems == []


AGES: dict[str, Ages] = {
    "two steps behind": lambda at: -1,
    "one and two steps behind": lambda at: at - 1,
    "two steps behind and of today": lambda at: 2 * at - 1,
}


@pytest.mark.parametrize("ages", AGES)
@pytest.mark.parametrize("given", [(-1, 0), (0, -1)])  # the order of the mapping is no matter
def test_store__two_versions_behind_goes_through_both_steps_in_order(
    filled, rows, monkeypatch, ages, given
):
    """The second step reads the column that the first one makes."""
    before = content(filled.path)
    path = aged(filled, -1, AGES[ages])
    steps = {-1: name_the_text, 0: count_characters}
    for number in given:
        monkeypatch.setitem(migrations.STEPS, number, steps[number])
    assert content(path) == before
    assert examine(path).problems == []
    store = Store.open(path)
    with store.writer() as writer:
        writer.commit(rows.tables([rows.answer(number) for number in (1, 5)]))  # all there
        assert store.manifest.number == 3
        writer.commit(rows.tables([rows.answer(6)]))
    now = content(path)
    assert len(now["texts"]) == 7
    compact(store)
    live = Store.open(path).manifest
    assert (live.schema_version, len(live.tables["texts"])) == (SCHEMA_VERSION, 1)
    assert {schema_version(path, part) for part in live.parts()} == {SCHEMA_VERSION}
    assert content(path) == now
    assert examine(path).problems == []


def test_repair__of_a_store_two_versions_behind_makes_lost_texts_again(filled, monkeypatch):
    before = content(filled.path)
    path = aged(filled, -1, AGES["two steps behind"])
    monkeypatch.setitem(migrations.STEPS, -1, name_the_text)
    monkeypatch.setitem(migrations.STEPS, 0, count_characters)
    (path / Store.open(path).manifest.tables["texts"][1].path).unlink()
    repair_store(path, make_tables)
    assert content(path) == before


def test_store__that_lacks_the_first_of_two_steps_is_refused(filled, monkeypatch):
    path = aged(filled, -1, AGES["two steps behind"])
    monkeypatch.setitem(migrations.STEPS, 0, count_characters)
    with pytest.raises(CorruptError, match=r"schema version 1, got -1; open the store with"):
        Store.open(path).table("texts")


def test_part__of_a_newer_version_is_refused(filled):
    """A manifest of today that lists a part of tomorrow."""
    path = aged(filled, SCHEMA_VERSION, lambda at: SCHEMA_VERSION + 1)
    with pytest.raises(CorruptError, match="schema version 2, which another LangSeg wrote"):
        Store.open(path).table("texts")


def test_compact__rewrites_a_lone_part_of_an_older_version(old, monkeypatch):
    monkeypatch.setitem(migrations.STEPS, 0, count_characters)
    store = Store.open(old)
    assert len(store.manifest.embeddings["tiny"]) == 1
    compact(store, small_bytes=1)
    live = Store.open(old).manifest
    assert {schema_version(old, part) for part in live.parts()} == {1}
    assert len(live.parts()) == 9


def test_views__read_parts_of_two_versions(old, rows, monkeypatch):
    import duckdb

    monkeypatch.setitem(migrations.STEPS, 0, count_characters)
    with Store.open(old).writer() as writer:
        writer.commit(rows.tables([rows.answer(6)]))
    theirs = duckdb.connect()
    theirs.execute("set file_search_path = ?", [str(old)]).fetchall()
    theirs.execute((old / "views.sql").read_text()).fetchall()
    assert theirs.execute("select count(*), count(n_chars) from texts").fetchall() == [(7, 1)]

"""Fewer parts, the same rows."""

import random

import pyarrow.parquet as pq
import pytest

from langseg.cache.errors import CorruptError, LangSegError, LockedError
from langseg.cache.store import parts as parts_module
from langseg.cache.store.store import Store
from langseg.cache.upkeep.compact import compact
from langseg.cache.upkeep.verify import examine
from tests.support.nursery import content
from tests.support.seeds import seeds


def many_commits(store: Store, rows, commits: int, seed: int = 0) -> Store:
    """Commits of random sizes, some with vectors, some of them of answers that are there."""
    chance = random.Random(seed)
    with store.writer() as writer:
        for _ in range(commits):
            numbers = [chance.randrange(60) for _ in range(chance.randrange(1, 9))]
            tables = rows.tables([rows.answer(number) for number in numbers])
            writer.commit(tables)
            if chance.random() < 0.6:
                ids = tables["texts"]["text_id"].to_pylist()
                writer.commit({}, {"tiny": rows.vectors(ids)}, {"tiny": rows.record})
    return store


def test_compact__makes_one_part_of_each_table_and_keeps_every_row_in_its_order(filled):
    before = {name: filled.table(name) for name in ("responses", "descriptors", "texts")}
    done = compact(filled)
    assert (done.changed, done.parts_before, done.parts_after) == (True, 10, 6)
    now = Store.open(filled.path)
    assert now.manifest.name == done.manifest == "000004.json"
    assert all(len(parts) == 1 for parts in now.manifest.tables.values())
    assert {name: now.table(name) for name in before} == before
    assert examine(now.path).problems == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", seeds(*range(8), more=40))
def test_compact__of_any_store_keeps_every_row_as_often_as_it_was(store, rows, seed, monkeypatch):
    many_commits(store, rows, 12, seed)
    before = content(store.path)
    chance = random.Random(seed)
    monkeypatch.setattr(parts_module, "_ROWS_TEXT", chance.choice([1, 3, 10_000]))
    monkeypatch.setattr(parts_module, "_ROWS_READ", chance.choice([1, 2, 8192]))
    monkeypatch.setattr(parts_module, "_BYTES_MERGED", chance.choice([1, 2**20]))
    sizes = [(store.path / part.path).stat().st_size for part in store.manifest.parts()]
    done = compact(
        store, small_bytes=chance.choice([max(sizes), 2**20]), large_bytes=chance.choice(
            [2 * max(sizes), 2**20])
    )  # fmt: skip
    assert done.parts_after < done.parts_before
    assert content(store.path) == before
    assert examine(store.path).problems == []


def test_compact__a_second_time_changes_nothing(filled):
    compact(filled)
    files = sorted(filled.path.rglob("*"))
    done = compact(Store.open(filled.path))
    assert (done.changed, done.parts_before) == (False, done.parts_after)
    assert sorted(filled.path.rglob("*")) == files


@pytest.mark.slow
def test_compact__leaves_large_parts_alone_and_stops_at_the_limit(store, rows):
    many_commits(store, rows, 12)
    listed = store.manifest.tables["descriptors"]
    size = max((store.path / part.path).stat().st_size for part in listed)
    compact(store, large_bytes=3 * size)
    merged = Store.open(store.path).manifest.tables["descriptors"]
    assert 1 < len(merged) < len(listed)
    compact(Store.open(store.path), small_bytes=1)
    assert Store.open(store.path).manifest.tables["descriptors"] == merged


@pytest.mark.slow
def test_compact__holds_no_more_than_a_row_group_in_memory(store, rows, monkeypatch):
    with store.writer() as writer:
        for first in (0, 40, 80):
            writer.commit(rows.tables([rows.answer(first + n) for n in range(40)]))
    monkeypatch.setattr(parts_module, "_ROWS_TEXT", 16)
    monkeypatch.setattr(parts_module, "_ROWS_READ", 8)
    compact(store)
    (part,) = Store.open(store.path).manifest.tables["responses"]
    with pq.ParquetFile(store.path / part.path) as file:
        groups = [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)]
    assert groups == [16] * 7 + [8]


def test_compact__leaves_readers_of_the_old_snapshot_their_files(filled):
    reader = Store.open(filled.path)
    rows = reader.table("texts")
    compact(filled)
    assert reader.table("texts").equals(rows)
    assert reader.embeddings("tiny").num_rows == 6  # not even opened before


@pytest.mark.parametrize("at", [30, -40])  # in a page, and in the footer, which has no checksum
def test_compact__refuses_a_damaged_part_and_leaves_the_store(filled, at):
    part = filled.path / filled.manifest.files()["texts"][0]
    data = bytearray(part.read_bytes())
    data[at] ^= 1
    part.write_bytes(data)
    with pytest.raises(CorruptError, match=part.name):
        compact(filled)
    assert Store.open(filled.path).manifest.number == 3
    assert not list(filled.path.rglob(".*.tmp"))


def test_compact__checks_what_it_has_written(filled, monkeypatch):
    real = parts_module._row_groups
    calls = []

    def other_rows_at_first(*arguments):
        calls.append(arguments)
        groups = list(real(*arguments))
        return [group.slice(1) for group in groups] if len(calls) == 1 else groups

    monkeypatch.setattr(parts_module, "_row_groups", other_rows_at_first)
    with pytest.raises(LangSegError, match="reads back differently"):
        compact(filled)
    assert Store.open(filled.path).manifest.number == 3


def test_compact__waits_for_no_writer(filled):
    with filled.writer(), pytest.raises(LockedError):
        compact(Store.open(filled.path))


def test_commit__after_compact_still_knows_what_is_there(filled, rows):
    compact(filled)
    with filled.writer() as writer:
        writer.commit(rows.tables([rows.answer(number) for number in range(1, 7)]))
    assert Store.open(filled.path).table("responses").num_rows == 6

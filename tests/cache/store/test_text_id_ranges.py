"""Ranges of text ids hold every id once, and a writer that keeps to one knows no others."""

from pathlib import Path

import pytest

from langseg.cache.errors import CorruptError, LangSegError
from langseg.cache.keys import text_id
from langseg.cache.store import snapshot as snapshot_module
from langseg.cache.store import text_id_ranges
from langseg.cache.store.manifest import Part
from langseg.cache.store.parts import check_part
from langseg.cache.store.store import Store
from langseg.cache.store.text_id_ranges import TextIdRange, ranges_for


@pytest.mark.parametrize("texts", [0, 1, 10, 11, 95])
def test_ranges__hold_every_id_once(texts, monkeypatch):
    monkeypatch.setattr(text_id_ranges, "RANGE_TEXTS", 10)
    found = ranges_for(texts)
    assert len(found) == max(1, -(-texts // 10))
    for key in (*(text_id(str(n)) for n in range(300)), "0" * 64, "f" * 64):
        assert sum(key in id_range for id_range in found) == 1


def test_span__takes_its_rows_out_of_a_table(filled):
    table = filled.table("texts")
    found = [
        id_range.rows(table)["text_id"].to_pylist()
        for id_range in (TextIdRange("", "8"), TextIdRange("8", "g"))
    ]
    assert sorted(sum(found, [])) == sorted(table["text_id"].to_pylist())
    assert all(key < "8" for key in found[0])


def test_stream__has_the_rows_of_the_table_a_piece_at_a_time(filled):
    pieces = list(filled.stream("texts", ("text", "text_id"), rows=2))
    assert [len(piece) for piece in pieces] == [2, 2, 2]
    columns = filled.table("texts", ("text", "text_id")).to_pylist()
    assert [row for piece in pieces for row in piece.to_pylist()] == columns


def test_stream__of_a_damaged_part_yields_nothing(filled):
    path = filled.path / filled.manifest.tables["texts"][0].path
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    pieces = Store.open(filled.path).stream("texts")
    with pytest.raises(CorruptError, match=path.name):
        next(pieces)


def test_stream__hashes_a_part_once_for_an_open_store(filled, monkeypatch):
    read: list[Part] = []

    def counted(root: Path, part: Part) -> None:
        read.append(part)
        check_part(root, part)

    monkeypatch.setattr(snapshot_module, "check_part", counted)
    opened = Store.open(filled.path)
    for _ in range(3):
        list(opened.stream("texts"))
        list(opened.stream_embeddings("tiny", ("text_id",)))
    assert len(read) == len(set(read)) == 3


def test_narrow_writer__adds_nothing_twice_and_refuses_other_ranges(filled, rows):
    ids = filled.table("texts")["text_id"].to_pylist()
    low = [key for key in ids if key < "8"]
    before = filled.manifest
    with filled.writer() as writer:
        writer.narrow(TextIdRange("", "8"))
        assert writer.commit({}, {"tiny": rows.vectors(low)}, {"tiny": rows.record}) == before
        with pytest.raises(LangSegError, match="got others; nothing was committed"):
            writer.commit({}, {"tiny": rows.vectors(ids)}, {"tiny": rows.record})
        writer.narrow(TextIdRange("8", "g"))
        high = [key for key in ids if key >= "8"]
        assert writer.commit({}, {"tiny": rows.vectors(high)}, {"tiny": rows.record}) == before

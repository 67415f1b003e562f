"""The store as its users see it: snapshots, the writer, and what verify says."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from langseg.cache.errors import CorruptError, InputError, LangSegError, Remedy
from langseg.cache.files import sha256_of
from langseg.cache.records import SCHEMA_VERSION, TABLES, Response, Text, arrow_schema, to_table
from langseg.cache.sql.views import views_sql
from langseg.cache.store import snapshot as snapshot_module
from langseg.cache.store.journal import journal_names, journal_path
from langseg.cache.store.manifest import Manifest, Part, part_path, publish
from langseg.cache.store.parts import stream_part
from langseg.cache.store.store import Store
from langseg.cache.upkeep.verify import examine


def test_open__says_where_no_store_is(tmp_path):
    with pytest.raises(InputError, match="no store is here") as caught:
        Store.open(tmp_path)
    assert caught.value.remedy is Remedy.GENERATE


@pytest.mark.parametrize("create", [True, False])
def test_open__refuses_a_path_that_can_hold_no_store(tmp_path, create):
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file/store", Path("/proc/store")):
        with pytest.raises(InputError, match=str(path)):
            Store.open(path, create=create)


@pytest.mark.parametrize("create", [True, False])
def test_open__refuses_parts_that_have_lost_their_manifests(filled, create):
    shutil.rmtree(filled.path / "manifests")
    (filled.path / "CURRENT").unlink()
    with pytest.raises(CorruptError, match="without a manifest"):
        Store.open(filled.path, create=create)
    assert not (filled.path / "manifests").exists()


@pytest.mark.slow
def test_commits__of_one_writer_read_no_part_twice(store, rows, monkeypatch):
    read: list[str] = []

    def counted(root, part, wanted, rows):
        read.append(part.path)
        return stream_part(root, part, wanted, rows)

    monkeypatch.setattr(snapshot_module, "stream_part", counted)
    with store.writer() as writer:
        for number in range(6):
            journal = writer.start_journal("run-a")
            journal.append(*rows.answer(number))
            tables = rows.tables([rows.answer(number)])
            writer.commit(tables, retired_journals=[journal.name])
            ids = tables["texts"]["text_id"].to_pylist()
            writer.commit({}, {"tiny": rows.vectors(ids)}, {"tiny": rows.record})
    assert len(read) == len(set(read)) > 20
    assert examine(store.path).problems == []
    assert store.table("texts").num_rows == store.embeddings("tiny").num_rows == 7


def test_open__with_create_makes_an_empty_store_once(store):
    again = Store.open(store.path, create=True)
    assert again.manifest == store.manifest == Manifest()
    assert {name: again.table(name).num_rows for name in TABLES} == dict.fromkeys(TABLES, 0)
    assert again.table("texts").schema == arrow_schema(Text)
    assert examine(again.path).problems == []


def test_commit__is_read_back_as_it_went_in(filled, rows):
    read = Store.open(filled.path)
    whole = rows.tables([rows.answer(number) for number in (1, 2, 3, 4, 5)])
    for name in ("requests", "responses", "descriptors"):
        assert read.table(name).equals(whole[name])
    assert read.table("texts").num_rows == 6  # five phrases, and the one that all share, once
    ids = read.table("texts")["text_id"].to_pylist()
    assert read.embeddings("tiny").equals(rows.vectors(ids))
    assert read.encoders() == {"tiny": rows.record}
    assert examine(read.path).problems == []


def test_table__reads_only_the_columns_asked_for_in_their_order(filled):
    assert filled.table("texts", ("text", "text_id")).column_names == ["text", "text_id"]
    assert filled.embeddings("tiny", ("text_id",)).column_names == ["text_id"]


def test_commit__repeated_adds_nothing(filled, rows):
    before = filled.manifest
    with filled.writer() as writer:
        tables = rows.tables([rows.answer(number) for number in (1, 2, 3)])
        ids = tables["texts"]["text_id"].to_pylist()
        after = writer.commit(tables, {"tiny": rows.vectors(ids)}, {"tiny": rows.record})
    assert after == before == Store.open(filled.path).manifest


def test_commit__keeps_the_first_of_rows_with_one_key(store, rows):
    request, response = rows.answer(1)
    again = replace(response, raw_text="another", attempt=2)
    twice = [(request, response), (request, replace(response, raw_text="x")), (request, again)]
    with store.writer() as writer:
        writer.commit(rows.tables(twice))
    assert store.table("requests").num_rows == 1
    assert store.table("responses")["raw_text"].to_pylist() == [response.raw_text, "another"]


def test_store__stays_at_its_snapshot_while_another_one_writes(filled, rows):
    reader = Store.open(filled.path)
    assert reader.table("responses").num_rows == 5
    with filled.writer() as writer:
        writer.commit(rows.tables([rows.answer(6)]))
        assert filled.table("responses").num_rows == 6
    assert reader.table("responses").num_rows == 5
    assert Store.open(filled.path).table("responses").num_rows == 6


def test_commit__writes_views_over_exactly_the_manifests_files(filled):
    """And over where they are: the store of this test is a copy, and its views are behind."""
    with filled.writer():
        pass
    written = (filled.path / "views.sql").read_text()
    assert written == views_sql(filled.manifest.files(), filled.path)
    files = filled.manifest.files()
    assert len(files["texts"]) == 2
    assert all((filled.path / name).is_file() for name in files["embeddings"] + files["texts"])


def test_commit__compresses_text_and_leaves_vectors_plain(filled):
    (vectors,) = (filled.path / name for name in filled.manifest.files()["embeddings"])
    text = filled.path / filled.manifest.files()["responses"][0]
    plain = pq.ParquetFile(vectors).metadata.row_group(0).column(1)
    packed = pq.ParquetFile(text).metadata.row_group(0).column(3)
    assert (plain.compression, packed.compression) == ("UNCOMPRESSED", "ZSTD")
    assert not any("DICTIONARY" in encoding for encoding in plain.encodings)


def test_to_table__replaces_half_a_character_that_utf_8_cannot_hold(store, rows):
    request, response = rows.answer(1)
    with store.writer() as writer:
        writer.commit(rows.tables([(request, replace(response, raw_text="a\ud800\U0001f600"))]))
    assert store.table("responses")["raw_text"].to_pylist() == ["a\ufffd\U0001f600"]


@pytest.mark.parametrize("encoder_id", ["../up", "a/b", "", ".", "..", "x" * 101, "é", "a b", "-a"])
def test_commit__refuses_an_encoder_id_that_is_no_file_name(store, rows, encoder_id):
    with store.writer() as writer, pytest.raises(InputError, match="encoder .*wanted 1 to 100"):
        writer.commit({}, {encoder_id: rows.vectors(["ab" * 32])}, {encoder_id: rows.record})
    assert examine(store.path).notes == []


def test_commit__refuses_rows_of_another_shape(store, rows):
    tables = rows.tables([rows.answer(1)])
    nulls = pa.Table.from_arrays([["x"], pa.nulls(1, pa.string()), [1]], schema=arrow_schema(Text))
    slow = to_table(Response, [replace(rows.answer(1)[1], latency_s=float("nan"))])
    wrong = {
        "wanted one of the tables": {"banks": tables["texts"]},
        "wanted columns": {"texts": tables["texts"].drop_columns("n_chars")},
        "wanted no null in text": {"texts": nulls},
        "wanted a number or null in latency_s": {"responses": slow},
    }
    with store.writer() as writer:
        for sentence, given in wrong.items():
            with pytest.raises(LangSegError, match=sentence):
                writer.commit(given)
    assert store.manifest.number == 0


def test_commit__refuses_vectors_that_are_not_of_their_encoder(store, rows):
    ids = ["ab" * 32]
    good = rows.vectors(ids)
    zero = pa.FixedSizeListArray.from_arrays(
        pa.array(np.zeros(8, np.float16)), type=good.schema.field("emb").type
    )
    bad = good.set_column(1, good.schema.field("emb"), zero)
    with store.writer() as writer:
        for sentence, vectors, records in (
            ("wanted the encoder's record", good, {}),
            ("wanted columns", rows.vectors(ids, dim=4), {"tiny": rows.record}),
            ("wanted finite unit vectors", bad, {"tiny": rows.record}),
            ("wanted a record with its `dim`", good, {"tiny": {"model": "tiny"}}),
        ):
            with pytest.raises(LangSegError, match=sentence):
                writer.commit({}, {"tiny": vectors}, records)
    assert store.manifest.number == 0


def test_embeddings__names_the_encoders_there_are(filled):
    with pytest.raises(InputError, match="'large', the store has tiny") as caught:
        filled.embeddings("large")
    assert caught.value.remedy is Remedy.ENCODE


def test_recover__returns_what_a_dead_run_flushed_and_nobody_committed(store, rows):
    answers = [rows.answer(number) for number in range(4)]
    with store.writer() as writer:
        journal = writer.start_journal("run-a")
        for answer in answers:
            journal.append(*answer)
        journal.flush()
        writer.commit(rows.tables(answers[:2]))
        assert writer.recover().journals == ()  # a journal of this very run is not left over
    with store.writer() as writer:
        recovered = writer.recover()
        assert list(recovered.rows) == answers[2:]
        writer.commit(rows.tables(recovered.rows), retired_journals=recovered.journals)
        assert journal_names(store.path) == []
        assert writer.recover().rows == ()
    assert store.table("responses").num_rows == 4


def test_recover__removes_a_journal_that_holds_nothing_new(store, rows):
    with store.writer() as writer:
        journal = writer.start_journal("run-a")
        journal.append(*rows.answer(1))
        writer.commit(rows.tables([rows.answer(1)]))
        writer.start_journal("run-a")  # the name is taken: run-a-2, which stays empty
    assert journal_names(store.path) == ["run-a", "run-a-2"]
    with store.writer() as writer:
        assert writer.recover().journals == ()
    assert journal_names(store.path) == []


def test_recover__returns_an_answer_once_that_two_journals_hold(store, rows):
    with store.writer() as writer:
        for _ in range(2):
            writer.start_journal("run-a").append(*rows.answer(1))
    with store.writer() as writer:
        recovered = writer.recover()
        assert list(recovered.rows) == [rows.answer(1)]
        writer.commit(rows.tables(recovered.rows), retired_journals=recovered.journals)
        assert writer.recover().rows == ()
    assert journal_names(store.path) == []


def test_commit__refuses_to_retire_a_journal_whose_answers_it_does_not_hold(store, rows):
    with store.writer() as writer:
        journal = writer.start_journal("run-a")
        journal.append(*rows.answer(1))
        journal.append(*rows.answer(2))
        with pytest.raises(LangSegError, match=r"run-a\.jsonl: .* 1 are missing; nothing was"):
            writer.commit(rows.tables([rows.answer(1)]), retired_journals=["run-a"])
    assert journal_names(store.path) == ["run-a"]
    assert store.manifest.number == 0


def test_start_journal__refuses_a_run_id_that_is_no_file_name(store):
    with store.writer() as writer, pytest.raises(InputError, match="run id '../x'"):
        writer.start_journal("../x")


def test_salvage_journals__lets_a_store_go_on_after_damage(store, rows):
    with store.writer() as writer:
        journal = writer.start_journal("run-a")
        for number in range(3):
            journal.append(*rows.answer(number))
    path = journal_path(store.path, "run-a")
    path.write_bytes(path.read_bytes().replace(b"phrase 1", b"phrase 2"))
    (problem,) = examine(store.path).problems
    assert "line 2" in str(problem)
    assert problem.remedy is Remedy.REPAIR
    with store.writer() as writer:
        with pytest.raises(CorruptError, match="line 2"):
            writer.recover()
        assert writer.salvage_journals() == {"run-a": 1}
        assert list(writer.recover().rows) == [rows.answer(0), rows.answer(2)]
    found = examine(store.path)
    assert found.problems == []
    assert any("damaged, kept" in note for note in found.notes)


def test_store__refuses_a_part_of_another_schema(filled):
    """A manifest of today that lists a part of tomorrow."""
    live = filled.manifest
    first, *others = live.tables["texts"]
    table = pq.read_table(filled.path / first.path, partitioning=None)
    newer = table.replace_schema_metadata({"langseg.schema_version": str(SCHEMA_VERSION + 1)})
    beside = filled.path / "texts/newer"
    pq.write_table(newer, beside, write_page_checksum=True)
    sha256 = sha256_of(beside)
    part = Part(part_path("texts", sha256), first.rows, sha256)
    beside.rename(filled.path / part.path)
    tables = {**live.tables, "texts": (part, *others)}
    publish(filled.path, replace(live, number=4, parent=live.sha256, tables=tables))
    with pytest.raises(
        CorruptError, match=f"schema version {SCHEMA_VERSION + 1}, which another Lang"
    ):
        Store.open(filled.path).table("texts")


def test_table__with_where_is_the_rows_that_have_these_values_in_their_order(filled):
    every = filled.table("descriptors").to_pylist()
    keys = {row["request_key"] for row in every[::3]}
    mine = [row for row in every if row["request_key"] in keys and row["scene"] == "*"]
    assert 0 < len(mine) < len(every)
    where = {"request_key": keys, "scene": ["*"]}
    assert filled.table("descriptors", where=where).to_pylist() == mine
    slots = filled.table("descriptors", ("slot", "text_id"), where=where)
    assert slots.to_pylist() == [{n: row[n] for n in ("slot", "text_id")} for row in mine]
    ids = {row["text_id"] for row in mine}
    vectors = filled.embeddings("tiny", ("truncated",), where={"text_id": ids})
    assert (vectors.column_names, len(vectors)) == (["truncated"], len(ids))
    unmatched: list[dict[str, list[str]]] = [{"scene": ["nowhere"]}, {"request_key": []}]
    for nothing in unmatched:
        table = filled.table("descriptors", where=nothing)
        assert (table.num_rows, table.schema) == (0, arrow_schema(TABLES["descriptors"]))

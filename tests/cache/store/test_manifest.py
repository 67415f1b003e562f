"""Which snapshot is live, and what is wrong with a store that is whole but not right."""

from dataclasses import replace

import pytest

from langseg.cache.errors import CorruptError, FormatError
from langseg.cache.files import write_atomic
from langseg.cache.store.manifest import live_manifest, publish
from langseg.cache.upkeep.compact import compact
from langseg.cache.upkeep.verify import examine


def test_live_manifest__is_the_newest_one_also_before_current_says_so(filled):
    write_atomic(filled.path / "CURRENT", b"000001.json\n")  # a crash right after the link
    assert live_manifest(filled.path).number == 3
    found = examine(filled.path)
    assert found.problems == []
    assert any("CURRENT: behind 000003.json" in note for note in found.notes)
    with filled.writer():
        pass
    assert (filled.path / "CURRENT").read_text() == "000003.json\n"


def test_live_manifest__never_falls_back_to_an_old_snapshot(filled):
    (filled.path / "manifests" / "000003.json").unlink()
    with pytest.raises(CorruptError, match=r"000003\.json: wanted a manifest"):
        live_manifest(filled.path)
    (filled.path / "CURRENT").unlink()
    with pytest.raises(CorruptError, match=r"CURRENT: wanted a manifest's name"):
        live_manifest(filled.path)


def test_live_manifest__refuses_a_newer_one_of_another_history(filled):
    live = filled.manifest
    publish(filled.path, replace(live, number=4, parent="ab" * 32))
    with pytest.raises(CorruptError, match=r"000004\.json: wanted a child of 000003\.json"):
        live_manifest(filled.path)
    assert any("another history" in str(problem) for problem in examine(filled.path).problems)


@pytest.mark.parametrize("version", [0, 2])
def test_live_manifest__refuses_a_schema_it_does_not_know(filled, version):
    live = filled.manifest
    publish(filled.path, replace(live, number=4, parent=live.sha256, schema_version=version))
    with pytest.raises(FormatError, match="open the store with the LangSeg that wrote it"):
        live_manifest(filled.path)


@pytest.mark.parametrize("name", ["../../etc/passwd", "texts/x.parquet"])
def test_live_manifest__does_not_follow_a_path_out_of_the_store(filled, name):
    live = filled.manifest
    parts = tuple(replace(part, path=name) for part in live.tables["texts"])
    tables = {**live.tables, "texts": parts}
    publish(filled.path, replace(live, number=4, parent=live.sha256, tables=tables))
    with pytest.raises(CorruptError, match="wanted parts under their own names"):
        live_manifest(filled.path)


def test_verify__names_rows_that_point_nowhere(store, rows):
    tables = rows.tables([rows.answer(1), rows.answer(2)])
    with store.writer() as writer:
        writer.commit(
            {name: tables[name] for name in ("descriptors", "responses")},
            {"tiny": rows.vectors(["ab" * 32])},
            {"tiny": rows.record},
        )
    found = [str(problem) for problem in examine(store.path).problems]
    assert len(found) == 4
    assert any("responses: 2 of 2 rows name a request_key that requests lacks" in p for p in found)
    assert any("descriptors: 4 of 4 rows name a request_key" in p for p in found)
    assert any("descriptors: 4 of 4 rows name a text_id that texts lacks" in p for p in found)
    assert any("embeddings of tiny: 1 of 1 rows name a text_id" in p for p in found)


def test_verify__names_rows_that_are_there_twice(filled):
    live = filled.manifest
    tables = {**live.tables, "texts": live.tables["texts"] * 2}
    publish(filled.path, replace(live, number=4, parent=live.sha256, tables=tables))
    assert [str(problem) for problem in examine(filled.path).problems] == [
        "texts: 6 of 12 rows repeat the key of another"
    ]


def test_examine__only_notes_files_that_nobody_reads(filled, rows):
    (filled.path / "texts" / "part-0.parquet").write_bytes(b"")
    (filled.path / "texts" / ".part.parquet.1.tmp").write_bytes(b"")
    (filled.path / "encoders" / "old.json").write_bytes(b"{}")
    found = examine(filled.path)
    assert found.problems == []
    assert (len(found.garbage), len(found.notes)) == (2, 1)
    assert filled.table("texts").num_rows == 6


def test_examine__counts_what_only_older_snapshots_need_in_one_note(filled):
    assert examine(filled.path).garbage == []
    compact(filled)
    found = examine(filled.path)
    assert found.notes == []
    (line,) = found.garbage
    assert "4 older snapshots with 8 parts that 000004.json does not need" in line


@pytest.mark.parametrize("kept", [1, 2, 3])
def test_examine__finds_damage_in_a_part_that_only_an_older_snapshot_needs(filled, kept):
    part = filled.path / filled.manifest.tables["texts"][0].path
    compact(filled)
    for number in {0, 1, 2, 3} - {kept}:
        (filled.path / f"manifests/{number:06d}.json").unlink()
    data = part.read_bytes()
    for damaged in (data[:-1], data[:40] + bytes([data[40] ^ 1]) + data[41:]):
        part.write_bytes(damaged)
        (problem,) = examine(filled.path).problems
        assert f"{part}: wanted sha256" in str(problem)
        assert str(problem).endswith(f"of the older {kept:06d}.json")
    part.unlink()
    (problem,) = examine(filled.path).problems
    assert str(part) in str(problem)


def test_examine__finds_an_encoder_record_that_only_an_older_snapshot_needs(filled):
    live = filled.manifest
    changed = replace(live, number=4, parent=live.sha256, encoders={}, embeddings={})
    publish(filled.path, changed)
    assert examine(filled.path).problems == []
    (filled.path / "encoders/tiny.json").unlink()
    (problem,) = examine(filled.path).problems
    assert "tiny.json: wanted an encoder record" in str(problem)

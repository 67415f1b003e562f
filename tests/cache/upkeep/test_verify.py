"""What verify finds in a store: damage, rows that do not fit together, files that nobody reads."""

import random
import re
from dataclasses import replace

import pytest

from langseg.cache.store.manifest import publish
from langseg.cache.upkeep.compact import compact
from langseg.cache.upkeep.verify import examine


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


@pytest.mark.parametrize("spared", [1, 2, 3])
def test_examine__finds_damage_in_a_part_that_only_an_older_snapshot_needs(filled, spared):
    part = filled.path / filled.manifest.tables["texts"][0].path
    compact(filled)
    for number in {0, 1, 2, 3} - {spared}:
        (filled.path / f"manifests/{number:06d}.json").unlink()
    data = part.read_bytes()
    for damaged in (data[:-1], data[:40] + bytes([data[40] ^ 1]) + data[41:]):
        part.write_bytes(damaged)
        (problem,) = examine(filled.path).problems
        assert f"{part}: wanted sha256" in str(problem)
        assert str(problem).endswith(f"of the older {spared:06d}.json")
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


@pytest.mark.slow
def test_verify__goes_through_a_store_in_ruins(filled, tmp_path):
    chance = random.Random(3)
    for file in sorted(filled.path.rglob("*")):
        if file.is_file():
            target = tmp_path / "ruins" / file.relative_to(filled.path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(chance.randbytes(50))
    problems = examine(tmp_path / "ruins").problems
    assert {f"{number:06d}.json" for number in range(4)} | {"CURRENT"} <= {
        name
        for name in re.findall(r"[0-9A-Z]+(?:\.json)?(?=: wanted)", "\n".join(map(str, problems)))
    }

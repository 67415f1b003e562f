"""Which snapshot is live."""

from dataclasses import replace

import pytest

from langseg.cache import sealed
from langseg.cache.errors import CorruptError, FormatError
from langseg.cache.files import write_atomic
from langseg.cache.records import SCHEMA_VERSION
from langseg.cache.store.manifest import (
    CURRENT,
    MANIFESTS,
    live_manifest,
    publish,
    read_current,
    read_manifest,
)
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


@pytest.mark.parametrize("version", [0, SCHEMA_VERSION + 1])
def test_live_manifest__refuses_a_schema_it_does_not_know(filled, version):
    live = filled.manifest
    publish(filled.path, replace(live, number=4, parent=live.sha256, schema_version=version))
    with pytest.raises(FormatError, match="open the store with the LangSeg that wrote it"):
        live_manifest(filled.path)


@pytest.mark.parametrize(
    "values",
    [
        {"encoders": ["a"]},
        {"journals": [5]},
        {"tables": {"texts": [{"path": "texts/part.parquet", "rows": 1, "sha256": 7}]}},
        {"tables": []},
    ],
)
def test_read_manifest__of_another_shape_is_damage_whoever_sealed_it(filled, values):
    path = filled.path / MANIFESTS / filled.manifest.name
    document = sealed.parse(path.read_bytes(), sort_keys=True)
    path.write_bytes(sealed.render({**document, **values}, sort_keys=True))
    with pytest.raises(CorruptError, match="wanted"):
        read_manifest(filled.path, filled.manifest.number)


def test_read_manifest__wants_a_number_of_rows(filled):
    live = filled.manifest
    parts = tuple(replace(part, rows="x") for part in live.tables["texts"])
    publish(
        filled.path,
        replace(live, number=4, parent=live.sha256, tables={**live.tables, "texts": parts}),
    )
    with pytest.raises(CorruptError, match="wanted"):
        live_manifest(filled.path)


def test_current__of_too_many_digits_is_damage(filled):
    (filled.path / CURRENT).write_text(f"{'9' * 5000}.json\n")
    with pytest.raises(CorruptError, match="wanted a manifest's name"):
        read_current(filled.path)


@pytest.mark.parametrize("name", ["../../etc/passwd", "texts/x.parquet"])
def test_live_manifest__does_not_follow_a_path_out_of_the_store(filled, name):
    live = filled.manifest
    parts = tuple(replace(part, path=name) for part in live.tables["texts"])
    tables = {**live.tables, "texts": parts}
    publish(filled.path, replace(live, number=4, parent=live.sha256, tables=tables))
    with pytest.raises(CorruptError, match="wanted parts under their own names"):
        live_manifest(filled.path)

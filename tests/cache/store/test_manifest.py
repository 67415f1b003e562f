"""Which snapshot is live."""

from dataclasses import replace

import pytest

from langseg.cache.errors import CorruptError, FormatError
from langseg.cache.files import write_atomic
from langseg.cache.store.manifest import live_manifest, publish
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

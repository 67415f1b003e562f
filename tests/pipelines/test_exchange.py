"""`import` and `export` as a person runs them, and the way there and back."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from langseg.cache.store import Store
from langseg.pipelines.chosen import choose
from langseg.pipelines.config import Source

DESC = "langseg-desc"
SET = {
    "Walls": ["flat plaster in one pale hue", "a wall of bricks"],
    "cot": [],
    "lamp post": ["tall thin pole"],
}


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    file = tmp_path / "rooms.txt"
    file.write_text("sky\nwall\nbed, cot\n")
    return file


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    file = tmp_path / "others.json"
    file.write_text(json.dumps(SET))
    return file


@pytest.fixture
def flags(tmp_path: Path, classes: Path) -> tuple[object, ...]:
    return "--classes", classes, "--store", tmp_path / "store"


def texts(rows: list[dict[str, Any]]) -> list[tuple[object, ...]]:
    return [tuple(row[name] for name in ("class_id", "scene", "subclass", "text")) for row in rows]


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_import__tells_everything_that_was_dropped_or_found_no_place(call, foreign, flags):
    report = call(DESC, "import", foreign, *flags, "--json").json
    assert (report["phrases"], report["accepted"]) == (2, 1)
    assert report["rejected"] == {"names_class": 1}
    assert report["unknown"] == {"lamp post": 1}
    assert report["renamed"] == {"Walls": "wall"}
    assert (report["empty"], report["missing"]) == (["bed"], ["sky"])
    assert report["model"] == "import:others"
    told = call(DESC, "import", foreign, *flags).err
    for part in (
        "others.json",
        "'lamp post'",
        "'bed'",
        "'sky'",
        "names_class 1",
        "no LLM was",
        "'Walls for wall'",
    ):
        assert part in told
    assert "the store had all of it" in told


def test_import__is_in_the_store_like_any_answer(call, foreign, flags, tmp_path: Path):
    call(DESC, "import", foreign, *flags)
    store = Store.open(tmp_path / "store")
    assert store.verify().problems == []
    (response,) = store.table("responses").to_pylist()
    assert response["served_model"].startswith("file others.json (JSON, class -> phrases)")
    dropped = [r["rejected"] for r in store.table("descriptors").to_pylist()]
    assert dropped == ["", "names_class"]
    report = call(DESC, "audit", *flags, "--json").json
    assert report["missing"] == ["sky", "bed"]


def test_import__joins_the_store_without_changing_the_bank(call, foreign, flags, tmp_path: Path):
    call(DESC, "generate", *flags)
    out = tmp_path / "before.jsonl"
    call(DESC, "export", *flags, "--out", out)
    call(DESC, "import", foreign, *flags, "--as-published")
    assert call(DESC, "export", *flags, "--out", tmp_path / "after.jsonl").code == 0
    assert (tmp_path / "after.jsonl").read_bytes() == out.read_bytes()
    named = ("--model", "import:others:as-published")
    call(DESC, "export", *flags, *named, "--out", tmp_path / "named.jsonl")
    assert [row["text"] for row in lines(tmp_path / "named.jsonl")] == SET["Walls"]


def test_import__of_a_changed_file_replaces_the_set(call, foreign, flags, tmp_path: Path):
    call(DESC, "import", foreign, *flags)
    first = foreign.read_text()
    foreign.write_text('{"bed": ["low soft rectangle"]}')
    assert call(DESC, "import", foreign, *flags, "--json").json["newest"]
    out = tmp_path / "out.jsonl"
    call(DESC, "export", *flags, "--out", out)
    assert texts(lines(out)) == [(2, "*", None, "low soft rectangle")]
    foreign.write_text(first)  # which is stored, and older
    assert "a later import named import:others" in call(DESC, "import", foreign, *flags).err
    again = call(DESC, "import", foreign, *flags, "--model", "first", "--json").json
    assert (again["model"], again["newest"]) == ("import:first", True)


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_export_of_the_pack__comes_back_with_the_same_texts(call, flags, form, tmp_path: Path):
    call(DESC, "generate", *flags)
    out, again = tmp_path / f"pack.{form}", tmp_path / "again.jsonl"
    assert call(DESC, "export", *flags, "--format", form, "--out", out).code == 0
    elsewhere = (*flags[:3], tmp_path / "elsewhere")
    report = call(DESC, "import", out, *elsewhere, "--json").json
    assert (report["rejected"], report["ignored"]) == ({}, [])
    call(DESC, "export", *elsewhere, "--out", again)
    call(DESC, "export", *flags, "--out", tmp_path / "pack.jsonl")
    assert texts(lines(again)) == texts(lines(tmp_path / "pack.jsonl"))
    assert len(lines(again)) == report["phrases"] + len(  # subclass names are no phrases
        [row for row in lines(again) if row["slot"] == "name"]
    )


def test_export__is_what_the_bank_would_hold(call, flags, tmp_path: Path, classes: Path):
    call(DESC, "generate", *flags)
    out = tmp_path / "new" / "rooms.parquet"
    done = call(DESC, "export", *flags, "--format", "parquet", "--out", out)
    assert done.out.strip() == str(out)
    bank = choose(Source(classes=classes, store=tmp_path / "store")).phrases()
    rows = pq.read_table(out).to_pylist()
    assert [(r["class_name"], r["text"], r["slot"]) for r in rows] == [
        (name, p.text, p.slot) for name, own in bank.items() for p in own[1:]
    ]
    assert {(row["source"], row["model"]) for row in rows} == {("bundled", "bundled")}


def test_export_hf__is_a_folder_with_a_card_that_names_its_file(call, flags, tmp_path: Path):
    call(DESC, "generate", *flags)
    out = tmp_path / "dataset"
    assert call(DESC, "export", *flags, "--format", "hf", "--out", out).code == 0
    front = yaml.safe_load((out / "README.md").read_text().split("---\n")[1])
    (file,) = front["configs"][0]["data_files"]
    assert front["license"] == "apache-2.0"
    rows = pq.read_table(out / file["path"]).num_rows
    assert rows > 60
    (out / "mine.txt").write_text("kept")
    assert call(DESC, "export", *flags, "--format", "hf", "--out", out).code == 0
    assert sorted(p.name for p in out.rglob("*") if p.is_file()) == [
        "README.md", "mine.txt", "train-00000-of-00001.parquet",
    ]  # fmt: skip


def test_export_hf__loads_with_datasets(call, flags, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    call(DESC, "generate", *flags)
    out, cache = tmp_path / "dataset", str(tmp_path / "cache")
    call(DESC, "export", *flags, "--format", "hf", "--out", out)
    files = str(out / "data" / "*.parquet")
    by_file = datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=cache)
    by_card = datasets.load_dataset(str(out), cache_dir=cache)["train"]
    assert list(by_file["text"]) == list(by_card["text"])
    assert by_file.column_names[:3] == ["class_id", "class_name", "scene"]


def test_failed_write__leaves_what_was_there(call, flags, tmp_path: Path, monkeypatch):
    call(DESC, "generate", *flags)
    out = tmp_path / "rooms.csv"
    out.write_text("before")
    from langseg.descriptors import export

    def full_disk(rows: object) -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(export, "csv_bytes", full_disk)
    monkeypatch.setattr(export, "parquet_bytes", full_disk)
    assert call(DESC, "export", *flags, "--format", "csv", "--out", out).code == 3
    assert out.read_text() == "before"
    folder = tmp_path / "dataset"
    assert call(DESC, "export", *flags, "--format", "hf", "--out", folder).code == 3
    assert not folder.exists()
    assert not list(tmp_path.glob(".*.tmp"))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('{"lamp": ["tall thin pole"]}', "phrases about classes of rooms"),
        ("{}", "got none at all"),
        ('{"wall": [', "line 1"),
    ],
)
def test_file_that_cannot_be_used__makes_no_store(call, flags, tmp_path: Path, content, told):
    (tmp_path / "bad.json").write_text(content)
    done = call(DESC, "import", tmp_path / "bad.json", *flags)
    assert done.code == 3
    assert done.err.startswith("error: bad.json: wanted")
    assert told in done.err
    assert not (tmp_path / "store").exists()


def test_usage__without_a_file_or_a_target_says_which_is_lacking(call, flags, tmp_path: Path):
    done = call(DESC, "import", *flags)
    assert (done.code, "file: wanted one, got none" in done.err) == (2, True)
    done = call(DESC, "export", *flags)
    assert (done.code, "out: wanted one, got none" in done.err) == (2, True)
    assert call(DESC, "import", tmp_path / "none.json", *flags).code == 3
    assert call(DESC, "export", "--format", "xml", "--out", "x", *flags).code == 2


def test_export__of_an_unanswered_vocabulary_writes_nothing(call, foreign, flags, tmp_path: Path):
    call(DESC, "import", foreign, *flags)
    asked = ("--dataset", "camvid", "--store", tmp_path / "store")
    assert call(DESC, "export", *asked, "--out", tmp_path / "x.jsonl").code == 3
    assert not (tmp_path / "x.jsonl").exists()


def test_published_set__is_lost_to_the_checks_and_kept_as_published(call, shared_data, tmp_path):
    (tmp_path / "cifar.txt").write_text("airplane\nbird\ncat\n")
    flags = ("--classes", tmp_path / "cifar.txt", "--store", tmp_path / "store", "--json")
    file = shared_data / "foreign_descriptors" / "cupl_cifar10.json"
    strict = call(DESC, "import", file, *flags).json
    loose = call(DESC, "import", file, *flags, "--as-published").json
    assert strict["accepted"] < 10
    assert loose["accepted"] > 70
    assert len(strict["unknown"]) == 7
    assert loose["flagged"]["names_class"] > 20
    assert "--as-published" in strict["sentence"]

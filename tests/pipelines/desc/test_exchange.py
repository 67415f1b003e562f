"""`import` and `export` as a person runs them, and the way there and back."""

import json
import os
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from langseg.cache.store.store import Store
from langseg.cache.upkeep.verify import examine
from langseg.descriptors.exchange.dataset_card import FOLDER_MARK
from langseg.descriptors.vocabulary.source import Source
from langseg.pipelines.desc.open_sets import open_sets

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
    stderr = call(DESC, "import", foreign, *flags).err
    for part in (
        "others.json",
        "'lamp post'",
        "'bed'",
        "'sky'",
        "names_class 1",
        "no LLM was",
        "'Walls for wall'",
    ):
        assert part in stderr
    assert "the store had all of it" in stderr
    assert stderr.strip().endswith(
        f"next: langseg-desc encode --classes {flags[1]} --store {flags[3]} --model import:others"
    )


@pytest.mark.slow
def test_import__is_in_the_store_like_any_answer(call, foreign, flags, tmp_path: Path):
    call(DESC, "import", foreign, *flags)
    store = Store.open(tmp_path / "store")
    assert examine(store.path).problems == []
    (response,) = store.table("responses").to_pylist()
    assert response["served_model"].startswith("file others.json (JSON, class -> phrases)")
    dropped = [r["rejected"] for r in store.table("descriptors").to_pylist()]
    assert dropped == ["", "names_class"]
    report = call(DESC, "audit", *flags, "--json").json
    assert report["missing"] == ["sky", "bed"]


@pytest.mark.slow
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


@pytest.mark.slow
def test_import__of_a_changed_file_replaces_the_set(call, foreign, flags, tmp_path: Path):
    call(DESC, "import", foreign, *flags)
    first = foreign.read_text()
    foreign.write_text('{"bed": ["low soft rectangle"]}')
    report = call(DESC, "import", foreign, *flags, "--json").json
    assert (report["newest"], report["replaced"]) == (True, "others.json (JSON, class -> phrases)")
    assert "this replaces what others.json (JSON, class -> phrases) said" in report["sentence"]
    again = call(DESC, "import", foreign, *flags, "--json").json
    assert (again["asked"], again["newest"], again["replaced"]) == (0, True, "")
    out = tmp_path / "out.jsonl"
    call(DESC, "export", *flags, "--out", out)
    assert texts(lines(out)) == [(2, "*", None, "low soft rectangle")]
    foreign.write_text(first)  # which is stored, and older
    stderr = call(DESC, "import", foreign, *flags).err
    assert "a later import named import:others" in stderr
    assert "this replaces" not in stderr
    again = call(DESC, "import", foreign, *flags, "--model", "first", "--json").json
    assert (again["model"], again["newest"], again["replaced"]) == ("import:first", True, "")


def test_import__of_which_nothing_is_kept_leaves_the_store_as_it_was(call, flags, tmp_path: Path):
    lost = tmp_path / "lost.json"
    lost.write_text('{"wall": ["a wall of bricks", "wall", "smells of paint"], "sky": []}')
    done = call(DESC, "import", lost, *flags)
    assert done.code == 3
    assert done.err.strip() == (
        "error: lost.json: wanted phrases that pass the checks, got 3 phrases of which none does "
        "(names_class 1, too_short 1, not_visual 1); reword them, or keep them with "
        "--as-published; nothing was stored"
    )
    assert not (tmp_path / "store").exists()
    assert call(DESC, "import", lost, *flags, "--as-published", "--json").json["accepted"] == 3
    lost.write_text('{"wall": ["=cmd()"]}')
    assert "(hostile 1); reword them; nothing" in call(DESC, "import", lost, *flags).err
    stderr = call(DESC, "import", lost, *flags, "--as-published").err
    assert "(hostile 1); reword them; nothing was stored" in stderr


def test_import__tells_rows_that_are_none_ids_that_disagree_and_names_that_are_near(
    call, flags, tmp_path: Path
):
    table = tmp_path / "table.csv"
    table.write_text(
        "class_id,class_name,text\n1.0,,flat plaster in one hue\n0,bed,low soft rectangle\n"
        ",wall\n,walll,rows of reddish blocks\n"
    )
    report = call(DESC, "import", table, *flags, "--json").json
    assert report["bad_rows"] == ["line 4: text: wanted a phrase, got ''"]
    assert report["disagreeing"] == {"0 (sky) for bed": 1}
    assert report["guesses"] == {"walll": ["wall"]}
    assert report["accepted"] == 2
    for part in (
        "1 row left out as unreadable (\"line 4: text: wanted a phrase, got ''\")",
        "1 class_id of another class than the class_name, which was taken, 1 phrase ('0 (sky) for",
        "did you mean 'wall' by 'walll'? Rename in the file what you did",
    ):
        assert part in report["sentence"]


@pytest.mark.slow
@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet", "hf"])
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


def test_import__of_a_folder_takes_its_one_file_and_names_several(call, flags, tmp_path: Path):
    folder = tmp_path / "set"
    (folder / "data").mkdir(parents=True)
    done = call(DESC, "import", folder, *flags)
    assert (done.code, "in this folder, got none" in done.err) == (3, True)
    (folder / "data" / "train.jsonl").write_text('{"class_name": "wall", "text": "flat plaster"}')
    assert call(DESC, "import", folder, *flags, "--json").json["model"] == "import:set"
    (folder / "test.csv").write_text("class_name,text\n")
    done = call(DESC, "import", folder, *flags)
    assert (done.code, "got data/train.jsonl, test.csv; give the path" in done.err) == (3, True)


@pytest.mark.slow
def test_import__of_what_sql_wrote_as_parquet_has_its_phrases(call, flags, tmp_path: Path):
    call(DESC, "generate", *flags)
    out = tmp_path / "walls.parquet"
    ask = "select class_name, text, slot from phrases where class_name = 'wall' and slot <> 'name'"
    assert (
        call(DESC, "sql", ask, "--store", flags[3], "--format", "parquet", "--out", out).code == 0
    )
    elsewhere = (*flags[:3], tmp_path / "elsewhere")
    report = call(DESC, "import", out, *elsewhere, "--json").json
    assert (report["accepted"], report["rejected"]) == (pq.read_table(out).num_rows, {})


def test_import__of_an_export_counts_names_of_subclasses_beside_phrases_as_generate_does(
    call, flags, tmp_path: Path
):
    kept = call(DESC, "generate", *flags, "--json").json
    assert call(DESC, "export", *flags, "--out", tmp_path / "all.jsonl").code == 0
    report = call(
        DESC, "import", tmp_path / "all.jsonl", *flags[:3], tmp_path / "other", "--json"
    ).json
    assert report["subclasses"] == kept["subclasses"] > 0
    assert report["accepted"] + report["subclasses"] == kept["accepted"]
    told = f"{report['phrases']} phrases and {report['subclasses']} names of subclasses about"
    assert told in report["sentence"]
    told = f"{kept['accepted']} phrases kept ({kept['subclasses']} of them names of subclasses)"
    assert told in kept["sentence"]


def test_import__tells_what_it_mended_and_classes_by_place(call, flags, tmp_path: Path):
    (tmp_path / "a.json").write_text('{"0": ["pale &amp; blue"], "1": ["- flat plaster"]}')
    report = call(DESC, "import", tmp_path / "a.json", *flags, "--json").json
    assert report["mended"] == {"HTML entity": 1, "list mark": 1}
    assert report["renamed"] == {"class_id 0": "sky", "class_id 1": "wall"}
    assert "2 slips of writing mended (HTML entity 1, list mark 1)" in report["sentence"]


@pytest.mark.slow
def test_export__is_what_the_bank_would_hold(call, flags, tmp_path: Path, classes: Path):
    call(DESC, "generate", *flags)
    out = tmp_path / "new" / "rooms.parquet"
    done = call(DESC, "export", *flags, "--format", "parquet", "--out", out)
    assert done.out.strip() == str(out)
    bank = open_sets(Source(classes=classes, store=tmp_path / "store")).of("").phrases()
    rows = pq.read_table(out).to_pylist()
    assert [(r["class_name"], r["text"], r["slot"]) for r in rows] == [
        (name, p.text, p.slot) for name, own in bank.items() for p in own[1:]
    ]
    assert {(row["source"], row["model"]) for row in rows} == {("bundled", "bundled")}


@pytest.mark.slow
def test_export__of_one_of_two_sets_has_its_rows_only_with_scenes_and_0_based_ids(
    call, tmp_path: Path
):
    rows = [
        {"class_name": "sky", "text": "pale blue expanse", "slot": "colour"},
        {"class_name": "wall", "text": "flat plaster in one hue", "subclass": "plastered wall"},
        {"class_name": "wall", "text": "grid of glossy squares", "scene": "kitchen"},
    ]
    store = ("--dataset", "ade20k", "--store", tmp_path / "store")
    for name, own in (("mine", rows), ("other", rows[:1])):
        file = tmp_path / f"{name}.jsonl"
        file.write_text("\n".join(map(json.dumps, own)))
        assert call(DESC, "import", file, *store).code == 0
    out = tmp_path / "out.jsonl"
    assert call(DESC, "export", *store, "--model", "import:mine", "--out", out).code == 0
    columns = ("class_id", "class_name", "scene", "subclass", "slot", "text", "source")
    assert [list(row)[:7] for row in lines(out)] == [list(columns)] * 4
    assert [tuple(row[name] for name in columns) for row in lines(out)] == [
        (0, "wall", "*", "plastered wall", "name", "plastered wall", "import"),
        (0, "wall", "*", "plastered wall", "any", "flat plaster in one hue", "import"),
        (0, "wall", "kitchen", None, "any", "grid of glossy squares", "import"),
        (2, "sky", "*", None, "colour", "pale blue expanse", "import"),
    ]
    assert {row["model"] for row in lines(out)} == {"import:mine"}


@pytest.mark.slow
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


@pytest.mark.slow
def test_export_hf__names_its_data_by_a_path_that_holds_inside_the_folder(
    call, flags, tmp_path: Path, monkeypatch
):
    call(DESC, "generate", *flags)
    monkeypatch.chdir(tmp_path)
    call(DESC, "export", *flags, "--format", "hf", "--out", Path("a", "dataset"))
    moved = (tmp_path / "a" / "dataset").rename(tmp_path / "elsewhere")
    _, front, body = (moved / "README.md").read_text().split("---\n", 2)
    (file,) = yaml.safe_load(front)["configs"][0]["data_files"]
    table = pq.read_table(moved / file["path"])
    assert table.column_names[:4] == ["class_id", "class_name", "scene", "subclass"]
    assert f'load_dataset("{FOLDER_MARK}", split="{file["split"]}")' in body
    assert f"`{FOLDER_MARK}` is the folder that this file is in" in body


@pytest.mark.slow
def test_export_hf__replaces_no_readme_but_its_own(call, flags, tmp_path: Path):
    call(DESC, "generate", *flags)
    out = tmp_path / "mine"
    out.mkdir()
    hf = (DESC, "export", *flags, "--format", "hf", "--out", out)
    (out / "notes.txt").write_text("mine")
    done = call(*hf)
    assert (done.code, "got one with other files and no README.md" in done.err) == (3, True)
    (out / "README.md").write_text("# Mine\n")
    done = call(*hf)
    assert (done.code, "README.md no export wrote, or that was changed since" in done.err) == (3, 1)
    assert sorted(path.name for path in out.iterdir()) == ["README.md", "notes.txt"]
    assert (out / "README.md").read_text() == "# Mine\n"
    (out / "README.md").unlink()
    (out / "notes.txt").rename(out / ".gitattributes")
    assert call(*hf).code == 0  # as a fresh clone of a hub repository
    card = (out / "README.md").read_bytes()
    (out / "README.md").write_bytes(card.replace(b"\n", b"\r\n"))
    assert call(*hf).code == 0
    edited = card.replace(b"apache-2.0", b"cc-by-4.0")
    (out / "README.md").write_bytes(edited)
    assert call(*hf).code == 3
    assert (out / "README.md").read_bytes() == edited


def test_export__says_what_is_at_its_target_instead(call, flags, tmp_path: Path):
    file, folder = tmp_path / "file", tmp_path / "folder"
    file.write_text("before")
    folder.mkdir()
    os.mkfifo(tmp_path / "pipe")
    for form, out, message in (
        ("jsonl", folder, f"{folder}: wanted a file for --out, got a folder; name a file in it, "
         f"such as {folder}/descriptors.jsonl, or"),
        ("csv", tmp_path / "pipe", "got a device or a pipe; name a file"),
        ("hf", file, f"{file}: wanted a folder for --format hf, got a file; give --out another"),
        ("parquet", file / "x.parquet", f"wanted a folder at {file}, got a file; give"),
        ("hf", file / "a" / "b", f"wanted a folder at {file}, got a file; give"),
    ):  # fmt: skip
        done = call(DESC, "export", *flags, "--format", form, "--out", out)
        assert (done.code, done.err.startswith("error: ")) == (3, True)
        assert message in done.err
    assert file.read_text() == "before"


@pytest.mark.slow
def test_failed_write__leaves_what_was_there(call, flags, tmp_path: Path, monkeypatch):
    call(DESC, "generate", *flags)
    out = tmp_path / "rooms.csv"
    out.write_text("before")
    from langseg.descriptors.exchange import export

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
    ("content", "message"),
    [
        ('{"lamp": ["tall thin pole"]}', "phrases about classes of rooms"),
        ("{}", "got none at all"),
        ('{"wall": [', "line 1"),
    ],
)
def test_file_that_cannot_be_used__makes_no_store(call, flags, tmp_path: Path, content, message):
    (tmp_path / "bad.json").write_text(content)
    done = call(DESC, "import", tmp_path / "bad.json", *flags)
    assert done.code == 3
    assert done.err.startswith("error: bad.json: wanted")
    assert message in done.err
    assert not (tmp_path / "store").exists()


def test_usage__without_a_file_or_a_target_says_which_is_lacking(call, flags, tmp_path: Path):
    done = call(DESC, "import", *flags)
    assert (done.code, "Missing argument 'file'" in done.err) == (2, True)
    done = call(DESC, "export", *flags)
    assert (done.code, "got none; give --out: FILE.jsonl" in done.err) == (2, True)
    assert call(DESC, "import", tmp_path / "none.json", *flags).code == 3
    assert call(DESC, "export", "--format", "xml", "--out", "x", *flags).code == 2


def test_export__of_an_unanswered_vocabulary_writes_nothing(call, foreign, flags, tmp_path: Path):
    call(DESC, "import", foreign, *flags)
    asked = ("--dataset", "camvid", "--store", tmp_path / "store")
    assert call(DESC, "export", *asked, "--out", tmp_path / "x.jsonl").code == 3
    assert not (tmp_path / "x.jsonl").exists()


def test_as_published__says_in_its_help_what_it_drops_all_the_same(call, flags, tmp_path: Path):
    (tmp_path / "a.json").write_text(
        json.dumps({"wall": ["a wall", "A wall.", "...", "=cmd()", "bricks", "smells of paint"]})
    )
    report = call(DESC, "import", tmp_path / "a.json", *flags, "--as-published", "--json").json
    assert report["rejected"] == {"duplicate": 1, "too_short": 1, "hostile": 1}
    help_text = " ".join(call(DESC, "import", "--help").out.split())
    assert "but for repeated phrases, those without a word and hostile ones" in help_text


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

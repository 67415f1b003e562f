"""`langseg-desc` from class names to a bank, and every way it says no."""

import json
from pathlib import Path

import pytest

from langseg.cache.bank.load_save import load_bank
from langseg.cache.records import SLOTS, Request, Response
from langseg.cache.store.journal import journal_path
from langseg.cache.store.store import Store
from langseg.descriptors.vocabulary.load import load_vocabulary
from tests.support.openai_server import OpenAIServer

DESC = "langseg-desc"


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    file = tmp_path / "mine.txt"
    file.write_text("wall\nsky\nbed\n")
    return file


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def filled(call, store: Path, classes: Path) -> Path:
    assert call(DESC, "generate", "--classes", classes, "--store", store).code == 0
    return store


@pytest.mark.slow
def test_generate__of_the_bundled_pack_says_that_no_llm_was_called(call, store, classes):
    done = call(DESC, "generate", "--classes", classes, "--store", store)
    assert done.code == 0
    assert "no LLM was called" in done.err


@pytest.mark.slow
def test_generate__run_again_asks_nothing(call, filled, classes):
    report = call(DESC, "generate", "--classes", classes, "--store", filled, "--json").json
    assert (report["planned"], report["cached"], report["asked"]) == (3, 3, 0)


def test_plan__counts_what_generate_would_ask_and_writes_nothing(call, store, classes):
    report = call(DESC, "plan", "--classes", classes, "--store", store, "--json").json
    assert (report["requests"], report["to_ask"]) == (3, 3)
    assert not store.exists()


def test_plan__of_a_hosted_model_needs_no_key(call, store, classes, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    flags = ("--classes", classes, "--store", store, "--provider", "openai", "--model", "m")
    assert call(DESC, "plan", *flags, "--samples", "3", "--json").json["to_ask"] == 9


@pytest.mark.slow
def test_bank__holds_names_first_then_the_descriptors_of_the_list(call, filled, classes):
    flags = ("--classes", classes, "--store", filled)
    assert call(DESC, "encode", *flags, "--json").json["embedded"] > 60
    assert call(DESC, "encode", *flags, "--json").json["embedded"] == 0
    done = call(DESC, "bank", *flags)
    bank = load_bank(Path(done.out.strip()))
    assert bank.names == ("wall", "sky", "bed")
    assert [row[0] for row in bank.texts] == ["wall", "sky", "bed"]
    assert {slot for row in bank.slots for slot in row} == {*SLOTS, "name"}
    assert "brick wall" in bank.owners[0]
    assert call(DESC, "verify", "--store", filled).code == 0


def test_bank__before_encode_names_the_command_that_is_missing(call, filled, classes):
    done = call(DESC, "bank", "--classes", classes, "--store", filled)
    assert done.code == 3
    assert "langseg-desc encode" in done.err


@pytest.mark.slow
def test_audit__names_the_classes_of_a_dataset_that_have_no_descriptor(call, filled, tmp_path):
    some = [entry.prompt_data for entry in load_vocabulary("ade20k").classes[:3]]  # very these
    (tmp_path / "some.json").write_text(json.dumps(some))
    call(DESC, "generate", "--classes", tmp_path / "some.json", "--store", filled)
    report = call(DESC, "audit", "--store", filled, "--dataset", "ade20k", "--json").json
    assert len(report["missing"]) == 147
    assert "Who wrote the descriptors" in call(DESC, "audit", "--store", filled).out


@pytest.mark.slow
def test_audit__of_a_class_list_counts_that_list_only(call, filled, tmp_path):
    (tmp_path / "other.txt").write_text("sky\nroad\n")
    flags = ("--classes", tmp_path / "other.txt", "--store", filled)
    assert call(DESC, "audit", *flags, "--json").json["missing"] == ["road"]
    assert call(DESC, "generate", *flags).code == 0
    report = call(DESC, "audit", *flags, "--json").json
    coverage = next(a for a in report["answers"] if a["name"] == "coverage")
    assert {"wall", "bed"}.isdisjoint(str(cell) for row in coverage["rows"] for cell in row)
    assert report["missing"] == []


def test_audit__shows_provenance_on_its_side(call, filled):
    out = call(DESC, "audit", "--store", filled).out
    assert ["column", "value"] in [line.split() for line in out.split("\n")]


@pytest.mark.slow
def test_sql__answers_one_select_and_refuses_the_rest(call, filled):
    question = "select count(*) as n from phrases where class_name = 'wall' and slot = 'name'"
    assert call(DESC, "sql", "--store", filled, "--json", question).json["rows"] == [
        [6]
    ]  # subclasses
    done = call(DESC, "sql", "--store", filled, "drop table texts")
    assert (done.code, done.out) == (3, "")


def test_sql__of_values_that_json_lacks_is_json(call, filled):
    question = "select 'nan'::double, '-inf'::float, 'a'::blob, map {1.5: [1]}, date '2026-01-02'"
    (row,) = call(DESC, "sql", "--store", filled, "--json", question).json["rows"]
    assert row == [None, None, "61", {"1.5": [1]}, "2026-01-02"]


@pytest.mark.slow
def test_verify__finds_a_flipped_bit_and_ends_with_4(call, filled):
    part = next((filled / "descriptors").glob("*.parquet"))
    data = bytearray(part.read_bytes())
    data[len(data) // 2] ^= 1
    part.write_bytes(data)
    done = call(DESC, "verify", "--store", filled)
    assert done.code == 4
    assert part.name in done.err
    assert "langseg-desc verify" not in done.err  # which is what is being done
    assert call(DESC, "sql", "--store", filled, "select 1").code == 4


def test_verify__prints_notes_and_ends_with_0_when_nothing_is_wrong(call, filled):
    with Store.open(filled).writer() as writer:
        writer.start_journal("cut-off").append(*row_of(filled))
    done = call(DESC, "verify", "--store", filled)
    assert done.code == 0
    assert "note: " in done.err
    report = call(DESC, "verify", "--store", filled, "--json").json
    assert report["problems"] == []
    assert report["notes"]


@pytest.mark.slow
def test_repair__of_a_damaged_journal_lets_generate_go_on(call, filled, classes):
    flags = ("--classes", classes, "--store", filled)
    with Store.open(filled).writer() as writer:
        journal = writer.start_journal("cut-off")
        journal.append(*row_of(filled))
        journal.append(*row_of(filled))
        journal.flush()
    path = journal_path(filled, "cut-off")
    path.write_bytes(path.read_bytes().replace(b"{", b"[", 1))
    stuck = call(DESC, "generate", *flags)
    assert stuck.code == 4
    assert "langseg-desc repair" in stuck.err
    assert call(DESC, "verify", "--store", filled).code == 4
    assert "1" in call(DESC, "repair", "--store", filled).err
    assert call(DESC, "generate", *flags).code == 0
    assert call(DESC, "verify", "--store", filled).code == 0


def row_of(store: Path) -> tuple[Request, Response]:
    """One request and its response, as the store has them."""
    open_store = Store.open(store)
    response = Response(**open_store.table("responses").to_pylist()[0])
    requests = [Request(**row) for row in open_store.table("requests").to_pylist()]
    return next(r for r in requests if r.request_key == response.request_key), response


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (("generate", "--classes", ""), 2, "classes"),
        (("generate", "--model", "m"), 2, "--provider openai"),
        (("generate", "--provider", "Openai"), 2, "--provider"),
        (("generate", "--price-in", "1", "--provider", "openai"), 2, "--price-out"),
        (("audit", "--rows", "-3"), 2, "--rows"),
        (("audit", "--dataset", "ade20k", "--classes", "x.txt"), 2, "--classes"),
        (("sql", "select 1", "--max-rows", "-5"), 2, "--max-rows"),
        (("sql", "select '\udce8\udca1'"), 2, "set LC_ALL=C.UTF-8"),
        (("sql", "select 1", "--time-limit", "-1"), 2, "--time-limit"),
        (("sql", "select 1", "--time-limit", "nan"), 2, "--time-limit"),
        (("generate", "--dataset", "ade2k"), 2, "did you mean 'ade20k'"),
        (("generate", "--dataset", "ade20k", "--classes", "x.txt"), 2, "got both"),
        (("generate", "--classes", "nowhere.txt"), 3, "nowhere.txt"),
        (("generate", "--provider", "openai"), 2, "--model"),
        (("generate", "--attributes", "0"), 2, "attributes"),
        (("generate", "--provider", "openai", "--model", "m"), 2, "OPENAI_API_KEY"),
        (("audit",), 3, "langseg-desc generate"),
        (("generat",), 2, "generate"),
    ],
)
def test_mistake__ends_in_one_sentence_and_its_exit_code(
    call, store, monkeypatch, arguments, code, word
):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("LANGSEG_STORE", str(store))
    done = call(DESC, *arguments)
    assert done.code == code
    assert word in done.err
    assert "Traceback" not in done.err
    assert not store.exists()


def test_classes__with_a_bad_row_are_refused_with_its_number(call, store, tmp_path):
    (tmp_path / "bad.txt").write_text("wall\n<script>\nwall\n")
    done = call(DESC, "generate", "--classes", tmp_path / "bad.txt", "--store", store)
    assert done.code == 3
    assert "row 2" in done.err
    assert "row 3" in done.err


@pytest.mark.slow
def test_classes__that_no_pack_has_are_named_with_the_way_out(call, store, tmp_path):
    (tmp_path / "own.txt").write_text("wall\nflux capacitor\n")
    done = call(DESC, "generate", "--classes", tmp_path / "own.txt", "--store", store)
    assert done.code == 3
    assert "flux capacitor" in done.err
    assert "--provider openai" in done.err


@pytest.mark.slow
def test_openai__answers_over_http_are_kept_and_asked_for_once(call, store, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-0123456789")
    (tmp_path / "own.txt").write_text("flux capacitor\nhoverboard\n")
    with OpenAIServer() as server:
        flags = ["--classes", tmp_path / "own.txt", "--store", store, "--provider", "openai"]
        flags += ["--model", "m", "--base-url", server.base_url, "--json"]
        flags += ["--per-subclass", "1", "--price-in", "2", "--price-out", "8"]
        first = call(DESC, "generate", *flags).json
        again = call(DESC, "generate", *flags).json
    assert (first["asked"], again["asked"]) == (2, 0)
    question = "select count(*), min(cost_usd) > 0 from responses"
    assert call(DESC, "sql", "--store", store, "--json", question).json["rows"] == [[2, True]]
    assert not any("sk-canary" in p.read_text("latin-1") for p in store.rglob("*") if p.is_file())


def test_openai__stops_at_the_request_budget_with_6_and_keeps_what_came(
    call, store, tmp_path, monkeypatch
):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-0123456789")
    (tmp_path / "own.txt").write_text("one\ntwo\nthree\n")
    with OpenAIServer() as server:
        flags = ["--classes", tmp_path / "own.txt", "--store", store, "--provider", "openai"]
        flags += ["--model", "m", "--base-url", server.base_url]
        assert call(DESC, "generate", *flags, "--max-requests", "2").code == 6
        assert call(DESC, "generate", *flags, "--json").json["asked"] == 1

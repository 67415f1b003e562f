"""Repair, compact and gc as a person runs them, and what `generate` and `encode` do after them."""

import random
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from langseg.cache.bank.array_files import HEADER
from langseg.cache.bank.load_save import load_bank
from langseg.cache.records import SCHEMA_VERSION, Response
from langseg.cache.store import manifest
from langseg.cache.store.journal import journal_path
from langseg.cache.store.manifest import Manifest
from langseg.cache.store.store import Store
from langseg.descriptors.providers.bundled import BundledProvider
from langseg.descriptors.vocabulary.source import Source
from langseg.pipelines.desc.bank import run_bank
from langseg.pipelines.desc.compact import run_compact
from langseg.pipelines.desc.encode import run_encode
from langseg.pipelines.desc.generate import run_generate
from langseg.pipelines.desc.generate_settings import DescribeConfig
from langseg.pipelines.desc.repair import run_repair
from langseg.pipelines.desc.verify import run_verify
from tests.support.quiet import Quiet, no_bar
from tests.support.small_bank import in_another_format

pytestmark = pytest.mark.slow

DESC = "langseg-desc"
BATCHES = (["wall", "sky"], ["wall", "sky", "bed"])  # classes of each run: two parts a table


Again = Callable[[Path], dict[str, Any]]


@pytest.fixture(scope="module")
def again(hash_encoder: str) -> Again:
    """Stage one, all of it. Returns: how many were asked and embedded, and the bank."""

    def again(folder: Path) -> dict[str, Any]:
        source = {"classes": folder / "mine.txt", "store": folder / "store"}
        asked = run_generate(DescribeConfig(**source), Quiet()).asked
        encoded = run_encode(Source(**source), hash_encoder, no_bar)
        bank = run_bank(Source(**source), hash_encoder)
        return {"asked": asked, "embedded": encoded.embedded, "bank": bank.fingerprint}

    return again


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, again: Again) -> Path:
    """A folder with ``mine.txt`` and ``store``: three classes, asked for in two runs, a bank."""
    folder = tmp_path_factory.mktemp("upkeep")
    for names in BATCHES:
        (folder / "mine.txt").write_text("\n".join(names))
        again(folder)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "copy")


def parts(folder: Path, name: str) -> list[Path]:
    return [folder / "store" / path for path in Store.open(folder / "store").manifest.files()[name]]


def flip(file: Path, chance: random.Random) -> None:
    data = bytearray(file.read_bytes())
    bit = chance.randrange(8 * len(data))
    data[bit // 8] ^= 1 << bit % 8
    file.write_bytes(data)


def cut_to(share: float) -> Callable[[Path], None]:
    def cut(file: Path) -> None:
        file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])

    return cut


DAMAGES: dict[str, Callable[[Path], None]] = {
    "flipped": lambda file: flip(file, random.Random(1)),
    "cut to nothing": cut_to(0.0),
    "cut to 30 %": cut_to(0.3),
    "cut to 99.9 %": cut_to(0.999),
    "deleted": Path.unlink,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_repair__of_lost_responses_lets_generate_ask_for_those_alone(folder, damage, again):
    before = again(folder)
    assert (before["asked"], before["embedded"]) == (0, 0)
    lost = parts(folder, "responses")[1]  # of `bed`
    DAMAGES[damage](lost)
    report = run_repair(folder / "store")
    assert report.lost == {f"responses/{lost.name}": 1}
    assert report.problems == []
    assert lost.name in report.sentence
    assert "next: langseg-desc generate and encode" in report.sentence
    assert again(folder) == {**before, "asked": 1}
    assert run_verify(folder / "store").problems == []


@pytest.mark.parametrize("names", [("descriptors",), ("texts",), ("descriptors", "texts")])
def test_repair__of_lost_phrases_asks_nobody(folder, names, again):
    """Texts of the bank that no reply holds, such as class names, are embedded once more."""
    before = again(folder)
    descriptors = Store.open(folder / "store").table("descriptors").sort_by("descriptor_id")
    for name in names:
        for part in parts(folder, name):
            part.unlink()
    report = run_repair(folder / "store")
    assert report.problems == []
    assert set(report.remade) == set(names)
    assert Store.open(folder / "store").table("descriptors").sort_by("descriptor_id") == descriptors
    assert ("next:" in report.sentence) == ("texts" in names)  # vectors of theirs are dropped
    after = again(folder)
    assert (after["asked"], after["bank"]) == (0, before["bank"])
    assert after["embedded"] == report.dropped.get("embeddings", 0) < 10


def test_repair__of_lost_embeddings_lets_encode_redo_those_alone(folder, again):
    before = again(folder)
    lost = parts(folder, "embeddings")[0]
    rows = Store.open(folder / "store").manifest.embeddings
    count = next(part.rows for group in rows.values() for part in group if lost.name in part.path)
    DAMAGES["cut to 30 %"](lost)
    run_repair(folder / "store")
    assert again(folder) == {**before, "embedded": count}


def test_repair__of_a_lost_manifest_loses_nothing(folder, again):
    before = again(folder)
    store = folder / "store"
    DAMAGES["flipped"](store / "manifests" / Store.open(store).manifest.name)
    report = run_repair(store)
    assert "the live manifest is lost" in report.sentence
    assert "next:" not in report.sentence
    assert again(folder) == before


def test_repair__of_parts_without_any_manifest_makes_one(call, folder, again):
    before, store = again(folder), folder / "store"
    shutil.rmtree(store / "manifests")
    (store / "CURRENT").unlink()
    verified = call(DESC, "verify", "--store", store)
    assert (verified.code, "langseg-desc repair" in verified.err) == (4, True)
    assert call(DESC, "repair", "--store", store).code == 0
    assert again(folder) == before


@pytest.mark.parametrize("name", ["bank-*.safetensors", HEADER])
def test_repair__of_a_damaged_bank_says_how_to_make_it_again(call, folder, name, again):
    store = folder / "store"
    (bank,) = (path for path in (store / "banks").iterdir() if load_bank(path).names[-1] == "bed")
    flip(next(bank.glob(name)), random.Random(2))
    (problem,) = run_verify(store).problems
    assert str(bank) in problem
    verified = call(DESC, "verify", "--store", store)
    assert (verified.code, str(bank) in verified.err) == (4, True)
    report = run_repair(store)
    assert list(report.banks) == [str(bank)]
    assert f"langseg-desc bank --classes FILE --store {store}" in report.sentence
    assert report.problems == []
    assert again(folder)["bank"] == bank.name
    assert load_bank(bank).names == ("wall", "sky", "bed")


def without_an_arm(arms: dict[str, Any]) -> None:
    shutil.rmtree(arms["arms"][1]["bank"])


def without_a_header(arms: dict[str, Any]) -> None:
    (Path(arms["arms"][1]["bank"]) / HEADER).unlink()


def with_a_flipped_index(arms: dict[str, Any]) -> None:
    flip(Path(arms["index"]), random.Random(4))


@pytest.mark.parametrize("damage", [without_an_arm, without_a_header, with_a_flipped_index])
def test_repair__of_control_arms_says_how_to_make_them_again(call, folder, damage, hash_encoder):
    vocabulary = ("--classes", folder / "mine.txt", "--store", folder / "store")
    flags = (*vocabulary, "--encoder", hash_encoder)
    before = call(DESC, "arms", *flags, "--json").json
    index = Path(before["index"])
    wanted = index.read_bytes()
    damage(before)
    verified = call(DESC, "verify", "--store", folder / "store")
    assert (verified.code, index.name in verified.err) == (4, True)
    done = call(DESC, "repair", "--store", folder / "store")
    assert done.code == 0
    assert f"langseg-desc arms --classes FILE --store {folder / 'store'}" in done.err
    assert not index.exists()
    assert call(DESC, "verify", "--store", folder / "store").code == 0
    assert call(DESC, "arms", *flags).code == 0
    assert index.read_bytes() == wanted
    assert all((Path(arm["bank"]) / HEADER).exists() for arm in before["arms"])


def test_verify__ends_with_a_sentence_of_its_own(call, folder):
    store = folder / "store"
    assert call(DESC, "verify", "--store", store).err.endswith(f"{store}: intact\n")
    for part in parts(folder, "responses"):
        part.unlink()
    last = call(DESC, "verify", "--store", store).err.splitlines()[-1]
    assert last == f"{store}: 2 problems; `langseg-desc repair` goes on with what is whole"


def test_reader__whose_snapshot_gc_removed_ends_with_7_and_says_run_again(
    call, folder, monkeypatch, again
):
    from langseg.cache.store import snapshot as module

    path, real = folder / "store", manifest.live_manifest

    def slow(root: Path) -> Manifest:
        """A reader that is overtaken once it has its snapshot."""
        taken = real(root)
        monkeypatch.setattr(module, "live_manifest", real)
        assert call(DESC, "compact", "--store", path).code == 0
        assert call(DESC, "gc", "--store", path, *flags).code == 0
        return taken

    shutil.rmtree(path / "banks")
    flags: tuple[object, ...] = ()
    monkeypatch.setattr(module, "live_manifest", slow)
    assert call(DESC, "sql", "from texts", "--store", path).code == 0
    again(folder)
    (folder / "mine.txt").write_text("wall\nfloor")
    again(folder)
    shutil.rmtree(path / "banks")
    flags = ("--keep-hours", 0)
    monkeypatch.setattr(module, "live_manifest", slow)
    queried = call(DESC, "sql", "from texts", "--store", path)
    assert queried.code == 7
    assert "run the same command again" in queried.err
    assert "verify" not in queried.err
    assert call(DESC, "sql", "from texts", "--store", path).code == 0


def test_gc__says_what_stays_for_readers_and_how_to_remove_it(call, folder):
    store = folder / "store"
    shutil.rmtree(store / "banks")
    collected = call(DESC, "gc", "--store", store)
    assert (collected.code, collected.out) == (0, "")
    assert "kept for readers of the last hour (`--keep-hours 0` when nobody reads)" in collected.err
    done = call(DESC, "gc", "--store", store, "--keep-hours", 0)
    assert "manifests/000000.json" in done.out
    assert "readers" not in done.err


def test_repair__leaves_a_batch_to_its_owner_and_ends_with_4(call, folder):
    batches = folder / "store/batches"
    batches.mkdir()
    (batches / "batch-1.json").write_text("{}")
    done = call(DESC, "repair", "--store", folder / "store")
    assert done.code == 4
    assert "batch-1.json" in done.err
    assert (batches / "batch-1.json").exists()


COMMANDS = {
    "verify": ("verify",), "sql": ("sql", "from texts"), "audit": ("audit",),
    "generate": ("generate", "--classes", "mine.txt"), "compact": ("compact",),
    "encode": ("encode", "--classes", "mine.txt"), "bank": ("bank", "--classes", "mine.txt"),
}  # fmt: skip


@pytest.mark.parametrize("kind", ["responses", "manifest"])
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command__ends_with_4_and_names_the_damaged_file(
    call, folder, command, kind, monkeypatch
):
    monkeypatch.chdir(folder)
    live = Store.open(Path("store")).manifest
    damaged = Path("store/manifests") / live.name
    if kind != "manifest":
        damaged = Path("store") / live.tables[kind][0].path
    flip(damaged, random.Random(3))
    done = call(DESC, *COMMANDS[command], "--store", "store")
    assert done.code == 4
    assert damaged.name in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("command", [*COMMANDS, "repair", "gc"])
def test_every_command__leaves_the_store_of_a_newer_langseg_and_says_what_opens_it(
    call, folder, command, monkeypatch
):
    monkeypatch.chdir(folder)
    live = Store.open(Path("store")).manifest
    newer = SCHEMA_VERSION + 1
    manifest.publish(
        Path("store"),
        replace(live, number=live.number + 1, parent=live.sha256, schema_version=newer),
    )
    before = {path: path.read_bytes() for path in Path("store").rglob("*") if path.is_file()}
    done = call(DESC, *COMMANDS.get(command, (command,)), "--store", "store")
    assert done.code == 4
    assert f"got {newer}; open the store with the LangSeg that wrote it" in done.err
    assert "repair" not in done.err
    assert all(path.read_bytes() == data for path, data in before.items())


def test_gc__refuses_while_a_manifest_is_damaged_and_runs_after_repair(call, folder, again):
    store = folder / "store"
    flip(store / "manifests" / Store.open(store).manifest.name, random.Random(3))
    assert call(DESC, "gc", "--store", store).code == 4
    assert call(DESC, "repair", "--store", store).code == 0
    assert call(DESC, "gc", "--store", store, "--damaged").code == 0
    assert not list(store.rglob("*.damaged"))
    assert again(folder)["asked"] == 0


def test_copied_store__is_told_where_its_views_look_and_repair_writes_them_anew(call, folder):
    copy = shutil.copytree(folder / "store", folder / "other")
    call(DESC, "repair", "--store", copy)
    assert "views.sql" not in call(DESC, "verify", "--store", copy).err
    again_copied = shutil.copytree(copy, folder / "third")
    verified = call(DESC, "verify", "--store", again_copied)
    assert verified.code == 0
    wanted = f"{again_copied / 'views.sql'}: written for {copy}, the next writer writes it anew"
    assert wanted in verified.err
    assert "nothing was changed" in call(DESC, "repair", "--store", again_copied).err
    assert "views.sql" not in call(DESC, "verify", "--store", again_copied).err
    assert f"'{again_copied}/'" in (again_copied / "views.sql").read_text()


def test_compact_and_gc__change_no_answer(call, folder, again):
    store, before = folder / "store", again(folder)
    report = call(DESC, "compact", "--store", store, "--json").json
    assert report["parts_after"] == 6 < report["parts_before"]
    assert "nothing was changed" in call(DESC, "compact", "--store", store).err
    named = call(DESC, "gc", "--store", store, "--dry-run")
    assert "would go" in named.err
    assert all((store / name).exists() for name in named.out.split())
    done = call(DESC, "gc", "--store", store, "--json").json
    assert done["recent"]
    assert done["files"] == named.out.split()
    assert done["kept"][-1] == report["manifest"]
    cited = {part.path for name in done["kept"] for part in read_manifest(store, name).parts()}
    assert {str(part.relative_to(store)) for part in store.rglob("*.parquet")} == cited
    assert again(folder) == before
    assert call(DESC, "verify", "--store", store).code == 0


def test_compact_and_gc__name_the_snapshots_that_banks_hold_until_those_are_built_anew(
    call, folder, again
):
    store = folder / "store"
    wanted = sorted({load_bank(path).manifest for path in (store / "banks").iterdir()})
    done = call(DESC, "compact", "--store", store)
    assert f"but not those of {', '.join(wanted)}, which banks were built from" in done.err
    done = call(DESC, "gc", "--store", store, "--keep-hours", 0)
    assert re.search(rf"{', '.join(wanted)} kept with \d+\.\d MB of older parts, bec", done.err)
    report = call(DESC, "gc", "--store", store, "--json").json
    assert (report["cited"], report["cited_bytes"] > 0) == (wanted, True)
    for names in BATCHES:
        (folder / "mine.txt").write_text("\n".join(names))
        again(folder)
    report = call(DESC, "gc", "--store", store, "--keep-hours", 0, "--json").json
    assert (report["cited"], report["cited_bytes"]) == ([], 0)


def test_gc__removes_the_arms_that_fewer_seeds_left_behind(call, folder, hash_encoder):
    vocabulary = ("--classes", folder / "mine.txt", "--store", folder / "store")
    flags = (*vocabulary, "--encoder", hash_encoder)
    call(DESC, "arms", *flags, "--seeds", 2)
    made = call(DESC, "arms", *flags, "--seeds", 1, "--json").json["arms"]
    verified = call(DESC, "verify", "--store", folder / "store")
    assert verified.code == 0
    assert "control arms in no arms-*.json" in verified.err
    call(DESC, "gc", "--store", folder / "store", "--keep-hours", 0)
    assert "control arms" not in call(DESC, "verify", "--store", folder / "store").err
    assert all((Path(arm["bank"]) / HEADER).exists() for arm in made)


def test_repair__sets_a_bank_of_another_format_aside_and_says_what_makes_it_again(call, folder):
    store = folder / "store"
    bank = max((store / "banks").iterdir())
    in_another_format(bank, 2)
    verified = call(DESC, "verify", "--store", store)
    assert verified.code == 4
    assert "wanted TextBank format 4, got 2; build it with `langseg-desc bank`" in verified.err
    assert "langseg-desc bank --classes FILE" in call(DESC, "repair", "--store", store).err
    assert not (bank / HEADER).exists()


def read_manifest(store: Path, name: str) -> Manifest:
    return manifest.read_manifest(store, int(name.removesuffix(".json")))


def test_compact__of_a_store_without_answers_changes_nothing(tmp_path):
    Store.open(tmp_path / "store", create=True)
    assert "nothing was changed" in run_compact(tmp_path / "store").sentence


@pytest.mark.parametrize("command", ["repair", "compact", "gc"])
def test_upkeep__says_where_no_store_is(call, tmp_path, command):
    done = call(DESC, command, "--store", tmp_path / "none")
    assert done.code == 3
    assert "no store is here" in done.err


@pytest.mark.parametrize("command", ["repair", "compact", "gc"])
def test_upkeep__leaves_a_store_alone_that_another_process_writes(call, folder, command):
    with Store.open(folder / "store").writer():
        done = call(DESC, command, "--store", folder / "store")
    assert done.code == 7
    assert "is writing to this store" in done.err


def test_repair__lets_a_store_with_a_damaged_journal_go_on(folder: Path):
    store = folder / "store"
    config = DescribeConfig(dataset="camvid", store=store, attributes=9)
    damaged_journal(store, config)
    (problem,) = run_verify(store).problems
    assert "langseg-desc repair" in problem
    report = run_repair(store)
    assert report.set_aside == {"run-x.jsonl": 1}
    assert "1 damaged line left out of run-x.jsonl" in report.sentence
    found = run_verify(store)
    assert found.problems == []
    assert any("damaged, kept" in note for note in found.notes)
    assert "nothing was changed" in run_repair(store).sentence
    generated = run_generate(config, Quiet())
    assert generated.recovered == 1


def damaged_journal(store: Path, config: DescribeConfig) -> None:
    """Two answers of a dead run, one of them with a changed byte."""
    from langseg.descriptors.prompts.describe import describe_requests
    from langseg.descriptors.prompts.prompt import load_prompt
    from langseg.descriptors.vocabulary.load import load_vocabulary

    vocabulary = load_vocabulary("camvid")
    pack = BundledProvider(vocabulary)
    prompt = load_prompt(
        n_attributes=config.attributes,
        n_subclasses=config.subclasses,
        n_per_subclass=config.per_subclass,
        n_scene_attributes=config.scene_attributes,
    )
    old = Store.open(store).table("responses").to_pylist()[0]
    with Store.open(store).writer() as writer:
        journal = writer.start_journal("run-x")
        for request in list(describe_requests(vocabulary, prompt, pack.model, pack.params))[:2]:
            values = {**old, "request_key": request.request_key, "run_id": "run-x"}
            journal.append(request, Response(**values))
    path = journal_path(store, "run-x")
    path.write_bytes(path.read_bytes().replace(b'"class_name":"sky"', b'"class_name":"skx"'))

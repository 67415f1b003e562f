"""Phrases are judged by pictures, and a bank leaves out what misleads."""

from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from langseg.cache.bank.load_save import load_bank
from langseg.descriptors.bank.build import Phrase
from langseg.pipelines.desc.cut_set import _without
from tests.pipelines.conftest import Call
from tests.support.attribute_world import AttributeWorld, write_world


@pytest.fixture
def mixed(call: Call, tmp_path: Path) -> AttributeWorld:
    world = write_world(tmp_path / "world", kind="mixed")
    assert call("langseg-desc", "import", world.descriptors, *words(world)).code == 0
    assert call("langseg-desc", "encode", *words(world)).code == 0
    return world


def words(world: AttributeWorld) -> tuple[object, ...]:
    return "--classes", world.classes, "--store", world.classes.parent / "store"


def test_audit__by_pictures_tells_false_phrases_and_bank_leaves_them_out(call, mixed, tmp_path):
    file = tmp_path / "new" / "phrases.parquet"
    done = call(
        "langseg-desc", "audit", *words(mixed), "--images", mixed.images, "--labels", mixed.labels,
        "--train-config", "demo", "--phrases", file, "--json", "--html", tmp_path / "audit.html",
    )  # fmt: skip
    assert done.code == 0, done.err
    report: dict[str, Any] = done.json["by_pictures"]
    assert (report["pictures"], report["classes"]) == (60, 30)
    assert report["interval"][0] > report["chance"]
    assert done.json["quality"]["discriminability"] is not None
    misled = {(o["class_name"], o["text"]) for o in report["phrases"] if o["word"] == "misleads"}
    assert len(misled) == report["mislead"]
    judged_false = [not mixed.truth[pair] for pair in misled if pair in mixed.truth]
    assert sum(judged_false) > 2 * (len(judged_false) - sum(judged_false))
    assert pq.read_table(file).to_pylist() == report["phrases"]
    page = (tmp_path / "audit.html").read_text()
    assert report["sentence"].split(";")[0] in page.replace("&nbsp;", " ")
    assert report["phrases"][0]["text"] in page[page.index('<h2 id="pictures">') :]

    whole = call("langseg-desc", "bank", *words(mixed), "--json").json
    cut = call("langseg-desc", "bank", *words(mixed), "--drop-misleading", file, "--json").json
    bank = load_bank(Path(cut["bank"]))
    said = {(name, text) for name, row in zip(bank.names, bank.texts, strict=True) for text in row}
    assert cut["dropped"] == whole["descriptors"] - cut["descriptors"] == len(misled - said) > 0
    assert not {pair for pair in misled & said if pair in mixed.truth}
    assert [row[0] for row in bank.texts] == list(bank.names)
    assert bank.recipe is None
    hashes = {asking["params"]["drop_misleading"] for asking in bank.askings}
    assert hashes == {sha256(file.read_bytes()).hexdigest()}
    assert cut["fingerprint"] != whole["fingerprint"]
    arms = call("langseg-desc", "arms", *words(mixed), "--drop-misleading", file, "--json").json
    assert arms["real"] == cut["fingerprint"]


def test_bank__refuses_a_file_that_no_audit_wrote(call, tmp_path):
    world = write_world(tmp_path / "world", kind="positive", train=8, val=8)
    assert call("langseg-desc", "import", world.descriptors, *words(world)).code == 0
    assert call("langseg-desc", "encode", *words(world)).code == 0
    for file in (world.descriptors, tmp_path / "none"):
        done = call("langseg-desc", "bank", *words(world), "--drop-misleading", file)
        assert done.code == 3
        assert f"{file}: wanted the phrases that `langseg-desc audit" in done.err


def test_class__whose_phrases_all_mislead_keeps_its_name_and_the_best():
    rows = tuple(Phrase(text, "any", "", "*") for text in ("cat", "striped", "finned"))
    aucs = {("cat", "cat"): 0.1, ("cat", "striped"): 0.3, ("cat", "finned"): 0.2}
    assert _without("cat", rows, aucs) == rows[:2]
    assert _without("cat", rows[:1], aucs) == rows[:1]
    assert _without("dog", rows, aucs) == rows


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("--classes", "a,b", "--images", "x"), "images: wanted both --images DIR and --labels"),
        (("--images", "x", "--labels", "y"), "images: wanted --classes FILE"),
        (("--dataset", "msrc", "--phrases", "p"), "phrases: wanted pictures to judge by"),
        (("--train-config", "demo"), "train-config: wanted pictures to judge by"),
        (
            ("--classes", "c", "--images", "x", "--labels", "y", "--data", "d"),
            "images: wanted --images or --data, got both",
        ),
    ],
)
def test_audit__asks_for_pictures_whole(call, flags, told):
    done = call("langseg-desc", "audit", *flags)
    assert done.code == 2
    assert told in done.err

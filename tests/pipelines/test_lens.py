"""Looking into a store and mending its journals, and encoding only what is missing."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from langseg.cache.errors import UsageError
from langseg.cache.journal import journal_path
from langseg.cache.records import Response
from langseg.cache.store import Store
from langseg.descriptors.bundled_provider import BundledProvider
from langseg.pipelines.chosen import choose
from langseg.pipelines.config import DescribeConfig, Source
from langseg.pipelines.describe import run_generate
from langseg.pipelines.lens import run_audit, run_repair, run_verify
from tests.pipelines.quiet import Quiet

AGAIN = """
import sys
from pathlib import Path
from typing import Any
from langseg.pipelines.config import Source
from langseg.pipelines.encode import run_encode
report = run_encode(Source(dataset="camvid", store=Path(sys.argv[1])), "minilm", print)
print(report["embedded"], "torch" in sys.modules)
"""


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """The bundled answers of camvid, and of a list of one class that camvid lacks."""
    (tmp_path / "mine.txt").write_text("sofa\n")
    for named in ({"dataset": "camvid"}, {"classes": tmp_path / "mine.txt"}):
        config = DescribeConfig(store=tmp_path / "store", **named)
        run_generate(config, Quiet())
    return tmp_path / "store"


def names(report: dict[str, Any], question: str = "coverage") -> set[str]:
    (answer,) = (one for one in report["answers"] if one["name"] == question)
    return {row[0] for row in answer["rows"]}


def test_audit__of_a_vocabulary_counts_only_its_own_answers(store: Path, tmp_path: Path):
    whole, own = run_audit(store, None, None), run_audit(store, None, tmp_path / "mine.txt")
    assert len(names(whole)) == 12
    assert names(own) == {"sofa"}
    assert own["missing"] == []
    assert own["sentence"].startswith("1 classes, ")
    assert run_audit(store, "camvid", None)["missing"] == []
    assert len(names(run_audit(store, "camvid", None))) == 11


def test_audit__names_every_class_of_a_vocabulary_without_answers(store: Path, tmp_path: Path):
    (tmp_path / "other.txt").write_text("flux capacitor\nhoverboard\n")
    report = run_audit(store, None, tmp_path / "other.txt")
    assert report["missing"] == ["flux capacitor", "hoverboard"]
    with pytest.raises(UsageError, match="both"):
        run_audit(store, "camvid", tmp_path / "other.txt")


def test_audit__of_everything_keeps_models_apart(store: Path):
    (answer,) = (a for a in run_audit(store, None, None)["answers"] if a["name"] == "coverage")
    assert answer["columns"][:2] == ["class_name", "model"]
    assert {row[1] for row in answer["rows"]} == {"bundled"}


def test_repair__lets_a_store_with_a_damaged_journal_go_on(store: Path):
    config = DescribeConfig(dataset="camvid", store=store, attributes=9)
    damaged_journal(store, config)
    (problem,) = run_verify(store)["problems"]
    assert "langseg-desc repair" in problem
    report = run_repair(store)
    assert report["set_aside"] == {"run-x": 1}
    assert "1 damaged line left out of run-x.jsonl" in report["sentence"]
    found = run_verify(store)
    assert found["problems"] == []
    assert any("a damaged journal, kept" in note for note in found["notes"])
    assert "nothing was changed" in run_repair(store)["sentence"]
    generated = run_generate(config, Quiet())
    assert generated["recovered"] == 1


def damaged_journal(store: Path, config: DescribeConfig) -> None:
    """Two answers of a dead run, one of them with a changed byte."""
    from langseg.descriptors.plan import plan_requests
    from langseg.descriptors.prompts import load_prompt
    from langseg.descriptors.vocabulary import load_vocabulary

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
        for request in list(plan_requests(vocabulary, prompt, pack.model, pack.params))[:2]:
            values = {**old, "request_key": request.request_key, "run_id": "run-x"}
            journal.append(request, Response(**values))
    path = journal_path(store, "run-x")
    path.write_bytes(path.read_bytes().replace(b'"class_name":"sky"', b'"class_name":"skx"'))


def test_verify__names_a_bank_whose_header_is_of_another_shape(store: Path):
    (store / "banks/x").mkdir(parents=True)
    (store / "banks/x/bank.json").write_text('{"names": 5}')
    (store / "banks/x/bank.safetensors").touch()
    (problem,) = run_verify(store)["problems"]
    assert "banks/x" in problem


def test_encode__with_nothing_to_do_loads_no_encoder(store: Path):
    from langseg.pipelines.encode import run_encode

    source = Source(dataset="camvid", store=store)
    assert run_encode(source, "minilm", lambda done, total, note="": None)["embedded"] > 100
    done = subprocess.run(
        [sys.executable, "-c", AGAIN, str(store)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["0", "False"]
    assert choose(source).selection.model == "bundled"

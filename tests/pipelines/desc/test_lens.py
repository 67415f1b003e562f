"""Looking into a store, and encoding only what is missing."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from langseg.cache.errors import UsageError
from langseg.descriptors.vocabulary.source import Source
from langseg.pipelines.desc.generate import run_generate
from langseg.pipelines.desc.lens import run_audit, run_verify
from langseg.pipelines.desc.open_sets import open_sets
from langseg.pipelines.shared.settings import DescribeConfig
from tests.support.quiet import Quiet

AGAIN = """
import sys
from pathlib import Path
from typing import Any
from langseg.descriptors.vocabulary.source import Source
from langseg.pipelines.desc.encode import run_encode
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


def test_verify__names_a_bank_whose_header_is_of_another_shape(store: Path):
    (store / "banks/x").mkdir(parents=True)
    (store / "banks/x/bank.json").write_text('{"names": 5}')
    (store / "banks/x/bank-0123456789abcdef.safetensors").touch()
    (problem,) = run_verify(store)["problems"]
    assert "banks/x" in problem


def test_encode__with_nothing_to_do_loads_no_encoder(store: Path):
    from langseg.pipelines.desc.encode import run_encode

    source = Source(dataset="camvid", store=store)
    assert run_encode(source, "minilm", lambda done, total, note="": None)["embedded"] > 100
    done = subprocess.run(
        [sys.executable, "-c", AGAIN, str(store)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["0", "False"]
    assert open_sets(source).of(source.model).selection.model == "bundled"

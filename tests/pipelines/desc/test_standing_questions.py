"""The standing questions, answered of a whole store or of one vocabulary."""

from pathlib import Path

import pytest

from langseg.cache.errors import UsageError
from langseg.cache.store.store import Store
from langseg.descriptors.vocabulary.source import Source
from langseg.pipelines.desc.generate import run_generate
from langseg.pipelines.desc.generate_settings import DescribeConfig
from langseg.pipelines.desc.open_sets import open_sets
from langseg.pipelines.desc.standing_questions import answer_questions
from langseg.pipelines.shared.audit_report import AuditReport
from langseg.pipelines.shared.settings import load_config
from tests.support.quiet import Quiet


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """The bundled answers of camvid, and of a list of one class that camvid lacks."""
    (tmp_path / "mine.txt").write_text("sofa\n")
    for named in ({"dataset": "camvid"}, {"classes": tmp_path / "mine.txt"}):
        config = DescribeConfig(store=tmp_path / "store", **named)
        run_generate(config, Quiet())
    return tmp_path / "store"


def own_answers(store: Path, **named: object) -> AuditReport:
    chosen = open_sets(Source(store=store, **named)).of("")
    return answer_questions(chosen.store, chosen)


def names(report: AuditReport, question: str = "coverage") -> set[str]:
    (answer,) = (one for one in report.answers if one.name == question)
    return {row[0] for row in answer.rows}


@pytest.mark.slow
def test_audit__of_a_vocabulary_counts_only_its_own_answers(store: Path, tmp_path: Path):
    whole = answer_questions(Store.open(store))
    own = own_answers(store, classes=tmp_path / "mine.txt")
    assert len(names(whole)) == 12
    assert names(own) == {"sofa"}
    assert own.missing == []
    assert own.sentence.startswith("1 classes, ")
    camvid = own_answers(store, dataset="camvid")
    assert camvid.missing == []
    assert len(names(camvid)) == 11


@pytest.mark.slow
def test_audit__names_the_classes_of_a_vocabulary_without_answers(store: Path, tmp_path: Path):
    (tmp_path / "other.txt").write_text("flux capacitor\nsofa\nhoverboard\n")
    report = own_answers(store, classes=tmp_path / "other.txt")
    assert report.missing == ["flux capacitor", "hoverboard"]
    with pytest.raises(UsageError, match="both"):
        load_config(Source, None, {"dataset": "camvid", "classes": tmp_path / "other.txt"})


@pytest.mark.slow
def test_audit__of_a_list_that_spells_a_class_in_another_way_calls_it_so(tmp_path: Path):
    for file, name in (("first.txt", "traffic light"), ("second.txt", "traffic_light")):
        (tmp_path / file).write_text(f"{name}\nsofa\n")
        config = DescribeConfig(store=tmp_path / "store", classes=tmp_path / file)
        run_generate(config, Quiet())
        report = own_answers(tmp_path / "store", classes=tmp_path / file)
        assert names(report) == {name, "sofa"}
        assert report.missing == []


@pytest.mark.slow
def test_audit__of_everything_keeps_models_apart(store: Path):
    answers = answer_questions(Store.open(store)).answers
    (answer,) = (one for one in answers if one.name == "coverage")
    assert tuple(answer.columns[:3]) == ("class_name", "vocabularies", "model")
    assert {row[2] for row in answer.rows} == {"bundled"}

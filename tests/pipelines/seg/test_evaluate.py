import json

import pytest

from langseg.pipelines.seg import evaluate
from langseg.pipelines.seg.evaluate import score
from langseg.pipelines.seg.settings import EvalSettings
from langseg.segmenter.data.labels import LabelRule
from tests.support.quiet import no_bar


def test_score__looks_at_the_labels_in_the_first_of_several_processes_alone(
    monkeypatch,
):
    def reads(*args: object, **kwargs: object) -> None:
        raise AssertionError("every process reads all labels")

    monkeypatch.setattr(evaluate, "check_labels", reads)
    monkeypatch.setattr(evaluate, "place", lambda: (1, 2))
    evaluate._check_labels((), LabelRule([1], [0]), ["sky"], "", no_bar)


def test_score__of_the_benchmarks_sample_is_what_its_own_code_says(shared_data):
    folder = shared_data / "ade20k_sample"
    settings = EvalSettings(predictions=folder / "predictions_perturbed", data=folder)
    report = score(settings, no_bar).report
    wanted = json.loads((folder / "predictions_perturbed/reference.json").read_text())
    assert report.miou == pytest.approx(wanted["miou_over_classes_with_union"], abs=1e-12)
    assert report.pixel_accuracy == pytest.approx(wanted["pixel_accuracy"], abs=1e-12)
    official = (wanted["pixel_accuracy"] + wanted["miou_over_150"]) / 2
    assert report.ade20k_score == pytest.approx(official, abs=1e-12)
    assert (report.dataset, report.images) == ("ade20k", 3)
    assert report.pixels == wanted["pixels_counted"]

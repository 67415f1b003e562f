"""Which pictures are on the page of an evaluation."""

from pathlib import Path

import numpy as np

from langseg.pipelines.seg.score_page import SHOWN, score_page, worst_and_best
from langseg.pipelines.seg.score_report import DatasetUsed, MasksReport, score_report
from langseg.segmenter.data.labels import IGNORE
from langseg.segmenter.data.sample import Sample
from langseg.segmenter.evaluation.evaluate import Evaluation, Scored
from langseg.segmenter.evaluation.metrics import scores_of
from langseg.segmenter.evaluation.pictures import picture_counts, summed


def sample(number: int) -> Sample:
    return Sample(f"p{number}", Path("p.png"), Path("l.png"), "*")


def pictures(count: int):
    """Picture k has k of ``count`` pixels right."""
    true = np.zeros((1, count), np.int64)
    return [
        picture_counts(sample(k), (np.arange(count) >= k)[None].astype(np.int64), true, 2)
        for k in range(count)
    ]


def stems(some):
    return [int(one.stem[1:]) for one in some]


def test_worst_and_best__are_no_picture_twice_worst_first():
    many = pictures(20)
    worst, best = worst_and_best(many[::-1])
    assert (stems(worst), stems(best)) == ([*range(SHOWN)], [*range(19, 19 - SHOWN, -1)])
    worst, best = worst_and_best(pictures(3))
    assert (stems(worst), stems(best)) == ([0, 1], [2])


def test_pictures_without_labels__are_neither():
    void = picture_counts(sample(9), np.zeros((1, 4), int), np.full((1, 4), IGNORE), 2)
    assert worst_and_best([void]) == ([], [])


def test_page__draws_any_picture_from_its_labels_and_prediction():
    sizes = {"p0": (1, 1), "p1": (3000, 4), "p2": (30, 2500)}
    seen: list[str] = []

    def look(one: Sample) -> Scored:
        seen.append(one.stem)
        labels = np.zeros(sizes[one.stem], np.int64)
        image = np.zeros((*labels.shape, 3), np.uint8)
        return Scored(sample=one, image=image, labels=labels, mask=labels)

    samples = [sample(number) for number in range(3)]
    counted = pictures(3)
    found = Evaluation(scores=scores_of(summed(counted, 2)), pictures=tuple(counted))
    used = DatasetUsed(
        dataset="ade20k", data=Path("data"), split="val", images=3, data_hash="0" * 64
    )
    names = ["sky", "road"]
    report = MasksReport(
        **vars(score_report(found, used, names, None, [])), predictions=Path("masks")
    )
    html = score_page(report, found, samples, look, names, [(1, 2, 3), (4, 5, 6)])
    assert seen == ["p0", "p1", "p2"]
    assert html.count("data:image/jpeg") == 9
    assert len(html) < 500_000

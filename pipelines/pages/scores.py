"""Lay the scores of one evaluation out as a page a person can read.

In:  scores, confusion matrix, strata, scores under corruptions, and pictures, of an evaluation.
Out: one self-contained HTML file: no script, no outside file, every text escaped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from langseg.pipelines.pages.confusion_map import LEAST, draw_confusions, largest_confusions
from langseg.pipelines.pages.page_template import filled
from langseg.pipelines.shared.percentages import share

if TYPE_CHECKING:
    from langseg.segmenter.evaluation.strata import Stratum
    from langseg.segmenter.inference.legend import LegendRow
    from langseg.segmenter.robustness.measure import RobustnessReport

_SHOWN_CONFUSIONS = 20
_CELL, _LETTERS = 20, 130  # pixels of a cell, and of the names beside the map
_SHADES = (0.01, 0.05, 0.2, 0.5, 1.0)  # in the key of the map


@dataclass(frozen=True, kw_only=True)
class PageClass:
    """A class: its IoU, None where it occurs nowhere, and its share of the labelled pixels."""

    name: str
    colour: tuple[int, int, int]
    iou: float | None
    labelled: float


@dataclass(frozen=True, kw_only=True)
class PagePicture:
    """A picture: JPEGs by what they show (image, labels, prediction), its own mIoU over the
    classes that its labels hold, and its legend, with the shares of labels and prediction."""

    stem: str
    miou: float
    pixel_accuracy: float
    panels: Mapping[str, bytes]
    legend: Sequence["LegendRow"]


@dataclass(frozen=True, kw_only=True)
class ScorePage:
    """What the page shows. ``protocol``: how it was scored, label -> words; ``tiles``: label ->
    value; ``counts`` int64 [C, C + 1]: the confusion matrix."""

    title: str
    lead: str
    tiles: Mapping[str, str]
    protocol: Mapping[str, str]
    classes: Sequence[PageClass]
    counts: NDArray[np.int64]
    worst: Sequence[PagePicture]
    best: Sequence[PagePicture]
    strata: Sequence["Stratum"]
    robustness: "RobustnessReport | None"


def render_scores(page: ScorePage) -> str:
    """The page."""
    names = [one.name for one in page.classes]
    scored = [one for one in page.classes if one.iou is not None]
    groups: dict[str, list[Stratum]] = {}
    for stratum in page.strata:
        groups.setdefault(stratum.by, []).append(stratum)
    return filled(
        "scores.html.jinja",
        {"share": _share, "shade": _shade},
        page=page,
        scored=sorted(scored, key=lambda one: -(one.iou or 0)),
        absent=[one.name for one in page.classes if one.iou is None],
        map=draw_confusions(page.counts, names),
        confusions=largest_confusions(page.counts, names, _SHOWN_CONFUSIONS),
        strata=groups,
        corruptions=[] if page.robustness is None else _corruption_rows(page.robustness),
        cell=_CELL,
        letters=_LETTERS,
        least=LEAST,
        shades=_SHADES,
    )


def _corruption_rows(report: "RobustnessReport") -> list[dict[str, object]]:
    """A row a corruption: its mIoU at each severity, its means."""
    return [
        {
            "name": mean.corruption.replace("_", " "),
            "words": mean.words,
            "mious": [one.miou for one in report.scores if one.corruption == mean.corruption],
            "parameters": [
                ", ".join(f"{key} {value}" for key, value in one.parameters.items())
                for one in report.scores
                if one.corruption == mean.corruption
            ],
            "miou": mean.miou,
            "ratio": mean.ratio,
        }
        for mean in report.means
    ]


def _share(part: float | None) -> str:
    """A share, in which no line is broken."""
    return share(part).replace(" ", "\N{NO-BREAK SPACE}")


def _shade(part: float) -> str:
    """Opacity of a share: its root, so that small shares are seen."""
    return f"{sqrt(part):.2f}"

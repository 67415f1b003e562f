"""The page of an evaluation holds everything it shows, and text on it stays text."""

import re
from dataclasses import replace

import numpy as np
import pytest

from langseg.pipelines.pages.scores import PageClass, PagePicture, ScorePage, render_scores
from langseg.segmenter.evaluation.strata import Stratum
from langseg.segmenter.inference.legend import LegendRow
from langseg.segmenter.robustness.measure import (
    CorruptedScores,
    CorruptionMeans,
    RobustnessReport,
)
from tests.support.page_tags import Tags

NASTY = '<script>alert("x")</script>\x1b[31m'
PICTURE = PagePicture(
    stem=NASTY,
    miou=0.25,
    pixel_accuracy=0.5,
    panels={"image": b"\xff\xd8", "labels": b"\xff\xd8", "prediction": b"\xff\xd8"},
    legend=[LegendRow(NASTY, (1, 2, 3), (0.5, 0.25)), LegendRow("not labelled", None, (0.5, 0.0))],
)
SCORE = CorruptedScores(
    corruption="low_resolution", severity=3, parameters={"short_side": 64}, miou=0.3,
    pixel_accuracy=0.6, clean_miou=0.6, ratio=0.5, pixels=100,
)  # fmt: skip
PAGE = ScorePage(
    title=NASTY,
    lead=NASTY,
    tiles={"mIoU": "61.0 %"},
    protocol={"dataset": NASTY},
    classes=[
        PageClass(name=NASTY, colour=(1, 2, 3), iou=0.4, labelled=0.7),
        PageClass(name="road", colour=(4, 5, 6), iou=0.8, labelled=0.3),
        PageClass(name="boat", colour=(7, 8, 9), iou=None, labelled=0.0),
    ],
    counts=np.array([[50, 20, 0, 0], [0, 30, 0, 0], [0, 0, 0, 0]]),
    worst=[PICTURE],
    best=[],
    strata=[
        Stratum(
            by="size of the region", name=NASTY, pictures=1, pixels=1234, classes=2,
            measure="mean recall", score=0.75,
        )
    ],
    robustness=RobustnessReport(
        seed=7, severities=[3], clean_miou=0.6, miou=0.3, ratio=0.5, scores=[SCORE],
        means=[CorruptionMeans(corruption="low_resolution", words=NASTY, miou=0.3, ratio=0.5)],
    ),
)  # fmt: skip


@pytest.fixture(scope="module")
def html() -> str:
    return render_scores(PAGE)


def test_page__escapes_every_text(html):
    assert "<script" not in html
    assert "\x1b" not in html
    # title, lead, protocol; class, in its bar, the map, its cells, the list; stratum; corruption;
    # picture, in its caption and three panels; legend
    assert html.count("&lt;script&gt;") >= 14


def test_page__loads_nothing_and_links_to_its_own_sections(html):
    addresses = re.findall(r"(?:src|href)=\"([^\"]+)", html)
    assert addresses.count("data:image/jpeg;base64,/9g=") == 3
    links = {address for address in addresses if not address.startswith("data:")}
    assert links == {"#protocol", "#classes", "#confusions", "#strata", "#robustness", "#worst"}
    for link in links:
        assert f'id="{link.removeprefix("#")}"' in html


def test_page__says_classes_best_first_and_names_those_that_are_nowhere(html):
    shown = html.partition('class="classes"')[2].partition("</ul>")[0]
    assert [*map(float, re.findall(r"width: ([\d.]+)%", shown))] == [80.0, 40.0]
    assert "1 class occurs in neither" in html
    assert "<p>boat</p>" in html


def test_page__has_the_rows_of_corruptions_and_strata_with_what_they_are(html):
    assert "short_side 64" in html
    assert "Seed 7" in html
    assert "60.0\N{NO-BREAK SPACE}% on the clean pictures" in html
    assert "1,234" in html
    assert "mean recall" in html


def test_page_of_scores_alone__has_no_empty_section():
    html = render_scores(replace(PAGE, worst=[], strata=[], robustness=None))
    for anchor in ("strata", "robustness", "worst", "best"):
        assert f"#{anchor}" not in html
        assert f'id="{anchor}"' not in html


def test_page__closes_what_it_opens(html):
    tags = Tags()
    tags.feed(html)
    assert tags.open == []

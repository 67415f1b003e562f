"""Which pictures are on the page of a comparison, and what is told of them."""

from pathlib import Path

import numpy as np
from PIL import Image

from langseg.pipelines.seg.compare_page import SHOWN, compare_page, most_different
from langseg.pipelines.seg.compare_rows import Grounds
from langseg.segmenter.comparison.scores import Size
from langseg.segmenter.comparison.splits import Split
from langseg.segmenter.data.sample import Sample
from tests.support.compare_reports import arm_row, compare_report, counted_arm

LAID = {"data": {"train": "a" * 64, "val": "b" * 64}, "taps": [5, 9], "backbone": "a ViT"}


def answered(right: int):
    """Of 100 pixels so many are right."""
    return [row for row in [(0, 0, right), (0, 1, 100 - right)] if row[2]]


def test_pictures__are_those_with_most_pixels_gained_and_lost():
    count = 20
    real = counted_arm("real", {(0, one): answered(50) for one in range(count)})
    control = counted_arm("named-random", {(0, one): answered(45 + one) for one in range(count)})
    gains, losses = most_different([real], [control], count)
    assert gains == [0, 1, 2, 3, 4]  # the sixth is neither
    assert losses == [*range(19, 19 - SHOWN, -1)]


def test_pictures__are_weighed_by_the_mean_of_an_arms_draws():
    real = counted_arm("real", {(0, 0): answered(50), (1, 0): answered(50)})
    draws = [
        counted_arm("named-random", {(0, 0): answered(40), (1, 0): answered(right)})
        for right in (10, 30)
    ]
    assert most_different([real], draws, 1) == ([0], [])  # 100 against 60
    assert most_different([real], [], 1) == ([], [])


def test_page__tells_what_each_side_said_of_a_picture(tmp_path: Path):
    Image.fromarray(np.zeros((40, 900, 3), np.uint8)).save(tmp_path / "p.png")
    samples = [Sample("first", tmp_path / "p.png", None, "*")]
    # two splits ask, a third holds no pixel of an unseen class; class 3 is of no picture
    real = counted_arm("real", {(0, 0): [(0, 0, 60), (0, 3, 20)], (1, 0): [(1, 1, 20)], (2, 0): []})
    control = counted_arm("named-random", {(0, 0): [(0, 2, 80)], (1, 0): [(1, 1, 20)], (2, 0): []})
    grounds = Grounds(
        arms=[real, control], splits=[Split((0, 1))], names=["cat", "dog", "car"],
        size=Size(1, 3), groups={}, seed=0,
    )  # fmt: skip
    html = compare_page(compare_report(), grounds, LAID, samples)
    shown = html.partition('id="pictures"')[2].partition('id="splits"')[0]
    assert (
        "<b>first</b>: +60.0 points, in 2 splits asked for cat (80&nbsp;%), dog (20&nbsp;%)"
        in shown
    )
    assert "cat called a thing that no picture holds (20&nbsp;%)" in shown
    assert "cat called car (80&nbsp;%)" in shown
    assert "Random words are better" not in shown


def test_page_without_control__has_no_pictures_and_says_how_it_was_run():
    arm = counted_arm("real", {(0, 0): [(0, 0, 1)]})
    grounds = Grounds(
        arms=[arm], splits=[Split((0,))], names=["cat"], size=Size(1, 1), groups={}, seed=0
    )
    report = compare_report(arms=[arm_row("real", None)], groups=[])
    html = compare_page(report, grounds, LAID, [])
    assert 'id="pictures"' not in html
    for words in ("hash bbbbbbbbbbbb", "hash aaaaaaaaaaaa", "layers 5, 9", "a ViT", "runs/compare"):
        assert words in html

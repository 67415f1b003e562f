"""The page of a comparison says what it found, where the numbers say it, and text stays text."""

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from langseg.pipelines.pages.compare import (
    Answered,
    ComparedPicture,
    ComparePage,
    Mistake,
    render_compare,
)
from langseg.segmenter.comparison.verdict import Rule
from tests.support.compare_reports import NASTY, arm_row, compare_report, difference
from tests.support.page_tags import Tags

PICTURE = ComparedPicture(
    stem=NASTY, jpeg=b"\xff\xd8", splits=2, asked={NASTY: 1.0},
    real=Answered(accuracy=75.0, mistakes=[Mistake(true="boat", said=NASTY, share=0.25)]),
    control=Answered(accuracy=25.0, mistakes=[]),
)  # fmt: skip
PAGE = ComparePage(report=compare_report(), ran={"rule": NASTY}, gains=[PICTURE], losses=[PICTURE])


@pytest.fixture(scope="module")
def html() -> str:
    return render_compare(PAGE)


def forests(html: str) -> list[ElementTree.Element]:
    found = re.findall(r'<svg class="forest".*?</svg>', html, re.DOTALL)
    return [ElementTree.fromstring(one) for one in found]  # noqa: S314 (our own)


def rows(forest: ElementTree.Element) -> dict[str, dict[str, ElementTree.Element]]:
    """The marks of each row, by the first word of their class."""
    return {
        row.attrib["data-row"]: {
            mark.attrib["class"].partition(" ")[0]: mark for mark in row if "class" in mark.attrib
        }
        for row in forest.iter("g")
        if "data-row" in row.attrib
    }


def pixels_per_point(forest: ElementTree.Element) -> tuple[float, float]:
    """Of the axis of differences: where 0 is, and how far a point is from it, by two ticks."""
    zero = next(one for one in forest.iter("line") if one.attrib["class"] == "zero")
    at = float(zero.attrib["x1"])
    ticks = [one for one in forest.iter("text") if re.fullmatch(r"-?\d+", one.text or "")]
    beyond = [one for one in ticks if float(one.attrib["x"]) > at]
    return at, (float(beyond[0].attrib["x"]) - at) / float(beyond[0].text or "")


def test_page__escapes_every_text(html):
    assert "<script" not in html
    assert "\x1b" not in html
    # class, split, rule; of each picture: twice its stem, asked, said
    assert html.count("&lt;script&gt;") == 3 + 2 * 4


def test_page__leads_with_the_verdict_and_what_it_does_not_claim(html):
    head = html.partition("<nav")[0]
    assert f'<h1 class="none">{PAGE.report.sentence}</h1>' in head
    assert "<li>one backbone</li>" in head
    assert "<title>LangSeg compare: mine, no difference</title>" in head


def test_page__says_what_lists_dealt_at_random_score_where_they_were(html):
    assert "over 39 dealings these have 26.5&nbsp;% right on average, p = 0.025." in html
    report = compare_report(dealt=None)
    assert "dealings" not in render_compare(replace(PAGE, report=report))


def test_page__has_every_arm_in_plot_and_table(html):
    names = [row.arm for row in PAGE.report.arms]
    assert [*rows(forests(html)[0])] == names
    table = html.partition('<table class="arms">')[2].partition("</table>")[0]
    cells = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in table.split("<tr>")[3:]]
    assert [row[0] for row in cells] == [
        "real", "<b>named-random</b>", "swapped", "50%_more&amp;more"
    ]  # fmt: skip
    assert cells[0][:7] == ["real", "1", "50.0", "", "", "", ""]
    assert cells[0][7:] == ["52.5", "0.2", "0.5", "52.5", "16.0", "0.5"]
    assert cells[2][3:7] == ["+40.0 [+30.0, +50.0]", "0.04", "12.5", "yes"]
    assert cells[3][-3:] == ["", "", ""]  # no bias was chosen


def test_forest__has_its_marks_where_the_numbers_say(html):
    forest = forests(html)[0]
    zero, point = pixels_per_point(forest)
    for row in PAGE.report.arms[1:]:
        marks, told = rows(forest)[row.arm], row.difference
        assert told is not None
        ends = [float(marks["interval"].attrib[end]) for end in ("x1", "x2")]
        assert ends == pytest.approx([zero + point * told.low, zero + point * told.high], abs=0.2)
        middle = float(marks["difference"].attrib["x"]) + 4
        assert middle == pytest.approx(zero + point * told.difference, abs=0.2)
    assert "interval" not in rows(forest)["real"]
    kinds = [rows(forest)[name]["interval"].attrib["class"] for name in ("named-random", "swapped")]
    assert kinds == ["interval mark-none", "interval mark-yes"]


def test_forest__has_scores_beside_chance(html):
    forest = forests(html)[0]
    (chance,) = (one for one in forest.iter("line") if one.attrib["class"] == "dash chance")
    at = {name: float(marks["score"].attrib["cx"]) for name, marks in rows(forest).items()}
    quarter = float(chance.attrib["x1"])
    # scores are 50, 40, 10 and 70, chance 25
    per_point = (at["real"] - quarter) / 25
    assert at["swapped"] == pytest.approx(quarter - 15 * per_point, abs=0.3)
    assert at["50%_more&more"] == pytest.approx(quarter + 45 * per_point, abs=0.3)


def test_forest__marks_the_margin_where_there_is_one(html):
    assert 'class="dash margin"' not in html
    report = replace(PAGE.report, rule=Rule(margin=8.0))
    forest = forests(render_compare(replace(PAGE, report=report)))[0]
    zero, point = pixels_per_point(forest)
    margins = [
        float(one.attrib["x1"]) for one in forest.iter("line")
        if one.attrib["class"] == "dash margin"
    ]  # fmt: skip
    assert margins == pytest.approx([zero - 8 * point, zero + 8 * point], abs=0.2)


def test_forest__leaves_out_what_nobody_could_measure():
    nan = float("nan")
    arms = [arm_row("real", None), arm_row("named-random", difference(nan, nan, nan))]
    html = render_compare(replace(PAGE, report=compare_report(arms=arms)))
    assert [*rows(forests(html)[0])["named-random"]] == ["control"]
    assert "nan" not in html


def test_groups__have_the_scores_of_both_sides(html):
    marks = [one.attrib["class"] for one in forests(html)[1].iter("circle")]
    assert marks == ["score mark-arm", "score mark-real"]
    assert "+20.0 [+5.0, +35.0], 3 classes" in html


def test_classes__have_a_bar_for_each_side_in_their_order(html):
    shown = html.partition('class="classes"')[2].partition("</ul>")[0]
    assert [*map(float, re.findall(r"width: ([\d.]+)%", shown))] == [80.0, 20.0, 10.0, 30.0]
    assert re.findall(r">([+-][\d.]+)<", shown) == ["+60.0", "-20.0"]


def test_pictures__say_what_was_said_instead(html):
    shown = html.partition('id="pictures"')[2].partition('id="splits"')[0]
    assert shown.count("+50.0 points, in 2 splits") == 2
    assert "boat called &lt;script&gt;" in shown
    assert "Random words are better" in shown


def test_page__loads_nothing_and_links_to_its_own_sections(html):
    addresses = re.findall(r"(?:src|href)=\"([^\"]+)", html)
    assert addresses.count("data:image/jpeg;base64,/9g=") == 2
    links = [address for address in addresses if not address.startswith("data:")]
    assert [f"#{anchor}" for anchor in re.findall(r'<h2 id="(\w+)"', html)] == links


def test_page_without_control__has_no_empty_section():
    report = compare_report(groups=[], arms=[arm_row("real", None)], classes=[])
    html = render_compare(replace(PAGE, report=report, gains=[], losses=[]))
    for anchor in ("groups", "pictures"):
        assert f"#{anchor}" not in html
        assert f'id="{anchor}"' not in html
    assert len(forests(html)) == 1


def test_page__closes_what_it_opens(html):
    tags = Tags()
    tags.feed(html)
    assert tags.open == []

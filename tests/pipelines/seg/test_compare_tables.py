"""A comparison as tables holds every arm, in a terminal and in a paper."""

import re

from langseg.pipelines.seg.compare_tables import arm_table, latex_arms
from tests.support.compare_reports import arm_row, compare_report


def test_table__has_every_arm_and_no_number_where_there_is_none():
    columns, rows = arm_table(compare_report())
    assert [row[0] for row in rows] == ["real", "named-random", "swapped", "50%_more&more"]
    assert rows[0] == ("real", "50.0", "", "", "", "52.5", "16.0", "0.5")
    assert rows[1][2:5] == ("+10.0", "-5.0 to +25.0", "0.04")
    assert rows[3][5:] == ("52.5", "0.2", "0.5")  # where no bias is chosen, without one
    assert all(len(row) == len(columns) for row in rows)


def test_latex__is_one_balanced_table_with_the_verdict_above():
    text = latex_arms(compare_report())
    comments = [line for line in text.splitlines() if line.startswith("%")]
    assert comments[0].startswith("% descriptors - random words = +10.0 [-5.0, +25.0]")
    assert "% the real lists dealt at random, 39 times: 26.5, p = 0.025" in comments
    assert "% one backbone" in comments
    lines = text.splitlines()[len(comments) :]
    assert (lines[0], lines[-1]) == (r"\begin{tabular}{l" + 11 * "r" + "}", r"\end{tabular}")
    rows = [line for line in lines if line.endswith(r" \\")]
    assert len(rows) == 1 + 4
    assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {11}
    assert rows[2].startswith(r"named-random & 40.0 & $+10.0$ & $[-5.0, +25.0]$ & 0.04 & 12.5 &")
    assert rows[4].startswith(r"50\%\_more\&more & 70.0 & $-20.0$")
    assert text.count("{") == text.count("}")
    assert all(row.count("$") % 2 == 0 for row in rows)


def test_latex__has_no_column_of_a_bias_that_no_arm_has():
    report = compare_report(arms=[arm_row("real", None, calibrated=None)])
    assert r"\begin{tabular}{l" + 8 * "r" + "}" in latex_arms(report)


def test_latex__keeps_a_line_of_a_name_in_its_comment():
    text = latex_arms(compare_report(dataset="mine\n\\input{/etc/passwd}"))
    assert not any(line.startswith("\\input") for line in text.splitlines())

"""Lay a comparison of arms out as tables.

In:  a CompareReport.
Out: columns and rows for a terminal; a LaTeX table.
"""

from collections.abc import Sequence

from langseg.pipelines.seg.latex import latex_tabular
from langseg.pipelines.shared.compare_report import CompareReport, Competing

_COLUMNS = (
    "arm", "among unseen", "real - arm", "95 %", "p (Holm)", "seen", "unseen", "h",
)  # fmt: skip
_LATEX_COLUMNS = ("among unseen", r"real $-$ arm", r"95\,\%", "$p$ (Holm)", "smallest")
_SIDES = ("seen", "unseen", "$h$")


def arm_table(report: CompareReport) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
    """``seen``, ``unseen``, ``h``: mIoU where all compete, with one bias where one was chosen."""
    rows = []
    for row in report.arms:
        one, many = row.difference, row.calibrated or row.competing
        rows.append((
            row.arm, f"{row.score:.1f}",
            "" if one is None else f"{one.difference:+.1f}",
            "" if one is None else f"{one.low:+.1f} to {one.high:+.1f}",
            "" if row.holm is None else f"{row.holm:.2g}",
            f"{many.seen:.1f}", f"{many.unseen:.1f}", f"{many.harmonic:.1f}",
        ))  # fmt: skip
    return _COLUMNS, rows


def latex_arms(report: CompareReport) -> str:
    """A row an arm, the verdict and what it does not claim as comments; mIoU where all classes
    compete, then the same with one bias."""
    calibrated = any(row.calibrated for row in report.arms)
    rows = []
    for row in report.arms:
        one = row.difference
        rows.append([
            row.arm,
            f"{row.score:.1f}",
            "" if one is None else f"${one.difference:+.1f}$",
            "" if one is None else f"$[{one.low:+.1f}, {one.high:+.1f}]$",
            "" if row.holm is None else f"{row.holm:.2g}",
            "" if one is None else f"{one.smallest:.1f}",
            *_sides(row.competing),
            *(_sides(row.calibrated) if calibrated else ()),
        ])  # fmt: skip
    comments = [
        report.sentence,
        f"{report.dataset}, head {report.head}; {report.rule.metric}; chance {report.chance:.1f}",
        *(
            []
            if report.dealt is None
            else [
                f"the real lists dealt at random, {report.rule.dealings} times: "
                f"{report.dealt.score:.1f}, p = {report.dealt.p:.2g}"
            ]
        ),
        *report.claims,
        "seen, unseen, h: mIoU where all classes compete"
        + ("; then with one bias on what was not trained" if calibrated else ""),
    ]
    columns = [*_LATEX_COLUMNS, *_SIDES, *(f"{one}$_b$" for one in _SIDES if calibrated)]
    return latex_tabular(comments, columns, rows)


def _sides(one: Competing | None) -> Sequence[str]:
    if one is None:
        return "", "", ""
    return f"{one.seen:.1f}", f"{one.unseen:.1f}", f"{one.harmonic:.1f}"

"""Lay a comparison of arms out as tables.

In:  a CompareReport.
Out: columns and rows for a terminal.
"""

from collections.abc import Sequence

from langseg.pipelines.shared.compare_report import CompareReport

COLUMNS = (
    "arm", "among unseen", "real - arm", "95 %", "p (Holm)", "seen", "unseen", "h",
)  # fmt: skip


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
    return COLUMNS, rows

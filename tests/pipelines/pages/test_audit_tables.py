"""The tables of an audit show what is there, and no column of what is not."""

from dataclasses import replace

from langseg.pipelines.pages.audit_tables import worst_table
from langseg.pipelines.shared.audit_report import ClassReport


def test_worst__has_no_column_of_faults_that_no_class_has():
    clean = ClassReport(
        class_name="car", phrases=2, subclasses=0, slots=["part"], scenes=0, plausible=0,
        by_name=0.5, by_phrases=float("nan"), look_alikes=["van"], flags={}, missing_slots=[],
    )  # fmt: skip
    columns, rows = worst_table([clean], 9)
    assert columns == ("class", "phrases", "found by name", "by phrases", "tried against")
    assert rows == [("car", 2, "50.0 %", "", "van")]
    flagged, _ = worst_table([clean, replace(clean, flags={"shared": 2})], 9)
    assert flagged == (*columns, "flags")

"""The tables of an audit show what is there, and no column of what is not."""

from langseg.pipelines.pages.audit_tables import worst_table


def test_worst__has_no_column_of_faults_that_no_class_has():
    row = {"class_name": "car", "phrases": 2, "by_name": 0.5, "by_phrases": float("nan")}
    clean = row | {"look_alikes": ["van"], "flags": {}, "not_told_from": [], "missing_slots": []}
    columns, rows = worst_table([clean], 9)
    assert columns == ("class", "phrases", "found by name", "by phrases", "tried against")
    assert rows == [("car", 2, "50.0 %", "", "van")]
    flagged, _ = worst_table([clean, clean | {"flags": {"shared": 2}}], 9)
    assert flagged == (*columns, "flags")

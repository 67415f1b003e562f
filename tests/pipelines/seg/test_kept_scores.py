import json

import duckdb
import numpy as np
import pyarrow.parquet as pq

from langseg.pipelines.seg.kept_scores import EVALUATION, PICTURES, keep_scores, picture_table
from langseg.pipelines.seg.score_tables import class_rows, latex_table, score_rows
from langseg.segmenter.data.labels import IGNORE
from langseg.segmenter.data.sample import Sample
from langseg.segmenter.evaluation.pictures import picture_counts
from tests.support.score_reports import masks_report

NAMES = ("sky", "tree")


def counted(stem: str, pred: list[int], target: list[int]):
    sample = Sample(stem, None, None, "street")  # type: ignore[arg-type]
    return picture_counts(sample, np.array([pred]), np.array([target]), 2)


def test_keep_scores__keeps_every_pictures_matrix_where_sql_can_ask_it(tmp_path):
    pictures = [counted("a", [0, 1, IGNORE], [0, 0, 1]), counted("b", [1, 1, 0], [1, 1, IGNORE])]
    keep_scores(tmp_path / "new", masks_report(), pictures, NAMES)
    report = json.loads((tmp_path / "new" / EVALUATION).read_text())
    assert report["dataset"] == "ade20k"
    rows = duckdb.execute(
        f"SELECT picture, scene, true_class, predicted_class, pixels "
        f"FROM '{tmp_path / 'new' / PICTURES}' ORDER BY ALL"
    ).fetchall()
    assert rows == [
        ("a", "street", "sky", "sky", 1),
        ("a", "street", "sky", "tree", 1),
        ("a", "street", "tree", None, 1),
        ("b", "street", "tree", "tree", 2),
    ]
    kept = pq.read_table(tmp_path / "new" / PICTURES)
    assert kept.to_pylist() == picture_table(pictures, NAMES).to_pylist()


def test_picture_table__of_nothing_has_its_columns():
    assert picture_table([], NAMES).num_rows == 0


def test_score_rows__leave_out_what_was_not_scored():
    report = masks_report()
    names = [name for name, _ in score_rows(report)]
    assert "Boundary IoU" not in names
    assert names[:2] == ["mIoU", "pixel accuracy"]
    assert class_rows(report) == [("tree", 0.75), ("sky", 0.25)]


def test_latex_table__is_one_row_in_percent_with_what_it_is_of():
    text = latex_table(masks_report(predictions="50%_a&b"))
    comment, *lines = text.splitlines()
    assert comment.startswith("% ade20k val, 2 pictures")
    assert lines[0] == r"\begin{tabular}{lrrrrrrr}"
    assert lines[4].startswith(r"50\%\_a\&b & 50.0 & 60.0 &")
    assert lines[-1] == r"\end{tabular}"
    assert lines[2].count(" & ") == lines[4].count(" & ") == 7

import numpy as np

from langseg.segmenter.data.labels import IGNORE
from langseg.segmenter.inference.legend import draw_legend, legend_rows

NAMES = ("wall", "sky", "tree", "cup")
COLOURS = ((1, 1, 1), (2, 2, 2), (3, 3, 3), (4, 4, 4))


def test_legend__says_the_share_in_each_mask_and_no_mean_of_them():
    annotation, prediction = np.zeros((10, 10), np.int64), np.ones((10, 10), np.int64)
    prediction[:3] = 0
    rows = legend_rows([annotation, prediction], NAMES, COLOURS)
    assert [(row.name, row.colour, row.shares) for row in rows] == [
        ("wall", (1, 1, 1), (1.0, 0.3)),
        ("sky", (2, 2, 2), (0.0, 0.7)),
    ]


def test_legend__folds_what_is_below_half_a_percent_in_every_mask():
    one, other = np.zeros((20, 100), np.int64), np.zeros((20, 100), np.int64)
    one[0, :9], other[0, :10] = 1, 1  # 0.45 and 0.5 %: stays
    one[1, :9], other[1, :9] = 2, 2
    one[2, :4] = 3
    rows = legend_rows([one, other], NAMES, COLOURS)
    assert [row.name for row in rows] == ["wall", "sky", "other (2 classes)"]
    assert rows[-1].colour is None
    np.testing.assert_allclose(rows[-1].shares, [0.0065, 0.0045])
    np.testing.assert_allclose(np.sum([row.shares for row in rows], axis=0), 1)


def test_legend__says_what_is_not_labelled_and_takes_it_for_no_class():
    mask = np.full((10, 10), IGNORE, np.int64)
    mask[0] = 2
    rows = legend_rows([mask], NAMES, COLOURS)
    assert [(row.name, row.shares) for row in rows] == [
        ("tree", (0.1,)), ("not labelled", (0.9,))
    ]  # fmt: skip


def test_legend__names_the_classes_that_matter_and_sums_up_the_rest():
    names = [f"class {number}" for number in range(100)]
    mask = np.arange(100)[None].repeat(700, axis=0)
    rows = legend_rows([mask], names, [(number, 0, 0) for number in range(100)])
    assert len(rows) == 31
    assert (rows[-1].name, round(rows[-1].shares[0], 6)) == ("other (70 classes)", 0.7)


def test_draw_legend__has_a_heading_where_shares_are_of_several_masks():
    rows = legend_rows([np.zeros((4, 4), np.int64)] * 2, NAMES, COLOURS)
    plain = draw_legend(rows, 640)
    headed = draw_legend(rows, 640, ["annotation", "prediction"])
    assert headed.width == plain.width == 640
    assert headed.height > plain.height

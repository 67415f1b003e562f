import unicodedata

import pytest

from langseg.cache.errors import InputError
from langseg.segmenter.data.layouts.pairs import paired, refuse_lonely


@pytest.mark.parametrize(
    ("picture", "label"),
    [
        (unicodedata.normalize("NFC", "caf\u00e9"), unicodedata.normalize("NFD", "caf\u00e9")),
        ("X", "x"),
        ("x", "x_mask"),
        ("x", "mask_x"),
        ("x", "x.jpg"),
        ("x", "X_seg_label"),
        ("996081_sat", "996081_mask"),
        ("img_7", "gt_7"),
        ("01_test", "01_test_manual1"),
        ("city/x", "city/x_gt"),
        ("city/x", "x"),
    ],
)
def test_paired__finds_partners_that_differ_in_what_nobody_means(picture, label):
    pictures, labels = {picture, "other"}, {label, "other"}
    assert paired(pictures, labels) == {picture: label, "other": "other"}


@pytest.mark.parametrize(
    ("pictures", "labels", "pairs"),
    [
        ({"x"}, {"x", "x_mask"}, {"x": "x"}),  # the equal one
        ({"x"}, {"x_mask", "x_label"}, {}),  # either could be meant
        ({"a/x", "b/x"}, {"x"}, {}),
        ({"a/x", "b/x"}, {"b/x", "a/x"}, {"a/x": "a/x", "b/x": "b/x"}),
        ({"mask"}, {"mask"}, {"mask": "mask"}),
        ({"x1"}, {"x10"}, {}),
    ],
)
def test_paired__guesses_nothing(pictures, labels, pairs):
    assert paired(pictures, labels) == pairs


def test_refuse_lonely__names_the_nearest(tmp_path):
    with pytest.raises(InputError) as caught:
        refuse_lonely(
            {}, {"x1": "pictures/x1.jpg"}, {"x10": "labels/x10.png"}, "pictures", "labels"
        )
    assert str(caught.value) == (
        "pictures/x1.jpg: wanted a partner named x1 in labels, got none (without a partner: "
        "1 of 1 file, the nearest name is x10)"
    )

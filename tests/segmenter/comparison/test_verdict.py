from dataclasses import replace

import pytest

from langseg.segmenter.comparison.bootstrap import Difference
from langseg.segmenter.comparison.verdict import Dealt, Rule, compared, verdict

ONE = Difference(real=60, other=50, difference=10, low=4, high=16, p=0.002, smallest=8, clusters=22)


@pytest.mark.parametrize(
    ("difference", "low", "high", "p", "margin", "word"),
    [
        (10, 4, 16, 0.002, 0, "yes"),
        (10, 4, 16, 0.002, 5, "no difference"),
        (3, -1, 7, 0.2, 0, "no difference"),
        (-10, -16, -4, 0.002, 0, "harm"),
        (-10, -16, -4, 0.002, 5, "no difference"),
        (10, 4, 16, 0.2, 0, "no difference"),
    ],
)
def test_verdict__is_yes_or_harm_only_beyond_the_margin_and_where_p_says_so(
    difference, low, high, p, margin, word
):
    one = replace(ONE, difference=difference, low=low, high=high, p=p)
    assert verdict(one, None, Rule(margin=margin), "20 splits").word == word


def test_verdict__its_sentence_has_the_numbers_and_what_they_rest_on():
    assert verdict(ONE, None, Rule(), "20 splits, 3 seeds").sentence == (
        "descriptors - random words = +10.0 [+4.0, +16.0] on unseen classes (20 splits, 3 seeds): "
        "yes"
    )


def test_compared__many_arms_must_be_surer_than_one():
    alone = compared({"names": replace(ONE, p=0.04)}, Rule())
    many = compared({f"arm-{n}": replace(ONE, p=0.04) for n in range(5)}, Rule())
    assert [one.word for one in alone] == ["yes"]
    assert {one.word for one in many} == {"no difference"}


def test_verdict__words_that_do_no_better_than_their_lists_dealt_at_random_get_no_yes():
    for p, word in ((0.025, "yes"), (0.05, "yes"), (0.075, "no difference")):
        assert verdict(ONE, Dealt(score=20, p=p), Rule(), "").word == word
    harm = replace(ONE, difference=-10, low=-16, high=-4)
    assert verdict(harm, Dealt(score=20, p=1), Rule(), "").word == "harm"


def test_dealt__counts_the_true_dealing_among_them():
    assert Dealt.of([10.0] * 39, 60.0) == Dealt(score=10, p=1 / 40)
    assert Dealt.of([10.0] * 38 + [60.0], 60.0).p == 2 / 40
    assert Dealt.of([70.0] * 39, 60.0).p == 1

"""A class's name in a phrase is replaced by a word that says nothing of the class."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langseg.descriptors.leaks import NameFinder, words


@pytest.mark.parametrize(
    ("said", "masked"),
    [
        ("A platypus looks like a beaver.", "it looks like a beaver."),
        ("a small brown platypus, seen from above", "a small brown one, seen from above"),
        ("Platypuses have a bill", "it have a bill"),
        ("webbed feet of the platypus", "webbed feet of it"),
        ("the duck-bill beside a duckbill", "it beside it"),
        ("a wide flat bill", "a wide flat bill"),
        ("A platypus", ""),
        ("platypus", ""),
    ],
)
def test_masked__puts_it_or_one_where_the_name_was(said: str, masked: str):
    assert NameFinder(["platypus", "duckbill"]).masked(said) == masked


def test_masked__takes_the_longest_of_several_names():
    finder = NameFinder(["screen", "screen door"])
    assert finder.masked("mesh of a screen door, ajar") == "mesh of it, ajar"


def test_masked__is_nothing_where_the_name_cannot_be_got_out():
    assert NameFinder(["one"]).masked("a green one") == ""


@settings(deadline=None)  # a busy machine is no bug
@given(st.sampled_from(["car", "traffic light", "İstanbul", "ﬁre", "Straße"]), st.text(), st.text())
def test_masked__never_holds_the_name(name: str, before: str, after: str):
    finder = NameFinder([name])
    masked = finder.masked(f"{before} {name} {after}")
    assert not finder.is_in(masked)
    assert not masked or words(masked)

"""A class's name is found in every form, and replaced by a word that says nothing of the class."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langseg.descriptors.phrases.names import NameFinder, words


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("A platypus looks like a beaver.", "it looks like a beaver."),
        ("a small brown platypus, seen from above", "a small brown one, seen from above"),
        ("Platypuses have a bill", "they have a bill"),
        ("The platypuses have a bill", "they have a bill"),
        ("bills of the platypuses", "bills of the ones"),
        ("two brown platypuses", "two brown ones"),
        ("the platypus's bill", "its bill"),
        ("eggs by the platypus' nest", "eggs by its nest"),
        ("Duckbill\u2019s feet", "its feet"),
        ("a brown duckbill's feet", "a brown one's feet"),
        ("platypuses' feet", "their feet"),
        ("feet, two platypuses' tails", "feet, two ones' tails"),
        ("A platypus's", ""),
        ("webbed feet of the platypus", "webbed feet of it"),
        ("the duck-bill beside a duckbill", "it beside it"),
        ("a wide flat bill", "a wide flat bill"),
        ("A platypus", ""),
        ("platypus", ""),
    ],
)
def test_masked__puts_it_or_one_where_the_name_was(text: str, masked: str):
    assert NameFinder(["platypus", "duckbill"]).masked(text) == masked


@pytest.mark.parametrize(
    ("name", "text", "masked"),
    [
        ("person", "people's bags", "their bags"),
        ("stairs", "stairs have steps", "they have steps"),
        ("canvas", "canvas has paint", "it has paint"),
        ("glass", "the glass is clear", "it is clear"),
        ("chest of drawers", "the chest of drawers has knobs", "it has knobs"),
        ("chest of drawers", "chests of drawers have knobs", "they have knobs"),
        ("street light", "streetlights have poles", "they have poles"),
        ("barber's", "the barber's has a pole", "it has a pole"),
    ],
)
def test_masked__speaks_of_one_or_of_many_as_the_name_does(name: str, text: str, masked: str):
    assert NameFinder([name]).masked(text) == masked


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


@settings(deadline=None)  # a busy machine is no bug
@given(st.text(min_size=1), st.text())
def test_name_finder__finds_every_name_in_a_sentence_that_holds_it(name: str, rest: str):
    finder = NameFinder([name])
    if any(char.isalnum() for char in name):
        assert finder.is_name(name)
        assert finder.is_in(f"one {name} two")
    else:
        assert not finder.is_in(rest)


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("bench", "benches"), ("box", "boxes"), ("glass", "glasses"), ("bus", "buses"),
        ("person", "people"), ("knife", "knives"), ("sky", "skies"), ("stairs", "stair"),
        ("berries", "berry"), ("chest of drawers", "chests of drawers"),
        ("windowpane", "window panes"),
        ("traffic light", "traffic-lights"), ("canopy", "canopies"), ("potatoes", "potato"),
    ],
)  # fmt: skip
def test_name_finder__knows_the_plural(name: str, word: str):
    assert NameFinder([name]).is_in(f"next to {word} there")


@pytest.mark.parametrize(
    ("name", "word"),
    [("car", "care"), ("bar", "bare"), ("tub", "tube"), ("bus", "bu"), ("can", "cane")],
)
def test_name_finder__does_not_take_another_word_for_a_plural(name: str, word: str):
    assert not NameFinder([name]).is_in(f"next to {word} there")

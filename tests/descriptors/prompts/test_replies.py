"""Whatever a reply holds, what is accepted is visible, name-free, unique and printable."""

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langseg.cache.keys import text_id
from langseg.cache.records import NAME_SLOT, SLOTS, TABLES, to_table
from langseg.descriptors.prompts.replies import PARSER_VERSION, REASONS, ParsedReply, parse_reply
from tests.support.shelf_replies import (
    ASKED,
    GOOD,
    parsed,
    phrases,
    rejections,
    reply,
    request,
    subclass,
)


def reason(text: str, slot: str = "shape") -> str:
    """Why the last of eight attributes is rejected, the others being good."""
    answer = parsed([*phrases(*GOOD[:7]), *phrases(text, slot=slot)])
    assert answer.status == "ok"
    return answer.rows[-1].rejected


def test_parse_reply__keeps_a_good_reply_whole_and_in_order():
    answer = parsed(subclasses=[subclass("wall rail", *phrases("one plank without sides"))])
    assert answer.status == "ok"
    assert answer.error == ""
    assert rejections(answer) == [
        *(("", text, "") for text in GOOD),
        ("wall rail", "wall rail", ""),
        ("wall rail", "one plank without sides", ""),
    ]
    assert [row.rank for row in answer.rows] == list(range(10))
    assert [row.slot for row in answer.rows[8:]] == [NAME_SLOT, "shape"]
    assert {row.parser_version for row in answer.rows} == {PARSER_VERSION}
    assert {(row.class_name, row.scene, row.request_key) for row in answer.rows} == {
        ("shelf", "*", ASKED.request_key)
    }
    assert len({row.descriptor_id for row in answer.rows}) == 10
    for text in answer.texts:
        assert (text.text_id, text.n_chars) == (text_id(text.text), len(text.text))


@pytest.mark.parametrize(
    "text",
    [
        "painted shelf board", "SHELVES along it", "two shelf-like tiers", "at the shelf's edge",
        "wooden rack of rods", "several racks stacked", "under a street light",
        "row of streetlights", "by the street-light pole", "a ｓｈｅｌｆ of wood",
    ],
)  # fmt: skip
def test_parse_reply__drops_a_phrase_that_names_the_class(text: str):
    assert reason(text) == "names_class"


@pytest.mark.parametrize("text", ["shelfish brown tone", "tracks of rails", "light along a street"])
def test_parse_reply__keeps_a_phrase_whose_words_only_contain_the_name(text: str):
    assert reason(text) == ""


@pytest.mark.parametrize(
    "text",
    ["sound wooden planks", "noisy-looking grain texture", "rows of edible-looking fruit",
     "loud diagonal stripes", "price tags hanging down", "sheet music on a stand"],
)  # fmt: skip
def test_parse_reply__keeps_a_look_said_with_a_word_of_another_sense(text: str):
    assert reason(text) == ""


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("smooth", "too_short"),
        ("...", "too_short"),
        ("board " * 13, "too_long"),
        ("flat " + "b" * 80, "too_long"),
        ("smells of old paper", "not_visual"),
        ("cheap and light board", "not_visual"),
        ("Long  flat board.", "duplicate"),
        ("ｌｏｎｇ flat board", "duplicate"),
        ("flat\x1b[31m board", "hostile"),
        ("flat \u202edraob", "hostile"),
        ("flat\x00 board", "hostile"),
        ("flat\u200b board", "hostile"),
        ("flat \ud800 board", "hostile"),
        ("<b>flat</b> board", "hostile"),
        ("[red]flat board[/]", "hostile"),
        ("=1+1 flat board", "hostile"),
        ("- flat board", "hostile"),
        ("— flat board", "hostile"),
        ("see https://x.org now", "hostile"),
    ],
)
def test_parse_reply__names_the_reason_for_a_phrase_it_drops(text: str, why: str):
    assert reason(text) == why
    assert why in REASONS


def test_parse_reply__drops_a_slot_that_does_not_exist():
    assert reason("long thin plank", slot="smell") == "wrong_slot"
    assert reason("long thin plank", slot=NAME_SLOT) == "wrong_slot"


def test_parse_reply__keeps_what_a_language_model_types_in_one_plain_spelling():
    answer = parsed(phrases(*GOOD[:7], " it’s  a T\u2011shaped\n“edge”. "))
    assert answer.texts[-1].text == 'it\'s a T-shaped "edge"'
    assert answer.rows[-1].rejected == ""


def test_rejected_phrase__is_stored_printable_and_short():
    answer = parsed(phrases(*GOOD[:7], "\x1b]0;\u202e" + "x" * 5000))
    stored = answer.texts[-1].text
    assert stored.startswith("\\x1b]0;\\u202exxx")
    assert stored.isprintable()
    assert len(stored) < 300


def test_items_beyond_the_count__are_not_looked_at():
    answer = parsed(phrases(*GOOD, *(f"tone number {i}" for i in range(10_000))))
    assert len(answer.rows) == 8
    many = [subclass(f"kind {i}", *phrases("a plank", "a board")) for i in range(5_000)]
    assert len(parsed(subclasses=many).rows) == 8 + 4 * 2


def test_items_of_a_wrong_type__are_no_phrases():
    junk: list[Any] = [None, 1, "flat board", [], {}, {"slot": "shape"}, {"slot": 1, "text": ["x"]}]
    answer = parsed([*phrases(*GOOD[:4]), *junk[:4]], [subclass("wall rail", *junk), *junk])
    assert answer.status == "ok"
    assert rejections(answer)[4:] == [("wall rail", "wall rail", "")]


def test_reply_with_fewer_than_half_its_attributes__is_invalid_and_says_why():
    bad = phrases(*GOOD[:3], "a shelf edge", "shelf", "flat <b>", *GOOD[:2])
    answer = parsed(bad)
    assert (answer.status, answer.rows, answer.texts) == ("invalid", (), ())
    assert answer.error == (
        "3 of 8 phrases accepted; dropped: duplicate 2, hostile 1, names_class 1, too_short 1"
    )
    assert parsed(phrases(*GOOD[:4])).status == "ok"
    two_of_three = json.dumps({"attributes": phrases(*GOOD[:2])})
    assert parse_reply(two_of_three, request("kitchen")).status == "ok"
    one_of_three = json.dumps({"attributes": phrases(*GOOD[:1])})
    assert parse_reply(one_of_three, request("kitchen")).status == "invalid"


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


WORDS = st.lists(
    st.sampled_from(
        ["shelf", "Shelves", "shelf-like", "rack", "racks", "street", "light", "lights", "flat",
         "brown", "board", "edge", "\u202e", "<b>", ".", "smell", "  ", "é", "\x00", "\ud83d"]
    ),
    max_size=6,
).map(" ".join)  # fmt: skip


PHRASES = st.lists(
    st.fixed_dictionaries({"slot": st.sampled_from([*SLOTS, "name"]), "text": WORDS | st.text()})
    | JSON,
    max_size=10,
)


SUBCLASSES = st.lists(
    st.fixed_dictionaries(
        {"name": WORDS | st.text(), "parent": st.just("shelf"), "descriptors": PHRASES | JSON}
    )
    | JSON,
    max_size=5,
)


def check(answer: ParsedReply) -> None:
    """What holds for every reply there is."""
    text_of = {text.text_id: text.text for text in answer.texts}
    accepted = [row for row in answer.rows if not row.rejected]
    texts = [text_of[row.text_id] for row in accepted]
    assert answer.status in ("ok", "invalid")
    assert bool(answer.error) == (answer.status == "invalid")
    assert {row.rejected for row in answer.rows} <= {"", *REASONS}
    assert len({row.descriptor_id for row in answer.rows}) == len(answer.rows)
    assert len({text.casefold() for text in texts}) == len(texts)
    assert all(text.isprintable() for text in text_of.values())
    assert {row.text_id for row in answer.rows} == set(text_of)
    for row, text in zip(accepted, texts, strict=True):
        if row.slot == NAME_SLOT:
            assert text == row.subclass
            assert text.casefold() != "shelf"
        else:
            assert row.slot in SLOTS
            assert len(text) <= 80
            bare = re.sub(r"[\W_]+", " ", text.casefold())
            assert not re.search(r"\b(shelf|shelves|racks?|streetlights?|street lights?)\b", bare)
    for name in ("descriptors", "texts"):  # Arrow takes every row
        to_table(TABLES[name], getattr(answer, {"descriptors": "rows"}.get(name, name)))


@settings(deadline=None)  # a busy machine is no bug
@given(st.text() | JSON.map(json.dumps))
def test_any_text__is_parsed_without_an_exception(raw: str):
    check(parse_reply(raw, ASKED))


@pytest.mark.slow
@settings(deadline=None)  # a busy machine is no bug
@given(PHRASES, SUBCLASSES)
def test_any_phrases__leave_only_clean_unique_name_free_ones(
    attributes: list[Any], subclasses: list[Any]
):
    good = phrases(*GOOD[:4])  # so that most replies are accepted and the rest is looked at
    check(parse_reply(reply([*good, *attributes], subclasses), ASKED))

"""A phrase is kept, or dropped for one named reason."""

import pytest

from langseg.descriptors.phrases.rules import phrase_verdict


def test_phrase_verdict__has_no_names_to_look_for_unless_they_are_given():
    assert phrase_verdict("a flat shelf") == ""


@pytest.mark.parametrize(
    "text",
    [
        "½ full glass jar", "red &amp; white stripes", "a 90° bend", "4 × 4 grid of panes",
        "café style letters", "red–white stripes", "“stop” in white", "#1 on the jersey",
        "<5 cm wide strip", "> 2 m tall", "3+ thin legs", "~10 cm across", "a $ sign in gold",
        "m² of tiles", "± the same width", "a → pointing left", "№ 5 on a plate", "★ shaped badge",
        "5 > 3 stripes", "it’s grey…or white", "«quoted» letters", "Band-Aid® print", "50 % grey",
        "نیم\u200cدایره سفید",
    ],
)  # fmt: skip
def test_phrase__with_a_sign_that_people_write_is_not_hostile(text: str):
    assert phrase_verdict(text) == ""


@pytest.mark.parametrize(
    "text",
    [
        "<b>flat</b> board", "flat board</p>", "<script>alert(1)</script>", "&#60;b&#62; board",
        "[red]flat board[/]", "{{ 7 * 7 }} boards", "a | b | c", "`rm` of boards", "a \\n board",
        "=1+1 flat board", "+1 flat board", "@SUM(1) board", "- flat board", "* flat board",
        "• flat board", "**flat** board", "see www.x.org now", "ftp://x flat", "flat \ufffd board",
        "flat\u200cboard", "-> flat board", "flat \u202e board",
    ],
)  # fmt: skip
def test_phrase__with_markup_is_hostile(text: str):
    assert phrase_verdict(text) == "hostile"

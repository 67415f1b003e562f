"""The JSON of a reply is read in a fence too, and anything else is invalid."""

import pytest

from langseg.descriptors.prompts.replies import parse_reply
from tests.support.shelf_replies import ASKED, GOOD, phrases, reply


def test_fenced_reply__is_read():
    fenced = f"\n```json\n{reply(phrases(*GOOD))}\n```\n"
    assert len(parse_reply(fenced, ASKED).rows) == 8


@pytest.mark.parametrize(
    "raw",
    [
        "", " ", "null", "[]", "7", '"text"', "I cannot help with that.", "<html>502</html>",
        "{}", '{"attributes": {}}', '{"attributes": []}', '{"attributes": "x", "subclasses": []}',
        reply(phrases(*GOOD))[:-1],
        reply(phrases(*GOOD)) + reply(phrases(*GOOD)),
        '{"attributes": [], ' + reply(phrases(*GOOD))[1:],
        reply(phrases(*GOOD, "x" * 10_000_000)),
        "[" * 100_000, '{"attributes":' * 100_000, "1" * 5000, "```", "``````", "```json\n```",
        "\x00", "\ud800", "NaN", "x" * 10_000_000, '{"attributes": ["' + "y" * 10_000_000 + '"]}',
        "```\n" + "\n" * 100_000 + "x",
    ],
    ids=lambda raw: repr(raw[:24]),
)  # fmt: skip
def test_reply_that_is_not_the_json_asked_for__is_invalid(raw: str):
    answer = parse_reply(raw, ASKED)
    assert (answer.status, answer.rows) == ("invalid", ())
    assert answer.error.isprintable()
    assert 0 < len(answer.error) <= 300

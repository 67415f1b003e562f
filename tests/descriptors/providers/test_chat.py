import json

import pytest

from langseg.cache.records import Request
from langseg.descriptors.providers.chat import NotAReplyError, chat_body, read_reply


def test_chat_body__binds_the_reply_to_the_schema_and_leaves_null_parameters_out():
    request = Request(
        request_key="k", class_name="wall", scene="*", sample_index=0, model="m", prompt_id="p",
        params_json='{"seed": 7, "top_p": null}', messages_json='[{"role": "user"}]',
        schema_json='{"type": "object"}',
    )  # fmt: skip
    assert chat_body(request) == {
        "model": "m",
        "messages": [{"role": "user"}],
        "seed": 7,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "descriptors", "strict": True, "schema": {"type": "object"}},
        },
    }


def test_read_reply__keeps_the_text_word_for_word_with_what_was_used():
    reply = read_reply(_body("  {}\n", usage=_USAGE, model="m-2", system_fingerprint="fp"))
    assert (reply.status, reply.note, reply.raw_text) == ("ok", "", "  {}\n")
    assert (reply.served_model, reply.system_fingerprint) == ("m-2", "fp")
    assert (reply.prompt_tokens, reply.completion_tokens, reply.cached_tokens) == (9, 4, 8)


_USAGE = {
    "prompt_tokens": 9,
    "completion_tokens": 4,
    "prompt_tokens_details": {"cached_tokens": 8},
}


@pytest.mark.parametrize(
    "usage",
    [None, {}, 3, {"prompt_tokens": "9", "completion_tokens": -1, "prompt_tokens_details": []},
     {"prompt_tokens": True, "completion_tokens": 2**63}],
)  # fmt: skip
def test_read_reply__a_count_that_is_not_reported_or_no_count_is_none(usage):
    reply = read_reply(_body("{}", usage=usage))
    assert (reply.prompt_tokens, reply.completion_tokens, reply.cached_tokens) == (None,) * 3


@pytest.mark.parametrize(
    ("choice", "status", "raw_text"),
    [
        ({"message": {"content": None, "refusal": "No."}}, "refused", "No."),
        ({"message": {"content": "{}", "refusal": "No."}}, "refused", "{}"),
        ({"message": {"content": "{"}, "finish_reason": "content_filter"}, "refused", "{"),
        ({"message": {"content": "{}"}, "finish_reason": "length"}, "truncated", "{}"),
        ({"message": {"content": ""}}, "empty", ""),
        ({"message": {"content": " \n"}}, "empty", " \n"),
        ({"message": {}}, "empty", ""),
        ({"message": None}, "empty", ""),
        ("no choice", "empty", ""),
    ],
)
def test_read_reply__an_answer_without_a_whole_text_says_which_kind(choice, status, raw_text):
    reply = read_reply(json.dumps({"choices": [choice]}))
    assert (reply.status, reply.raw_text) == (status, raw_text)
    assert reply.note
    assert ("--max-completion-tokens" in reply.note) == (status == "truncated")


def test_read_reply__an_object_already_decoded_becomes_its_text():
    assert json.loads(read_reply(_body({"attributes": []})).raw_text) == {"attributes": []}


@pytest.mark.parametrize(
    "body",
    ["", "<!doctype html>", "null", "[]", '"text"', "{}", '{"choices": null}',
     '{"choices": []}',
     '{"choices": {"message": 1}}', '{"error": {"message": "bad gateway"}}', "[" * 100_000],
)  # fmt: skip
def test_read_reply__anything_else_is_no_reply(body):
    with pytest.raises(NotAReplyError, match="wanted a"):
        read_reply(body)


def _body(content: object, **fields: object) -> str:
    return json.dumps({"choices": [{"message": {"content": content}}], **fields})

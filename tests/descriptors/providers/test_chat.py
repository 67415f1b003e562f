import json

import pytest

from langseg.cache.records import Request
from langseg.descriptors.openai_api.error_reply import ErrorReplyError
from langseg.descriptors.providers.chat import chat_body, read_reply
from langseg.descriptors.providers.completion import NotAReplyError


def test_chat_body__binds_the_reply_to_the_schema_and_leaves_null_parameters_out():
    request = Request(
        request_key="k", class_name="wall", sense="", scene="*", sample_index=0, model="m",
        prompt_id="p",
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
        ({"message": {"content": None}, "finish_reason": "MAX_TOKENS"}, "truncated", ""),
        ({"message": {"content": '{"a": [1, '}, "finish_reason": "stop"},
         "truncated", '{"a": [1, '),
        ({"message": {"content": '{"a": "b'}}, "truncated", '{"a": "b'),
        ({"message": {"content": "", "reasoning_content": "I"}, "finish_reason": "length"},
         "truncated", ""),
        ({"message": {"content": "", "reasoning_content": "I think."}}, "empty", ""),
        ({"message": {"content": [{"type": "thinking", "thinking": [{"text": "{}"}]}]}},
         "empty", ""),
        ({"message": {"content": ""}}, "empty", ""),
        ({"message": {"content": " \n"}}, "empty", " \n"),
        ({"message": {}}, "empty", ""),
        ({"message": None}, "empty", ""),
        ("no choice", "empty", ""),
    ],
)  # fmt: skip
def test_read_reply__an_answer_without_a_whole_text_says_which_kind(choice, status, raw_text):
    reply = read_reply(json.dumps({"choices": [choice]}))
    assert (reply.status, reply.raw_text) == (status, raw_text)
    assert reply.note
    assert ("--max-completion-tokens" in reply.note) == (status == "truncated")


@pytest.mark.parametrize(
    ("reasons", "status"),
    [
        ("length LENGTH MAX_TOKENS max_tokens model_length token_limit max_output_tokens "
         "FinishReason.MAX_TOKENS max_new_tokens length_capped model_context_window_exceeded "
         "truncated", "truncated"),
        ("stop STOP eos eos_token end_turn stop_sequence COMPLETE tool_calls function_call "
         "FinishReason.STOP unknown", "ok"),
        ("content_filter CONTENT_FILTER SAFETY RECITATION PROHIBITED_CONTENT BLOCKLIST SPII "
         "refusal sensitive content_filtered guardrail_intervened", "refused"),
    ],
)  # fmt: skip
def test_read_reply__knows_a_finish_reason_in_every_spelling(reasons, status):
    for reason in reasons.split():
        choice = {"message": {"content": '{"a": 1}'}, "finish_reason": reason}
        reply = read_reply(json.dumps({"choices": [choice]}))
        assert (reason, reply.status, reply.finish_reason) == (reason, status, reason)


@pytest.mark.parametrize(
    "reason",
    ["error", "ERROR", "abort", "aborted", "network_error", "cancelled", "timeout",
     "insufficient_system_resource"],
)  # fmt: skip
def test_read_reply__that_ended_by_a_fault_is_no_answer(reason):
    choice = {"message": {"content": '{"a": 1}'}, "finish_reason": reason}
    with pytest.raises(ErrorReplyError, match=reason):
        read_reply(json.dumps({"choices": [choice]}))


@pytest.mark.parametrize(
    "message",
    [
        {"content": [{"type": "text", "text": '{"a":'}, {"type": "text", "text": " 1}"}]},
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": '{"b": 2}'}]},
                     {"type": "text", "text": '{"a": 1}'}]},
        {"content": [{"text": '{"b": 2}', "thought": True}, {"text": '{"a": 1}'}]},
        {"content": [{"type": "reasoning", "text": '{"b": 2}'},
                     {"type": "output_text", "text": '{"a": 1}'}]},
        {"content": ['{"a"', ": 1}"]},
        {"content": {"type": "text", "text": '{"a": 1}'}},
        {"content": '{"a": 1}', "reasoning_content": '{"b": 2}'},
        {"content": None, "reasoning_content": '{"a": 1}'},
        {"content": "", "reasoning": '{"a": 1}'},
        {"content": " ", "thinking": '{"a": 1}'},
        {"content": None, "parsed": {"a": 1}},
        {"content": None, "tool_calls": [{"function": {"name": "x", "arguments": '{"a": 1}'}}]},
    ],
)  # fmt: skip
def test_read_reply__finds_the_text_wherever_it_stands(message):
    reply = read_reply(json.dumps({"choices": [{"message": message, "finish_reason": "stop"}]}))
    assert (reply.status, reply.raw_text) == ("ok", '{"a": 1}')


def test_read_reply__keeps_thoughts_beside_the_object_word_for_word():
    text = '<think>plan {it}</think>\n{"a": 1}<|im_end|>'
    assert read_reply(_body(text)).raw_text == text


def _chunk(delta: object, finish: object = None, **fields: object) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return json.dumps({"choices": [choice], "model": "m-2", **fields}, ensure_ascii=False)


_CHUNKS = (
    _chunk({"role": "assistant", "content": ""}), _chunk({"reasoning_content": "hm"}),
    _chunk({"content": '{"a": '}), _chunk({"content": '"\u2028"}'}), _chunk({}, "stop"),
    json.dumps({"choices": [], "usage": _USAGE}),
)  # fmt: skip


@pytest.mark.parametrize(
    "stream",
    [
        "".join(f"data: {chunk}\n\n" for chunk in (*_CHUNKS, "[DONE]")),
        "".join(f"data: {chunk}\n\n" for chunk in _CHUNKS),
        "".join(f"data:{chunk}\n" for chunk in (*_CHUNKS, "[DONE]")),
        "\ufeff" + "\r\n\r\n".join(f"event: x\r\nid: 1\r\ndata: {chunk}" for chunk in _CHUNKS),
        ": PROCESSING\n\n: PROCESSING\n\n" + "".join(f"data: {c}\n\n" for c in _CHUNKS),
        "\n".join(_CHUNKS),
    ],
)
def test_read_reply__joins_the_pieces_of_a_stream(stream):
    reply = read_reply(stream)
    assert (reply.status, reply.raw_text) == ("ok", '{"a": "\u2028"}')
    assert (reply.finish_reason, reply.served_model) == ("stop", "m-2")
    assert (reply.prompt_tokens, reply.completion_tokens, reply.cached_tokens) == (9, 4, 8)


@pytest.mark.parametrize("end", ["\n\ndata: [DONE]\n\n", "\ndata: [DONE]", "\n\n", "[DONE]"])
def test_read_reply__a_whole_reply_may_end_as_a_stream_does(end):
    before = "\n  \n" if end == "\n\n" else ""
    if end == "[DONE]":
        end = "\ndata:[DONE]\r\n"
    assert read_reply(before + _body('{"a": 1}') + end).raw_text == '{"a": 1}'


def test_read_reply__joins_what_a_stream_says_of_a_call_and_of_a_refusal():
    calls = [{"tool_calls": [{"function": {"arguments": part}}]} for part in ('{"a"', ": 1}")]
    assert read_reply("\n".join(map(_chunk, calls))).raw_text == '{"a": 1}'
    refusal = read_reply("\n".join(_chunk({"refusal": part}) for part in ("No", ".")))
    assert (refusal.status, refusal.raw_text) == ("refused", "No.")


def test_read_reply__a_stream_that_breaks_off_is_a_fault_and_an_error_in_it_is_one():
    pieces = [_chunk({"content": '{"a": '}), _chunk({"content": "[1, "})]
    stream = "".join(f"data: {piece}\n\n" for piece in pieces)
    with pytest.raises(NotAReplyError, match="a stream that broke off"):
        read_reply(stream)
    with pytest.raises(ErrorReplyError, match="idle") as caught:
        read_reply(stream + 'data: {"error": {"code": 502, "message": "idle"}}\n\n')
    assert caught.value.status == 502
    assert read_reply(stream + "data: [DONE]\n\n").status == "truncated"


def test_read_reply__an_object_already_decoded_becomes_its_text():
    assert json.loads(read_reply(_body({"attributes": []})).raw_text) == {"attributes": []}


@pytest.mark.parametrize(
    "body",
    ["", "<!doctype html>", "null", "[]", '"text"', "{}", '{"choices": null}',
     '{"choices": []}',
     '{"choices": {"message": 1}}', '{"error": {}}', "[" * 100_000],
)  # fmt: skip
def test_read_reply__anything_else_is_no_reply(body):
    with pytest.raises(NotAReplyError, match="without a choice|other text"):
        read_reply(body)


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"error": {"message": "slow down", "code": 429}}, 429, "slow down"),
        ([{"error": {"message": "slow down", "code": 429}}], 429, "slow down"),
        ({"error": {"message": "slow down", "code": "429"}, "choices": []}, 429, "slow down"),
        ({"error": "out of memory", "choices": None}, None, "out of memory"),
        ({"errors": [{"code": 7003, "message": "no route"}], "success": False}, None, "no route"),
        ({"object": "error", "message": "no such model", "code": 404}, 404, "no such model"),
        ({"detail": "Not Found"}, None, "Not Found"),
        ({"base_resp": {"status_code": 1008, "status_msg": "no balance"}}, None, "no balance"),
        ({"error": {"code": 502, "message": "upstream"}, "choices": [{}]}, 502, "upstream"),
        ({"choices": [{"error": {"code": 502, "message": "idle"}, "finish_reason": "error",
                       "message": {"content": "{"}}]}, 502, "idle"),
        ({"choices": [{"finish_reason": "ERROR", "message": {"content": "{}"}}]}, None, "ERROR"),
        ({"choices": [{"finish_reason": "abort", "message": {"content": "{}"}}]}, None, "abort"),
    ],
)  # fmt: skip
def test_read_reply__an_error_in_a_200_acts_as_the_status_it_names(body, status, words):
    with pytest.raises(ErrorReplyError, match=words) as caught:
        read_reply(json.dumps(body))
    assert caught.value.status == status
    assert caught.value.begun == ("finish_reason" in json.dumps(body))


@pytest.mark.parametrize("error", [None, "", {}, {"code": 0, "message": ""}])
def test_read_reply__an_error_field_that_holds_nothing_is_no_error(error):
    assert read_reply(_body("{}", error=error)).status == "ok"


def _body(content: object, **fields: object) -> str:
    return json.dumps({"choices": [{"message": {"content": content}}], **fields})


def test_read_reply__of_a_stream_with_several_choices_the_first_is_read():
    pieces = [_chunk({"content": part}, None) for part in ('{"a": ', "1}")]
    others = [piece.replace('"index": 0', '"index": 1') for piece in pieces]
    mixed = [each for pair in zip(pieces, others, strict=True) for each in pair]
    assert read_reply("\n".join([*mixed, _chunk({}, "stop")])).raw_text == '{"a": 1}'

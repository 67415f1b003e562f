"""What servers say of a request in a form they do not take, and what is asked then."""

import json
from typing import Any

import pytest

from langseg.cache.keys import canonical_json
from langseg.cache.records import Request
from langseg.descriptors.prompts.json_reply import list_of, object_of, phrase
from langseg.descriptors.providers.openai.dialect import Dialect, flag_to_change, refusal_of

SCHEMA = object_of(attributes=list_of(phrase(), 8), minItems=list_of(phrase(), 2))
REQUEST = Request(
    request_key="k", class_name="wall", sense="", scene="*", sample_index=0, model="m",
    prompt_id="p",
    params_json='{"max_completion_tokens": 2048, "temperature": 0}',
    messages_json='[{"role":"system","content":"Do it."},{"role":"user","content":"wall"}]',
    schema_json=canonical_json(SCHEMA),
)  # fmt: skip
FULL = Dialect()


def said(message: Any, **more: Any) -> str:
    return json.dumps({"error": {"message": message, **more}})


def test_body__in_the_first_form_binds_the_reply_to_the_schema_and_forbids_a_stream():
    body = FULL.body(REQUEST)
    assert body["response_format"]["json_schema"]["schema"] == SCHEMA
    assert body["response_format"]["json_schema"]["strict"] is True
    assert body["messages"] == json.loads(REQUEST.messages_json)
    assert (body["stream"], body["max_completion_tokens"]) == (False, 2048)
    assert str(FULL) == "json_schema"


def test_body__without_keywords_keeps_the_structure_and_properties_of_the_same_name():
    form = Dialect(without=frozenset({"minItems", "maxItems", "strict"}))
    told = form.body(REQUEST)["response_format"]["json_schema"]
    assert "strict" not in told
    assert told["schema"]["required"] == ["attributes", "minItems"]
    for kept in told["schema"]["properties"].values():
        assert kept == {"type": "array", "items": phrase()}
    assert str(form) == "json_schema without maxItems minItems strict"


@pytest.mark.parametrize(
    ("schema", "told"), [("json_object", {"type": "json_object"}), ("text", None)]
)
def test_body__what_the_server_cannot_enforce_closes_the_instructions(schema, told):
    body = Dialect(schema=schema, said=True).body(REQUEST)
    assert body.get("response_format") == told
    system, user = body["messages"]
    assert system["content"].startswith("Do it.\n\n")
    assert system["content"].endswith("\n" + REQUEST.schema_json)
    assert user == {"role": "user", "content": "wall"}


def test_body__with_the_older_name_of_the_limit_and_no_system_message():
    form = Dialect(limit="max_tokens", system=False)
    body = form.body(REQUEST)
    assert body["max_tokens"] == 2048
    assert "max_completion_tokens" not in body
    assert body["messages"] == [{"role": "user", "content": "Do it.\n\nwall"}]
    assert str(form) == "json_schema, max_tokens, no system message"


OBJECT = "json_object, schema in the prompt"
TEXT = "text, schema in the prompt"
COUNTS = "json_schema without maxItems maxLength minItems minLength"


@pytest.mark.parametrize(
    ("status", "words", "then"),
    [
        # how the schema is told
        (400, said("This response_format type is unavailable now"), OBJECT),
        (400, said("Invalid value: 'json_schema'. Supported values are: 'text' and 'json_object'",
                   param="response_format.type"), OBJECT),
        (422, json.dumps({"detail": [{"type": "literal_error",
                                      "loc": ["body", "response_format", "type"],
                                      "msg": "Input should be 'text' or 'json_object'",
                                      "input": "json_schema"}]}), OBJECT),
        (400, said("This model does not support response format `json_schema`."), OBJECT),
        (400, '"response_format" type must be one of "text" or "json_object"', OBJECT),
        (404, said("No endpoints found that can handle the requested parameters."), OBJECT),
        (501, said("json mode is not implemented"), OBJECT),
        (400, said("structured outputs are not supported when thinking is on"), OBJECT),
        # a keyword of the schema
        (400, said("invalid schema for response format: /attributes: minItems is not supported"),
         "json_schema without minItems"),
        (400, said("For 'array' type, property 'maxItems' is not supported"),
         "json_schema without maxItems"),
        (400, said('Unknown name "additional_properties" at generation_config.response_schema'),
         "json_schema without additionalProperties"),
        (422, said("Unsupported: min_items, max_items"), "json_schema without maxItems minItems"),
        (400, said("Unknown parameter: 'response_format.json_schema.strict'"),
         "json_schema without strict"),
        # the schema, and no keyword
        (400, said("The provided JSON schema contains features not supported by xgrammar."),
         COUNTS),
        (500, said("failed to parse grammar"), COUNTS),
        # the limit
        (422, said("[{'type': 'extra_forbidden', 'loc': ('body', 'max_completion_tokens'), "
                   "'msg': 'Extra inputs are not permitted'}]"), "json_schema, max_tokens"),
        (400, said("mistral does not support parameters: {'max_completion_tokens': 4096}"),
         "json_schema, max_tokens"),
        (422, json.dumps({"detail": [{"loc": ["body", "max_tokens"], "msg": "Field required",
                                      "input": {"response_format": {"type": "json_schema"}}}]}),
         "json_schema, max_tokens"),
        (400, said("data/max_completion_tokens must NOT have additional properties",
                   keyword="additionalProperties"), "json_schema without additionalProperties"),
        # the role of the instructions
        (400, said("System role not supported"), "json_schema, no system message"),
        (400, said("Conversation roles must alternate user/assistant/user/assistant/..."),
         "json_schema, no system message"),
        (400, said("'messages[0].role' does not support 'system' with this model"),
         "json_schema, no system message"),
        # no reason
        (400, said("Bad Request"), "json_schema, max_tokens"),
        (422, "", "json_schema, max_tokens"),
        (400, said("Request contains an invalid argument."), "json_schema, max_tokens"),
    ],
)  # fmt: skip
def test_refused_form__is_followed_by_one_that_asks_less(status, words, then):
    assert str(FULL.lower(refusal_of(status, words), answered=False)) == then


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (404, said("The model `m` does not exist or you do not have access to it")),
        (400, said("Invalid model: m")),
        (400, said("This model's maximum context length is 4096 tokens. However, you requested "
                   "4600 tokens in response_format json_object")),
        (400, said("max_tokens is too large: 2048. This model supports at most 1024")),
        (400, said("'max_completion_tokens' is too large: 2048 > 2048 - 1200")),
        (400, said("The response was filtered due to the content management policy")),
        (400, said("'temperature' does not support 0 with this model", param="temperature")),
        (400, said("API key not valid. Please pass a valid API key.")),
        (400, said("User location is not supported for the API use.")),
        (400, json.dumps({"detail": "Stream must be set to true"})),
        (401, said("response_format")), (429, said("response_format")), (413, said("schema")),
        (404, said("Not Found")), (500, said("Internal Server Error")), (503, said("json_schema")),
    ],
)  # fmt: skip
def test_refusal__about_something_else_leaves_the_form_alone(status, words):
    assert FULL.lower(refusal_of(status, words), answered=False) is None


def test_refusal_without_a_reason__is_about_something_else_where_the_form_was_answered():
    assert FULL.lower(refusal_of(400, said("Bad Request")), answered=True) is None
    named = refusal_of(400, said("This response_format type is unavailable now"))
    assert str(FULL.lower(named, answered=True)) == OBJECT


@pytest.mark.parametrize(
    ("words", "forms"),
    [
        (said("response_format is not supported"), [OBJECT, TEXT]),
        (said("invalid schema"), [COUNTS, OBJECT, TEXT]),
        (said("minItems"), ["json_schema without minItems", COUNTS, OBJECT, TEXT]),
        (said("max_completion_tokens and max_tokens: unknown"), ["json_schema, max_tokens"]),
        (said("System role not supported"), ["json_schema, no system message"]),
        (said("Bad Request"), ["json_schema, max_tokens", f"{COUNTS}, max_tokens",
                               f"{OBJECT}, max_tokens", f"{TEXT}, max_tokens"]),
    ],
)  # fmt: skip
def test_steps__end(words, forms):
    form, taken = FULL, []
    while lower := form.lower(refusal_of(400, words), answered=False):
        form = lower
        taken.append(str(form))
    assert taken == forms


@pytest.mark.parametrize(
    ("status", "words", "flag"),
    [
        (400, said("'temperature' does not support 0 with this model. Only 1 is"), "--temperature"),
        (413, said("Request too large for model `m` on tokens per minute (TPM): Limit 3000, "
                   "Requested 3412, please reduce your message size"), "--max-completion-tokens"),
        (429, said("Request too large for m on tokens per min (TPM): Limit 3000, Requested 3412."),
         "--max-completion-tokens"),
        (400, said("max_tokens is too large: 2048. This model supports at most 1024"),
         "--max-completion-tokens"),
        (400, said("maximum context length is 2048 tokens"), "--max-completion-tokens"),
        (429, said("Limit 30000, Used 29800, Requested 1200."), ""),
        (429, said("slow down"), ""), (500, said("temperature"), ""), (400, said("no"), ""),
        (413, "<html>Request Entity Too Large</html>", ""),
    ],
)  # fmt: skip
def test_flag_to_change__is_named_where_a_setting_is_to_blame(status, words, flag):
    told = flag_to_change(refusal_of(status, words), REQUEST)
    assert (flag in told) if flag else told == ""

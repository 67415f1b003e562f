"""An error's own words are found, whatever form its server gives it."""

import pytest

from langseg.descriptors.openai_api.error_body import read_error

FORMS = [
    ('{"error": "model needs more memory"}', "model needs more memory"),  # Ollama, LM Studio
    ('{"error": {"message": "no", "type": "x", "code": null}}', "no"),  # OpenAI
    ('{"detail": "Stream must be set to true"}', "Stream must be set to true"),  # FastAPI
    (
        '{"detail": [{"type": "extra", "loc": ["body", "seed"], "msg": "not permitted"}]}',
        "body.seed: not permitted",
    ),
    ('{"detail": {"msg": "Server is busy", "type": "service_unavailable"}}', "Server is busy"),
    ('[{"error": {"code": 429, "message": "no quota", "status": "X"}}]', "no quota"),  # Gemini
    ('{"message": "no such route"}', "no such route"),
    ('{"object": "error", "message": "too long", "code": 400}', "too long"),  # vLLM of old
    ('{"errors": [{"message": "one"}, {"message": "two"}]}', "one; two"),
    ('{"errors": ["one", "two"]}', "one; two"),
    ('{"error": "Not Found", "message": "Route POST:/x not found"}', "Route POST:/x not found"),
    ('{"error": "invalid_token", "error_description": "It expired"}', "It expired"),
    ('{"title": "Too Many Requests", "detail": "slow down", "status": 429}', "slow down"),
    ('{"type": "error", "error": {"type": "overloaded_error", "message": "Busy"}}', "Busy"),
    ('{"statusCode": 401, "message": "Access denied"}', "Access denied"),  # Azure
    ('{"base_resp": {"status_code": 1002, "status_msg": "rate limit"}}', "rate limit"),  # MiniMax
    (  # OpenRouter
        '{"error": {"message": "Provider returned error", "metadata": {"raw": "busy upstream"}}}',
        "Provider returned error: busy upstream",
    ),
    (
        '{"error": {"message": "Provider returned error", "metadata": '
        '{"raw": "{\\"error\\": {\\"message\\": \\"one image at most\\"}}"}}}',
        "Provider returned error: one image at most",
    ),
    (  # Gemini behind a gateway
        '{"error": {"message": "{\\n \\"error\\": {\\"message\\": \\"none left\\"}}"}}',
        "none left",
    ),
    ('event: error\ndata: {"error": {"message": "in a stream"}}\n\n', "in a stream"),
    ('{"error": {"type": "mystery"}}', '{"error": {"type": "mystery"}}'),
    ("Internal Server Error", "Internal Server Error"),
    ("<html><head><title>502 Bad Gateway</title></head><body>nginx</html>", "502 Bad Gateway"),
    ("<html><h1>No&nbsp;way</h1><script>let x</script> &amp; more</html>", "No way & more"),
    ("<!-- x --><!doctype html><title>\n Sign in\n</title>", "Sign in"),
    ('{"error": ', '{"error":'),
    ("[" * 5000, "[" * 2000),
    ("", ""),
]  # fmt: skip


@pytest.mark.parametrize(("body", "words"), FORMS)
def test_read_error__finds_the_words(body, words):
    assert read_error(body, 0.0).words == words


@pytest.mark.parametrize(
    ("body", "is_api"),
    [
        ('{"error": "no"}', True),
        ('[{"error": {"message": "no"}}]', True),
        ({"message": "decoded already"}, True),
        ("text decoded already", False),
        ("<title>Sign in</title>", False),
        ('{"ok": false}', False),
        ("", False),
    ],
)
def test_read_error__tells_an_api_from_a_page(body, is_api):
    assert read_error(body, 0.0).is_api == is_api


def test_read_error__collects_the_names_that_a_server_gives():
    body = (
        '{"error": {"code": "rate_limit_exceeded", "type": "tokens", "status": 429, "details": '
        '[{"violations": [{"quotaId": "GenerateRequestsPerDay"}]}, {"reason": "RATE"}]}}'
    )
    names = {"rate_limit_exceeded", "tokens", "429", "generaterequestsperday", "rate"}
    assert read_error(body, 0.0).names == names


def test_read_error__takes_the_longer_delay_of_a_field_and_the_words():
    body = '[{"error": {"message": "Please retry in 18.9s.", "details": [{"retryDelay": "18s"}]}}]'
    assert read_error(body, 0.0).wait_s == 18.9

"""How long a server asks to be left alone is found wherever it says so."""

import pytest

from langseg.descriptors.openai_api.told_wait import (
    duration_s,
    wait_in_body,
    wait_in_headers,
    wait_in_words,
)


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"retry-after": "2"}, 2),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "20s"}, 20),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"x-ms-retry-after-ms": "250"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9),
        ({"retry-after": "Thu, 01 Jan 1970 00:01:10 GMT"}, 10),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:10 GMT"}, 0),
        ({"x-ratelimit-reset": "1790000000000"}, 1790000000 - 60),  # OpenRouter: a moment
        ({"x-ratelimit-reset": "30"}, 30),
        ({"retry-after": "1e18"}, 366 * 86_400),  # what calendars can hold
        ({}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
    ],
)
def test_wait_in_headers__reads_numbers_durations_dates_and_moments(headers, wait_s):
    if wait_s and wait_s > 366 * 86_400:
        wait_s = 366 * 86_400
    assert wait_in_headers(headers, now=60.0) == wait_s


@pytest.mark.parametrize(
    ("text", "wait_s"),
    [
        ("Rate limit reached ... on TPD. Please try again in 7h12m. Visit", 25_920),  # OpenAI
        ("Limit 3, Used 3. Please try again in 20s.", 20),
        ("Please try again in 1m30s", 90),
        ("Please try again in 850ms. Visit https://x/limits to learn more", 0.85),
        ("please try again in 7m12.5s", 432.5),  # Groq
        ("Requests have exceeded the limit. Please retry after 26 seconds.", 26),  # Azure
        ("You exceeded your current quota. Please retry in 18.9s.", 18.9),  # Gemini
        ("Your quota will reset after 4h32m10s.", 16_330),
        ("Please wait 30 seconds before you ask again", 30),
        ("Try again in 2 minutes and 5 seconds", 125),
        ("Rate limit resets in: 12 min", 720),
        ("retry after 5", 5),
        ("Retry after 1 day, 2 hours", 93_600),
        ("Please try again later", None),
        ("gave up: retry after 3 attempts", None),
        ("limits reset at 2026-02-07 15:22:52", None),
        ("we retry 3 times", None),
        ("the model has 7 m parameters", None),
    ],
)
def test_wait_in_words__reads_what_providers_write(text, wait_s):
    assert wait_in_words(text) == (None if wait_s is None else pytest.approx(wait_s))


@pytest.mark.parametrize(
    ("body", "wait_s"),
    [
        ([{"error": {"details": [{"@type": "RetryInfo", "retryDelay": "18s"}]}}], 18),
        ({"error": "Model x is currently loading", "estimated_time": 20.0}, 20),  # Hugging Face
        ({"error": {"retry_after": 4}}, 4),
        ({"error": {"retry_after_ms": 400}}, 0.4),
        ({"error": {"metadata": {"headers": {"X-RateLimit-Reset": "1790000060000"}}}}, 60),
        ({"error": {"metadata": {"headers": {"X-RateLimit-Reset": "1780000000000"}}}}, None),
        ({"detail": "no delay", "retries": 3}, None),
        ("text", None),
    ],
)
def test_wait_in_body__reads_fields_at_any_depth_but_no_moment_that_is_over(body, wait_s):
    assert wait_in_body(body, now=1_790_000_000.0) == wait_s


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("6m0s", 360), ("20ms", 0.02), ("1h2m3.5s", 3723.5), ("1s", 1), ("7", 7), ("0.5", 0.5),
        ("2m59.56s", 179.56), ("1m", 60), ("2h", 7200), ("1m20ms", 60.02), (" 3s ", 3), ("0s", 0),
        ("26 seconds", 26), ("1d", 86_400),
        ("", None), (" ", None), ("abc", None), ("-1", None), ("-1s", None), ("inf", None),
        ("infs", None), ("1e400", None), ("nan", None), ("s", None), ("3s1m", None),
        ("9" * 400 + "h", None),
    ],
)  # fmt: skip
def test_duration_s__reads_days_to_milliseconds_and_nothing_else(text, seconds):
    found = duration_s(text)
    assert found is None if seconds is None else found == pytest.approx(seconds)

import pytest

from langseg.cache.errors import UsageError
from langseg.descriptors.openai_api.endpoint import (
    DEFAULT_BASE_URL,
    Key,
    checked_base_url,
    key_from_environment,
)

LOCAL = "http://127.0.0.1:8000/v1"


@pytest.mark.parametrize("url", [DEFAULT_BASE_URL, LOCAL, "http://[::1]:8000/v1", "https://a.b/c"])
def test_base_url__a_plain_one_is_taken_as_it_is(url):
    assert checked_base_url(url) == url


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        (f"{LOCAL}/", LOCAL),
        (f" {LOCAL}//\n", LOCAL),
        (f"{LOCAL}/chat/completions", LOCAL),
        (f"{LOCAL}/chat/completions/", LOCAL),
        (f"{LOCAL}/embeddings", LOCAL),
        ("HTTP://Host:8000/v1", "http://Host:8000/v1"),
        ("http://host", "http://host"),
        (
            "https://x.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-10-21",
            "https://x.openai.azure.com/openai/deployments/d?api-version=2024-10-21",
        ),
        ("https://host/openai/v1/?api-version=preview", "https://host/openai/v1?api-version=preview"),
    ],
)  # fmt: skip
def test_base_url__what_it_has_too_much_is_left_out(url, meant):
    assert checked_base_url(url) == meant


@pytest.mark.parametrize(
    "url",
    ["http://bob:hunter2@host/v1", "http://hunter2@host/v1", "http://host/v1?token=hunter2",
     "http://host/v1#hunter2", "http://host/v1?api-key=hunter2", "http://host/v1?hunter2",
     "http://host/v1?api-version=2024-10-21&sig=hunter2", "host/v1?key=hunter2",
     "http://host/v1?api-version=" + "hunter2" * 6],
)  # fmt: skip
def test_base_url__one_with_a_secret_is_refused_and_not_repeated(url):
    with pytest.raises(UsageError, match="OPENAI_API_KEY") as caught:
        checked_base_url(url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("", "without http"), ("host/v1", "without a scheme"), ("localhost:8000/v1", "a scheme"),
        ("127.0.0.1:8000/v1", "a scheme"), ("ftp://host/v1", "without http"),
        ("http://", "or host"), ("http:///v1", "or host"), ("http://host:port/v1", "host or port"),
        ("http://[::1/v1", "host or port"), ("http:/host/v1", "without a scheme"),
    ],
)  # fmt: skip
def test_base_url__the_part_that_is_wrong_is_named(url, part):
    with pytest.raises(UsageError, match="wanted one like http://127.0.0.1:8000/v1") as caught:
        checked_base_url(url)
    assert part in str(caught.value)


def test_key__openai_cannot_be_asked_without_one(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", " ")
    with pytest.raises(UsageError, match="export OPENAI_API_KEY"):
        key_from_environment("https://eu.api.openai.com/v1")


def test_key__another_server_is_sent_none_where_none_is_set(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert key_from_environment(LOCAL).secret == "none"


def test_key__the_line_end_that_secret_files_have_is_no_part_of_it(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-12345678\n")
    assert key_from_environment(LOCAL).secret == "sk-12345678"


@pytest.mark.parametrize("bad", ["sk-1234\n5678", "sk-1234–5678"])
def test_key__one_that_no_header_can_hold_is_refused_and_not_repeated(monkeypatch, bad):
    monkeypatch.setenv("OPENAI_API_KEY", bad)
    with pytest.raises(UsageError, match="plain ASCII") as caught:
        key_from_environment(LOCAL)
    assert "1234" not in str(caught.value)


def test_key__blots_itself_out_however_json_spells_it():
    key = Key("sk-ab/cd/ef")
    assert key.redact(r'"sk-ab/cd/ef" and "sk-ab\/cd\/ef"') == '"[key]" and "[key]"'
    assert "sk-" not in repr(key) + str(key)


def test_key__a_placeholder_is_no_secret_that_could_eat_words_of_a_reply():
    assert Key("dark").redact("dark green leaves") == "dark green leaves"

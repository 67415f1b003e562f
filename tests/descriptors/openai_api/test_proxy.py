"""Which proxy stands before a URL is what its variables say, and never one before a loopback."""

import os

import pytest

from langseg.descriptors.openai_api.proxy import proxy_for

PROXY = "http://bob:hunter2@proxy.corp:3128"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.casefold().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
def test_proxy_for__names_the_variable_and_shows_no_password(monkeypatch, variable):
    monkeypatch.setenv("HTTP_PROXY", "http://other:1")
    monkeypatch.setenv(variable, PROXY)
    proxy = proxy_for("https://api.openai.com/v1")
    assert proxy is not None
    assert (proxy.url, proxy.variable, proxy.where) == (PROXY, variable, "proxy.corp:3128")
    assert "hunter2" not in repr(proxy) + proxy.around("https://api.openai.com/v1")


@pytest.mark.parametrize(
    "url",
    ["http://localhost:8000/v1", "http://127.0.0.1:8000/v1", "http://127.8.8.8/v1",
     "http://[::1]:8000/v1", "http://0.0.0.0:8000/v1", "http://llm.localhost/v1"],
)  # fmt: skip
def test_proxy_for__none_stands_before_a_loopback_address(monkeypatch, url):
    monkeypatch.setenv("ALL_PROXY", PROXY)
    assert proxy_for(url) is None


@pytest.mark.parametrize(
    ("exceptions", "url", "excepted"),
    [
        ("*", "https://api.openai.com/v1", True),
        ("openai.com", "https://api.openai.com/v1", True),
        (".openai.com", "https://api.openai.com/v1", True),
        ("*.openai.com", "https://api.openai.com/v1", True),
        ("https://api.openai.com", "https://api.openai.com/v1", True),
        ("API.OpenAI.com", "https://api.openai.com/v1", True),
        ("penai.com", "https://api.openai.com/v1", False),
        ("gpu-7:8000", "http://gpu-7:8000/v1", True),
        ("gpu-7:8001", "http://gpu-7:8000/v1", False),
        ("127.0.0.0/8, 10.0.0.0/8", "http://10.1.2.3:8000/v1", True),
        ("10.1.2.3", "http://10.1.2.3:8000/v1", True),
        ("10.0.0.0/8", "http://11.1.2.3:8000/v1", False),
        ("localhost,::1,[::1],fe80::/10,fd07:b51a:cc66:f0::/64", "http://[fe80::7]:1/v1", True),
        ("fd07:b51a:cc66:f0::/64", "http://[fd07:b51a:cc66:f0::9]/v1", True),
        ("fe80::/10", "https://api.openai.com/v1", False),
        ("[fe80::7]", "http://[fe80::7]:8000/v1", True),
        ("nonsense//::,,[,", "https://api.openai.com/v1", False),
        ("", "https://api.openai.com/v1", False),
    ],
)
def test_proxy_for__no_proxy_excepts_hosts_domains_and_networks(
    monkeypatch, exceptions, url, excepted
):
    monkeypatch.setenv("ALL_PROXY", PROXY)
    monkeypatch.setenv("NO_PROXY", exceptions)
    assert (proxy_for(url) is None) == excepted

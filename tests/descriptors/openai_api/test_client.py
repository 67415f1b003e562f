"""A request arrives by the way that was meant, with the key for that host alone; what stands in the
way is named."""

import asyncio
import gzip
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from langseg.cache.errors import UsageError
from langseg.descriptors.openai_api.client import open_client
from langseg.descriptors.openai_api.endpoint import Key, checked_base_url
from langseg.descriptors.openai_api.fault import Fault, fault_of
from tests.support.forward_proxy import ForwardProxy
from tests.support.openai_server import BEHAVIOURS, OpenAIServer

CANARY = "sk-canary-0123456789"
BODY = {"model": "m", "messages": [{"role": "user", "content": 'Class: {"name": "wall"}'}]}
ABROAD = "http://llm.example:8000/v1"
NO_ROOTS = "SSL_CERT_DIR"  # certificates load in 80 ms, and few of these tests need them
Certificate = Callable[[str], tuple[Path, Path]]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.casefold().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv(NO_ROOTS, str(tmp_path))


def post(base_url: str, key: str = CANARY) -> int | Fault:
    """The status of the reply, or the fault that it is."""

    async def run() -> int | Fault:
        import httpx2
        import openai

        url = checked_base_url(base_url)
        async with open_client(url, Key(key), places=1, timeout_s=5) as client:
            try:
                reply = await client.post("/chat/completions", body=BODY, cast_to=httpx2.Response)
            except openai.APIError as error:
                fault = fault_of(error)
                assert CANARY not in repr(fault)
                return fault
            return reply.status_code

    return asyncio.run(run())


def fault(base_url: str) -> Fault:
    found = post(base_url)
    assert isinstance(found, Fault)
    return found


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "a.localhost"])
def test_proxy__a_loopback_address_takes_none(monkeypatch, host):
    if host == "a.localhost":
        monkeypatch.setattr(socket, "getaddrinfo", _all_here(socket.getaddrinfo))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")  # of which no client can be made
    with OpenAIServer(always="raw:200={}") as server:
        assert post(server.base_url.replace("127.0.0.1", host)) == 200


def test_proxy__another_host_is_asked_through_it(monkeypatch):
    with (
        OpenAIServer(always="raw:200={}") as server,
        ForwardProxy(to=server.base_url[7:-3]) as proxy,
    ):
        monkeypatch.setenv("http_proxy", proxy.url)
        assert post(ABROAD) == 200
        assert proxy.asked == [f"POST {ABROAD}/chat/completions HTTP/1.1"]


@pytest.mark.parametrize("status", [403, 407, 502, 503, 504])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_proxy__that_answers_itself_is_named_without_its_password(monkeypatch, status, scheme):
    variable = f"{scheme.upper()}_PROXY"
    with ForwardProxy(refuses=status) as proxy:
        monkeypatch.setenv(variable, proxy.url.replace("//", "//bob:hunter2@"))
        found = fault(ABROAD.replace("http", scheme))
    advice = found.remedy or found.hint
    assert f"a proxy stands between ({variable} names {proxy.url[7:]})" in advice
    assert "add llm.example to NO_PROXY" in advice
    assert "hunter2" not in repr(found)
    assert bool(found.remedy) == (status in (403, 407))
    assert found.unproven
    assert scheme == "https" or "Corporate proxy" in found.message


def test_proxy__that_nobody_hears_is_named(monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "127.0.0.1:9")
    found = fault(ABROAD)
    assert found.message == "no connection to 127.0.0.1:9 (Connection refused)"
    assert "(ALL_PROXY names 127.0.0.1:9)" in found.hint


def test_proxy__an_error_of_the_server_behind_it_is_the_servers(monkeypatch):
    behaviour = 'raw:503={"error": "model is loading"}'
    with (
        OpenAIServer(always=behaviour) as server,
        ForwardProxy(to=server.base_url[7:-3]) as proxy,
    ):
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        found = fault(ABROAD)
    assert (found.message, found.turned_away) == ("HTTP 503: model is loading", True)
    assert "proxy" not in found.hint


@pytest.mark.parametrize(
    ("proxy", "advice"),
    [
        ("socks5://bob:hunter2@127.0.0.1:9", "pip install 'httpx2[socks]'"),
        ("foo://bob:hunter2@127.0.0.1:9", "check ALL_PROXY, which names 127.0.0.1:9"),
        ("http://bob:hunter2@127.0.0.1:port", "check ALL_PROXY, which names 127.0.0.1:port"),
    ],
)
def test_proxy__one_that_cannot_be_used_is_named_without_its_password(monkeypatch, proxy, advice):
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(UsageError) as caught:
        post(ABROAD)
    assert advice in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_tls__a_self_signed_certificate_is_taken_once_ssl_cert_file_names_it(
    monkeypatch, certificate: Certificate
):
    pair = certificate("localhost")
    with OpenAIServer(always="raw:200={}", tls=pair) as server:
        found = fault(server.base_url)
        monkeypatch.setenv("SSL_CERT_FILE", str(pair[0]))
        status = post(server.base_url)
    assert "certificate that nobody vouches for" in found.message
    assert "set SSL_CERT_FILE" in found.remedy
    assert status == 200


def test_tls__a_certificate_of_another_host_is_told(monkeypatch, certificate: Certificate):
    pair = certificate("other.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(pair[0]))
    with OpenAIServer(tls=pair) as server:
        found = fault(server.base_url)
    assert "a certificate of another host" in found.message
    assert "have one made for localhost" in found.remedy


def test_tls__the_wrong_scheme_is_told_either_way(certificate: Certificate):
    with OpenAIServer() as server:
        spoken_to = fault(server.base_url.replace("http", "https"))
    with OpenAIServer(tls=certificate("localhost")) as server:
        unspoken_to = fault(server.base_url.replace("https", "http"))
    assert "begin the base URL with http://" in spoken_to.remedy
    assert "whether its port speaks https" in unspoken_to.hint


def test_tls__a_server_that_names_the_wrong_scheme_itself_is_understood():
    words = "Client sent an HTTP request to an HTTPS server."
    with OpenAIServer(always=f"raw:400={words}") as server:
        found = fault(server.base_url)
    assert "begin the base URL with https://" in found.remedy


def test_host__that_has_no_address_is_named():
    found = fault("http://llm.invalid:8000/v1")
    assert "no address for the host llm.invalid" in found.message


def test_host__where_nothing_listens_is_named():
    with OpenAIServer() as server:
        pass
    found = fault(server.base_url)
    assert found.message == f"no connection to {server.base_url[7:-3]} (Connection refused)"
    assert "whether a server is started" in found.hint


@pytest.mark.parametrize("status", [301, 302, 303])
def test_redirect__that_would_make_the_post_a_get_is_told_with_its_place(status):
    place = "https://bob:hunter2@api.example/llm/v1/chat/completions?token=hunter2#hunter2"
    with OpenAIServer(always=f"redirect:{status}={place}") as server:
        found = fault(server.base_url)
    assert f"a redirect (HTTP {status}) to https://api.example/llm/v1," in found.message
    assert "as the base URL" in found.remedy
    assert "hunter2" not in repr(found)
    assert len(server.bodies) == 1


@pytest.mark.parametrize("status", [307, 308])
@pytest.mark.parametrize("query", ["", "?api-version=2024-10-21"])
def test_redirect__within_the_host_is_followed_with_the_key_and_elsewhere_without(status, query):
    with OpenAIServer(always="raw:200={}") as home, OpenAIServer(always="raw:200={}") as abroad:
        home.nth = {0: f"redirect:{status}={home.base_url}/chat/completions"}
        assert post(home.base_url + query) == 200
        home.nth = {2: f"redirect:{status}={abroad.base_url}/chat/completions"}
        assert post(home.base_url + query) == 200
    assert all(CANARY in str(headers) for headers in home.headers)
    assert len(home.headers) == 3
    assert CANARY not in str(abroad.headers)
    assert abroad.bodies == [BODY]


def test_redirect__to_where_the_key_does_not_go_explains_the_refusal():
    with OpenAIServer(always="status:401") as abroad:
        redirect = f"redirect:307={abroad.base_url}/chat/completions"
        with OpenAIServer(always=redirect) as home:
            found = fault(home.base_url)
    assert "where a redirect led without the key" in found.message
    assert "as the base URL" in found.remedy


def test_azure__the_version_goes_with_each_request_and_the_key_under_both_names():
    with OpenAIServer(always="raw:200={}") as server:
        post(f"{server.base_url}/?api-version=2024-10-21")
    assert server.paths == ["/v1/chat/completions?api-version=2024-10-21"]
    assert server.headers[0]["api-key"] == CANARY
    assert server.headers[0]["authorization"] == f"Bearer {CANARY}"


@pytest.mark.parametrize(
    ("key", "sent"),
    [(CANARY, {"api-key": CANARY}), ("eyJ0.eyJ1.x-y", {"authorization": "Bearer eyJ0.eyJ1.x-y"})],
)
def test_azure__its_own_hosts_get_a_key_as_such_and_a_token_as_bearer(monkeypatch, key, sent):
    with (
        OpenAIServer(always="raw:200={}") as server,
        ForwardProxy(to=server.base_url[7:-3]) as proxy,
    ):
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        post("http://mine.openai.azure.com/v1", key)
    (headers,) = server.headers
    assert {name: headers[name] for name in ("api-key", "authorization") if name in headers} == sent


def test_key__other_hosts_get_it_as_bearer_only():
    with OpenAIServer(always="raw:200={}") as server:
        post(server.base_url)
    assert "api-key" not in server.headers[0]


def test_reply__that_unpacks_to_more_than_any_answer_has_is_a_fault_and_takes_no_memory():
    bomb = gzip.compress(b" " * 70_000_000)
    BEHAVIOURS["bomb"] = lambda x, _: x.send(200, bomb, content_encoding="gzip")
    with OpenAIServer(always="bomb") as server:
        assert fault(server.base_url).message == "a reply of more than 64 MiB"


def test_reply__that_is_packed_is_read():
    packed = gzip.compress(b"{}")
    BEHAVIOURS["packed"] = lambda x, _: x.send(200, packed, content_encoding="gzip")
    with OpenAIServer(always="packed") as server:
        assert post(server.base_url) == 200


def _all_here(found: Any) -> Any:
    return lambda host, *rest, **more: found("127.0.0.1", *rest, **more)

"""One client for the OpenAI API, whose retries are left to whoever asks.

In:  a base URL and a key.
Out: an ``AsyncOpenAI``.

The key leaves for the host of the base URL only, and a POST stays one: a redirect that would make
it a GET is an error, one within the host is followed, one to another host is followed without
the key. Which proxy is in between is ``proxy.proxy_for``'s to say.
"""

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from langseg.cache.errors import UsageError
from langseg.descriptors.openai_api.endpoint import Key
from langseg.descriptors.openai_api.proxy import Proxy, proxy_for

if TYPE_CHECKING:  # takes most of a second to import, and only asking needs it
    from httpx2 import Request, Response
    from openai import AsyncOpenAI

_CONNECT_TIMEOUT_S = 10.0
_GET_FOR_POST = (301, 302, 303)
_AZURE = (".azure.com", ".azure.us", ".azure.cn", ".azure-api.net")
_AZURE_HEADER = "api-key"


def open_client(base_url: str, key: Key, *, places: int, timeout_s: float) -> "AsyncOpenAI":
    """One client, with a connection for each place, none waited for.

    Args:
        base_url: as ``checked_base_url`` returns it; its ``?api-version=`` goes with each request.

    Raises: UsageError, for proxy or certificate settings that do not work.
    """
    import httpx2
    from openai import AsyncOpenAI, DefaultAsyncHttpx2Client

    from langseg.descriptors.openai_api.bounded_transport import BoundedTransport

    parts, proxy, home = urlsplit(base_url), proxy_for(base_url), httpx2.URL(base_url).origin

    names = _key_headers(base_url, key)

    async def keep_key_home(request: "Request") -> None:
        for name in ("Authorization", _AZURE_HEADER):
            if request.url.origin != home or name not in names:
                request.headers.pop(name, None)

    timeout = httpx2.Timeout(timeout_s, connect=_CONNECT_TIMEOUT_S)
    pool = httpx2.Limits(max_connections=places, max_keepalive_connections=places)
    try:
        http = DefaultAsyncHttpx2Client(
            timeout=timeout,
            trust_env=False,
            transport=BoundedTransport(
                limits=pool,
                trust_env=False,
                verify=httpx2.create_ssl_context(),  # which does heed SSL_CERT_FILE
                proxy=proxy.url if proxy else None,
            ),
            event_hooks={"request": [keep_key_home], "response": [_refuse_get_for_post]},
        )
    except (
        OSError,
        ValueError,
        ImportError,
        httpx2.InvalidURL,
    ) as exc:  # whose text may hold a proxy's password
        raise UsageError(_unusable(exc, proxy)) from None
    return AsyncOpenAI(
        api_key=key.secret,
        base_url=urlunsplit(parts._replace(query="")),
        default_query=dict(parse_qsl(parts.query)),
        default_headers={_AZURE_HEADER: key.secret},  # of which ``keep_key_home`` takes away
        max_retries=0,
        timeout=timeout,
        http_client=http,
    )


def _key_headers(base_url: str, key: Key) -> tuple[str, ...]:
    """The headers that a key goes by.

    Azure takes its keys under a name of its own, and as Bearer only tokens of Entra ID (JWTs);
    gateways before it, known by ``?api-version=``, take either. Source:
    https://learn.microsoft.com/azure/ai-services/openai/reference, "Authentication".
    """
    parts = urlsplit(base_url)
    is_azure = (parts.hostname or "").endswith(_AZURE)
    if key.secret.startswith("eyJ") or not (is_azure or parts.query):
        return ("Authorization",)
    return (_AZURE_HEADER,) if is_azure else ("Authorization", _AZURE_HEADER)


async def _refuse_get_for_post(response: "Response") -> None:
    from openai import APIStatusError

    if response.status_code in _GET_FOR_POST and response.request.method == "POST":
        await response.aread()
        raise APIStatusError("a redirect", response=response, body=None)


def _unusable(error: Exception, proxy: Proxy | None) -> str:
    if proxy is None or isinstance(error, OSError):
        wanted, got = "certificates that can be read", "SSL_CERT_FILE, SSL_CERT_DIR"
    else:
        wanted, got = "a proxy that can be used", f"{proxy.variable}, which names {proxy.where}"
    advice = f"check {got}"
    if isinstance(error, ImportError):
        advice += "; for a SOCKS proxy: pip install 'httpx2[socks]'"
    return f"network: wanted {wanted}, got {type(error).__name__}; {advice}"

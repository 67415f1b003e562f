"""One client for the OpenAI API, whose retries are left to whoever asks.

In:  a base URL and a key.
Out: an ``AsyncOpenAI``.
"""

from typing import TYPE_CHECKING

from langseg.cache.errors import UsageError
from langseg.descriptors.providers.openai.endpoint import Key

if TYPE_CHECKING:  # takes most of a second to import, and only asking needs it
    from openai import AsyncOpenAI

_CONNECT_TIMEOUT_S = 10.0


def open_client(base_url: str, key: Key, *, places: int, timeout_s: float) -> "AsyncOpenAI":
    """One client, with a connection for each place, none waited for.

    Raises: UsageError, for proxy or certificate settings that do not work.
    """
    import httpx2
    from openai import AsyncOpenAI, DefaultAsyncHttpx2Client

    timeout = httpx2.Timeout(timeout_s, connect=_CONNECT_TIMEOUT_S)
    pool = httpx2.Limits(max_connections=places, max_keepalive_connections=places)
    try:
        http = DefaultAsyncHttpx2Client(limits=pool, timeout=timeout)
    except (OSError, ValueError, ImportError) as exc:  # whose text may hold a proxy's password
        raise UsageError(
            "network: wanted proxy and certificate settings that work, got "
            f"{type(exc).__name__}; check HTTPS_PROXY, ALL_PROXY, SSL_CERT_FILE, SSL_CERT_DIR"
        ) from None
    return AsyncOpenAI(
        api_key=key.secret, base_url=base_url, max_retries=0, timeout=timeout, http_client=http
    )

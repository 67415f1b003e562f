"""Say what a failed attempt means: whether to try again, to wait, or to stop, and what helps.

In:  an exception of the openai SDK, or one of ours about the body; or a status and an error's body.
Out: a ``Fault``, which holds text and numbers only: no exception with a key in it lives on.
"""

import math
import os
import re
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from langseg.descriptors.openai_api.error_body import ErrorBody, read_error
from langseg.descriptors.openai_api.error_reply import ErrorReplyError
from langseg.descriptors.openai_api.proxy import Proxy, proxy_for
from langseg.descriptors.openai_api.told_wait import wait_in_headers
from langseg.descriptors.phrases.characters import printable

if TYPE_CHECKING:  # takes most of a second to import, and only asking needs it
    from openai import APIConnectionError, APIStatusError

_RETRIED = (408, 409, 425, 429)  # and every status from 500 on, as the SDK itself would retry
_TURNED_AWAY = (429, 502, 503, 529)  # 529: how some spell "overloaded"; 502: a gateway's 503
_TOO_MUCH = (*_TURNED_AWAY, 504, 524)  # 524: Cloudflare's 504
_UNREAD = (503, 529)  # and every status below 500
_QUOTA = frozenset(
    ("insufficient_quota", "billing_hard_limit_reached", "billing_not_active",
     "exceeded_current_quota_error", "insufficient_balance", "insufficient_credits")
)  # fmt: skip
_NAMED = {  # what servers call an error, where no HTTP status says it
    401: ("invalid_api_key", "api_key_invalid", "authentication_error", "unauthenticated"),
    403: ("permission_denied", "permission_error"),
    404: ("model_not_found", "not_found_error", "not_found"),
    429: ("rate_limit_exceeded", "rate_limit_error", "rate_limit", "rate_limited",
          "ratelimitexceeded", "userratelimitexceeded", "too_many_requests", "throttled",
          "resource_exhausted", "too many requests"),
    503: ("overloaded_error", "overloaded", "unavailable", "service_unavailable",
          "unavailable_error", "server_overloaded", "engine_overloaded"),
    504: ("deadline_exceeded", "timeout"),
    400: ("invalid_request_error", "invalid_argument", "bad_request", "badrequesterror"),
}  # fmt: skip
_NO_CREDIT = re.compile(r"credit balance is too low|insufficient (?:balance|credit|funds)", re.I)
_BAD_KEY = re.compile(r"api key not valid|(?:invalid|incorrect) api key", re.IGNORECASE)
_TOO_LARGE = re.compile(r"request too large", re.IGNORECASE)
_NOT_YET = re.compile(
    r"^loading model|(?:is|still|currently|being|model) (?:loading|loaded|starting|warming)\b"
    r"|not (?:yet )?ready|warming up|overloaded|server (?:is )?busy|at capacity|queue (?:is )?full",
    re.IGNORECASE,
)
_NO_MODEL = re.compile(
    r"no such model|\bmodel\b.{0,80}(?:not found|does(?: not|n't) exist)", re.IGNORECASE
)
_RATE = re.compile(r"rate.?limit|too many requests|quota exceeded", re.IGNORECASE)
_A_DAY = re.compile(r"per[- ]?day|daily|\b[RT]PD\b", re.IGNORECASE)
_HTTPS_PORT = re.compile(r"HTTP request (?:was sent )?to (?:an )?HTTPS (?:server|port)", re.I)
_VERSIONED = re.compile(r"/(?:v\d+\w*|openai|api)(?:/|$)", re.IGNORECASE)
_KEY_REMEDY = "set OPENAI_API_KEY to a key that this server accepts"


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Why an attempt brought no answer, and what that means for the next one.

    ``message`` is as it came: redact it before it is shown.

    Attributes:
        retry: the same request may succeed later.
        unread: the request was turned away or never arrived, so it used no tokens.
        overload: the server can bear fewer requests at once.
        turned_away: the server takes no request now, whichever it is: all of them wait.
        wait_s: how long it asks to be left alone; infinite for a day's limit that names no time.
        unproven: nothing in it says that an OpenAI-compatible server is at that address.
        unreachable: no connection was made, so the request is not to blame.
        remedy: what the user must do before any request can succeed, so the run stops.
        hint: what may help, should this be what a run ends with.
    """

    message: str
    retry: bool = True
    unread: bool = False
    overload: bool = False
    turned_away: bool = False
    wait_s: float | None = None
    unproven: bool = False
    unreachable: bool = False
    remedy: str = ""
    hint: str = "see whether the server is well"


def fault_of(error: Exception) -> Fault:
    """What a failed attempt means; an exception of no known kind means: no API speaks there."""
    import openai

    if isinstance(error, ErrorReplyError):
        fault = status_fault(error.status or 0, {"error": error.body}, {})  # so it is an API's
        # what broke off in the middle is this request's fault: nobody else waits for it
        return replace(fault, turned_away=False, unread=False) if error.begun else fault
    if isinstance(error, openai.APIStatusError):
        return _reply_fault(error)
    if isinstance(error, openai.APIConnectionError):
        return _connection_fault(error)
    if isinstance(error, TimeoutError):
        return _LATE
    return Fault(
        message=str(error),
        unproven=True,
        hint="check that the base URL is that of an OpenAI-compatible API (most end in /v1)",
    )


_LATE = Fault(
    message="no reply in time",
    overload=True,
    unproven=True,
    hint="allow more time with --request-timeout, or check the base URL",
)


def status_fault(status: int, body: Any, headers: Mapping[str, str], url: str = "") -> Fault:
    """What an error means that came with a status, or says one in a reply that came with 200.

    Args:
        status: 0 where only the body can tell.
        body: decoded or not.
        headers: looked up in lower case.
        url: what was asked; "" where it does not matter.
    """
    now = time.time()
    said = read_error(body, now)
    means = _meaning(status, said)
    proxy = proxy_for(url) if url else None
    # through a tunnel a proxy cannot answer for the server
    by_proxy = proxy is not None and url.startswith("http:") and not said.is_api
    retry = (means in _RETRIED or means >= 500) and headers.get("x-should-retry") != "false"
    wait_s = wait_in_headers(headers, now)
    if means == 429 and (wait_s is None or wait_s < 3600) and _is_days(said, wait_s):
        wait_s = math.inf
    hint = Fault.hint
    if by_proxy and proxy is not None:
        hint = proxy.around(url)
    elif not said.is_api:
        hint = "check that the base URL is that of an OpenAI-compatible API (most end in /v1)"
    return Fault(
        message=_message(status, said),
        unread=means < 500 or means in _UNREAD,
        retry=retry,
        overload=means in _TOO_MUCH,
        turned_away=retry and means in _TURNED_AWAY,
        wait_s=said.wait_s if wait_s is None else wait_s,
        unproven=not said.is_api and (by_proxy or means not in (*_TOO_MUCH, 408)),
        remedy=_remedy(means, said, url, hint if by_proxy else ""),
        hint=hint,
    )


def _meaning(status: int, said: ErrorBody) -> int:
    """The status that the error acts as: some come with another, or with none."""
    if said.names & _QUOTA or _NO_CREDIT.search(said.words):
        return 402  # comes as 429 or 400, but neither waiting nor another request brings credit
    if status == 429 and _TOO_LARGE.search(said.words):
        return 413  # too large for a minute's limit, however long one waits
    if status == 400 and (said.names & set(_NAMED[401]) or _BAD_KEY.search(said.words)):
        return 401  # Gemini
    if status == 403 and said.names & set(_NAMED[429]):
        return 429
    if status in (0, 400, 409, 500) and _NOT_YET.search(said.words):
        return 503
    if status:
        return status
    for named, names in _NAMED.items():
        if said.names & {*names, str(named)}:
            return named
    if _NO_MODEL.search(said.words):
        return 404
    return 429 if _RATE.search(said.words) else 500


def _is_days(said: ErrorBody, wait_s: float | None) -> bool:
    """Whether a day's limit is used up: Google tells a delay of seconds even then."""
    if any("perday" in name for name in said.names):
        return True
    return wait_s is None and said.wait_s is None and bool(_A_DAY.search(said.words))


def _message(status: int, said: ErrorBody) -> str:
    code = f"HTTP {status}" if status else "an error"
    if status and not said.words:
        try:
            return f"{code} ({HTTPStatus(status).phrase})"
        except ValueError:
            return code
    return f"{code}: {said.words}"


def _remedy(means: int, said: ErrorBody, url: str, around: str) -> str:
    """For faults of the account or the address: no request of this run can succeed."""
    path = urlsplit(url).path
    if _HTTPS_PORT.search(said.words):
        return "this port speaks https: begin the base URL with https://"
    if means == 407:
        return f"give its user and password: {around}" if around else ""
    if means == 403 and around:
        return around
    if means == 403 and not said.is_api:
        return "see what refuses it: a firewall, a gateway, or a key that it does not take"
    if means in (404, 405):
        if said.is_api and "model" in said.words.casefold():
            return "check the model's name"
        if path and not _VERSIONED.search(path):
            return "add /v1 to the base URL, which most end in, or check it and the model's name"
        return around or "check the base URL (most end in /v1) and the model's name"
    return {
        401: _KEY_REMEDY,
        402: "add credit to the account",
        403: "use a key that may use this model",
    }.get(means, "")


def _reply_fault(error: "APIStatusError") -> Fault:
    response = error.response
    url = str(response.request.url)
    if 300 <= response.status_code < 400:
        return _redirect_fault(response.status_code, url, response.headers.get("location", ""))
    fault = status_fault(response.status_code, response.text, response.headers, url)
    first = response.history[0].request.url if response.history else response.request.url
    if urlsplit(url).netloc == urlsplit(str(first)).netloc:
        return fault
    # the key stays with the host it was meant for
    there = f"{urlsplit(url).scheme}://{urlsplit(url).hostname}{urlsplit(url).path}"
    message = f"{fault.message} (from {there}, where a redirect led without the key)"
    remedy = "give the address that it leads to as the base URL" if fault.remedy else ""
    return replace(fault, message=message, remedy=remedy)


def _redirect_fault(status: int, url: str, location: str) -> Fault:
    """A redirect that nobody follows: a browser, and the client, would ask again by GET."""
    from httpx2 import URL, InvalidURL

    try:
        place = URL(url).join(location)
        there = f"{place.scheme}://{place.netloc.decode()}{place.path}".removesuffix(
            "/chat/completions"
        )
    except (InvalidURL, ValueError):
        there = "nowhere"
    return Fault(
        message=f"a redirect (HTTP {status}) to {there}, which would turn the POST into a GET",
        retry=False,
        unread=True,
        remedy="give the address that it leads to as the base URL, if that is an API",
    )


def _connection_fault(error: "APIConnectionError") -> Fault:
    """No reply: the name, the port, TLS, a proxy or the way back is to blame."""
    import httpx2
    import openai

    from langseg.descriptors.openai_api.bounded_transport import ReplyTooLargeError

    url = str(error.request.url)
    parts, proxy, cause = urlsplit(url), proxy_for(url), error.__cause__
    if isinstance(cause, ReplyTooLargeError):
        return Fault(message=str(cause), unproven=True, hint="see what answers at the base URL")
    causes = list(_causes(error))
    where = proxy.where if proxy else parts.netloc.rpartition("@")[2]
    hint = "see whether a server is started there, and check the base URL and the network"
    hint = proxy.around(url) if proxy else hint
    unmade = Fault(message="", unread=True, unreachable=True, unproven=True, hint=hint)
    if isinstance(cause, httpx2.ConnectTimeout):
        return replace(unmade, message=f"no connection to {where} in time")
    if isinstance(error, openai.APITimeoutError):
        return _LATE
    for broken in causes:
        if isinstance(broken, ssl.SSLError):
            return _tls_fault(broken, parts.hostname or "", proxy, url)
        if isinstance(broken, socket.gaierror):
            name = where.rpartition(":")[0] or where
            return replace(unmade, message=f"no address for the host {name} ({broken.strerror})")
    if isinstance(cause, httpx2.ProxyError):
        remedy = proxy.around(url) if proxy and str(cause).startswith(("403", "407")) else ""
        if proxy and str(cause).startswith("407"):
            remedy = f"give its user and password in {proxy.variable}: {remedy}"
        message = f"the proxy's refusal to connect to {parts.hostname} ({cause})"
        return replace(unmade, message=message, remedy=remedy)
    if isinstance(cause, httpx2.ConnectError):
        number = next((c.errno for c in causes if isinstance(c, OSError) and c.errno), 0)
        why = os.strerror(number) if number else ""
        return replace(unmade, message=f"no connection to {where} ({why or cause})")
    if proxy is None:
        hint = "see whether the server is well"
        if parts.scheme == "http":
            hint += ", and whether its port speaks https"
    why = ": ".join(filter(None, (type(cause).__name__, str(cause))))
    message = f"a connection that broke off ({why})"
    return Fault(message=message, unproven=True, hint=hint)


def _tls_fault(error: ssl.SSLError, host: str, proxy: Proxy | None, url: str) -> Fault:
    """What TLS refuses it refuses again."""
    text = str(error)
    if not isinstance(error, ssl.SSLCertVerificationError):
        message = f"no TLS there ({error.reason or text})"
        remedy = "if this port speaks plain http, begin the base URL with http://"
    elif "expired" in text or "not yet valid" in text:
        message = f"a certificate that is out of date ({error.verify_message})"
        remedy = "have it renewed, or set this machine's clock"
    elif "mismatch" in text or "doesn't match" in text or "not valid for" in text:
        message = f"a certificate of another host ({error.verify_message})"
        remedy = f"name the host it was made for in the base URL, or have one made for {host}"
    else:
        message = f"a certificate that nobody vouches for ({error.verify_message})"
        remedy = "set SSL_CERT_FILE to a PEM file with its authority's certificate"
        remedy += " (for a self-signed one: itself)"
        if named := os.environ.get("SSL_CERT_FILE"):
            remedy += f"; now it names {printable(named, 100)}"
    if proxy:
        remedy += f"; {proxy.around(url)}"
    return Fault(
        message=message, retry=False, unread=True, unreachable=True, unproven=True, remedy=remedy
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """What an exception came from, and those came from, first to last; groups opened."""
    cause = error.__cause__ or error.__context__
    if cause is None:
        return
    yield cause
    if isinstance(cause, BaseExceptionGroup):
        yield from cause.exceptions
    yield from _causes(cause)

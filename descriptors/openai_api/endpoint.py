"""Check where to ask, and hold the key so that nothing we write can show it.

In:  a base URL in any of its spellings; OPENAI_API_KEY.
Out: a base URL without secrets in it; a ``Key`` that blots itself out of any text.
"""

import logging
import os
import re
from urllib.parse import urlsplit, urlunsplit

from langseg.cache.errors import UsageError
from langseg.descriptors.phrases.characters import printable

DEFAULT_BASE_URL = "https://api.openai.com/v1"
KEY_VARIABLE = "OPENAI_API_KEY"
_VERSION = re.compile(r"(?:api-version=[\w.-]{1,40})?", re.IGNORECASE)  # Azure's queries
_CALL = re.compile(r"/(?:chat/completions|completions|embeddings)$")
_MESSAGE_CHARS = 300
_SECRET_CHARS = 8  # shorter keys ("EMPTY", "none") are words local servers ask for, not secrets
_WIRE_LOGGERS = (  # the last ones of what an attempt passes through; they log what servers say
    "httpx2", "httpcore2.connection", "httpcore2.http11", "httpcore2.http2", "httpcore2.proxy",
    "openai._base_client",
)  # fmt: skip


def checked_base_url(base_url: str) -> str:
    """The URL without a slash or the name of a call at its end; the API's version may follow.

    Raises: UsageError (which never repeats it), if it cannot be used.
    Credentials and queries but ``?api-version=`` are refused because the SDK and HTTP logs print
    whole URLs.
    """
    base_url = base_url.strip()
    try:
        parts = urlsplit(base_url)
        secret = (
            parts.username or parts.password or parts.fragment
            or not _VERSION.fullmatch(parts.query)
        )  # fmt: skip
        usable = parts.scheme in ("http", "https") and parts.hostname and (parts.port or True)
    except ValueError:  # a port that is no number, a broken IPv6 address
        raise UsageError(
            "base URL: wanted one like http://127.0.0.1:8000/v1, got one whose host or port is none"
        ) from None
    if secret:
        raise UsageError(
            "base URL: wanted scheme, host and path only (and ?api-version=), got credentials, "
            f"another query or a fragment as well; give the key in {KEY_VARIABLE}"
        )
    if "://" not in base_url and base_url:
        raise UsageError(
            "base URL: wanted one like http://127.0.0.1:8000/v1, got one without a scheme; put "
            "http:// or https:// before it"
        )
    if not usable:
        raise UsageError(
            "base URL: wanted one like http://127.0.0.1:8000/v1, got one without http(s) or host"
        )
    path = _CALL.sub("", parts.path.rstrip("/")).rstrip("/")
    return urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))


class Key:
    """An API key. Its text and repr say nothing; ``secret`` is for the SDK alone."""

    def __init__(self, secret: str) -> None:
        self.secret = secret
        # as JSON may spell a character, also in JSON text inside JSON text (8: three times over)
        spellings = (rf"(?:\\{{0,8}}{re.escape(c)}|\\{{1,8}}u{ord(c):04x})" for c in secret)
        self._spelling = re.compile("".join(spellings), re.IGNORECASE)

    def __repr__(self) -> str:
        return "Key(hidden)"

    def redact(self, text: str) -> str:
        """The text without the key, also as JSON writers that escape characters spell it."""
        if len(self.secret) < _SECRET_CHARS:
            return text
        if "\\" not in text:
            return text.replace(self.secret, "[key]")
        return self._spelling.sub("[key]", text)

    def hide_in_logs(self) -> None:
        """Redact what the HTTP layer logs: at level DEBUG that is every header of a reply."""
        _HIDING.keys[self.secret] = self
        for name in _WIRE_LOGGERS:
            logging.getLogger(name).addFilter(_HIDING)  # is added once


def one_line(text: str, key: Key) -> str:
    """Text from the server as one printable line; redacted before it is cut short."""
    return printable(" ".join(key.redact(text).split()), _MESSAGE_CHARS)


class _Hiding(logging.Filter):
    """Takes keys out of records; drops none of them."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: dict[str, Key] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        shown = message
        for key in self.keys.values():
            shown = key.redact(shown)
        if shown != message:
            record.msg, record.args = shown, None
        return True


_HIDING = _Hiding()


def meant_base_url(given: str) -> str:
    """The server that is asked: the given one, the environment's or OpenAI's own."""
    return given or os.environ.get("OPENAI_BASE_URL") or DEFAULT_BASE_URL


def key_from_environment(base_url: str) -> Key:
    """The key for a server; ``none`` for one that is not OpenAI's, where none is set.

    From here on it is in no log line of the HTTP layer.

    Raises: UsageError, if OpenAI is asked without a key, or the key cannot be sent.
    """
    secret = os.environ.get(KEY_VARIABLE, "").strip()
    host = urlsplit(base_url).hostname or ""
    if not secret and host.endswith("openai.com"):
        raise UsageError(
            f"{KEY_VARIABLE}: wanted a key for {host}, got none; export {KEY_VARIABLE}, or name "
            "another server with OPENAI_BASE_URL"
        )
    if not (secret.isascii() and secret.isprintable()):  # the HTTP layer's error would show it
        raise UsageError(f"{KEY_VARIABLE}: wanted plain ASCII text, got other characters in it")
    key = Key(secret or "none")
    key.hide_in_logs()
    return key

"""What turns requests into responses, and how to find one by its name.

In:  planned requests.
Out: responses, as they finish.

A provider's module is imported only when it is asked for, so that no SDK is loaded, or needed,
for the other providers.
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import Any, Protocol

from langseg.cache.errors import UsageError
from langseg.cache.records import Request, Response

_PROVIDERS = {
    "bundled": ("langseg.descriptors.bundled_provider", "BundledProvider"),
    "openai": ("langseg.descriptors.openai_provider", "OpenAIProvider"),
}


class Provider(Protocol):
    """Answers requests; one response for each, in any order.

    ``status`` of a response is ``ok`` when a complete reply text arrived (whether it is usable
    is judged later), else ``refused``, ``truncated`` or ``empty``; ``failed`` with ``error``
    when the bounded retries brought no answer. ``attempt`` is 1 and ``run_id`` is ``""``: who
    runs the provider knows them.
    """

    @property
    def name(self) -> str:
        """Short name, as in ``--provider``."""

    def answer(self, requests: Sequence[Request]) -> AsyncGenerator[Response, None]:
        """Yield responses as they finish.

        Raises: UpstreamError, for a fault that no retry mends (a wrong key, a used-up quota),
        after every response that did arrive was yielded.
        """

    async def aclose(self) -> None:
        """Give back connections and memory."""


def provider_names() -> tuple[str, ...]:
    """The names ``find_provider`` knows."""
    return tuple(_PROVIDERS)


def find_provider(name: str) -> Callable[..., Any]:
    """The class of a provider; its own signature says what it needs.

    Raises: UsageError, for a name that is none.
    """
    if name not in _PROVIDERS:
        close = get_close_matches(name, _PROVIDERS, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise UsageError(f"provider {name!r}: wanted one of {', '.join(_PROVIDERS)}{hint}")
    module, attribute = _PROVIDERS[name]
    found: Callable[..., Any] = getattr(import_module(module), attribute)
    return found

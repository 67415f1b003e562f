"""See whether a reply that came with HTTP status 200 is an error all the same.

In:  the decoded JSON of a body.
Out: nothing, or ``ErrorReplyError`` with the status it acts as and the part that holds its words.
"""

import json
from typing import Any

_SAYS_ERROR = ("error", "errors")  # with anything in it, whatever else the body holds
_SAYS_WORDS = ("detail", "message", "msg", "error_msg", "base_resp")  # where no answer is


class ErrorReplyError(ValueError):
    """A server or gateway had sent its status line already, or always sends 200.

    Attributes:
        status: the HTTP status that the error names as its code, so that it means the same as
            if it had come with it; None where it names none.
        body: the error as the server wrote it (an object, a text or a list), for its words.
        begun: part of an answer came before it, so the server did take the request.
    """

    def __init__(self, body: Any, *, begun: bool = False) -> None:
        super().__init__(f"an error with HTTP status 200: {json.dumps(body)[:300]}")
        self.body, self.begun = body, begun
        self.status = status_named(body)


def check_is_no_error(reply: Any, answer: str, *, begun: bool = False) -> None:
    """Pass a reply that has what was asked for under ``answer``, and says no error beside it.

    Args:
        begun: part of an answer came already.

    Raises: ErrorReplyError. A body that is neither an answer nor words of an error passes, too:
    what it lacks is for others to say.
    """
    if isinstance(reply, list) and len(reply) == 1:  # as Gemini sends errors
        reply = reply[0]
    if not isinstance(reply, dict):
        return
    for name in _SAYS_ERROR:
        if _holds_something(reply.get(name)):
            raise ErrorReplyError(reply[name], begun=begun)
    if not reply.get(answer) and any(_holds_something(reply.get(name)) for name in _SAYS_WORDS):
        raise ErrorReplyError(reply, begun=begun)


def status_named(body: Any) -> int | None:
    """The HTTP status of an error that an object names, itself or one level below."""
    parts = [body, *body.values()] if isinstance(body, dict) else body
    for part in parts if isinstance(parts, list) else ():
        if not isinstance(part, dict):
            continue
        for name in ("code", "status", "status_code"):
            number = str(part.get(name))
            if number.isdecimal() and number.isascii() and 400 <= int(number[:4]) <= 599:
                return int(number[:4])
    return None


def _holds_something(value: Any) -> bool:
    """Some servers send every field always: ``"error": null``, or one with code 0 and no words."""
    return any(value.values()) if isinstance(value, dict) else bool(value)

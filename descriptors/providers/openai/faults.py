"""Tell what a failed attempt means: try again, slow down, or stop and tell the user.

In:  an exception of the openai SDK, or one of ours about the body.
Out: a ``Fault``, which holds text and numbers only: no exception with a key in it lives on.
"""

import time

import httpx2
import openai

from langseg.descriptors.providers.openai.rate import Fault, server_wait_s

_RETRIED = (408, 409, 429)  # and every status from 500 on, as the SDK itself would retry
_OVERLOAD = (429, 503, 529)  # 529: how some servers spell "overloaded"
_QUOTA = ("insufficient_quota", "billing_hard_limit_reached", "billing_not_active")
_REMEDIES = {  # faults of the account or the address: no request of this run can succeed
    401: "set OPENAI_API_KEY to a key that this server accepts",
    402: "add credit to the account",
    403: "use a key that may use this model",
    404: "check the model's name and the base URL (most end in /v1)",
    405: "check the base URL (most end in /v1)",
}


def fault_of(error: Exception) -> Fault:
    """What a failed attempt means; an exception of no known kind means: try again."""
    if isinstance(error, openai.APIStatusError):
        return _status_fault(error)
    if isinstance(error, (openai.APITimeoutError, TimeoutError)):
        return Fault(message="no reply in time", overload=True)
    if isinstance(error, openai.APIConnectionError):
        cause = error.__cause__
        never_arrived = isinstance(cause, httpx2.ConnectError)
        return Fault(
            message=f"no connection ({type(cause).__name__}: {cause})",
            unread=never_arrived,
            unreachable=never_arrived,
        )
    return Fault(message=str(error))


def _status_fault(error: openai.APIStatusError) -> Fault:
    status, headers = error.status_code, error.response.headers
    if error.code in _QUOTA or error.type in _QUOTA:
        status = 402  # comes as 429, but waiting brings no credit
    return Fault(
        message=str(error),
        unread=status < 500,  # a gateway gives up on replies that are being written, and billed
        retry=(status in _RETRIED or status >= 500) and headers.get("x-should-retry") != "false",
        overload=status in _OVERLOAD,
        wait_s=server_wait_s(headers, time.time()),
        remedy=_REMEDIES.get(status, ""),
    )

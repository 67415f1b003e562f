"""Take replies of a bounded size only: a few kilobytes of gzip can unpack to all memory.

In:  requests of an HTTP client.
Out: their replies, unpacked; or ReplyTooLargeError. Files, which batches have, are let through.
"""

import httpx2

_BOUNDED = ("/chat/completions", "/embeddings")
_MOST_BYTES = 64 * 2**20  # ten times what the longest replies and 64 long vectors take
_UNPACKED = ("content-encoding", "content-length", "transfer-encoding")


class ReplyTooLargeError(httpx2.TransportError):
    """A reply goes on after the bytes that any answer may have."""


class BoundedTransport(httpx2.AsyncHTTPTransport):
    """Reads the reply of a call whole, and no further than a bound."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Raises: ReplyTooLargeError, as soon as the bound is passed."""
        response = await super().handle_async_request(request)
        if not request.url.path.endswith(_BOUNDED):
            return response
        content = bytearray()
        response.request = request
        try:
            async for part in response.aiter_bytes():
                content += part
                if len(content) > _MOST_BYTES:
                    raise ReplyTooLargeError(f"a reply of more than {_MOST_BYTES >> 20} MiB")
        finally:
            await response.aclose()
        headers = [(n, v) for n, v in response.headers.multi_items() if n not in _UNPACKED]
        return httpx2.Response(
            response.status_code,
            headers=headers,
            content=bytes(content),
            extensions=response.extensions,
        )

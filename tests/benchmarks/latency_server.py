"""A fast server that answers Chat Completions after a fixed latency, so that clients are the limit.

In:  POST /v1/chat/completions on 127.0.0.1, with the bodies that ``langseg-desc generate`` sends.
Out: valid replies, each so many milliseconds after its request; GET /stats says what it cost.

As a program: ``python tests/benchmarks/latency_server.py --port-file F --latency-ms 50``. It needs
nothing but Python, and a small part of a client's time for a request: the server of the tests in
``tests/support`` is made to misbehave, this one to be out of the way.
"""

import argparse
import asyncio
import gc
import json
import os
import time
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

# Five words make a phrase, one of each line: 2**20 phrases, and none names an "object 17"
_WORDS = [
    line.split()
    for line in """
    pale dark bright dull glossy matte faded speckled tinted mottled streaked plain dusky vivid
        sooty milky
    ridged smooth curved narrow broad tapered jagged rounded flat uneven slender bulky hollow
        pitted woven stubby
    outline finish pattern seams trim edges patches grooves bands contours folds rims corners
        ribs slats hinges
    above below beside behind along around between under over near across inside against within
        beyond atop
    shadows gravel timber panels leaves tiles stones cables planks grass railings puddles bricks
        mortar netting sand
    """.replace("\n        ", " ")
    .strip()
    .splitlines()
]
_STRIDE = 104_729  # odd, so that it meets each of the 2**20 phrases once
_JSON = "application/json"


def phrase(number: int) -> str:
    """One of 2**20 phrases; neighbours differ in their first word."""
    a, b, c, d, e = _WORDS
    return (
        f"{a[number & 15]} {b[number >> 4 & 15]} {c[number >> 8 & 15]} "
        f"{d[number >> 12 & 15]} {e[number >> 16 & 15]}"
    )


def reply_text(schema: Mapping[str, Any], class_name: str, scene: str) -> str:
    """A reply that satisfies the schema: exact counts, slots of the enum, phrases all different."""
    filler = _Filler(class_name, zlib.crc32(f"{class_name}\n{scene}".encode()))
    return json.dumps(filler.value("", schema))


class _Filler:
    """Fills one schema for one class."""

    def __init__(self, class_name: str, seed: int) -> None:
        self._class_name, self._phrase, self._turn = class_name, seed, 0

    def value(self, key: str, schema: Mapping[str, Any]) -> Any:
        if schema["type"] == "object":
            return {name: self.value(name, part) for name, part in schema["properties"].items()}
        if schema["type"] == "array":
            return [self.value(key, schema["items"]) for _ in range(schema["minItems"])]
        self._turn += 1
        if "enum" in schema:
            return schema["enum"][self._turn % len(schema["enum"])]
        if key == "parent":
            return self._class_name
        if key == "name":  # of a subclass: no phrase has a word like it
            return f"{_WORDS[0][self._turn & 15]} kind {self._turn}"
        self._phrase += _STRIDE
        return phrase(self._phrase)


def answer(body: Mapping[str, Any]) -> bytes:
    """The body of the reply to a request's body."""
    messages = body.get("messages", [])
    form = body.get("response_format") or {}
    text = "done"
    if form.get("type") == "json_schema":
        lines = messages[-1]["content"].rsplit("\n", 2)  # ..., the scene, the class
        name = json.loads(lines[-1].partition(":")[2])["name"]
        text = reply_text(form["json_schema"]["schema"], name, lines[-2])
    n_prompt = sum(len(message["content"]) for message in messages) // 4
    n_completion = len(text) // 4
    message = {"role": "assistant", "content": text, "refusal": None}
    completion = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": body.get("model", ""),
        "system_fingerprint": "fp_1",
        "choices": [{"index": 0, "finish_reason": "stop", "logprobs": None, "message": message}],
        "usage": {
            "prompt_tokens": n_prompt,
            "completion_tokens": n_completion,
            "total_tokens": n_prompt + n_completion,
            "prompt_tokens_details": {"cached_tokens": 0},
        },
    }
    return json.dumps(completion).encode()


class Stats:
    """What arrived since the last reset. Times are of ``time.monotonic``, one for all processes."""

    def __init__(self) -> None:
        self.requests = self.probes = self.at_once = self.most_at_once = 0
        self.first_arrival = self.last_reply = self.late_s = 0.0
        self._cpu_before = time.process_time()

    def arrived(self, now: float) -> None:
        self.requests += 1
        self.first_arrival = self.first_arrival or now
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)

    def replied(self, now: float, due: float) -> None:
        self.at_once -= 1
        self.last_reply = now
        self.late_s += now - due

    def as_json(self) -> bytes:
        """``late_ms``: how much later than due a reply left, on average. ``probes``: requests
        without messages, which curator sends to see the limits; they are not counted as others."""
        return json.dumps(
            {
                "requests": self.requests,
                "probes": self.probes,
                "most_at_once": self.most_at_once,
                "first_arrival": self.first_arrival,
                "last_reply": self.last_reply,
                "late_ms": 1000 * self.late_s / max(self.requests, 1),
                "cpu_s": time.process_time() - self._cpu_before,
            }
        ).encode()


class Owner:
    """What all connections share."""

    def __init__(self, latency_s: float, record: Path | None) -> None:
        self.latency_s = latency_s
        self.stats = Stats()
        self._record = record.open("wb") if record else None

    def note(self, body: bytes) -> None:
        """Keep a body, one a line, as it came: other clients can then send the very same."""
        if self._record:
            self._record.write(body + b"\n")
            self._record.flush()


class Connection(asyncio.Protocol):
    """One kept-alive HTTP/1.1 connection; requests of one come one after the other."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            first, *lines = bytes(self._buffer[:end]).decode("latin-1").split("\r\n")
            headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
            total = end + 4 + int(headers.get("content-length", 0))
            if len(self._buffer) < total:
                return
            body = bytes(self._buffer[end + 4 : total])
            del self._buffer[:total]
            self._handle(first, body)

    def _handle(self, first: str, body: bytes) -> None:
        method, path, _ = first.split(" ", 2)
        owner = self._owner
        if method == "POST" and path == "/v1/chat/completions":
            self._ask(json.loads(body), body)
        elif path == "/stats":
            self._send(200, owner.stats.as_json())
        elif path == "/reset":
            owner.stats = Stats()
            self._send(200, b"{}")
        else:
            self._send(404, b'{"error": {"message": "no such path"}}')

    def _ask(self, asked: Mapping[str, Any], body: bytes) -> None:
        owner, now = self._owner, time.monotonic()
        if not asked.get("messages"):
            owner.stats.probes += 1
            self._send(200, answer(asked))
            return
        owner.stats.arrived(now)
        owner.note(body)
        reply, due = answer(asked), now + owner.latency_s
        asyncio.get_running_loop().call_later(due - time.monotonic(), self._reply, reply, due)

    def _reply(self, body: bytes, due: float) -> None:
        self._owner.stats.replied(time.monotonic(), due)
        self._send(200, body)

    def _send(self, status: int, body: bytes) -> None:
        if self._transport is not None:
            head = f"HTTP/1.1 {status} -\r\ncontent-type: {_JSON}\r\ncontent-length: {len(body)}"
            self._transport.write(f"{head}\r\n\r\n".encode() + body)


async def serve(latency_s: float, record: Path | None, ready: Callable[[int], None]) -> None:
    """Serve for ever; ``ready`` is told the port."""
    owner = Owner(latency_s, record)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(owner), "127.0.0.1", 0, backlog=1024)
    ready(server.sockets[0].getsockname()[1])
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port-file", type=Path, required=True, help="written when serving")
    parser.add_argument("--latency-ms", type=float, default=50.0)
    parser.add_argument("--record", type=Path, help="each body that comes, one a line")
    args = parser.parse_args()

    def ready(port: int) -> None:
        beside = args.port_file.with_suffix(".tmp")
        beside.write_text(str(port))
        os.replace(beside, args.port_file)

    gc.freeze()
    asyncio.run(serve(args.latency_ms / 1000, args.record, ready))


if __name__ == "__main__":
    main()

"""A small HTTP server that does what OpenAI's Batch API does, or badly on request.

In:  POST /v1/files, GET /v1/files/<id>/content, DELETE /v1/files/<id>; POST and GET /v1/batches,
     GET /v1/batches/<id>, POST /v1/batches/<id>/cancel, all on 127.0.0.1.
Out: batches that go through their states one look at a time; output and error files.

Lines are answered by the behaviours of ``openai_server.py``, or lost in one of the ways of
``LINES``; whole calls fail in one of the ways of ``CALLS``.
"""

import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from http.server import ThreadingHTTPServer
from typing import Any

from tests.support.openai_server import BEHAVIOURS, _Exchange, _Server, content_id

STATES = ("validating", "in_progress", "finalizing")
Put = Callable[[bytes], None]
Line = Mapping[str, Any]


class BatchServer:
    """Serves until closed.

    Args:
        looks: how many looks at a batch find it under way.
        always, lines: how each request is treated, and the n-th (from 0) of all accepted ones.
        ends: how the n-th batch ends, if not well: ``expired:2`` (after that many requests),
            ``cancelled:2``, ``failed:<code>``, or a name that is no state.
        calls: ``POST /files``, ``GET /content``, ... -> what becomes of the first such calls.
        enqueues: with more requests than these in batches under way, a new batch fails.

    ``stop_at(n)`` lets the n-th call (from 0) and all after it wait, before or after they are
    done, until ``go_on`` drops them. ``accepted`` counts the contents of requests over all
    batches that were not refused.
    """

    def __init__(
        self,
        *,
        looks: int = 0,
        always: str = "good",
        lines: Mapping[int, str] | None = None,
        ends: Mapping[int, str] | None = None,
        calls: Mapping[str, list[str]] | None = None,
        enqueues: int = 10**9,
        keeps_metadata: bool = True,
        prefix: str = "batch_",
    ) -> None:
        self.looks, self.always, self.enqueues = looks, always, enqueues
        self.lines, self.ends = dict(lines or {}), dict(ends or {})
        self.calls = {name: list(ways) for name, ways in (calls or {}).items()}
        self.keeps_metadata, self.prefix = keeps_metadata, prefix
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self.accepted: Counter[str] = Counter()
        self.uploads: list[list[dict[str, Any]]] = []
        self.called: list[str] = []
        self.stuck = threading.Event()  # a call waits at the gate
        self.closing = threading.Event()
        self.released = 0
        self._stop_at: int | None = None
        self._stop_done = False
        self._n_lines = 0
        self._seen: dict[str, int] = {}
        self.lock = threading.RLock()
        self._http = _BatchHTTP(self)
        self.base_url = f"http://127.0.0.1:{self._http.server_port}/v1"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,))
        self._thread.start()

    def __enter__(self) -> "BatchServer":
        return self

    def __exit__(self, *_exc: object) -> None:
        self.closing.set()
        self._http.shutdown()
        self._http.drop_connections()
        self._http.server_close()
        self._thread.join()

    def stop_at(self, number: int, *, done: bool) -> None:
        self._stop_at, self._stop_done = number, done

    def go_on(self) -> None:
        """Whoever made the waiting calls is dead."""
        self._stop_at = None
        self.stuck.clear()
        self.released += 1

    def pass_gate(self, number: int, done: bool) -> None:
        """Return when call ``number`` may go on. Raises: ConnectionResetError, if dropped."""
        since = self.released
        while self._stop_at is not None and number >= self._stop_at and done == self._stop_done:
            self.stuck.set()
            if self.closing.wait(0.002):
                break
        if self.released != since:
            raise ConnectionResetError

    def add_file(self, data: bytes) -> str:
        name = f"file-{len(self.files)}"
        self.files[name] = data
        return name

    def create(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """A batch; refused only later, as at OpenAI."""
        requests = [json.loads(line) for line in self.files[asked["input_file_id"]].splitlines()]
        number = len(self.batches)
        batch = {
            "id": f"{self.prefix}{number}",
            "object": "batch",
            "endpoint": asked["endpoint"],
            "completion_window": asked["completion_window"],
            "input_file_id": asked["input_file_id"],
            "metadata": asked.get("metadata") if self.keeps_metadata else None,
            "status": "validating",
            "created_at": 1_000,
            "request_counts": {"total": len(requests), "completed": 0, "failed": 0},
            "output_file_id": None,
            "error_file_id": None,
            "errors": None,
        }
        self.uploads.append(requests)
        way, _, argument = self.ends.get(number, "completed").partition(":")
        waiting = sum(b["request_counts"]["total"] for b in self.batches.values() if _waits(b))
        if waiting + len(requests) > self.enqueues:
            way, argument = "failed", "token_limit_exceeded"
        self.batches[batch["id"]] = batch
        self._seen[batch["id"]] = 0
        batch["_way"], batch["_argument"], batch["_first"] = way, argument, self._n_lines
        if way != "failed":
            self._n_lines += len(requests)
            self.accepted.update(content_id(request["body"]) for request in requests)
        return batch

    def looks_at(self, batch_id: str, more: int) -> None:
        """Let that many more looks find the batch under way."""
        self._seen[batch_id] = self.looks - more

    def look(self, batch_id: str) -> dict[str, Any]:
        """The batch, a little further on."""
        batch = self.batches[batch_id]
        if _waits(batch):
            seen = self._seen[batch_id]
            self._seen[batch_id] += 1
            if seen >= self.looks:
                self._end(batch)
            else:
                batch["status"] = STATES[max(0, min(seen, len(STATES) - 1))]
        return batch

    def cancel(self, batch_id: str) -> dict[str, Any]:
        batch = self.batches[batch_id]
        batch["status"], batch["_way"], batch["_argument"] = "cancelling", "cancelled", "0"
        return batch

    def _end(self, batch: dict[str, Any]) -> None:
        way, argument = batch["_way"], batch["_argument"]
        batch["status"], batch[f"{way}_at"] = way, 1_060
        if way == "failed":
            error = {"code": argument, "message": "Enqueued token limit reached", "line": None}
            batch["errors"] = {"object": "list", "data": [error]}
            return
        requests = [json.loads(x) for x in self.files[batch["input_file_id"]].splitlines()]
        begun = int(argument) if argument else len(requests)
        output: list[bytes] = []
        errors: list[bytes] = []
        for number, request in enumerate(requests):
            treat = self.lines.get(batch["_first"] + number, self.always)
            if number >= begun:
                error = {"code": f"batch_{way}", "message": "could not be executed in time"}
                line = {"custom_id": request["custom_id"], "response": None, "error": error}
                errors.append(json.dumps(line).encode() + b"\n")
            else:
                _answer(request, treat, output, errors)
        batch["request_counts"]["completed"] = len(output)
        if output:
            batch["output_file_id"] = self.add_file(b"".join(output))
        if errors:
            batch["error_file_id"] = self.add_file(b"".join(errors))


def _waits(batch: Mapping[str, Any]) -> bool:
    return batch["status"] in (*STATES, "cancelling")


def _answer(request: Line, treat: str, output: list[bytes], errors: list[bytes]) -> None:
    name, _, argument = treat.partition(":")
    if name in LINES:
        output.extend(LINES[name](request))
        return
    exchange = _Captured(request["body"])
    BEHAVIOURS[name](exchange, argument)
    line = _line(request, exchange.status, json.loads(exchange.data))
    (output if exchange.status == 200 else errors).append(line)


def _line(request: Line, status: int, body: Any) -> bytes:
    response = {"status_code": status, "request_id": "req_1", "body": body}
    line = {"id": "r", "custom_id": request["custom_id"], "response": response, "error": None}
    return json.dumps(line).encode() + b"\n"


def _good(request: Line) -> bytes:
    exchange = _Captured(request["body"])
    BEHAVIOURS["good"](exchange, "")
    return _line(request, 200, json.loads(exchange.data))


def _other(request: Line, text: str) -> bytes:
    """A different answer to the same request."""
    exchange = _Captured(request["body"])
    exchange.reply(text)
    return _line(request, 200, json.loads(exchange.data))


LINES: dict[str, Callable[[Line], list[bytes]]] = {
    "missing": lambda request: [],
    "garbage": lambda request: [b"{not json\n"],
    "nul": lambda request: [b"\x00" * 1000 + b"\n", b"\xff\xfe\n", b"\n"],
    "long": lambda request: [b"x" * 70_000_000 + b"\n"],
    "deep": lambda request: [b"[" * 100_000 + b"\n"],
    "number": lambda request: [b"12\n", b'{"custom_id": 5}\n', b"null\n"],
    "empty": lambda request: [json.dumps({"custom_id": request["custom_id"]}).encode() + b"\n"],
    "bodiless": lambda request: [_line(request, 200, None)],
    "text_body": lambda request: [_line(request, 200, "<html>")],
    "odd_status": lambda request: [_line(request, "no", {"error": "x"})],  # type: ignore[arg-type]
    "twice": lambda request: [_good(request), _other(request, "second")],
    "stranger": lambda request: [
        _good(request), _good({**request, "custom_id": "nobody"}),
    ],
    "unterminated": lambda request: [_good(request).rstrip()],
}  # fmt: skip


class _Captured(_Exchange):
    """An exchange that keeps its reply to itself."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.body = body
        self.headers = {"authorization": "Bearer sk-canary/0123456789abcdef"}  # type: ignore[assignment]

    def send(
        self, status: int, data: bytes, kind: str = "application/json", **headers: str
    ) -> None:
        self.status, self.data = status, data


class _BatchHTTP(_Server):
    owner: BatchServer  # type: ignore[assignment]

    def __init__(self, owner: BatchServer) -> None:
        self.owner = owner
        self._open = set()
        ThreadingHTTPServer.__init__(self, ("127.0.0.1", 0), _BatchExchange)


class _BatchExchange(_Exchange):
    server: _BatchHTTP

    def do_GET(self) -> None:
        self._serve(b"")

    def do_DELETE(self) -> None:
        self._serve(b"")

    def do_POST(self) -> None:
        if self.headers["transfer-encoding"] == "chunked":
            data = b""
            while size := int(self.rfile.readline(), 16):
                data += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            data = self.rfile.read(int(self.headers["content-length"] or 0))
        self._serve(data)

    def _serve(self, data: bytes) -> None:
        owner = self.server.owner
        path = self.path.removeprefix("/v1").partition("?")[0]
        call = f"{self.command} {_kind(path)}"
        with owner.lock:
            number = len(owner.called)
            owner.called.append(call)
            ways = owner.calls.get(call, [])
            way, _, argument = (ways.pop(0) if ways else "").partition(":")
        owner.pass_gate(number, done=False)
        if way and way != "lost":
            self.body = {"model": "m"}
            BEHAVIOURS[way](self, argument)
            return
        with owner.lock:
            status, reply = self._done(path, data)
        owner.pass_gate(number, done=True)
        if way == "lost":
            BEHAVIOURS["reset"](self, "")
        if isinstance(reply, bytes):
            self.send(status, reply, "application/octet-stream")
        else:
            self.send(status, json.dumps(reply).encode())

    def _done(self, path: str, data: bytes) -> tuple[int, Any]:
        owner = self.server.owner
        part = path.split("/")
        if (self.command, path) == ("POST", "/files"):
            name = owner.add_file(_uploaded(self.headers["content-type"], data))
            return 200, {"id": name, "object": "file", "purpose": "batch"}
        if (self.command, path) == ("POST", "/batches"):
            return 200, _shown(owner.create(json.loads(data)))
        if (self.command, path) == ("GET", "/batches"):
            return 200, self._page()
        if part[1] == "batches" and part[2] in owner.batches:
            change = owner.cancel if part[3:] == ["cancel"] else owner.look
            return 200, _shown(change(part[2]))
        if part[1] == "files" and part[2] in owner.files:
            if self.command == "DELETE":
                del owner.files[part[2]]
                return 200, {"id": part[2], "deleted": True}
            return 200, owner.files[part[2]]
        return 404, {"error": {"message": f"No such thing: {path}", "code": None}}

    def _page(self) -> dict[str, Any]:
        """Newest first, two at a time, whatever was asked for."""
        names = list(reversed(self.server.owner.batches))
        after = re.search(r"after=([^&]+)", self.path)
        first = names.index(after[1]) + 1 if after else 0
        data = [_shown(self.server.owner.batches[name]) for name in names[first : first + 2]]
        return {"object": "list", "data": data, "has_more": first + 2 < len(names)}


def _kind(path: str) -> str:
    if path.endswith(("/content", "/cancel")):
        return "/" + path.rpartition("/")[2]
    return re.sub(r"/[^/]+$", "/id", path) if path.count("/") > 1 else path


def _shown(batch: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in batch.items() if not name.startswith("_")}


def _uploaded(content_type: str, data: bytes) -> bytes:
    """The file of a multipart form."""
    boundary = content_type.partition("boundary=")[2].encode()
    (file,) = [part for part in data.split(b"--" + boundary) if b'name="file"' in part]
    return file.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")

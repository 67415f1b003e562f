"""A small HTTP server with the layout of the Hugging Face hub, or with a fault.

In:  HEAD and GET of /<owner>/<repository>/resolve/<revision>/<file> on 127.0.0.1; what each
     repository does, by name.
Out: model.safetensors and the hub's headers, or what a hub in that state answers.
"""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

COMMIT = "c0ffee" + "0" * 34
FAULTS = {  # status and error code
    "gated": (401, "GatedRepo"),
    "forbidden": (403, ""),
    "pickle only": (404, "EntryNotFound"),
    "no such revision": (404, "RevisionNotFound"),
}


@dataclass
class Hub:
    """``url``; ``asked``: method and path of each request so far."""

    url: str
    asked: list[str] = field(default_factory=list)


@contextmanager
def hub_server(weights: bytes, states: Mapping[str, str]) -> Iterator[Hub]:
    """Serve ``weights``. Args: states: by repository one of FAULTS, "cut" or "damaged"."""
    hub = Hub("")

    class Exchange(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer(False)

        def do_GET(self) -> None:
            self._answer(True)

        def _answer(self, wants_body: bool) -> None:
            hub.asked.append(f"{self.command} {self.path}")
            repository = self.path.strip("/").rpartition("/resolve/")[0].rpartition("/")[2]
            state = states.get(repository, "")
            if state in FAULTS or "/resolve/" not in self.path:
                status, code = FAULTS.get(state, (404, ""))
                return self._send(status, b"", {"X-Error-Code": code, "X-Repo-Commit": COMMIT})
            body = {"damaged": weights[: len(weights) // 2], "cut": weights * 3}.get(state, weights)
            tag = f'"{hashlib.sha256(body).hexdigest()}"'
            headers = {"ETag": tag, "X-Repo-Commit": COMMIT, "X-Linked-Size": str(len(body))}
            self._send(200, body, headers | {"X-Linked-Etag": tag}, wants_body, state == "cut")
            return None

        def _send(
            self, status: int, body: bytes, headers: Mapping[str, str], wants_body: bool = False,
            cut: bool = False,
        ) -> None:  # fmt: skip
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if wants_body:
                self.wfile.write(body[: len(body) // 2] if cut else body)
                self.close_connection = cut

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Exchange)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()

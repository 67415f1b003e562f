"""A forward proxy on 127.0.0.1: it passes requests on to one server, whatever host they name, or
answers them itself.

In:  requests with whole URLs, and CONNECT.
Out: the server's replies; or a status of its own, with a page.
"""

import socket
import threading
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

PAGE = b"<html><head><title>Corporate proxy</title></head><body>No way through</body></html>"


class ForwardProxy:
    """Serves until closed. ``refuses`` is the status of every answer of its own; with 0 it passes
    requests on to ``to`` (host and port). ``asked`` are the lines of what arrived."""

    def __init__(self, *, refuses: int = 0, to: str = "") -> None:
        self.refuses, self.to = refuses, to
        self.asked: list[str] = []
        self._http = _Server(self)
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,))
        self._thread.start()

    def __enter__(self) -> "ForwardProxy":
        return self

    def __exit__(self, *_exc: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, owner: ForwardProxy) -> None:
        self.owner = owner
        super().__init__(("127.0.0.1", 0), _Exchange)


class _Exchange(BaseHTTPRequestHandler):
    server: _Server

    def do_CONNECT(self) -> None:
        self.server.owner.asked.append(self.requestline)
        if self.server.owner.refuses:
            return self._refuse()
        with socket.create_connection(_address(self.server.owner.to)) as there:
            self.send_response(200)
            self.end_headers()
            back = threading.Thread(target=_pass_on, args=(there, self.connection))
            back.start()
            _pass_on(self.connection, there)
            back.join()
        return None

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.owner.asked.append(self.requestline)
        if self.server.owner.refuses:
            return self._refuse()
        there = HTTPConnection(*_address(self.server.owner.to))
        there.request("POST", urlsplit(self.path).path, body, dict(self.headers.items()))
        reply = there.getresponse()
        data = reply.read()
        self.send_response(reply.status)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        there.close()
        return None

    def _refuse(self) -> None:
        self.send_response(self.server.owner.refuses)
        self.send_header("content-type", "text/html")
        self.send_header("content-length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def _address(server: str) -> tuple[str, int]:
    host, _, port = server.rpartition(":")
    return host, int(port)


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(1 << 16):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return  # one side was quicker

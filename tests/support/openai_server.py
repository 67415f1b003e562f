"""A small HTTP server that answers Chat Completions as the OpenAI API does, or badly on request.

In:  POST /v1/chat/completions on 127.0.0.1; the name of a behaviour for all or some requests.
Out: a reply that satisfies the request's JSON schema, the same for the same request; or a fault.

POST /v1/embeddings is answered as ``embeddings`` says; the accent comes after ``embeds:``.

As a program: ``python tests/support/openai_server.py --port-file F --log F --delay 0.05
--always good --nth 3=html``. The log gets one JSON line for each request that arrives.
"""

import argparse
import hashlib
import itertools
import json
import os
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

_WORDS = """
pale dark bright dull glossy matte faded speckled tinted mottled streaked plain
ridged smooth curved narrow broad tapered jagged rounded flat uneven slender bulky
outline finish pattern seams trim edges patches grooves bands contours folds rims
"""
_FOREIGN = {
    "german": (
        "breite flache Platte mit vier Beinen", "glatte Kante aus Holz", "helle und dunkle Ringe",
        "steht auf dem Boden", "rechteckige Form von der Seite", "kleiner Griff an einer Ecke",
        "matte Farbe ohne Glanz", "schmale Rillen", "runde Ecken und Kanten", "so breit wie hoch",
    ),
    "japanese": (
        "長い平らな板", "滑らかな茶色の表面", "四本の細い脚", "丸い角", "白い縁",
        "床に立っている", "暗い隙間", "木目の模様", "幅が広い", "小さな取っ手",
    ),
}  # fmt: skip
Behaviour = Callable[["_Exchange", str], None]
BEHAVIOURS: dict[str, Behaviour] = {}


def content_id(body: Mapping[str, Any]) -> str:
    """Name of a request's content: equal for equal bodies."""
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def asked_about(body: Mapping[str, Any]) -> str:
    """Name of the class that a request is about; that of a scene's classes is about none."""
    if "messages" not in body:  # for embeddings
        return ""
    mark, _, value = body["messages"][-1]["content"].split("\n")[-1].partition(": ")
    return str(json.loads(value)["name"]) if mark == "Class" else ""


def asked_schema(body: Mapping[str, Any]) -> dict[str, Any]:
    """The schema that a request tells of: in its format, else as the only line of JSON that its
    messages hold beside the data."""
    told = body.get("response_format", {}).get("json_schema")
    if told:
        return dict(told["schema"])
    lines = "\n".join(message["content"] for message in body["messages"]).splitlines()
    return dict(json.loads(next(line for line in lines if line.startswith('{"additional'))))


def plausible_reply(body: Mapping[str, Any]) -> dict[str, Any]:
    """A reply that fits the schema: exact counts, slots of the enum, phrases all different.

    About a scene: every other class of those listed.
    """
    lines = [line.partition(": ") for line in body["messages"][-1]["content"].splitlines()]
    marks = ("Class", "Classes", "Look-alikes", "Scene")  # the last of a mark is not an example's
    data = {mark: json.loads(value) for mark, colon, value in lines if mark in marks}
    if "Class" not in data:
        return {"classes": data["Classes"][::2]}
    asked, others = data["Class"], data.get("Look-alikes", [])
    names = [asked["name"], *asked["synonyms"], *others]
    phrases = _phrases(int(content_id(body)[:8], 16), " ".join(names).casefold())
    schema = asked_schema(body)
    reply: dict[str, Any] = _fill("", schema, asked["name"], phrases, itertools.count())
    for number, row in enumerate(reply.get("differences", [])):
        row["other"] = others[number % len(others)]
    return reply


def _phrases(seed: int, names: str) -> Iterator[str]:
    """Different phrases that share no word with ``names``, from a place that ``seed`` chooses."""
    taken = [word for word in names.split() if len(word) > 2]
    lines = [line.split() for line in _WORDS.strip().splitlines()]
    free = [[w for w in line if not any(w in t or t in w for t in taken)] for line in lines]
    every = [" ".join(words) for words in itertools.product(*free)]
    return (every[(seed + 101 * n) % len(every)] for n in range(len(every)))  # 101: skips none


def _fill(
    key: str,
    schema: Mapping[str, Any],
    class_name: str,
    phrases: Iterator[str],
    turn: Iterator[int],
) -> Any:
    if schema["type"] == "object":
        fields = schema["properties"].items()
        return {name: _fill(name, part, class_name, phrases, turn) for name, part in fields}
    if schema["type"] == "array":
        count, part = schema.get("minItems", 10), schema["items"]
        return [_fill(key, part, class_name, phrases, turn) for _ in range(count)]
    if "enum" in schema:
        return schema["enum"][next(turn) % len(schema["enum"])]
    return class_name if key == "parent" else next(phrases)


class OpenAIServer:
    """Serves until closed. ``nth`` says how the n-th request to arrive (from 0) is treated,
    ``about`` those about a class, by its name, ``always`` the others; all name a behaviour, with
    an argument after a colon if it takes one. ``gate`` is a file that says how many requests may
    be answered so far; the others wait for it.

    ``tls`` is a certificate and its key: then it speaks https, as ``localhost``.

    ``bodies``, ``paths``, ``headers``, ``arrivals`` (seconds) and ``most_at_once`` tell what
    arrived.
    """

    def __init__(
        self,
        *,
        always: str = "good",
        nth: Mapping[int, str] | None = None,
        about: Mapping[str, str] | None = None,
        delay_s: float = 0.0,
        log: Path | None = None,
        gate: Path | None = None,
        tls: tuple[Path, Path] | None = None,
    ) -> None:
        self.always, self.nth, self.delay_s = always, dict(nth or {}), delay_s
        self.about = dict(about or {})
        self.gate = gate
        self.bodies: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.arrivals: list[float] = []
        self.most_at_once = 0
        self.at_once: list[int] = []  # with each arrival
        self.closing = threading.Event()
        self._at_once = 0
        self._lock = threading.Lock()
        self._log = log.open("ab", buffering=0) if log else None
        self._http = _Server(self)
        self.base_url = f"http://127.0.0.1:{self._http.server_port}/v1"
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self._http.socket = context.wrap_socket(self._http.socket, server_side=True)
            self.base_url = f"https://localhost:{self._http.server_port}/v1"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,))
        self._thread.start()

    def __enter__(self) -> "OpenAIServer":
        return self

    def __exit__(self, *_exc: object) -> None:
        self.closing.set()
        self._http.shutdown()
        self._http.drop_connections()
        self._http.server_close()
        self._thread.join()
        if self._log:
            self._log.close()

    def arrived(self, body: dict[str, Any]) -> tuple[int, str]:
        """Note a request. Returns: its number, from 0, and the behaviour it gets."""
        with self._lock:
            number = len(self.bodies)
            behaviour = self.nth.get(number) or self.about.get(asked_about(body), self.always)
            self.bodies.append(body)
            self.arrivals.append(time.monotonic())
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            self.at_once.append(self._at_once)
            if self._log:
                line = {"content": content_id(body), "behaviour": behaviour}
                self._log.write(json.dumps(line).encode() + b"\n")
        return number, behaviour

    def await_turn(self, number: int) -> None:
        """Return when request ``number`` may be answered."""
        self.closing.wait(self.delay_s)
        while self.gate and number >= int(self.gate.read_text()) and not self.closing.wait(0.005):
            continue

    def left(self) -> None:
        with self._lock:
            self._at_once -= 1


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # joined on close
    request_queue_size = 128

    def __init__(self, owner: OpenAIServer) -> None:
        self.owner = owner
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), _Exchange)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def drop_connections(self) -> None:
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # the other side was quicker

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away in the middle is what some tests do: not worth a traceback."""


class _Exchange(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet, or Nagle's algorithm costs 40 ms
    disable_nagle_algorithm = True
    server: _Server
    body: dict[str, Any]

    def do_POST(self) -> None:
        self.body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.owner.paths.append(self.path)
        self.server.owner.headers.append({k.casefold(): v for k, v in self.headers.items()})
        if self.path.partition("?")[0] not in ("/v1/chat/completions", "/v1/embeddings"):
            return self.fault(404, f"no such path: {self.path}")
        owner = self.server.owner
        number, behaviour = owner.arrived(self.body)
        name, _, argument = behaviour.partition(":")
        try:
            owner.await_turn(number)
            if self.path == "/v1/embeddings" and name in ("good", "embeds"):
                from tests.support.embeddings import embeddings  # as a program it stands alone

                self.send(*embeddings(self.body, argument))
            else:
                BEHAVIOURS[name](self, argument)
        finally:
            owner.left()
        return None

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def send(
        self, status: int, data: bytes, kind: str = "application/json", **headers: str
    ) -> None:
        self.send_response(status)
        for name, value in {"content-type": kind, **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def fault(self, status: int, message: str, code: str | None = None, **headers: str) -> None:
        error = {"message": message, "type": code or "error", "code": code, "param": None}
        self.send(status, json.dumps({"error": error}).encode(), **headers)

    def reply(
        self, content: Any, *, finish: str = "stop", refusal: str | None = None, **headers: str
    ) -> None:
        completion = self.completion(content, finish, refusal)
        self.send(200, json.dumps(completion).encode(), **headers)

    def completion(self, content: Any, finish: str, refusal: str | None) -> dict[str, Any]:
        message = {"role": "assistant", "content": content, "refusal": refusal}
        n_prompt = len(json.dumps(self.body["messages"])) // 4
        n_completion = len(content or "") // 4
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": f"{self.body['model']}-2026-01-01",
            "system_fingerprint": "fp_1",
            "choices": [{"index": 0, "finish_reason": finish, "message": message}],
            "usage": {
                "prompt_tokens": n_prompt,
                "completion_tokens": n_completion,
                "total_tokens": n_prompt + n_completion,
                "prompt_tokens_details": {"cached_tokens": 0},
            },
        }

    def phrases(self) -> dict[str, Any]:
        return plausible_reply(self.body)


def _behaviour(function: Behaviour) -> Behaviour:
    BEHAVIOURS[function.__name__] = function
    return function


@_behaviour
def good(x: _Exchange, _: str) -> None:
    x.reply(json.dumps(x.phrases()))


@_behaviour
def telling(x: _Exchange, headers: str) -> None:
    """Argument: headers of a good reply, as ``x-ratelimit-limit-requests=60;...``."""
    fields = dict(header.split("=", 1) for header in headers.split(";"))
    x.reply(json.dumps(x.phrases()), **fields)


@_behaviour
def rate_limit(x: _Exchange, header: str) -> None:
    """Argument: a header, as ``retry-after=1``."""
    name, _, value = header.partition("=")
    x.fault(429, "Rate limit reached", "rate_limit_exceeded", **({name: value} if name else {}))


@_behaviour
def day_limit(x: _Exchange, _: str) -> None:
    words = "Rate limit reached for tokens per day (TPD). Please try again in 7h12m"
    x.fault(429, words, "rate_limit_exceeded", retry_after="25920")


@_behaviour
def status(x: _Exchange, number: str) -> None:
    x.fault(int(number), "The server had an error while processing your request")


@_behaviour
def unauthorised(x: _Exchange, _: str) -> None:
    given = x.headers["authorization"]
    x.fault(401, f"Incorrect API key provided: {given}", "invalid_api_key")


@_behaviour
def echo(x: _Exchange, _: str) -> None:
    """A reply that repeats the key."""
    x.reply(json.dumps({"attributes": x.headers["authorization"]}))


@_behaviour
def echo_around(x: _Exchange, _: str) -> None:
    """A good reply that says the key wherever it can: in its fields, its headers, its phrases,
    and there also as JSON may spell it."""
    key = x.headers["authorization"].removeprefix("Bearer ")
    spelt = "".join(f"\\u{ord(char):04x}" for char in key)
    phrases = x.phrases()
    phrases["attributes"][0]["text"] = f"pale {key} trim"
    content = json.dumps(phrases).replace("pale", f"pale {spelt}", 1)
    completion = {**x.completion(content, "stop", None), "model": key, "system_fingerprint": key}
    x.send(200, json.dumps(completion).encode(), x_echo=f"Bearer {key}", www_authenticate=key)


@_behaviour
def no_credit(x: _Exchange, _: str) -> None:
    x.fault(429, "You exceeded your current quota", "insufficient_quota")


@_behaviour
def no_model(x: _Exchange, _: str) -> None:
    x.fault(404, f"The model `{x.body['model']}` does not exist", "model_not_found")


@_behaviour
def hang(x: _Exchange, _: str) -> None:
    x.server.owner.closing.wait()
    x.close_connection = True


@_behaviour
def reset(x: _Exchange, _: str) -> None:
    x.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    x.connection.close()  # lingering for 0 s sends RST
    raise ConnectionResetError


@_behaviour
def drip(x: _Exchange, _: str) -> None:
    """A byte each 20 ms: no read times out, and the whole never comes."""
    x.send_response(200)
    x.send_header("content-type", "application/json")
    x.send_header("content-length", "100000")
    x.end_headers()
    while not x.server.owner.closing.wait(0.02):
        x.wfile.write(b" ")
        x.wfile.flush()
    x.close_connection = True


@_behaviour
def redirect(x: _Exchange, argument: str) -> None:
    """Argument: a status and where to, as ``307=http://127.0.0.1:8000/v1/chat/completions``."""
    status, _, location = argument.partition("=")
    x.send(int(status), b"", location=location)


@_behaviour
def raw(x: _Exchange, argument: str) -> None:
    """Argument: a status and a body, as ``400={"detail": "no"}``."""
    status, _, body = argument.partition("=")
    kind = "text/html" if body.startswith("<") else "application/json"
    x.send(int(status), body.encode(), kind)


@_behaviour
def html(x: _Exchange, _: str) -> None:
    x.send(200, b"<!doctype html><title>Sign in to the Wi-Fi</title>", "text/html")


@_behaviour
def error_200(x: _Exchange, _: str) -> None:
    x.send(200, b'{"error": {"code": 502, "message": "upstream provider failed"}}')


@_behaviour
def error_in_200(x: _Exchange, words: str) -> None:
    x.send(200, json.dumps({"error": words}).encode())


@_behaviour
def no_choices(x: _Exchange, _: str) -> None:
    x.send(200, json.dumps({**x.completion("", "stop", None), "choices": []}).encode())


@_behaviour
def no_usage(x: _Exchange, _: str) -> None:
    completion = x.completion(json.dumps(x.phrases()), "stop", None)
    x.send(200, json.dumps({**completion, "usage": None, "system_fingerprint": None}).encode())


@_behaviour
def refusal(x: _Exchange, _: str) -> None:
    x.reply(None, refusal="I cannot help with that.")


@_behaviour
def length(x: _Exchange, _: str) -> None:
    content = json.dumps(x.phrases())
    x.reply(content[: len(content) // 2], finish="length")


@_behaviour
def called_cut(x: _Exchange, _: str) -> None:
    x.reply(json.dumps(x.phrases()), finish="length")


@_behaviour
def breaks_off(x: _Exchange, _: str) -> None:
    fault = {"code": 502, "message": "Upstream idle timeout"}
    choice = {"index": 0, "message": {"content": '{"attr'}, "finish_reason": "error"}
    x.send(200, json.dumps({"choices": [{**choice, "error": fault}]}).encode())


@_behaviour
def filtered(x: _Exchange, _: str) -> None:
    x.reply("", finish="content_filter")


@_behaviour
def fenced(x: _Exchange, _: str) -> None:
    x.reply(f"```json\n{json.dumps(x.phrases())}\n```")


@_behaviour
def around(x: _Exchange, text: str) -> None:
    """Argument: what the reply's text is, with ``%s`` where the object stands."""
    x.reply(text.replace("%s", json.dumps(x.phrases())))


@_behaviour
def message(x: _Exchange, fields: str) -> None:
    """Argument: JSON of the message's fields, with ``"%s"`` where the object's text stands."""
    said = json.loads(fields.replace('"%s"', json.dumps(json.dumps(x.phrases()))))
    completion = x.completion("", "stop", None)
    completion["choices"][0]["message"] = {"role": "assistant", **said}
    x.send(200, json.dumps(completion).encode())


@_behaviour
def streamed(x: _Exchange, unless: str) -> None:
    """Events in spite of all. Argument: ``unless_told``, to heed a request for no stream."""
    if unless and x.body.get("stream") is False:
        return good(x, "")
    whole = x.completion("", "stop", None)
    text = json.dumps(x.phrases())
    pieces = [text[n : n + 40] for n in range(0, len(text), 40)]
    deltas: list[tuple[dict[str, str], str | None]] = [({"content": p}, None) for p in pieces]
    deltas.append(({}, "stop"))
    events = [
        {**whole, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], "usage": None}
        for delta, finish in deltas
    ]
    events.append({**whole, "choices": []})
    lines = [f"data: {json.dumps(event)}\n\n" for event in events]
    return x.send(200, "".join([*lines, "data: [DONE]\n\n"]).encode(), "text/event-stream")


@_behaviour
def decoded(x: _Exchange, _: str) -> None:
    """The object itself where its text should be."""
    x.reply(x.phrases())


@_behaviour
def wrong_type(x: _Exchange, _: str) -> None:
    x.reply(json.dumps({**x.phrases(), "attributes": "pale matte trim"}))


@_behaviour
def extra_keys(x: _Exchange, _: str) -> None:
    x.reply(json.dumps({**x.phrases(), "note": "I added this"}))


@_behaviour
def empty_strings(x: _Exchange, _: str) -> None:
    _with_texts(x, "")


@_behaviour
def duplicates(x: _Exchange, _: str) -> None:
    _with_texts(x, "pale matte trim")


def _with_texts(x: _Exchange, text: str) -> None:
    phrases = x.phrases()
    attributes = [{**row, "text": text} for row in phrases["attributes"]]
    x.reply(json.dumps({**phrases, "attributes": attributes}))


@_behaviour
def hostile(x: _Exchange, _: str) -> None:
    """NUL, bidirectional and escape characters in every phrase."""
    _with_texts(x, "pale \x00matte \u202etrim\x1b[2J\x1b]0;owned\x07")


@_behaviour
def foreign(x: _Exchange, language: str) -> None:
    """Argument: a language of ``_FOREIGN``."""
    phrases = x.phrases()
    for row, text in zip(phrases["attributes"], itertools.cycle(_FOREIGN[language]), strict=False):
        row["text"] = text
    x.reply(json.dumps(phrases, ensure_ascii=False))


@_behaviour
def few(x: _Exchange, _: str) -> None:
    """A quarter of the phrases asked for."""
    phrases = x.phrases()
    count = len(phrases["attributes"]) // 4
    x.reply(json.dumps({**phrases, "attributes": phrases["attributes"][:count]}))


@_behaviour
def ten_thousand(x: _Exchange, _: str) -> None:
    phrases = x.phrases()
    more = [{"slot": "shape", "text": f"narrow band number {n}"} for n in range(10_000)]
    x.reply(json.dumps({**phrases, "attributes": phrases["attributes"] + more}))


@_behaviour
def blank(x: _Exchange, _: str) -> None:
    x.reply(" \n")


@_behaviour
def huge(x: _Exchange, _: str) -> None:
    x.reply("x" * 10_000_000)


REFUSALS = {  # what servers said, in public reports, of a request in a form they do not take
    "no_json_schema": (
        400, {"error": {"message": "This response_format type is unavailable now",
                        "type": "invalid_request_error", "param": None}},
    ),
    "no_json_object": (
        400, {"error": "'response_format.type' must be 'json_schema' or 'text'"},
    ),
    "no_response_format": (
        422, {"detail": [{"type": "extra_forbidden", "loc": ["body", "response_format"],
                          "msg": "Extra inputs are not permitted", "input": {"type": "json"}}]},
    ),
    "no_keyword": (
        400, {"error": {"message": "invalid schema for response format: response_format/"
                        "json_schema/attributes: %s is not supported"}},
    ),
    "no_counts": (400, {"error": {"message": "Failed to parse grammar: too many repetitions"}}),
    "no_new_limit": (
        422, {"object": "error", "message": {"detail": [
            {"type": "extra_forbidden", "loc": ["body", "max_completion_tokens"],
             "msg": "Extra inputs are not permitted", "input": 512}]}},
    ),
    "no_system": (400, {"object": "error", "message": "System role not supported", "code": 400}),
    "no_reason": (400, {"error": {"message": "Bad Request"}}),
}  # fmt: skip


def refusal_in(dialect: str, body: Mapping[str, Any]) -> tuple[int, Any] | None:
    """What a server of that dialect says to a request whose form it does not take.

    Args:
        dialect: names of ``REFUSALS`` joined by ``+``; ``no_keyword=maxItems`` names one.
    """
    told = body.get("response_format", {})
    text = json.dumps(told)
    for name, _, keyword in (part.partition("=") for part in dialect.split("+")):
        refused = {
            "no_json_schema": told.get("type") == "json_schema",
            "no_json_object": told.get("type") == "json_object",
            "no_response_format": bool(told),
            "no_keyword": bool(keyword) and f'"{keyword}"' in text,
            "no_counts": '"minItems"' in text,
            "no_new_limit": "max_completion_tokens" in body,
            "no_system": body["messages"][0]["role"] == "system",
            "no_reason": told.get("type") == "json_schema" or "max_completion_tokens" in body,
        }
        if refused[name]:
            status, said = REFUSALS[name]
            return status, json.loads(json.dumps(said).replace("%s", keyword))
    return None


@_behaviour
def strict(x: _Exchange, dialect: str) -> None:
    """Argument: a dialect, as ``refusal_in`` takes it; a request in it gets a good reply."""
    refusal = refusal_in(dialect, x.body)
    if refusal is None:
        return good(x, "")
    status, said = refusal
    return x.send(status, json.dumps(said).encode())


@_behaviour
def says(x: _Exchange, said: str) -> None:
    """Argument: ``STATUS WORDS``, which every request is turned away with."""
    number, _, words = said.partition(" ")
    x.send(int(number), json.dumps({"error": {"message": words}}).encode())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port-file", type=Path, required=True, help="written when serving")
    parser.add_argument("--log", type=Path, help="one JSON line for each request that arrives")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before each reply")
    parser.add_argument("--gate", type=Path, help="holds how many requests may be answered")
    parser.add_argument("--always", default="good", help=", ".join(BEHAVIOURS))
    parser.add_argument("--nth", action="append", default=[], help="such as 3=html; repeatable")
    args = parser.parse_args()
    nth = {int(n): behaviour for n, _, behaviour in (item.partition("=") for item in args.nth)}
    options = {"always": args.always, "delay_s": args.delay, "log": args.log, "gate": args.gate}
    with OpenAIServer(nth=nth, **options) as server:
        beside = args.port_file.with_suffix(".tmp")
        beside.write_text(server.base_url.rpartition(":")[2].removesuffix("/v1"))
        os.replace(beside, args.port_file)
        threading.Event().wait()


if __name__ == "__main__":
    main()

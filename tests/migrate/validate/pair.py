"""A small service on 127.0.0.1 that can be made to go wrong in one way: both sides without Docker."""

from __future__ import annotations

import contextlib
import json
import secrets
import threading
import time
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from migrate.model import ProbeSet
from migrate.reports.wire.probes import read

PROBES = """
schema_version: 1
probes:
  - id: page
    path: /
    session: person
    expect: {status: 200}
    capture: {TOKEN: {regex: 'token" value="([0-9a-f]+)"'}}
  - id: order
    method: POST
    path: /orders
    session: person
    form: {token: "{{TOKEN}}", item: käse & brot}
    expect: {status: 201}
    capture: {ORDER: {json: order.id}}
  - id: order-shown
    path: /orders/{{ORDER}}
    session: person
    expect: {status: 200}
  - id: list
    path: /list
    headers: {Accept: application/json}
  - id: echo
    method: PUT
    path: /echo
    chunked: true
    body_base64: AAECA//+
  - id: head
    method: HEAD
    path: /list
  - id: stream
    path: /stream
  - id: missing
    path: /nothing
    expect: {status: 404}
"""


def probes() -> ProbeSet:
    return read(PROBES, "probes.yaml")


class Service(ThreadingHTTPServer):
    """`defect` names what goes wrong; `memory` is what one process would keep."""

    daemon_threads = True

    def __init__(self, defect: str = "") -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.defect = defect
        self.orders: dict[str, str] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Service

    def log_message(self, *args: object) -> None:
        del args

    def _say(
        self,
        status: int,
        body: bytes,
        content_type: str = "text/html; charset=utf-8",
        *headers: tuple[str, str],
    ) -> None:
        defect = self.server.defect
        self.send_response(status + (1 if defect == "status" and self.path == "/list" else 0))
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers:
            self.send_header(name, value)
        if defect != "header":
            self.send_header("X-Frame-Options", "DENY")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            pieces = []
            while size := int(self.rfile.readline(), 16):
                pieces.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(pieces)
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def do_GET(self) -> None:
        defect = self.server.defect
        if self.path == "/":
            token = secrets.token_hex(0 if defect == "token" else 16)
            cookie = f"session={token}.{int(time.time())}; Path=/" + (
                "" if defect == "cookie" else "; HttpOnly"
            )
            page = f'<form>\n<input name="token" value="{token}">\n</form>\n'
            self._say(200, page.encode(), "text/html; charset=utf-8", ("Set-Cookie", cookie))
        elif self.path.startswith("/orders/"):
            item = self.server.orders.get(self.path.rpartition("/")[2])
            known = item is not None and "session=" in self.headers.get("Cookie", "")
            self._say(200 if known else 404, f"<p>{item}</p>".encode())
        elif self.path == "/list":
            items = [1, 2, "3"] if defect == "type" else [1, 2, 3]
            value = {"items": items, "at": time.time_ns()}
            if defect == "order":
                value = dict(reversed(value.items()))
            self._say(200, json.dumps(value).encode(), "application/json")
        elif self.path == "/stream":
            self._stream()
        else:
            self._say(404, b"<h1>Not here</h1>")

    def do_HEAD(self) -> None:
        self.do_GET()

    def _stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("X-Frame-Options", "DENY")
        self.end_headers()
        parts = [b"one\n", b"two\n", b"three\n"]
        if self.server.defect == "blob":
            time.sleep(0.25)
            parts = [b"".join(parts)]
        for number, part in enumerate(parts):
            if number:
                time.sleep(0.12)
            if self.server.defect == "cut" and number == 2:
                self.close_connection = True
                return
            self.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def do_POST(self) -> None:
        body = self._body()
        if b"token=" not in body or b"session=" not in self.headers.get("Cookie", "").encode():
            self._say(400, b"no token")
            return
        order = str(uuid.uuid4())
        if self.server.defect != "forget":
            self.server.orders[order] = body.rpartition(b"item=")[2].decode()
        self._say(201, json.dumps({"order": {"id": order}}).encode(), "application/json")

    def do_PUT(self) -> None:
        body = self._body()
        self._say(200, body[:-1] if self.server.defect == "byte" else body, "application/octet-stream")


@contextlib.contextmanager
def serving(defect: str = "") -> Iterator[str]:
    """A new service with an empty memory, on `url` until the end of the block."""
    service = Service(defect)
    thread = threading.Thread(target=service.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield service.url
    finally:
        service.shutdown()
        service.server_close()
        thread.join()


class FakeRuntime:
    """`migrate.runtimes.Runtime` over a service in this process; `log_text` is what its log will hold."""

    NAME = "fake"

    def __init__(self, defect: str = "", log_text: str = "", changed: tuple[str, ...] = ()) -> None:
        self.defect = defect
        self.log_text = log_text
        self.changed = changed
        self.running = 0
        self.started = 0

    def locate(self) -> object:
        from migrate.runtimes import Located

        return Located("fake", Path("/nowhere/fake"), "1.0")

    def precompile(self, component: object, folder: Path) -> object:
        del folder
        return component

    @contextlib.contextmanager
    def start(self, request: object, *, wait: bool = True) -> Iterator[object]:
        del wait
        with serving(self.defect) as url:
            server = FakeServer(url, self)
            log = getattr(request, "log", None)
            if isinstance(log, Path):
                log.write_text(self.log_text)
            self.running += 1
            self.started += 1
            try:
                yield server
            finally:
                self.running -= 1


class FakeServer:
    """`migrate.runtimes.RunningServer` of the fake."""

    def __init__(self, url: str, runtime: FakeRuntime) -> None:
        self.url = url
        self.port = int(url.rpartition(":")[2])
        self.pid = 0
        self.spawned = time.monotonic()
        self._runtime = runtime

    def alive(self) -> bool:
        return True

    def changed(self) -> tuple[str, ...]:
        return self._runtime.changed

"""The product service that fixtures/flask-gateway asks: a neighbour of both sides, in this process.

It answers on the Docker bridge's address of this machine, so that a container and a component reach it alike.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

PRODUCTS = [
    {"number": 1, "name": "Kaffee", "price": 7.5},
    {"number": 2, "name": "Grüner Tee", "price": 5.25},
    {"number": 3, "name": "Kakao", "price": 4.0},
]
BIG = b"0123456789abcdef" * 65536
# Fields that belong to a connection.
_UNTOLD = frozenset(("connection", "host", "transfer-encoding", "keep-alive", "te"))


class Products(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    flaky: ClassVar[Counter[str]] = Counter()

    def log_message(self, *args: object) -> None:
        """Nobody reads it."""

    def handle(self) -> None:
        with suppress(ConnectionError):  # a client that left early
            super().handle()

    def answer(self, status: int, body: bytes = b"", kind: str = "application/json", **fields: str) -> None:
        self.send_response(status)
        if status not in (204, 304):
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def json(self, status: int, value: object, **fields: str) -> None:
        self.answer(status, json.dumps(value, sort_keys=True).encode(), **fields)

    def chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def body(self) -> tuple[bytes, str]:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            pieces = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                pieces.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(pieces), "chunked"
        length = self.headers.get("Content-Length")
        return self.rfile.read(int(length or 0)), "none" if length is None else "length"

    def serve(self) -> None:
        parts = urlsplit(self.path)
        query = parse_qs(parts.query)
        data, framing = self.body()
        name = "do_" + parts.path.strip("/").partition("/")[0].replace("-", "_")
        route = getattr(self, name + "_route", None)
        if route is None:
            self.json(404, {"error": "no such page"})
        else:
            route(parts.path.strip("/").partition("/")[2], query, data, framing)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = serve  # noqa: N815 - http.server's

    def do_products_route(self, rest: str, query: dict[str, list[str]], data: bytes, framing: str) -> None:
        if self.command == "DELETE":
            self.answer(204)
        elif not rest:
            wanted = query.get("q", [""])[0].casefold()
            self.json(200, [p for p in PRODUCTS if wanted in str(p["name"]).casefold()])
        else:
            found = next((p for p in PRODUCTS if str(p["number"]) == rest), None)
            tag = f'"p{rest}"'
            if found is None:
                self.json(404, {"error": "no such product"})
            elif self.headers.get("If-None-Match") == tag:
                self.answer(304, ETag=tag)
            else:
                self.json(200, found, ETag=tag)

    def do_orders_route(self, rest: str, query: dict[str, list[str]], data: bytes, framing: str) -> None:
        self.json(201, {"order": json.loads(data)}, Location="/orders/17")

    def do_echo_route(self, rest: str, query: dict[str, list[str]], data: bytes, framing: str) -> None:
        fields = {k.lower(): v for k, v in self.headers.items() if k.lower() not in _UNTOLD}
        seen = {
            "method": self.command,
            "path": unquote(self.path),
            "headers": fields,
            "length": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
            "framing": framing,
        }
        self.json(200, seen)

    def do_redirect_route(self, rest: str, query: dict[str, list[str]], data: bytes, framing: str) -> None:
        left = int(rest) - 1
        self.answer(302, Location=f"/redirect/{left}" if left else "/products/2")

    def do_redirect_post_route(
        self, rest: str, query: dict[str, list[str]], data: bytes, framing: str
    ) -> None:
        self.answer(int(query["status"][0]), Location="/echo")

    def do_redirect_loop_route(
        self, rest: str, query: dict[str, list[str]], data: bytes, framing: str
    ) -> None:
        self.answer(302, Location="/redirect-loop")

    def do_cookies_route(self, rest: str, query: dict[str, list[str]], data: bytes, framing: str) -> None:
        if rest:
            self.send_response(200)
            self.send_header("Set-Cookie", "visitor=v1; Path=/")
            self.send_header("Set-Cookie", "basket=b%201; Path=/; HttpOnly")
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self.json(200, sorted(self.headers.get("Cookie", "").split("; ")))

    def do_repeated_route(self, rest: str, query: dict[str, list[str]], data: bytes, framing: str) -> None:
        self.send_response(200)
        for name, value in (("X-Tag", "a"), ("Set-Cookie", "a=1"), ("X-Tag", "b"), ("Set-Cookie", "b=2")):
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_gzip_route(self, rest: str, query: dict[str, list[str]], data: bytes, framing: str) -> None:
        self.answer(200, gzip.compress(b"packed " * 100, mtime=0), "text/plain", Content_Encoding="gzip")

    def do_stream_route(self, rest: str, query: dict[str, list[str]], data: bytes, framing: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number in range(5):
            self.chunk(f"line {number}\n".encode())
            time.sleep(0.05)
        self.chunk(b"")

    def do_big_route(self, rest: str, query: dict[str, list[str]], data: bytes, framing: str) -> None:
        self.answer(200, BIG, "application/octet-stream")

    def do_basic_route(self, rest: str, query: dict[str, list[str]], data: bytes, framing: str) -> None:
        if self.headers.get("Authorization") == "Basic c2hvcDpzZWNyZXQ=":
            self.json(200, "welcome")
        else:
            self.answer(401, WWW_Authenticate='Basic realm="products"')

    def do_status_route(self, rest: str, query: dict[str, list[str]], data: bytes, framing: str) -> None:
        self.json(int(rest), {"status": rest})

    def do_flaky_route(self, rest: str, query: dict[str, list[str]], data: bytes, framing: str) -> None:
        """503 twice, then 200, again and again."""
        key = query["key"][0]
        self.flaky[key] += 1
        self.json(200 if self.flaky[key] % 3 == 0 else 503, {"tries": (self.flaky[key] - 1) % 3 + 1})

    def do_slow_route(self, rest: str, query: dict[str, list[str]], data: bytes, framing: str) -> None:
        time.sleep(float(query.get("seconds", ["2"])[0]))
        self.json(200, "late")

    def do_slow_body_route(self, rest: str, query: dict[str, list[str]], data: bytes, framing: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "8")
        self.end_headers()
        self.wfile.write(b"half")
        self.wfile.flush()
        time.sleep(2)
        self.wfile.write(b"more")

    def do_cut_route(self, rest: str, query: dict[str, list[str]], data: bytes, framing: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "100")
        self.end_headers()
        self.wfile.write(b"only this")
        self.close_connection = True

    def do_cut_chunks_route(self, rest: str, query: dict[str, list[str]], data: bytes, framing: str) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.chunk(b"only this")
        self.close_connection = True

    def do_gone_route(self, rest: str, query: dict[str, list[str]], data: bytes, framing: str) -> None:
        self.close_connection = True


class Server(ThreadingHTTPServer):
    daemon_threads = True


@contextmanager
def serving(address: str) -> Iterator[str]:
    """The service on a free port of `address`; its URL."""
    server = Server((address, 0), Products)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://{address}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


if __name__ == "__main__":
    import sys

    with serving(sys.argv[1]) as url:
        print(url, flush=True)
        threading.Event().wait()

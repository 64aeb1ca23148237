"""ASGI over wasi:http/incoming-handler 0.2, answering as uvicorn does.

Each instance has one event loop, made at its first request, and one lifespan: started then, never shut
down, for an instance is dropped without a word. While a request is handled the loop runs; what the
application leaves on it afterwards goes on with the instance's next request, or is lost with it.
"""

import asyncio
import inspect
import sys
import traceback
from urllib.parse import unquote

from dock2wasm_adapter.incoming import (
    Disconnected,
    RequestBody,
    client_of,
    drop,
    fields_of,
    is_https,
    method_of,
    server_of,
)
from dock2wasm_adapter.outgoing import Answer, checked

_PIECE = 65536
_VERSIONS = {"version": "3.0", "spec_version": "2.3"}
_ERROR = b"Internal Server Error"


class LifespanError(Exception):
    """The application refused to start."""


class Server:
    """The application's event loop and lifespan, one of each for an instance."""

    def __init__(self, application):
        self.application = application if _takes_three(application) else _single_callable(application)
        self.state = {}
        self.loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self.loop)
        self._lifespan = None

    def start(self):
        """Run the lifespan's start-up. Raises LifespanError where the application says that it failed."""
        self.loop.run_until_complete(self._start())

    async def _start(self):
        events = asyncio.Queue()
        events.put_nowait({"type": "lifespan.startup"})
        answered = self.loop.create_future()

        async def send(message):
            told = message["type"] in ("lifespan.startup.complete", "lifespan.startup.failed")
            if told and not answered.done():
                answered.set_result(message)

        async def run():
            scope = {"type": "lifespan", "asgi": dict(_VERSIONS, spec_version="2.0"), "state": self.state}
            try:
                await self.application(scope, events.get, send)
            except BaseException as error:
                # As uvicorn's `--lifespan auto`: an application that knows no lifespan does without.
                if answered.done() and answered.result()["type"] == "lifespan.startup.failed":
                    return
                if not answered.done():
                    print(f"dock2wasm: ASGI 'lifespan' appears unsupported: {error!r}", file=sys.stderr)
            finally:
                if not answered.done():
                    answered.set_result({"type": "lifespan.startup.complete"})

        self._lifespan = self.loop.create_task(run())  # it waits for the shutdown that never comes
        message = await answered
        if message["type"] == "lifespan.startup.failed":
            raise LifespanError(message.get("message") or "the application's start-up failed")


_servers = {}


def _server(application):
    server = _servers.get(id(application))
    if server is None:
        server = Server(application)
        server.start()  # on failure nothing is kept: the next request tries again
        _servers[id(application)] = server
    return server


def _takes_three(application):
    """Whether this is an ASGI 3 application (uvicorn decides by the same test)."""
    if inspect.isclass(application):
        return hasattr(application, "__await__")
    if inspect.isfunction(application):
        return inspect.iscoroutinefunction(application)
    return inspect.iscoroutinefunction(type(application).__call__)


def _single_callable(application):
    async def both(scope, receive, send):
        await application(scope)(receive, send)

    return both


# --- one request ---------------------------------------------------------------------------


def scope_of(request, state):
    """The connection scope of an incoming-request, `type` http."""
    target = request.path_with_query() or "/"
    path, _, query = target.partition("?")
    https = is_https(request)
    headers = [(name.lower().encode("latin-1"), bytes(value)) for name, value in fields_of(request)]
    values = dict(reversed(headers))
    authority = request.authority()
    if authority and b"host" not in values:
        headers.insert(0, (b"host", authority.encode("latin-1")))
        values[b"host"] = authority.encode("latin-1")
    name, port = server_of(values.get(b"host", b"localhost").decode("latin-1"), https)
    address, client_port = client_of(
        lambda field: values.get(field.lower().encode("latin-1"), b"").decode("latin-1")
    )
    return {
        "type": "http",
        "asgi": dict(_VERSIONS),
        "http_version": "1.1",
        "server": (name, int(port)),
        "client": (address, int(client_port or 0)),
        "scheme": "https" if https else "http",
        "method": method_of(request),
        "root_path": "",
        "path": unquote(path),
        "raw_path": path.encode("latin-1"),
        "query_string": query.encode("latin-1"),
        "headers": headers,
        "state": state.copy(),
    }


def _length(headers):
    value = next((value for name, value in headers if name == b"content-length"), b"")
    return int(value) if value.isdigit() else None


class Exchange:
    """One request and its answer: what ASGI calls `receive` and `send`."""

    def __init__(self, body, out, method):
        self._body = body
        self._buffer = bytearray(_PIECE)
        self._read = False  # the request's body has ended
        self._ended = asyncio.Event()  # the answer has ended, or the client is gone
        self._status = None
        self._fields = None
        self._gone = False
        self.answer = Answer(out, method == "HEAD")
        self.complete = False

    async def receive(self):
        if not self._read:
            try:
                size = self._body.readinto(self._buffer)
            except Disconnected:
                self._gone = self._read = True
                self._ended.set()
                return {"type": "http.disconnect"}
            self._read = size == 0 or self._body.ended
            return {
                "type": "http.request",
                "body": bytes(self._buffer[:size]),
                "more_body": not self._read,
            }
        await self._ended.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        kind = message["type"]
        if self._fields is None:
            if kind != "http.response.start":
                raise RuntimeError(f"Expected ASGI message 'http.response.start', but got '{kind}'.")
            self._status = message["status"]
            self._fields = checked(
                [
                    (bytes(name).decode("latin-1"), bytes(value).decode("latin-1"))
                    for name, value in message.get("headers", ())
                ]
            )
            return
        if self._gone:
            return
        if self.complete:
            raise RuntimeError(f"Unexpected ASGI message '{kind}' sent, after response already completed.")
        if kind != "http.response.body":
            raise RuntimeError(f"Expected ASGI message 'http.response.body', but got '{kind}'.")
        data = bytes(message.get("body", b""))
        more = message.get("more_body", False)
        if not self.answer.started:
            self.answer.begin(self._status, self._fields)
        left = self.answer.left
        if left is not None and len(data) > left and self.answer.has_body:
            raise RuntimeError("Response content longer than Content-Length")
        try:
            self.answer.write(data)
        except Disconnected:
            # As with a server: the application learns it from `receive`, and goes on.
            self._gone = self.complete = True
            self._ended.set()
            return
        if more:
            await asyncio.sleep(0)  # whoever else is ready gets a turn
            return
        if self.answer.left and self.answer.has_body:
            raise RuntimeError("Response content shorter than Content-Length")
        self.complete = True
        self._ended.set()
        self.answer.finish()

    def fail(self):
        """500, as uvicorn's, where nothing was sent."""
        self._fields, self._status = None, None
        self.answer.begin(
            500,
            checked([("content-type", "text/plain; charset=utf-8"), ("content-length", str(len(_ERROR)))]),
        )
        self.answer.write(_ERROR)
        self.answer.finish()


async def _run(application, scope, exchange):
    try:
        result = await application(scope, exchange.receive, exchange.send)
    except BaseException:  # SystemExit too: it would end the instance
        _log("Exception in ASGI application")
    else:
        if result is not None:
            _log(f"ASGI callable should return None, but returned '{result!r}'.", trace=False)
        elif exchange._fields is None and not exchange._gone:
            _log("ASGI callable returned without starting response.", trace=False)
        elif not exchange.complete:
            _log("ASGI callable returned without completing response.", trace=False)


def handle(load, request, out):
    """Answer one request. `load()` gives the ASGI application. Raises nothing: the instance must live on.

    `request` and `out` are the host's incoming-request and response-outparam.
    """
    body = exchange = None
    answer = Answer(out, head=False)
    try:
        server = _server(load())
        scope = scope_of(request, server.state)
        body = RequestBody(request, _length(scope["headers"]))
        exchange = Exchange(body, out, scope["method"])
        answer = exchange.answer
        server.loop.run_until_complete(_run(server.application, scope, exchange))
        if not answer.started:
            exchange.fail()
    except Disconnected:
        pass
    except BaseException:
        _log("Error handling request")
        _last_resort(answer)
    finally:
        answer.abort()
        if body is not None:
            body.drop()
        drop(request)
        sys.stdout.flush()
        sys.stderr.flush()


def _last_resort(answer):
    """A 500 where no answer was begun: the application could not be loaded or started."""
    if answer.started:
        return
    try:
        answer.begin(500, checked([("content-type", "text/plain; charset=utf-8")]))
        answer.write(_ERROR)
        answer.finish()
    except Disconnected:
        pass


def _log(text, trace=True):
    """To standard error, never to the client. Must not raise: the answer is still to come."""
    try:
        more = traceback.format_exc() if trace else ""
        print(f"ERROR:    {text}\n{more}", end="" if more else "\n", file=sys.stderr, flush=True)
    except Exception:
        print(f"ERROR:    {text}: {sys.exc_info()[0]} (no traceback)", file=sys.stderr, flush=True)

"""The generated tree, built by its own build.sh and served: what only the real thing shows."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from analyzers.model import TakenFile
from migrate.component import inspect
from migrate.lanes import python as python_lane
from migrate.model import Instances, Plan
from migrate.runtimes import ServeRequest, runtime
from tests.migrate import made

pytestmark = [pytest.mark.build, pytest.mark.runtime]

SERVICE = {
    "shop/__init__.py": """
import os
from flask import Flask
GREETING = os.environ["GREETING"]
def create_app(name):
    app = Flask(name)
    from shop import views
    app.register_blueprint(views.pages)
    return app
""",
    "shop/views.py": """
import random, secrets, threading, time, uuid
from flask import Blueprint, Response, render_template, request
from shop import GREETING
pages = Blueprint("pages", __name__)
calls = []
@pages.get("/")
def home():
    calls.append(1)
    return render_template("home.html", greeting=GREETING, calls=len(calls))
@pages.get("/random")
def randoms():
    return [random.random(), secrets.token_hex(8), str(uuid.uuid4())]
@pages.get("/boom")
def boom():
    raise ValueError("secret detail")
@pages.get("/cookies")
def cookies():
    answer = Response("ok")
    answer.set_cookie("a", "1")
    answer.set_cookie("b", "2")
    return answer
@pages.get("/stream")
def stream():
    def pieces():
        for number in range(3):
            yield f"piece {number}\\n"
            time.sleep(0.1)
    return Response(pieces(), mimetype="text/plain")
@pages.post("/echo")
def echo():
    return request.get_data()
@pages.get("/file")
def file():
    with open("notes/a.txt", encoding="utf-8") as opened:
        return {"text": opened.read(), "here": __file__}
@pages.get("/write")
def write():
    with open("notes/a.txt", "a") as opened:
        opened.write("more")
    return "written"
@pages.get("/loop")
def loop():
    def forever():
        while True:
            time.sleep(60)
    threading.Thread(target=forever, name="poller").start()
    return "never"
""",
    "shop/templates/home.html": "<p>{{ greeting }} {{ calls }}</p>",
    "shop/static/style.css": "body {}\n",
    "notes/a.txt": "gr\u00fc\u00df",
}


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    """wasm/shop of a small Flask service, built."""
    repository = tmp_path_factory.mktemp("repository")
    for name, text in {**SERVICE, "requirements.txt": "flask==3.1.3\n"}.items():
        path = repository / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    service = made.service("shop")
    source = replace(
        service.source,
        entry="shop:create_app('shop')",
        interface="wsgi",
        manifests=("requirements.txt",),
        dependencies=(),
        workdir="/app",
        search_path=("/app",),
    )
    output = repository / "wasm" / "shop"
    plan = Plan(
        assessment=made.assessed(replace(service, source=source)),
        repository=repository,
        output=output,
        lane="python",
        targets=("wasmtime",),
        kind="http",
        wasi="0.2",
        files=tuple(TakenFile(name, f"/app/{name}") for name in SERVICE),
        excluded=(),
        grants=(),
    )
    for file in python_lane.render(plan):
        path = output / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
        path.chmod(0o755 if file.executable else 0o644)
    taken = [{"source": f.source, "guest": f.guest} for f in plan.files]
    (output / "files.json").write_text(json.dumps({"repository": "../..", "files": taken}))
    before = {path: path.read_bytes() for path in repository.rglob("*") if path.is_file()}
    done = subprocess.run(["./build.sh"], cwd=output, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    phases = [line for line in done.stdout.splitlines() if line.startswith("==> ")]
    names = ("component tools", "application files", "dependencies", "compile", "snapshot", "done")
    assert phases == [f"==> {name}" for name in names]
    files = [
        path for path in repository.rglob("*") if path.is_file() and output / "build" not in path.parents
    ]
    after = {path: path.read_bytes() for path in files}
    assert after == before, "a build writes below build/ only"
    return output


@pytest.fixture(scope="module", params=[Instances.FRESH, Instances.REUSED])
def server(request, tree: Path, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    wasmtime = runtime("wasmtime")
    component = wasmtime.precompile(inspect(tree / "build" / "shop.wasm"), folder)
    asked = ServeRequest(
        component,
        tree,
        folder / "log",
        environment={"GREETING": "Gr\u00fc\u00df Gott"},
        instances=request.param,
    )
    with wasmtime.start(asked) as running:
        running.instances = request.param
        yield running


def ask(server, path: str, method: str = "GET", body: bytes | None = None):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer, answer.read()
    finally:
        connection.close()


def logged(server, text: str) -> bool:
    """Whether a line comes up in the log: some are written after the answer has gone out."""
    for _ in range(100):
        if text in server.log.read_text(errors="replace"):
            return True
        time.sleep(0.1)
    return False


def test_imports_are_those_the_lane_declares(tree: Path) -> None:
    component = inspect(tree / "build" / "shop.wasm")
    assert {name.partition("@")[0] for name in component.imports} == python_lane.IMPORTS
    assert "wasi:http/incoming-handler" in {name.partition("@")[0] for name in component.exports}


def test_the_environment_is_the_runtimes_and_state_is_the_instances(server) -> None:
    pages = [ask(server, "/")[1].decode() for _ in range(3)]
    assert all("Gr\u00fc\u00df Gott" in page for page in pages)
    if server.instances is Instances.FRESH:
        assert len(set(pages)) == 1
    else:
        assert len(set(pages)) == 3


def test_randomness_differs(server) -> None:
    answers = [json.loads(ask(server, "/random")[1]) for _ in range(3)]
    for position in range(3):
        assert len({answer[position] for answer in answers}) == 3


def test_an_exception_is_logged_and_not_shown(server) -> None:
    answer, body = ask(server, "/boom")
    assert answer.status == 500
    assert b"secret" not in body
    assert logged(server, 'File "/app/shop/views.py", line 16, in boom')
    assert logged(server, "ValueError: secret detail")


def test_cookies_head_and_not_found(server) -> None:
    answer, body = ask(server, "/cookies")
    assert answer.msg.get_all("set-cookie") == ["a=1; Path=/", "b=2; Path=/"]
    answer, body = ask(server, "/cookies", "HEAD")
    assert (answer.status, answer.getheader("content-length"), body) == (200, "2", b"")
    assert ask(server, "/nothing")[0].status == 404


def test_static_files_and_relative_files(server) -> None:
    answer, body = ask(server, "/static/style.css")
    assert (answer.status, answer.getheader("content-type"), body) == (
        200,
        "text/css; charset=utf-8",
        b"body {}\n",
    )
    assert answer.getheader("etag") and answer.getheader("last-modified")
    data = json.loads(ask(server, "/file")[1])
    assert data["here"] == "/app/shop/views.py"
    assert data["text"].startswith("gr\u00fc\u00df")


def test_bodies_of_any_size(server) -> None:
    for size in (0, 1, 4096, 4097, 1_000_000):
        body = os.urandom(size)
        assert ask(server, "/echo", "POST", body)[1] == body


def test_streaming_arrives_in_pieces(server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(b"GET /stream HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        pieces = []
        while piece := connection.recv(65536):
            pieces.append(piece)
    assert sum(b"piece" in piece for piece in pieces) == 3


def test_a_background_loop_is_refused_and_a_write_is_reported(server) -> None:
    assert ask(server, "/loop")[0].status == 500
    assert ask(server, "/write")[1] == b"written"
    assert logged(server, "dock2wasm: the thread 'poller' runs a loop without an end")
    assert logged(
        server, "dock2wasm: wrote /app/notes/a.txt: kept in this instance's memory only, lost with it"
    )


def test_clients_that_leave_do_not_end_the_service(server) -> None:
    requests = [
        b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\nabc",
        b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    ]
    for request in requests * 3:
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
            connection.sendall(request)
    assert all(ask(server, "/cookies")[0].status == 200 for _ in range(5))
    log = server.log.read_text(errors="replace")
    assert "wasm trap" not in log and "resource has children" not in log


def test_many_requests_one_after_another(server) -> None:
    """With reuse, 500 on one instance: nothing of one request may be left for the next."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    for _ in range(500 if server.instances is Instances.REUSED else 20):
        connection.request("GET", "/cookies")
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b"ok")
    connection.close()


def test_a_second_build_needs_no_work_it_has_done(tree: Path) -> None:
    done = subprocess.run(["./build.sh"], cwd=tree, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert lines.count("unchanged") == 2
    assert "standard library: from the cache" in lines

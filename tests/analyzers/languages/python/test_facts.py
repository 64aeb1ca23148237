"""What the code of a service does that matters outside its container."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from analyzers.languages.python import facts
from analyzers.languages.python.tables import tables
from analyzers.languages.python.telling import telling_calls
from analyzers.model import Confidence, FactKind, Reach
from tests.analyzers.trees import DOCKERFILE, flask, found, only

ROUTE = "@app.route('/')\ndef view():\n"


def body(*lines: str) -> str:
    """A view with these lines."""
    return ROUTE + "".join(f"    {line}\n" for line in lines)


# --- memory that outlives a request ---


@pytest.mark.parametrize(
    ("app", "subject"),
    [
        ("items = []\n" + body("items.append(1)"), "app.items"),
        ("items = {}\n" + body("items['a'] = 1"), "app.items"),
        ("items = {}\n" + body("del items['a']"), "app.items"),
        ("items = {}\n" + body("items['a']['b'].append(1)"), "app.items"),
        ("items = {}\n" + body("items.setdefault('a', []).append(1)"), "app.items"),
        (
            "from collections import defaultdict as dd\nitems = dd(list)\n" + body("items[1] += [2]"),
            "app.items",
        ),
        ("items: dict[str, int] = dict()\n" + body("items.update(a=1)"), "app.items"),
        ("count = 0\n" + body("global count", "count += 1"), "app.count"),
        ("last = None\n" + body("global last", "last = request.path"), "app.last"),
        ("a, b = [], {}\n" + body("a.append(1)"), "app.a"),
        ("import itertools\nids = itertools.count()\n" + body("return str(next(ids))"), "app.ids"),
        ("class Stats:\n    hits = 0\n" + body("Stats.hits += 1"), "app.Stats.hits"),
        ("class Stats:\n    seen = []\n" + body("Stats.seen.append(1)"), "app.Stats.seen"),
        (
            "class Stats:\n    seen = []\n    def add(self):\n        self.seen.append(1)\n"
            + body("Stats().add()"),
            "app.Stats.seen",
        ),
        (
            "class Store:\n    def __init__(self):\n        self.rows = {}\n    def put(self, k):\n"
            "        self.rows[k] = 1\nstore = Store()\n" + body("store.put(1)"),
            "app.store.rows",
        ),
        (body("app.config['X'] = 1"), "app.config"),
        ("from flask import current_app\n" + body("current_app.extensions['x'] = 1"), "app.extensions"),
        ("items = []\ndef helper():\n    items.append(1)\n" + body("helper()"), "app.items"),
        ("import store\n" + body("store.rows.append(1)"), "store.rows"),
        ("from store import rows as r\n" + body("r.append(1)"), "store.rows"),
        ("import store\n" + body("store.total = 1"), "store.total"),
        (
            "import sqlite3\ndb = sqlite3.connect(':memory:')\n" + body("db.execute('x')"),
            "app (SQLite in memory)",
        ),
        (
            "from flask_caching import Cache\ncache = Cache(app, config={'CACHE_TYPE': 'SimpleCache'})\n",
            "app (flask_caching SimpleCache)",
        ),
        ("from flask_limiter import Limiter\nlimiter = Limiter(app)\n", "app (Flask-Limiter counters)"),
        (
            "from prometheus_client import Counter\nhits = Counter('a', 'b')\n"
            + body("hits.labels('x').inc()"),
            "app.hits",
        ),
    ],
)
def test_memory_that_a_later_request_reads(tmp_path: Path, app: str, subject: str) -> None:
    state = found(flask(tmp_path, app, {"store.py": "rows = []\ntotal = 0\n"}), FactKind.MEMORY_STATE)
    assert list(state) == [subject]
    assert state[subject].reach is Reach.REQUEST
    assert state[subject].evidence[0].path == "app.py"


@pytest.mark.parametrize(
    "app",
    [
        "items = ['a']\n" + body("return items[0]"),
        "items = []\nitems.append(1)\n",
        "items = []\nfor i in range(3):\n    items.append(i)\n",
        "items = []\ndef fill():\n    items.append(1)\nfill()\n",
        "items = []\n" + body("items = []", "items.append(1)"),
        "items = []\n" + "@app.route('/')\ndef view(items):\n    items.append(1)\n",
        body("items = []", "items.append(1)"),
        body("def inner():", "    x.append(1)", "x = []", "inner()"),
        "import logging\nlog = logging.getLogger(__name__)\n" + body("log.info('x')"),
        "from flask import g, session\n" + body("g.user = 1", "session['a'] = 1", "session.permanent = True"),
        "import threading\nlocal = threading.local()\n" + body("local.x = 1"),
        "app.config['X'] = 1\napp.extensions['y'] = 2\n",
        "app.config.update(A=1)\napp.jinja_env.globals['x'] = 1\n",
        (
            "registry = {}\ndef register(f):\n    registry[f.__name__] = f\n    return f\n"
            "@register\ndef a(): ...\n"
        ),
        (
            "registry = {}\ndef register(n):\n    def mark(f):\n        registry[n] = f\n        return f\n"
            "    return mark\n@register('a')\ndef a(): ...\n"
        ),
        "class Item:\n    tags = None\n    def __init__(self):\n        self.tags = []\n"
        "        self.tags.append(1)\n" + body("Item()"),
        "items = []\nif __name__ == '__main__':\n    def f():\n        items.append(1)\n    f()\n",
    ],
)
def test_what_no_later_request_reads(tmp_path: Path, app: str) -> None:
    assert found(flask(tmp_path, app), FactKind.MEMORY_STATE) == {}


REPO = (
    "class Repo:\n    def __init__(self):\n        self.rows = []\n    def save(self, x):\n"
    "        self.rows.append(x)\n"
)


@pytest.mark.parametrize(
    ("app", "subject"),
    [
        ("app.config['STORE'] = {}\n" + body("store = app.config['STORE']", "store['a'] = 1"), "app.config"),
        ("items = {}\n" + body("mine = items", "mine['a'] = 1"), "app.items"),
        ("items = {}\n" + body("row = items.get('a')", "row['n'] = 1"), "app.items"),
        ("items = {}\ndef store():\n    return items\n" + body("s = store()", "s['a'] = 1"), "app.items"),
        ("items = {}\ndef store():\n    return items\n" + body("store()['a'] = 1"), "app.items"),
        (REPO + "app.repo = Repo()\n" + body("app.repo.save(1)"), "app.repo.rows"),
        (
            REPO + "from flask import current_app\napp.repo = Repo()\n"
            + body("repo = current_app.repo", "repo.save(1)"),
            "app.repo.rows",
        ),
        (REPO + "repo = Repo()\ndef get():\n    return repo\n" + body("get().save(1)"), "app.repo.rows"),
        (
            REPO + "repo = Repo()\ndef get():\n    return repo\nfrom fastapi import Depends\n"
            "@app.route('/')\ndef view(r=Depends(get)):\n    r.save(1)\n",
            "app.repo.rows",
        ),
        (REPO + "class Own(Repo):\n    pass\nrepo = Own()\n" + body("repo.save(1)"), "app.repo.rows"),
        (
            REPO + "class Service:\n    def __init__(self):\n        self.repo = Repo()\n    def do(self):\n"
            "        self.repo.save(1)\nservice = Service()\n" + body("service.do()"),
            "app.service.repo",
        ),
        (
            "from dataclasses import dataclass, field\n@dataclass\nclass Repo:\n"
             "    rows: list = field(default_factory=list)\n"
             "    def put(self, x):\n        self.rows.append(x)\n"
             "repo = Repo()\n" + body("repo.put(1)"),
            "app.repo.rows",
        ),
    ],
)  # fmt: skip
def test_memory_that_other_names_lead_to(tmp_path: Path, app: str, subject: str) -> None:
    state = found(flask(tmp_path, app), FactKind.MEMORY_STATE)
    assert list(state) == [subject]
    assert (state[subject].reach, state[subject].evidence[0].path) == (Reach.REQUEST, "app.py")


@pytest.mark.parametrize(
    "app",
    [
        body("config = dict(app.config)", "config['a'] = 1"),
        "items = [1]\n" + body("mine = items.copy()", "mine.append(2)"),
        "def new():\n    return {}\n" + body("d = new()", "d['a'] = 1"),
        "from flask_sqlalchemy import SQLAlchemy\ndb = SQLAlchemy(app)\n"
        + body("s = db.session", "s.add(1)"),
        (
            "from flask_sqlalchemy import SQLAlchemy\ndb = SQLAlchemy(app)\nclass Repo:\n"
            "    def __init__(self, session):\n        self.session = session\n    def save(self, x):\n"
            "        self.session.add(x)\nrepo = Repo(db.session)\n" + body("repo.save(1)")
        ),
        (
            "class Client:\n    _conn = None\n    def get(self):\n        if self._conn is None:\n"
            "            self._conn = object()\n        return self._conn\nclient = Client()\n"
            + body("client.get()")
        ),
        (
            "class A:\n    @classmethod\n    def update(cls, x): ...\nKINDS = {'a': A}\n"
            "def kind(n):\n    return KINDS[n]\n" + body("k = kind('a')", "k.update(1)")
        ),
        "import redis\ncache = redis.Redis()\ndef get():\n    return cache\n" + body("get().set('a', 1)"),
    ],
)
def test_what_other_names_lead_to_and_is_no_memory(tmp_path: Path, app: str) -> None:
    assert found(flask(tmp_path, app), FactKind.MEMORY_STATE) == {}


@pytest.mark.parametrize(
    "url",
    [
        "os.environ.get('URL') or 'sqlite:///' + os.path.join(request.root, 'x.db')",
        "os.environ.get('URL', 'sqlite:///' + os.path.join(request.root, 'x.db'))",
        "DEFAULT",
    ],
)
def test_a_computed_sqlite_file_is_no_memory(tmp_path: Path, url: str) -> None:
    app = "DEFAULT = os.getenv('URL') or 'sqlite:///' + request.root\n"
    source = flask(tmp_path, f"{app}app.config['SQLALCHEMY_DATABASE_URI'] = {url}\n")
    assert found(source, FactKind.MEMORY_STATE) == {}
    assert list(found(source, FactKind.DATABASE)) == ["sqlite"]


def test_every_call_that_is_looked_at_passes_the_first_look() -> None:
    """The names that the reader compares calls with, read from its own source, are all among those of the
    quick test that most calls end at."""
    folder = Path(facts.__file__).parent
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in sorted(folder.glob("*.py"))]
    steps = ("env_call", "file_call", "process_call", "network_call", "other_call")
    functions = [n for tree in trees for n in tree.body if isinstance(n, ast.FunctionDef) and n.name in steps]
    assert len(functions) == len(steps)
    names = {
        constant.value.rpartition(".")[2]
        for function in functions
        for compare in ast.walk(function)
        if isinstance(compare, ast.Compare) and getattr(compare.left, "id", "") in ("name", "method")
        for constant in ast.walk(compare)
        if isinstance(constant, ast.Constant) and isinstance(constant.value, str)
    }
    names -= {"calls", *tables()}  # tables()[...] that a name is looked for in
    assert len(names) > 30
    assert names <= telling_calls()


def test_a_connection_made_on_first_use_is_a_cache(tmp_path: Path) -> None:
    app = "conn = None\ndef get():\n    global conn\n    if conn is None:\n        conn = object()\n"
    source = flask(tmp_path, app + body("get()"))
    assert found(source, FactKind.MEMORY_STATE) == {}
    assert list(found(source, FactKind.CACHE)) == ["app.conn"]


def test_caches(tmp_path: Path) -> None:
    app = """\
    import functools
    from functools import lru_cache
    from cachetools import TTLCache
    recent = TTLCache(10, 60)
    @lru_cache(maxsize=3)
    def a(): ...
    @functools.cache
    def b(): ...
    """
    source = flask(tmp_path, app.replace("    ", "", 1).replace("\n    ", "\n") + body("recent['x'] = 1"))
    assert set(found(source, FactKind.CACHE)) == {
        "functools.lru_cache",
        "app.b",
        "cachetools.TTLCache",
        "app.recent",
    }
    assert found(source, FactKind.MEMORY_STATE) == {}


def test_code_of_a_factory_runs_at_import_and_its_handlers_in_requests(tmp_path: Path) -> None:
    app = """\
    import os
    from flask import Flask
    seen = []
    setup = []
    def create_app():
        app = Flask(__name__)
        app.config["A"] = os.environ["A"]
        setup.append(1)
        @app.get("/")
        def view():
            seen.append(1)
            return os.environ["B"]
        return app
    """
    docker = DOCKERFILE.replace("app:app", "app:create_app()")
    source = only(tmp_path, {"Dockerfile": docker, "app.py": app}).source
    assert source is not None
    assert list(found(source, FactKind.MEMORY_STATE)) == ["app.seen"]
    reads = found(source, FactKind.ENV_READ)
    assert (reads["A"].reach, reads["B"].reach) == (Reach.IMPORT, Reach.REQUEST)


def test_dead_code_is_not_sure(tmp_path: Path) -> None:
    (fact,) = found(flask(tmp_path, "def dead():\n    os.system('b')\n"), FactKind.SUBPROCESS).values()
    assert (fact.detail, fact.reach, fact.confidence) == ("b", Reach.UNKNOWN, Confidence.LOW)


@pytest.mark.parametrize("mark", ["@app.cli.command()", "@celery.task", "@shared_task(bind=True)"])
def test_commands_and_tasks_are_other_programs(tmp_path: Path, mark: str) -> None:
    app = "from celery import Celery, shared_task\ncelery = Celery('x')\ndef inner():\n    os.system('a')\n"
    assert (
        found(flask(tmp_path / "a", app + f"{mark}\ndef load():\n    inner()\n"), FactKind.SUBPROCESS) == {}
    )
    called = app + f"{mark}\ndef load():\n    pass\n" + body("inner()")
    assert found(flask(tmp_path / "b", called), FactKind.SUBPROCESS)


def test_a_load_generator_runs_its_tasks_itself(tmp_path: Path) -> None:
    app = "from locust import task\n@task\ndef load():\n    os.system('a')\n"
    assert found(flask(tmp_path, app), FactKind.SUBPROCESS)


def test_a_worker_runs_its_tasks(tmp_path: Path) -> None:
    files = {
        "Dockerfile": 'FROM python:3.13\nWORKDIR /app\nCOPY . .\nCMD ["celery", "-A", "app", "worker"]\n',
        "requirements.txt": "celery==5.5.3\n",
    }
    app = "from celery import Celery\napp2 = Celery('x')\n@app2.task\ndef load():\n    os.system('a')\n"
    source = flask(tmp_path, app, files)
    assert found(source, FactKind.SUBPROCESS)["os.system"].reach is Reach.REQUEST
    assert list(found(source, FactKind.WORKER)) == ["celery"]


def test_a_function_that_nobody_is_seen_to_call_is_less_sure(tmp_path: Path) -> None:
    app = "known = {}\ndef register(f):\n    known[f] = 1\n" + body("return 'register'")
    (fact,) = found(flask(tmp_path, app), FactKind.MEMORY_STATE).values()
    assert (fact.reach, fact.confidence) == (Reach.REQUEST, Confidence.MEDIUM)


def test_methods_of_a_frameworks_classes_run_in_requests(tmp_path: Path) -> None:
    app = "from flask.views import MethodView\nseen = []\nclass V(MethodView):\n    def get(self):\n"
    (fact,) = found(flask(tmp_path, app + "        seen.append(1)\n"), FactKind.MEMORY_STATE).values()
    assert (fact.reach, fact.confidence) == (Reach.REQUEST, Confidence.HIGH)


# --- environment and files ---


@pytest.mark.parametrize(
    ("app", "name", "default"),
    [
        ("os.environ['A']", "A", ""),
        ("os.environ.get('A')", "A", "None"),
        ("os.environ.get('A', 'x')", "A", "x"),
        ("os.getenv('A', default='')", "A", "''"),
        ("os.getenv('A', str(5))", "A", "5"),
        ("'A' in os.environ", "A", "None"),
        ("from os import environ as e\ne['A']", "A", ""),
        ("from os import getenv\ngetenv('A')", "A", "None"),
        ("KEY = 'A'\nos.environ[KEY]", "A", ""),
        ("from decouple import config\nconfig('A', default=True)", "A", "True"),
        ("import environ\nenv = environ.Env()\nenv.bool('A')", "A", ""),
        ("from pydantic_settings import BaseSettings\nclass S(BaseSettings):\n    a: str = 'x'\n", "A", "x"),
        ("def need(name, default):\n    return os.environ.get(name, default)\nneed('A', 'x')", "A", "x"),
    ],
)
def test_environment(tmp_path: Path, app: str, name: str, default: str) -> None:
    reads = found(flask(tmp_path, app + "\n"), FactKind.ENV_READ)
    assert [(f.subject, f.detail) for f in reads.values()] == [(name, default)]


def test_a_computed_variable_is_not_sure(tmp_path: Path) -> None:
    (read,) = found(flask(tmp_path, body("return os.environ[request.path]")), FactKind.ENV_READ).values()
    assert (read.subject, read.confidence) == ("request.path", Confidence.LOW)


@pytest.mark.parametrize(
    ("line", "subject"),
    [
        ("open('out.txt', 'w')", "out.txt"),
        ("open('out.txt', mode='ab')", "out.txt"),
        ("from pathlib import Path; Path('a/b').write_text('x')", "Path('a/b')"),
        ("from pathlib import Path; (Path('a') / 'b').open('w')", "Path('a') / 'b'"),
        ("import shutil; shutil.copy('a', 'b')", "b"),
        ("import shutil as s; s.rmtree('d')", "d"),
        ("os.makedirs('d', exist_ok=True)", "d"),
        ("os.rename('a', 'b')", "b"),
        ("request.files['f'].save('uploads/x')", "uploads/x"),
        ("import logging; logging.FileHandler('app.log')", "app.log"),
        ("import logging; logging.basicConfig(filename='app.log')", "app.log"),
        ("import tempfile; tempfile.NamedTemporaryFile()", "tempfile.NamedTemporaryFile()"),
        ("open('/tmp/x', 'w')", "/tmp/x"),
    ],
)
def test_files_written(tmp_path: Path, line: str, subject: str) -> None:
    (fact,) = found(flask(tmp_path, body(line)), FactKind.FILE_WRITE).values()
    assert (fact.subject, fact.reach, str(fact.evidence[0])) == (subject, Reach.REQUEST, "app.py:6")
    assert fact.detail == {"/tmp/x": "tmp", "tempfile.NamedTemporaryFile()": "tempfile"}.get(subject, "")


@pytest.mark.parametrize(
    "line",
    [
        "open('in.txt')",
        "open('in.txt', 'rb')",
        "from pathlib import Path; Path('a').read_text()",
        "form.save(); model.save()",
        "response.write('x')",
        "'a'.replace('b', 'c')",
    ],
)
def test_files_not_written(tmp_path: Path, line: str) -> None:
    assert found(flask(tmp_path, body(line)), FactKind.FILE_WRITE) == {}


# --- outwards ---


@pytest.mark.parametrize(
    ("app", "protocol", "host"),
    [
        (
            "import requests\n" + body("requests.get('https://api.example.com/x?y')"),
            "http",
            "api.example.com",
        ),
        ("import requests\n" + body("requests.post(f'http://api:81/{request.path}')"), "http", "api:81"),
        ("import httpx\nBASE = 'https://h'\n" + body("httpx.get(BASE + '/x')"), "http", "h"),
        (
            "import requests\nU = os.environ.get('U', 'http://d:1')\n" + body("requests.get(U)"),
            "http",
            "d:1",
        ),
        ("import requests\nfrom cfg import C\n" + body("requests.get(C.API + '/x')"), "http", "fromclass"),
        ("import requests\n" + body("requests.get(request.args['u'])"), "http", ""),
        ("import requests\n" + body("requests.get(f'http://{request.path}')"), "http", ""),
        ("import requests\ns = requests.Session()\n" + body("s.get('https://h/x')"), "http", "h"),
        ("from urllib.request import urlopen\n" + body("urlopen('https://h')"), "http", "h"),
        ("import redis\nr = redis.Redis(host='cache', port=6380)\n", "redis", "cache:6380"),
        ("import redis\nr = redis.from_url('redis://:pw@cache:6379/0')\n", "redis", "cache:6379"),
        ("import psycopg2\n" + body("psycopg2.connect('host=db dbname=x')"), "postgres", "db"),
        ("import pymongo\nc = pymongo.MongoClient('mongodb://m:27017')\n", "mongodb", "m:27017"),
        ("import smtplib\n" + body("smtplib.SMTP('mail', 25)"), "smtp", "mail"),
        ("import grpc\nc = grpc.insecure_channel('svc:50051')\n", "grpc", "svc:50051"),
        ("import socket\n" + body("socket.create_connection(('h', 9))"), "tcp", "h:9"),
        ("from celery import Celery\nc = Celery('x', broker='redis://q:6379')\n", "redis", "q:6379"),
    ],
)
def test_outbound(tmp_path: Path, app: str, protocol: str, host: str) -> None:
    source = flask(tmp_path, app, {"cfg.py": "class C:\n    API = 'https://fromclass'\n"})
    calls = [f for f in source.facts if f.kind is FactKind.OUTBOUND and f.confidence is Confidence.HIGH]
    assert [(f.subject, f.detail) for f in calls] == [(protocol, host)]


def test_the_containers_value_outranks_the_default(tmp_path: Path) -> None:
    docker = DOCKERFILE.replace("WORKDIR /app", "WORKDIR /app\nENV U=https://real")
    app = "import requests\nU = os.environ.get('U', 'http://default')\n" + body("requests.get(U)")
    source = flask(tmp_path, app, {"Dockerfile": docker})
    assert found(source, FactKind.OUTBOUND)["http"].detail == "real"


def test_a_library_whose_calls_are_not_known_is_said_with_less_confidence(tmp_path: Path) -> None:
    app = "import stripe\n" + body("stripe.Charge.create()")
    (fact,) = found(flask(tmp_path, app), FactKind.OUTBOUND).values()
    assert (fact.subject, fact.detail, fact.confidence) == ("http", "", Confidence.MEDIUM)


@pytest.mark.parametrize(
    "app",
    [
        "import stripe\n",
        "import psycopg2\n" + body("try:", "    pass", "except psycopg2.Error:", "    pass"),
        "from redis.exceptions import RedisError\n"
        + body("try:", "    pass", "except RedisError:", "    pass"),
    ],
)
def test_a_library_that_is_only_imported_opens_no_connection(tmp_path: Path, app: str) -> None:
    source = flask(tmp_path, app)
    assert found(source, FactKind.OUTBOUND) == found(source, FactKind.DATABASE) == {}


@pytest.mark.parametrize(
    ("app", "broker"),
    [
        (
            "import pika\n"
            + body("channel = pika.BlockingConnection().channel()", "channel.start_consuming()"),
            "amqp",
        ),
        ("from kafka import KafkaConsumer\n" + body("KafkaConsumer('topic')"), "kafka"),
        ("import paho.mqtt.client as mqtt\n" + body("mqtt.Client().loop_forever()"), "mqtt"),
        ("from rq import Worker\n" + body("Worker(['q']).work()"), "rq"),
    ],
)
def test_messages_that_are_waited_for(tmp_path: Path, app: str, broker: str) -> None:
    assert list(found(flask(tmp_path, app), FactKind.WORKER)) == [broker]


_FORWARDS = "requests.request(method=request.method, url='http://api:8080/' + path)"


@pytest.mark.parametrize(
    ("rule", "detail"), [("/<path:path>", "main"), ("/api/<path:path>", "main"), ("/a", "")]
)
def test_requests_that_are_sent_on(tmp_path: Path, rule: str, detail: str) -> None:
    app = f"import requests\n@app.route('{rule}')\ndef view(path='x'):\n    return {_FORWARDS}.text\n"
    fact = found(flask(tmp_path, app), FactKind.FORWARD)["http://api:8080"]
    assert fact.detail == detail


@pytest.mark.parametrize(
    ("app", "writes"),
    [
        ("import io, zipfile\n" + body("data = io.BytesIO()", "zipfile.ZipFile(data, 'w')"), False),
        ("import io, zipfile\n" + body("zipfile.ZipFile(io.BytesIO(), 'w')"), False),
        ("import zipfile\n" + body("zipfile.ZipFile('/data/x.zip', 'w')"), True),
        (
            "import io, zipfile\nclass Z:\n    def __init__(self):\n        self.data = io.BytesIO()\n"
            "    def add(self):\n        return zipfile.ZipFile(self.data, 'a')\n" + body("Z().add()"),
            False,
        ),
    ],
)
def test_an_archive_in_memory_is_no_file(tmp_path: Path, app: str, writes: bool) -> None:
    assert bool(found(flask(tmp_path, app), FactKind.FILE_WRITE)) is writes


@pytest.mark.parametrize(
    ("installed", "subject"),
    [
        ("psycopg2-binary==2.9.11", "postgres"),
        ("pymysql==1.1.2", "mysql"),
        ("pymysql==1.1.2\npsycopg==3.2.12", "sql"),
    ],
)
def test_the_only_driver_tells_the_database(tmp_path: Path, installed: str, subject: str) -> None:
    files = {"requirements.txt": f"flask==3.1.3\nsqlalchemy==2.0.44\n{installed}\n"}
    app = "from sqlalchemy import create_engine\nengine = create_engine(os.environ['DATABASE_URL'])\n"
    assert list(found(flask(tmp_path, app, files), FactKind.DATABASE)) == [subject]


def test_a_library_that_drives_a_program(tmp_path: Path) -> None:
    app = "import gnupg\n" + body("return gnupg.GPG().encrypt('x')")
    assert list(found(flask(tmp_path, app), FactKind.SUBPROCESS)) == ["gnupg"]


@pytest.mark.parametrize(
    ("app", "kind", "where"),
    [
        ("import sqlite3\n" + body("sqlite3.connect('data.db')"), "sqlite", "data.db"),
        ("app.config['SQLALCHEMY_DATABASE_URI'] = 'sqlite:///shop.db'\n", "sqlite", "shop.db"),
        (
            "app.config['SQLALCHEMY_DATABASE_URI'] = os.getenv('D') or 'postgresql://u:p@db/x'\n",
            "postgres",
            "db",
        ),
        (
            "from sqlalchemy import create_engine\ne = create_engine('mysql+pymysql://u:p@my:3306/x')\n",
            "mysql",
            "my:3306",
        ),
        (
            "DATABASES = {'default': {'ENGINE': 'django.db.backends.postgresql', 'HOST': 'pg'}}\n",
            "postgres",
            "pg",
        ),
        (
            "DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': 'db.sqlite3'}}\n",
            "sqlite",
            "db.sqlite3",
        ),
    ],
)
def test_databases(tmp_path: Path, app: str, kind: str, where: str) -> None:
    (fact,) = found(flask(tmp_path, app), FactKind.DATABASE).values()
    assert (fact.subject, fact.detail) == (kind, where)


# --- the rest ---


@pytest.mark.parametrize(
    ("app", "kind", "subject"),
    [
        ("import subprocess\n" + body("subprocess.run(['ls', 'x'])"), FactKind.SUBPROCESS, "subprocess.run"),
        ("from os import system\n" + body("system('ls')"), FactKind.SUBPROCESS, "os.system"),
        ("import threading\n" + body("threading.Thread(target=view)"), FactKind.THREAD, "threading.Thread"),
        (
            "import threading\ndef loop():\n    while True:\n        pass\nthreading.Thread(target=loop)\n",
            FactKind.BACKGROUND,
            "app.loop",
        ),
        (
            "from apscheduler.schedulers.background import BackgroundScheduler\ns = BackgroundScheduler()\n",
            FactKind.BACKGROUND,
            "apscheduler.schedulers.background.BackgroundScheduler",
        ),
        ("import torch\n", FactKind.GPU, "torch"),
        ("from flask_sock import Sock\n", FactKind.WEBSOCKET, "flask_sock"),
        ("import signal\nsignal.signal(signal.SIGTERM, print)\n", FactKind.SIGNAL, "SIGTERM"),
        ("import importlib\n" + body("importlib.import_module(request.path)"), FactKind.DYNAMIC_IMPORT,
         "importlib.import_module(request.path)"),
        ("import multiprocessing\n", FactKind.UNSUPPORTED_STDLIB, "multiprocessing"),
        ("import ctypes\n", FactKind.UNSUPPORTED_STDLIB, "ctypes"),
        ("import cgi\n", FactKind.UNSUPPORTED_STDLIB, "cgi"),
        ("import numpy as np\n", FactKind.COMPUTE, "numpy"),
    ],
)  # fmt: skip
def test_other_facts(tmp_path: Path, app: str, kind: FactKind, subject: str) -> None:
    facts = found(flask(tmp_path, app), kind)
    assert subject in facts
    assert facts[subject].evidence[0].snippet


def test_an_optional_import_needs_no_support(tmp_path: Path) -> None:
    app = "try:\n    import ctypes\nexcept ImportError:\n    ctypes = None\n"
    assert found(flask(tmp_path, app), FactKind.UNSUPPORTED_STDLIB) == {}


def test_imports_for_type_checkers_count_for_nothing(tmp_path: Path) -> None:
    app = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch, redis, multiprocessing\n"
    source = flask(tmp_path, app)
    assert [f for f in source.facts if f.kind is not FactKind.LISTEN] == []


@pytest.mark.parametrize(
    ("cmd", "subject"),
    [
        ('["flask", "run"]', "flask run"),
        ('["python", "app.py"]', "flask app.run()"),
        ('["gunicorn", "--reload", "app:app"]', "gunicorn --reload"),
    ],
)
def test_development_servers(tmp_path: Path, cmd: str, subject: str) -> None:
    docker = f"FROM python:3.13\nWORKDIR /app\nCOPY . .\nCMD {cmd}\n"
    source = flask(tmp_path, "if __name__ == '__main__':\n    app.run()\n", {"Dockerfile": docker})
    assert list(found(source, FactKind.DEVELOPMENT_SERVER)) == [subject]


def test_the_listener_is_a_fact_at_the_start_command(tmp_path: Path) -> None:
    fact = found(flask(tmp_path, ""), FactKind.LISTEN)["http"]
    assert (fact.detail, str(fact.evidence[0])) == ("8000", "Dockerfile:5")

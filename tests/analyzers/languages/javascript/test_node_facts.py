"""What the code of a JavaScript service does that matters outside its container."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzers.model import DependencyClass, FactKind, Reach, Source
from tests.analyzers.trees import found, only

HEAD = "const express = require('express')\nconst app = express()\n"
DOCKERFILE = 'FROM node:22\nWORKDIR /app\nENV DB_HOST=db MODE=live\nCOPY . .\nCMD ["node", "app.js"]\n'


def service(root: Path, code: str, files: dict[str, str] | None = None, *, handler: str = "") -> Source:
    """An Express service: `code` on the top level, `handler` in a route."""
    route = f"app.get('/x/:id', async (req, res) => {{\n{handler}\n}})\n" if handler else ""
    given = {
        "Dockerfile": DOCKERFILE,
        "package.json": "{}",
        "app.js": HEAD + code + "\n" + route + "app.listen(80)\n",
    }
    read = only(root, {**given, **(files or {})}).source
    assert read is not None
    return read


@pytest.mark.parametrize(
    ("code", "kind", "subject", "detail"),
    [
        (
            "const {Pool} = require('pg'); const p = new Pool({host: process.env.DB_HOST, port: 5432})",
            FactKind.DATABASE,
            "postgres",
            "db:5432",
        ),
        (
            "const pg = require('pg'); new pg.Client(`postgres://u:p@${process.env.DB_HOST}/x`)",
            FactKind.DATABASE,
            "postgres",
            "db",
        ),
        ("require('mongoose').connect('mongodb://a:27017,b/x')", FactKind.DATABASE, "mongodb", "a:27017"),
        (
            "const {MongoClient: M} = require('mongodb'); new M(process.env.URL || 'mongodb://m/x')",
            FactKind.DATABASE,
            "mongodb",
            "m",
        ),
        (
            "const mysql = require('mysql2/promise'); mysql.createPool({host: 'my'})",
            FactKind.DATABASE,
            "mysql",
            "my",
        ),
        (
            "const r = require('redis').createClient({url: 'redis://cache:6379'})",
            FactKind.OUTBOUND,
            "redis",
            "cache:6379",
        ),
        ("const Redis = require('ioredis'); new Redis(6379, 'cache')", FactKind.OUTBOUND, "redis", "cache"),
        (
            (
                "const {Sequelize} = require('sequelize'); new "
                "Sequelize('a', 'b', 'c', {dialect: 'mariadb', host: 'h'})"
            ),
            FactKind.DATABASE,
            "mysql",
            "h",
        ),
        (
            "const knex = require('knex')({client: 'pg', connection: {host: 'h'}})",
            FactKind.DATABASE,
            "postgres",
            "h",
        ),
        ("const D = require('better-sqlite3'); new D('data/x.db')", FactKind.DATABASE, "sqlite", "data/x.db"),
        (
            "const s = require('sqlite3').verbose(); new s.Database(':memory:')",
            FactKind.DATABASE,
            "sqlite",
            ":memory:",
        ),
        (
            "const {Kafka} = require('kafkajs'); new Kafka({brokers: ['k:9092']})",
            FactKind.OUTBOUND,
            "kafka",
            "k:9092",
        ),
        ("require('amqplib').connect('amqp://mq')", FactKind.OUTBOUND, "amqp", "mq"),
        (
            "require('nodemailer').createTransport({host: 'mail', port: 25})",
            FactKind.OUTBOUND,
            "smtp",
            "mail:25",
        ),
        (
            "const {S3Client} = require('@aws-sdk/client-s3'); new S3Client({endpoint: 'http://minio:9000'})",
            FactKind.OUTBOUND,
            "s3",
            "minio:9000",
        ),
        ("const stripe = require('stripe')('k')", FactKind.OUTBOUND, "http", "api.stripe.com"),
        ("setInterval(() => {}, 1000)", FactKind.BACKGROUND, "setInterval", ""),
        (
            "require('node-cron').schedule('* * * * *', () => {})",
            FactKind.BACKGROUND,
            "node-cron.schedule",
            "",
        ),
        (
            "const {Worker} = require('bullmq'); new Worker('q', async () => {})",
            FactKind.WORKER,
            "bullmq.Worker",
            "",
        ),
        (
            "const {Worker} = require('worker_threads'); new Worker('./x.js')",
            FactKind.THREAD,
            "worker_threads.Worker",
            "",
        ),
        ("process.on('SIGTERM', () => {})", FactKind.SIGNAL, "SIGTERM", ""),
        ("const L = require('lru-cache'); const c = new L({max: 5})", FactKind.CACHE, "lru-cache", ""),
        (
            "app.use(require('express-session')({secret: 'x'}))",
            FactKind.MEMORY_STATE,
            "app (express-session MemoryStore)",
            "",
        ),
        ("const m = require('multer')({dest: 'uploads/'})", FactKind.FILE_WRITE, "uploads/", ""),
    ],
)
def test_what_the_program_opens(tmp_path: Path, code: str, kind: FactKind, subject: str, detail: str) -> None:
    assert found(service(tmp_path, code), kind)[subject].detail == detail


@pytest.mark.parametrize(
    ("handler", "kind", "subject", "detail"),
    [
        ("await fetch('https://api.example.com/v1')", FactKind.OUTBOUND, "http", "api.example.com"),
        (
            (
                "const axios = require('axios'); await "
                "axios.get(`http://${process.env.DB_HOST}:8080/${req.params.id}`)"
            ),
            FactKind.OUTBOUND,
            "http",
            "db:8080",
        ),
        ("require('axios').create({baseURL: 'http://stock'}).post('/x')", FactKind.OUTBOUND, "http", "stock"),
        ("require('http').request({hostname: 'h', port: 81})", FactKind.OUTBOUND, "http", "h:81"),
        (
            "require('node:child_process').execFile('git', ['log'])",
            FactKind.SUBPROCESS,
            "child_process.execFile",
            "git",
        ),
        ("await require('puppeteer').launch()", FactKind.SUBPROCESS, "puppeteer.launch", "puppeteer"),
        (
            "require('fs').writeFileSync(__dirname + '/data.json', 'x')",
            FactKind.FILE_WRITE,
            "/app/data.json",
            "",
        ),
        (
            "const fs = require('fs').promises; await fs.appendFile('log/a.txt', 'x')",
            FactKind.FILE_WRITE,
            "log/a.txt",
            "",
        ),
        ("require('crypto').scryptSync('a', 'b', 64)", FactKind.COMPUTE, "crypto.scryptSync", ""),
        ("res.send(require('os').hostname())", FactKind.HOST, "os.hostname", ""),
        ("res.send(req.ip)", FactKind.CLIENT_ADDRESS, "req.ip", ""),
        ("require(req.params.id)", FactKind.DYNAMIC_IMPORT, "require(req.params.id)", ""),
    ],
)
def test_what_requests_do(tmp_path: Path, handler: str, kind: FactKind, subject: str, detail: str) -> None:
    fact = found(service(tmp_path, "", handler=handler), kind)[subject]
    assert (fact.detail, fact.reach) == (detail, Reach.REQUEST)
    assert fact.evidence[0].path == "app.js"


@pytest.mark.parametrize(
    "code",
    [
        "const {Pool} = require('pg')",  # never opened
        "// new (require('pg').Pool)()\nconst s = \"fetch('http://x')\"",
        "if (process.env.MODE !== 'live') { require('redis').createClient() }",
        "if (process.env.OPTIONAL) { fetch('http://x') }",
        "const fetch = (x) => x; fetch('http://x')",
        "const axios = require('axios'); axios.defaults.timeout = 5",
        "const path = process.env.MODE === 'live' ? 'a' : fetch('http://x')",
    ],
)
def test_what_opens_nothing(tmp_path: Path, code: str) -> None:
    read = service(tmp_path, code)
    assert not found(read, FactKind.OUTBOUND) and not found(read, FactKind.DATABASE)


def test_temporary_files_are_told_apart(tmp_path: Path) -> None:
    code = "const os = require('os'), path = require('path'), fs = require('fs')\n"
    read = service(tmp_path, code, handler="const p = path.join(os.tmpdir(), 'a'); fs.writeFileSync(p, 'x')")
    assert [s.startswith("tempfile") for s in found(read, FactKind.FILE_WRITE)] == [True]


def test_variables_and_their_defaults(tmp_path: Path) -> None:
    code = (
        "const a = process.env.A || 'x', {B = 'y'} = process.env\nif (!process.env.C) throw new Error('C')\n"
    )
    read = service(tmp_path, code, handler="process.env['D']")
    details = {name: fact.detail for name, fact in found(read, FactKind.ENV_READ).items()}
    assert details == {"A": "x", "B": "y", "C": "", "D": "undefined"}


def test_work_at_start_is_no_work_of_requests(tmp_path: Path) -> None:
    code = "const fs = require('fs')\nfunction prepare() { fs.mkdirSync('logs') }\nprepare()\n"
    assert found(service(tmp_path, code), FactKind.FILE_WRITE)["logs"].reach is Reach.IMPORT
    code += "module.exports = prepare\n"
    later = service(tmp_path / "later", code, handler="prepare()")
    assert found(later, FactKind.FILE_WRITE)["logs"].reach is Reach.REQUEST


# --- memory ---


@pytest.mark.parametrize(
    ("code", "handler", "subject"),
    [
        ("let hits = 0", "hits++; res.send(hits)", "app.hits"),
        ("const users = {}", "users[req.params.id] = 1", "app.users"),
        ("const users = new Map()", "users.set(1, 2)", "app.users"),
        ("const list = []", "list.push(req.params.id)", "app.list"),
        ("const list = []\nfunction add(x) { list.push(x) }", "add(1)", "app.list"),
        (
            (
                "class Store { constructor() { this.rows = [] }\n"
                " add(x) { this.rows.push(x) } }\nconst s = new Store()"
            ),
            "s.add(1)",
            "app.Store.rows",
        ),
        ("const {rows} = require('./store')", "rows.push(1)", "store.rows"),
        (
            "const c = require('prom-client'); const n = new c.Counter({name: 'a'})",
            "n.inc()",
            "app (prom-client metrics)",
        ),
    ],
)
def test_memory_that_a_later_request_reads(tmp_path: Path, code: str, handler: str, subject: str) -> None:
    files = {"store.js": "const rows = []\nmodule.exports = {rows}\n"}
    state = found(service(tmp_path, code, files, handler=handler), FactKind.MEMORY_STATE)
    assert list(state) == [subject]
    assert state[subject].reach is Reach.REQUEST


@pytest.mark.parametrize(
    ("code", "handler"),
    [
        ("const prices = {a: 1}", "res.send(prices[req.params.id])"),
        ("const list = []\nlist.push(1)\nfor (const x of [1]) list.push(x)", "res.send(list)"),
        ("const list = []", "const list = []; list.push(1)"),
        ("let client\nfunction get() { if (!client) client = connect(); return client }", "get()"),
        ("let ready = false\nsetup().then(() => { ready = true })", "res.send(ready)"),
        ("", "res.locals.x = 1; req.user = 2"),
        ("app.locals = {}", "const seen = new Set(); seen.add(1)"),
        ("const table = {}\nfunction fill() { table.a = 1 }\nfill()", "res.send(table)"),
    ],
)
def test_what_no_later_request_reads(tmp_path: Path, code: str, handler: str) -> None:
    assert found(service(tmp_path, code, handler=handler), FactKind.MEMORY_STATE) == {}


# --- listeners ---


@pytest.mark.parametrize(
    ("code", "protocol", "port"),
    [
        ("require('http').createServer((q, r) => r.end()).listen(process.env.PORT || 8080)", "http", "8080"),
        ("const {port} = require('./config'); require('http').createServer().listen({port})", "http", "7000"),
        ("require('net').createServer(() => {}).listen(9000)", "tcp", "9000"),
        ("require('dgram').createSocket('udp4').bind(5353)", "udp", "5353"),
        (
            (
                "const g = require('@grpc/grpc-js'); const s = new "
                "g.Server(); s.bindAsync('0.0.0.0:50051', c, () => {})"
            ),
            "grpc",
            "50051",
        ),
        ("const {WebSocketServer} = require('ws'); new WebSocketServer({port: 8081})", "websocket", "8081"),
        (
            "const f = require('fastify')({logger: true}); f.listen({port: 3001, host: '0.0.0.0'})",
            "http",
            "3001",
        ),
        (
            "const {serve} = require('@hono/node-server'); serve({fetch: app.fetch, port: 3002})",
            "http",
            "3002",
        ),
    ],
)
def test_listeners(tmp_path: Path, code: str, protocol: str, port: str) -> None:
    files = {
        "Dockerfile": 'FROM node:22\nWORKDIR /app\nCOPY . .\nCMD ["node", "main.js"]\n',
        "main.js": code + "\n",
        "package.json": "{}",
        "config.js": "module.exports = {port: Number(process.env.APP_PORT ?? 7000)}\n",
    }
    read = only(tmp_path, files).source
    assert read is not None
    assert {f.subject: f.detail for f in read.facts if f.kind is FactKind.LISTEN} == {protocol: port}
    assert read.interface == ("node:http" if protocol == "http" else None)


# --- packages ---


def test_dependencies_of_code_that_runs(tmp_path: Path) -> None:
    manifest = (
        '{"dependencies": {"express": "^4.0.0", "bcrypt": "5.1.0", '
        '"sharp": "*", "odd": "1.0.0"},\n"devDependencies": {"canvas": "2"}}'
    )
    lock = (
        '{"lockfileVersion": 3, "packages": {"node_modules/express": '
        '{"version": "4.18.2"}, "node_modules/odd": '
        '{"version": "1.0.0", "hasInstallScript": true, "dependencies": {"node-gyp-build": "4"}}}}'
    )
    files = {"package.json": manifest, "package-lock.json": lock}
    read = service(tmp_path, "const b = require('bcrypt'), o = require('odd/x')", files)
    assert {(d.name, d.version, d.kind, d.imported) for d in read.dependencies} == {
        ("express", "4.18.2", DependencyClass.PURE, True),
        ("bcrypt", "5.1.0", DependencyClass.NATIVE, True),
        ("sharp", None, DependencyClass.NATIVE, False),
        ("odd", "1.0.0", DependencyClass.NATIVE, True),
    }
    assert read.manifests == ("package.json", "package-lock.json")


def test_an_orm_takes_its_driver_by_name(tmp_path: Path) -> None:
    code = (
        "const env = require('envalid').cleanEnv(process.env, {CLIENT: str({default: 'better-sqlite3'})})\n"
    )
    code += "require('knex')({client: env.CLIENT, connection: {host: 'h', filename: 'x.db'}})"
    database = found(service(tmp_path, code), FactKind.DATABASE)
    assert {name: fact.detail for name, fact in database.items()} == {"sqlite": "x.db"}


def test_prisma_speaks_what_its_schema_says(tmp_path: Path) -> None:
    files = {
        "db/schema.prisma": 'datasource db {\n  provider = "postgresql"\n  url = env("DATABASE_URL")\n}\n',
        "Dockerfile": DOCKERFILE.replace("MODE=live", "DATABASE_URL=postgresql://u:p@base:5432/x"),
    }
    code = "const {PrismaClient} = require('@prisma/client'); const prisma = new PrismaClient()"
    database = found(service(tmp_path, code, files), FactKind.DATABASE)
    assert database["postgres"].detail == "base:5432"


RUN = "require('child_process').execSync('ls')"


@pytest.mark.parametrize(
    ("code", "runs"),
    [
        (f"if (process.env.MODE === 'live') {RUN}", True),
        (f"if (process.env.OTHER) {RUN}", False),
        (f"process.env.OTHER && {RUN}", False),
        (f"process.env.MODE && {RUN}", True),
        (f"const x = process.env.OTHER ? {RUN} : 1", False),
        (f"function f() {{ if (!process.env.OTHER) {{ return }} {RUN} }} f()", False),
        (f"function f() {{ if (!process.env.MODE) return; {RUN} }} f()", True),
        # What is needed is given by whoever starts it.
        (f"function f() {{ if (!process.env.KEY) {{ throw new Error('KEY') }} {RUN} }} f()", True),
        (f"switch (process.env.MODE) {{ case 'test': {RUN}; break; default: app.get('/', f) }}", False),
        (f"switch (process.env.MODE) {{ case 'test': case 'live': {RUN}; break; default: 1 }}", True),
        (f"switch (process.env.MODE) {{ case 'live': f(); break; default: {RUN} }}", False),
        (f"switch (process.env.OTHER) {{ case 'a': {RUN}; break; default: throw new Error('OTHER') }}", True),
        # What only such code calls is off too.
        (f"function run() {{ {RUN} }}\nif (process.env.OTHER) run()", False),
        (f"function run() {{ {RUN} }}\nfunction more() {{ run() }}\nif (process.env.OTHER) more()", False),
        (f"class Runner {{ run() {{ {RUN} }} }}\nif (process.env.OTHER) new Runner().run()", False),
        (f"function run() {{ {RUN} }}\nif (process.env.OTHER) run()\napp.get('/', run)", True),
        (f"function run() {{ {RUN} }}\nrun()", True),
        (f"function run(n) {{ if (n) run(n - 1); {RUN} }}\nif (process.env.OTHER) run()", False),
    ],
)
def test_what_is_off_as_it_is_started(tmp_path: Path, code: str, runs: bool) -> None:
    source = service(tmp_path, code)
    assert any(fact.kind is FactKind.SUBPROCESS for fact in source.facts) is runs


@pytest.mark.parametrize(
    ("use", "runs"),
    [
        ("if (process.env.OTHER) require('./more').run()", False),
        ("const more = require('./more'); if (process.env.OTHER) more.run()", True),  # its top level runs
        ("const { run } = require('./helpers'); if (process.env.OTHER) run()", False),
        ("const { run } = require('./helpers'); run()", True),
    ],
)
def test_modules_that_only_code_that_is_off_uses(tmp_path: Path, use: str, runs: bool) -> None:
    files = {
        "more.js": f"exports.run = () => 1\n{RUN}\n",
        "helpers.js": f"function run() {{ {RUN} }}\nmodule.exports = {{ run }}\n",
    }
    source = service(tmp_path, use, files)
    assert any(fact.kind is FactKind.SUBPROCESS for fact in source.facts) is runs


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ("{host: process.env.SMTP_HOST}", False),
        ("{host: process.env.SMTP_HOST, auth: {user: 'x'}}", False),
        ("{host: process.env.SMTP_HOST || 'mail'}", True),
        ("{host: process.env.DB_HOST}", True),
        ("options()", True),
    ],
)
def test_mail_that_nothing_configures(tmp_path: Path, options: str, sent: bool) -> None:
    source = service(tmp_path, f"const m = require('nodemailer').createTransport({options})")
    assert any(fact.subject == "smtp" for fact in source.facts) is sent


def test_what_stands_after_and_is_off_in_any_expression(tmp_path: Path) -> None:
    code = f"function get() {{ {RUN} }}\nlet x; x = process.env.OTHER && (global.X || get())"
    assert not any(fact.kind is FactKind.SUBPROCESS for fact in service(tmp_path, code).facts)


@pytest.mark.parametrize(("condition", "named"), [("process.env.OTHER", True), ("process.env.MODE", False)])
def test_a_store_that_is_off_is_named_as_unknown(tmp_path: Path, condition: str, named: bool) -> None:
    source = service(tmp_path, f"if ({condition}) require('redis').createClient({{url: 'redis://r:6379'}})")
    assert any(fact.subject == "redis" for fact in source.facts) is not named
    assert any(one.what.startswith("whether redis is used") for one in source.unknown) is named

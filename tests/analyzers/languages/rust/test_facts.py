"""What the code of a Rust service does that matters outside its container."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzers import inventory
from analyzers.languages.rust import cfg
from analyzers.languages.rust.scan import plain, scan
from analyzers.model import FactKind, Reach, Service, Source
from tests.analyzers.trees import found, only, write

DOCKERFILE = """\
FROM rust:1.90 AS build
WORKDIR /src
COPY . .
RUN cargo build --release
FROM debian:bookworm-slim
COPY --from=build /src/target/release/shop /usr/local/bin/
CMD ["shop"]
"""
PACKAGES = (
    "axum",
    "actix-web",
    "rocket",
    "warp",
    "tokio",
    "reqwest",
    "sqlx",
    "redis",
    "tonic",
    "rdkafka",
    "lapin",
    "dashmap",
    "moka",
    "rayon",
    "sea-orm",
    "clap",
    "hyper",
    "rusqlite",
    "sled",
)
MANIFEST = '[package]\nname = "shop"\nversion = "0.1.0"\n[dependencies]\n' + "".join(
    f'{name} = {{ version = "1", features = ["postgres", "sqlx-postgres"] }}\n' for name in PACKAGES
)


def service(root: Path, main: str, files: dict[str, str] | None = None) -> Service:
    given_files = {"Dockerfile": DOCKERFILE, "Cargo.toml": MANIFEST, "src/main.rs": main, **(files or {})}
    return only(root, given_files)


def read(root: Path, main: str, files: dict[str, str] | None = None) -> Source:
    source = service(root, main, files).source
    assert source is not None
    return source


AXUM = (
    "use axum::{{routing::get, Router, extract::State}};\n"
    "use std::sync::{{Arc, Mutex, atomic::{{AtomicU64, Ordering}}}};\n{before}\n"
    "async fn handler() {{\n{body}\n}}\n"
    "#[tokio::main]\nasync fn main() {{\n{main}\n"
    '    let app = Router::new().route("/", get(handler));\n'
    '    let listener = tokio::net::TcpListener::bind("0.0.0.0:3000").await.unwrap();\n'
    "    axum::serve(listener, app).await.unwrap();\n}}\n"
)


def axum(body: str = "", before: str = "", main: str = "") -> str:
    return AXUM.format(body=body, before=before, main=main)


# --- listeners ---


@pytest.mark.parametrize(
    ("main", "framework", "listeners"),
    [
        (axum(), "axum", [("http", 3000)]),
        (
            (
                "use actix_web::{App, HttpServer};\n#[actix_web::main]\nasync fn main() {\n"
                '    HttpServer::new(|| App::new()).workers(2).bind(("127.0.0.1", '
                "8080)).unwrap().run().await.unwrap();\n}\n"
            ),
            "actix-web",
            [("http", 8080)],
        ),
        (
            "#[rocket::launch]\nfn rocket() -> _ { rocket::build() }\nfn main() {}\n",
            "rocket",
            [("http", 8000)],
        ),
        (
            (
                "use warp::Filter;\n#[tokio::main]\nasync fn main() {\n"
                '    let hi = warp::path!("hello" / String).map(|n| n);\n'
                "    warp::serve(hi).run(([0, 0, 0, 0], 3030)).await;\n}\n"
            ),
            "warp",
            [("http", 3030)],
        ),
        (
            (
                "use tonic::transport::Server;\nfn main() {\n"
                '    let addr = "[::1]:50051".parse().unwrap();\n'
                "    Server::builder().add_service(x()).serve(addr);\n}\n"
            ),
            "tonic",
            [("grpc", 50051)],
        ),
        (
            (
                "use std::net::TcpListener;\nfn main() {\n"
                '    let l = TcpListener::bind("0.0.0.0:7000").unwrap();\n    loop { l.accept(); }\n}\n'
            ),
            None,
            [("tcp", 7000)],
        ),
        (
            (
                "use std::net::TcpListener;\nfn main() {\n"
                '    for s in TcpListener::bind("0.0.0.0:7000").unwrap().incoming() { s.write(b"x"); '
                'let r = "HTTP/1.1 200 OK"; }\n}\n'
            ),
            None,
            [("http", 7000)],
        ),
        (
            'fn main() { let s = std::net::UdpSocket::bind("0.0.0.0:53").unwrap(); }\n',
            None,
            [("udp", 53)],
        ),
        ('fn main() { let s = std::net::UdpSocket::bind("0.0.0.0:0").unwrap(); }\n', None, []),
    ],
)
def test_listeners(
    tmp_path: Path, main: str, framework: str | None, listeners: list[tuple[str, int]]
) -> None:
    one = service(tmp_path, main)
    assert one.source is not None
    assert one.source.framework == framework
    assert [(str(item.protocol), item.port) for item in one.listeners] == listeners


@pytest.mark.parametrize(
    ("address", "before", "docker", "port"),
    [
        (
            'format!("0.0.0.0:{}", port)',
            'let port = std::env::var("PORT").unwrap_or("8081".into());',
            "",
            8081,
        ),
        (
            'format!("0.0.0.0:{port}")',
            'let port = std::env::var("PORT").unwrap_or("8081".into());',
            "ENV PORT=90",
            90,
        ),
        ("SocketAddr::from(([0, 0, 0, 0], PORT))", "const PORT: u16 = 4_000;", "", 4000),
        ("(Ipv4Addr::UNSPECIFIED, args.port)", "let args = Args::parse();", "", 9000),
        ("(Ipv4Addr::UNSPECIFIED, args.port)", "let args = Args::parse();", "ENV APP_PORT=9001", 9001),
        (
            "(Ipv4Addr::UNSPECIFIED, args.port)",
            "let args = Args::parse();",
            'CMD ["shop", "--port", "9002"]',
            9002,
        ),
        (
            'match std::env::var("PORT") { Ok(p) => p, Err(_) => "7007".to_string() }',
            "",
            "",
            7007,
        ),
    ],
)
def test_the_port_of_an_address(tmp_path: Path, address: str, before: str, docker: str, port: int) -> None:
    main = (
        "use clap::Parser;\n#[derive(Parser)]\nstruct Args {\n"
        '    #[arg(long, env = "APP_PORT", default_value_t = 9000)]\n    port: u16,\n}\n'
        f"#[tokio::main]\nasync fn main() {{\n    {before}\n"
        f"    let addr = {address};\n    let l = tokio::net::TcpListener::bind(&addr).await.unwrap();\n"
        "    axum::serve(l, axum::Router::new()).await.unwrap();\n}\n"
    )
    one = service(tmp_path, main, {"Dockerfile": DOCKERFILE + docker + "\n"})
    assert one.port == port


# --- routes ---


@pytest.mark.parametrize(
    ("main", "routes"),
    [
        (
            (
                "use axum::{routing::{get, post}, Router};\nfn main() {\n"
                '    let api = Router::new().nest("/v1", Router::new().route("/items/{id}", '
                "get(a).delete(b)));\n"
                '    let app = Router::new().route("/", post(c)).merge(api);\n}\n'
            ),
            [("GET", "/v1/items/{id}"), ("DELETE", "/v1/items/{id}"), ("POST", "/")],
        ),
        (
            (
                'use actix_web::{get, web, App};\n#[get("/hello/{name}")]\nasync fn hello() {}\nfn main() {\n'
                '    App::new().service(hello).service(web::scope("/api").route("/x", web::post().to(b))\n'
                '        .service(web::resource("/y").route(web::get().to(c)).route(web::put().to(d))));\n}\n'
            ),
            [("GET", "/hello/{name}"), ("POST", "/api/x"), ("GET", "/api/y"), ("PUT", "/api/y")],
        ),
        (
            (
                "#[macro_use] extern crate rocket;\n"
                '#[post("/<id>?<q>", data = "<b>")]\n'
                "fn a() {}\n"
                "#[launch]\n"
                'fn rocket() -> _ { rocket::build().mount("/api", routes![a]) }\n'
            ),
            [("POST", "/api/<id>?<q>")],
        ),
        (
            (
                "use warp::Filter;\n"
                'fn main() { let r = warp::path!("sum" / u32).and(warp::get()).map(|a| a); '
                "}\n"
            ),
            [("GET", "/sum/{u32}")],
        ),
        (
            'fn main() { let mut m = std::collections::HashMap::new(); m.get("/etc/x"); }\n',
            [],
        ),
    ],
)
def test_routes(tmp_path: Path, main: str, routes: list[tuple[str, str]]) -> None:
    source = read(tmp_path, main)
    assert {(route.method, route.path) for route in source.routes} == set(routes)


# --- state ---

STATICS = "static HITS: AtomicU64 = AtomicU64::new(0);\nstatic ITEMS: Mutex<Vec<u8>> = Mutex::new(vec![]);\n"


@pytest.mark.parametrize(
    ("source", "subject", "reach"),
    [
        (axum("HITS.fetch_add(1, Ordering::SeqCst);", STATICS), "main.HITS", Reach.REQUEST),
        (axum("ITEMS.lock().unwrap().push(1);", STATICS), "main.ITEMS", Reach.REQUEST),
        (axum("let mut g = ITEMS.lock().unwrap();", STATICS), "main.ITEMS", Reach.REQUEST),
        (axum("*ITEMS.lock().unwrap() = vec![];", STATICS), "main.ITEMS", Reach.REQUEST),
        (
            axum("helper();", STATICS + "fn helper() { ITEMS.lock().unwrap().clear(); }\n"),
            "main.ITEMS",
            Reach.REQUEST,
        ),
        (axum("", STATICS, "HITS.store(3, Ordering::SeqCst);"), "main.HITS", Reach.IMPORT),
        (
            axum(
                "",
                "struct App { seen: dashmap::DashMap<u8, u8> }\n"
                "impl App { fn add(&self) { self.seen.insert(1, 2); } }\n"
                "async fn other(State(s): State<Arc<App>>) { s.add(); }\n",
                'Router::new().route("/o", get(other));',
            ),
            "App.seen",
            Reach.REQUEST,
        ),
        (
            axum(
                "",
                (
                    "type Db = Arc<Mutex<Vec<u8>>>;\n"
                    "async fn put(State(db): State<Db>) { db.lock().unwrap().push(1); "
                    "}\n"
                ),
                'Router::new().route("/o", get(put));',
            ),
            "main.db",
            Reach.REQUEST,
        ),
        (
            axum(
                "N.with(|n| ());",
                "lazy_static::lazy_static! { static ref M: Mutex<Vec<u8>> = Mutex::new(vec![]); }\n"
                "async fn o() { M.lock().unwrap().push(1); }\n",
                'Router::new().route("/o", get(o));',
            ),
            "main.M",
            Reach.REQUEST,
        ),
    ],
)
def test_memory_that_a_later_request_reads(tmp_path: Path, source: str, subject: str, reach: Reach) -> None:
    state = found(read(tmp_path, source), FactKind.MEMORY_STATE)
    assert {name: fact.reach for name, fact in state.items()} == {subject: reach}


@pytest.mark.parametrize(
    "source",
    [
        axum("let n = HITS.load(Ordering::SeqCst); ITEMS.lock().unwrap().len();", STATICS),
        axum("let c = CONN.lock().unwrap(); c.execute();", "static CONN: Mutex<PgConnection> = x();\n"),
        axum("let _g = GATE.lock().unwrap();", "static GATE: Mutex<()> = Mutex::new(());\n"),
        axum("let n = Arc::new(AtomicU64::new(0)); n.fetch_add(1, Ordering::SeqCst);"),
        axum('// HITS.fetch_add(1)\nlet s = "HITS.fetch_add(1)";', STATICS),
        axum("", STATICS + "fn nobody() { HITS.fetch_add(1, Ordering::SeqCst); }\n"),
        axum(
            "",
            STATICS + "#[cfg(test)]\nmod tests { fn t() { super::HITS.fetch_add(1, Ordering::SeqCst); } }\n",
        ),
    ],
)
def test_memory_that_is_no_state(tmp_path: Path, source: str) -> None:
    assert found(read(tmp_path, source), FactKind.MEMORY_STATE) == {}


def test_a_cache_is_no_state(tmp_path: Path) -> None:
    before = (
        "struct A { page_cache: Mutex<Vec<u8>> }\n"
        "impl A { fn f(&self) { self.page_cache.lock().unwrap().push(1); } "
        "}\n"
    )
    source = read(tmp_path, axum("a().f();", before))
    assert found(source, FactKind.MEMORY_STATE) == {}
    assert list(found(source, FactKind.CACHE)) == ["A.page_cache"]


def test_what_a_background_task_refreshes_is_no_state_of_requests(tmp_path: Path) -> None:
    before = (
        "static ITEMS: Mutex<Vec<u8>> = Mutex::new(vec![]);\n"
        "async fn refresh() { loop { ITEMS.lock().unwrap().push(1); tokio::time::sleep(x()).await; } }\n"
    )
    source = read(tmp_path, axum("ITEMS.lock().unwrap().len();", before, "tokio::spawn(refresh());"))
    assert found(source, FactKind.MEMORY_STATE) == {}
    assert list(found(source, FactKind.BACKGROUND)) == ["tokio::spawn"]


# --- what it calls and starts ---


@pytest.mark.parametrize(
    ("body", "kind", "subject", "detail"),
    [
        ('std::env::var("API_KEY").unwrap();', FactKind.ENV_READ, "API_KEY", ""),
        ('std::env::var("LEVEL").unwrap_or_else(|_| "info".into());', FactKind.ENV_READ, "LEVEL", "info"),
        ('std::env::var("X").ok();', FactKind.ENV_READ, "X", "(none)"),
        ('std::fs::write("/data/x", b"1");', FactKind.FILE_WRITE, "/data/x", ""),
        ("tokio::fs::File::create(path());", FactKind.FILE_WRITE, "File::create", ""),
        (
            'std::fs::OpenOptions::new().append(true).open("log.txt");',
            FactKind.FILE_WRITE,
            "log.txt",
            "",
        ),
        ("tempfile::NamedTempFile::new();", FactKind.FILE_WRITE, "tempfile NamedTempFile::new", ""),
        ('sled::open("/data/db");', FactKind.FILE_WRITE, "/data/db", "sled"),
        ('std::process::Command::new("git").output();', FactKind.SUBPROCESS, "Command::new", "git"),
        ("std::thread::spawn(|| work());", FactKind.THREAD, "thread::spawn", ""),
        ("reqwest::Client::new();", FactKind.OUTBOUND, "http", ""),
        ('reqwest::get("https://api.example.com/v1").await;', FactKind.OUTBOUND, "http", "api.example.com"),
        ('redis::Client::open("redis://cache:6379/");', FactKind.OUTBOUND, "redis", "cache:6379"),
        ('sqlx::PgPool::connect("postgres://u:p@db/x").await;', FactKind.DATABASE, "postgres", "db"),
        ("sea_orm::Database::connect(url()).await;", FactKind.DATABASE, "postgres", ""),
        ('rusqlite::Connection::open("/data/a.db");', FactKind.DATABASE, "sqlite", "/data/a.db"),
        ("rusqlite::Connection::open_in_memory();", FactKind.DATABASE, "sqlite", ":memory:"),
        (
            (
                "let c: rdkafka::consumer::StreamConsumer = x(); "
                "rdkafka::consumer::StreamConsumer::from_config(c);"
            ),
            FactKind.WORKER,
            "StreamConsumer::from_config",
            "",
        ),
        ("argon2::Argon2::default();", FactKind.COMPUTE, "argon2", ""),
        ("moka::sync::Cache::new(1);", FactKind.CACHE, "Cache::new", ""),
    ],
)
def test_what_a_handler_does(tmp_path: Path, body: str, kind: FactKind, subject: str, detail: str) -> None:
    facts = [f for f in read(tmp_path, axum(body)).facts if f.kind is kind]
    assert [(f.subject, f.detail, f.reach) for f in facts] == [(subject, detail, Reach.REQUEST)]
    assert facts[0].evidence[0].path == "src/main.rs"
    assert facts[0].evidence[0].line == 5


def test_the_same_at_start(tmp_path: Path) -> None:
    facts = read(tmp_path, axum(main='std::fs::write("/data/x", b"1");')).facts
    assert [f.reach for f in facts if f.kind is FactKind.FILE_WRITE] == [Reach.IMPORT]


def test_names_come_from_use_and_reexports(tmp_path: Path) -> None:
    main = axum(
        'Http::new(); db::Connection::open("a.db");', "mod db;\nuse reqwest::{Client as Http, Error};\n"
    )
    source = read(tmp_path, main, {"src/db.rs": "pub use rusqlite::Connection;\n"})
    assert list(found(source, FactKind.OUTBOUND)) == ["http"]
    assert list(found(source, FactKind.DATABASE)) == ["sqlite"]


def test_a_driver_that_is_imported_and_never_opened_decides_nothing(tmp_path: Path) -> None:
    source = read(tmp_path, axum("let x: Option<redis::Client> = None;", "use sqlx::PgPool;\n"))
    assert found(source, FactKind.OUTBOUND) == {}
    assert found(source, FactKind.DATABASE) == {}


@pytest.mark.parametrize(
    ("spawned", "flagged"),
    [
        ("tokio::spawn(async move { loop { tick().await; } });", True),
        ("tokio::spawn(async { let mut i = tokio::time::interval(x()); i.tick().await; });", True),
        ("tokio::spawn(async { once().await });", False),
        ("tokio::spawn(async move { axum::serve(a, b).await });", False),
    ],
)
def test_background_tasks(tmp_path: Path, spawned: str, flagged: bool) -> None:
    source = read(tmp_path, axum(main=spawned))
    assert bool(found(source, FactKind.BACKGROUND)) is flagged


def test_connections_served_in_tasks_are_no_background(tmp_path: Path) -> None:
    main = (
        "use tokio::net::TcpListener;\n#[tokio::main]\nasync fn main() {\n"
        '    let l = TcpListener::bind("0.0.0.0:3000").await.unwrap();\n    loop {\n'
        "        let (s, _) = l.accept().await.unwrap();\n        tokio::spawn(async move {\n"
        "            hyper::server::conn::http1::Builder::new().serve_connection(s, "
        "hyper::service::service_fn(hi)).await;\n"
        '        });\n    }\n}\nasync fn hi() { std::fs::write("x", b""); }\n'
    )
    one = service(tmp_path, main)
    assert one.source is not None
    assert [(str(item.protocol), item.port) for item in one.listeners] == [("http", 3000)]
    assert one.source.framework == "hyper"
    assert found(one.source, FactKind.BACKGROUND) == {}
    assert found(one.source, FactKind.FILE_WRITE)["x"].reach is Reach.REQUEST


# --- parts ---


@pytest.mark.parametrize(
    ("condition", "value"),
    [
        ("test", False),
        ("unix", True),
        ('feature = "a"', True),
        ('feature = "b"', False),
        ('all(unix, feature = "b")', False),
        ('any(test, target_os = "linux")', True),
        ('not(target_os = "macos")', True),
        ('target_arch = "x86_64"', None),
        ('all(target_arch = "x86_64", windows)', False),
        ("cfg(tokio_unstable)", None),
        ("", None),
        ("all(", True),
    ],
)
def test_conditions(condition: str, value: bool | None) -> None:
    assert cfg.holds(condition, {"a"}) is value


def test_paths_without_type_arguments() -> None:
    assert plain("Vec::<u8>::new") == "Vec::new"
    assert plain("<Foo as Bar<X>>::baz") == "Foo::baz"
    assert plain("a :: b") == "a::b"


@given(st.binary(max_size=400))
def test_no_bytes_make_the_scanner_fail(data: bytes) -> None:
    scan("a.rs", "/a.rs", "a", data, frozenset())


PIECES = st.sampled_from(
    [
        "fn main() {",
        "}",
        "use a::{",
        "#[cfg(",
        "mod x;",
        "static A: Mutex<",
        "A.lock()",
        ".insert(",
        '"',
        'r#"',
        "{",
        ")",
        "(",
        "::<",
        ">::",
        "tokio::spawn(",
        "loop {",
        "axum::serve(",
        "HttpServer::new(",
        ".bind(",
        'format!("{}:{x',
        "lazy_static! {",
        '#[get("/")]',
        'web::scope("/a")',
        '.route("/b", get(c))',
        "impl A for B {",
        "env::var(",
        "PgPool::connect(",
        "é",
        "\n",
    ]
)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(main=st.lists(PIECES, max_size=30).map("".join), cargo=st.text(max_size=60), lock=st.text(max_size=60))
def test_no_source_makes_the_reader_fail(tmp_path: Path, main: str, cargo: str, lock: str) -> None:
    service(tmp_path, "fn main() {}\n" + main, {"Cargo.lock": "[[package]]\n" + lock})
    service(tmp_path, main, {"Cargo.toml": MANIFEST + "\n" + cargo})


@pytest.mark.parametrize(
    "deep",
    [
        "fn f() { let x = " + "(" * 3_000 + ")" * 3_000 + "; }\n",
        "use " + "a::{" * 3_000 + "b" + "}" * 3_000 + ";\n",
        "#[cfg(" + "not(" * 3_000 + "test" + ")" * 3_000 + ")]\nmod m;\n",
        "fn f() { x" + ".y()" * 3_000 + "; }\n",
        "fn f() { " + "a(" * 3_000,
    ],
)
def test_deep_nesting_is_not_read_and_said(tmp_path: Path, deep: str) -> None:
    files = {"Dockerfile": DOCKERFILE, "Cargo.toml": MANIFEST, "src/main.rs": axum("x();", "mod deep;\n")}
    found_ = inventory.read(write(tmp_path, {**files, "src/deep.rs": deep}))
    assert [(one.path, one.reason) for one in found_.not_read] == [
        ("src/deep.rs", "nests too deeply to be read")
    ]
    source = found_.services[0].source
    assert source is not None
    assert source.files == ("src/main.rs",)


def test_conditions_that_nest_deeply_are_not_known() -> None:
    assert cfg.holds("not(" * 3_000 + "test" + ")" * 3_000, set()) is None


def test_listeners_that_actix_server_names(tmp_path: Path) -> None:
    main = (
        "use actix_server::Server;\nfn main() {\n"
        '    Server::build().bind("ldap", ("0.0.0.0", 3890), || x()).unwrap()\n'
        '        .bind("http", ("0.0.0.0", 8080), || y()).unwrap().run();\n}\n'
    )
    one = service(tmp_path, main)
    assert {(str(item.protocol), item.port) for item in one.listeners} == {("tcp", 3890), ("http", 8080)}
    assert one.source is not None
    assert (one.source.framework, one.source.interface) == ("actix-web", "actix-web")

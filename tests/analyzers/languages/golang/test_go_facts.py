"""What the code of a Go service does that matters outside its container."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzers import inventory
from analyzers.languages.golang import files
from analyzers.languages.golang.files import Build
from analyzers.model import Confidence, Fact, FactKind, Reach, Source
from tests.analyzers.trees import found, only, write

HEAD = """\
package main

import (
\t"net/http"
%s)

"""
SERVE = 'func main() {\n\thttp.HandleFunc("/", view)\n%s\thttp.ListenAndServe(":8080", nil)\n}\n\n'


def go(
    root: Path,
    body: str = "",
    *imports: str,
    setup: str = "",
    outside: str = "",
    command: str = '["/app"]',
    more: dict[str, str | bytes] | None = None,
    env: str = "",
) -> Source:
    """A service on net/http: `body` stands in the handler `view`, `setup` in main, `outside` beside both."""
    lines = "".join(f"\t{one}\n" if one.endswith('"') else f'\t"{one}"\n' for one in imports)
    inner = "".join(f"\t{line}\n" for line in body.split("\n") if line)
    start = "".join(f"\t{line}\n" for line in setup.split("\n") if line)
    main = HEAD % lines + SERVE % start
    main += f"func view(w http.ResponseWriter, r *http.Request) {{\n{inner}}}\n\n{outside}\n"
    dockerfile = (
        "FROM golang:1.22 AS build\nWORKDIR /src\nCOPY . .\nRUN go build -o /app .\n"
        f"FROM scratch\n{env}COPY --from=build /app /app\nENTRYPOINT {command}\n"
    )
    given_files: dict[str, str | bytes] = {
        "Dockerfile": dockerfile,
        "go.mod": "module example.com/shop\n",
        "main.go": main.encode(),
        **(more or {}),
    }
    source = only(root, given_files).source
    assert source is not None
    return source


def of(source: Source, kind: FactKind) -> list[tuple[str, str]]:
    """Subject and detail of the facts of a kind."""
    return [(fact.subject, fact.detail) for fact in source.facts if fact.kind is kind]


def subjects(source: Source, kind: FactKind) -> list[str]:
    return sorted({fact.subject for fact in source.facts if fact.kind is kind})


# --- listeners ---


@pytest.mark.parametrize(
    ("main", "imports", "command", "env", "heard"),
    [
        ('http.ListenAndServe(":81", nil)', (), '["/app"]', "", [("http", "81")]),
        ("http.ListenAndServe(addr, nil)", (), '["/app"]', "", [("http", "7000")]),
        ('s := &http.Server{Addr: ":82"}\ns.ListenAndServe()', (), '["/app"]', "", [("http", "82")]),
        (
            'p := flag.String("listen", ":83", "x")\nflag.Parse()\nhttp.ListenAndServe(*p, nil)',
            ("flag",), '["/app"]', "", [("http", "83")],
        ),
        (
            'p := flag.String("listen", ":83", "x")\nflag.Parse()\nhttp.ListenAndServe(*p, nil)',
            ("flag",), '["/app", "-listen", ":84"]', "", [("http", "84")],
        ),
        (
            'p := flag.Int("port", 83, "x")\nhttp.ListenAndServe(fmt.Sprintf("0.0.0.0:%d", *p), nil)',
            ("flag", "fmt"), '["/app", "--port=85"]', "", [("http", "85")],
        ),
        (
            'p := os.Getenv("PORT")\nif p == "" {\np = "86"\n}\nhttp.ListenAndServe(":" + p, nil)',
            ("os",), '["/app"]', "", [("http", "86")],
        ),
        (
            'p := os.Getenv("PORT")\nif p == "" {\np = "86"\n}\nhttp.ListenAndServe(":" + p, nil)',
            ("os",), '["/app"]', "ENV PORT=87\n", [("http", "87")],
        ),
        ('http.ListenAndServe(":" + env("PORT", "88"), nil)', ("os",), '["/app"]', "", [("http", "88")]),
        ('l, _ := net.Listen("tcp", ":89")\nhttp.Serve(l, nil)', ("net",), '["/app"]', "", [("http", "89")]),
        (
            'l, _ := net.Listen("tcp", ":90")\nfor {\nc, _ := l.Accept()\nc.Close()\n}',
            ("net",), '["/app"]', "", [("tcp", "90")],
        ),
        ('net.ListenPacket("udp", ":91")', ("net",), '["/app"]', "", [("udp", "91")]),
        (
            'l, _ := net.Listen("tcp", ":92")\ns := grpc.NewServer()\ns.Serve(l)',
            ("net", "google.golang.org/grpc"), '["/app"]', "", [("grpc", "92")],
        ),
        ('r := gin.Default()\nr.Run(":93")', ("github.com/gin-gonic/gin",), '["/app"]', "", [("http", "93")]),
        ("gin.New().Run()", ("github.com/gin-gonic/gin",), '["/app"]', "", [("http", "8080")]),
        (
            'e := echo.New()\ne.Start(":94")',
            ("github.com/labstack/echo/v4",), '["/app"]', "", [("http", "94")],
        ),
        (
            'a := fiber.New()\na.Listen(":95")',
            ("github.com/gofiber/fiber/v2",), '["/app"]', "", [("http", "95")],
        ),
        ('net.Listen("unix", "/run/x.sock")', ("net",), '["/app"]', "", []),
    ],
)  # fmt: skip
def test_what_it_listens_on(
    tmp_path: Path, main: str, imports: tuple[str, ...], command: str, env: str, heard: list[tuple[str, str]]
) -> None:
    lines = "".join(f'\t"{one}"\n' for one in imports)
    code = (
        HEAD % lines
        + f'const addr = ":7000"\n\nfunc main() {{\n{main}\n}}\n\n'
        + 'func env(k, d string) string {\nif v := os.Getenv(k); v != "" {\nreturn v\n}\nreturn d\n}\n'
    )
    source = go(tmp_path, more={"main.go": code.encode()}, command=command, env=env)
    assert of(source, FactKind.LISTEN) == heard


def test_health_beside_grpc_is_no_http_service(tmp_path: Path) -> None:
    code = (
        'package main\n\nimport (\n\t"net"\n\t"net/http"\n\t"google.golang.org/grpc"\n)\n\nfunc main() {\n'
        '\thttp.HandleFunc("/healthz", func(w http.ResponseWriter, r *http.Request) {})\n'
        '\tgo http.ListenAndServe(":8081", nil)\n'
        '\tl, _ := net.Listen("tcp", ":50051")\n\ts := grpc.NewServer()\n\ts.Serve(l)\n}\n'
    )
    assert of(go(tmp_path, more={"main.go": code}), FactKind.LISTEN) == [("grpc", "50051")]


# --- outbound, databases ---


@pytest.mark.parametrize(
    ("body", "imports", "kind", "expected"),
    [
        ('http.Get("https://api.example.com/x")', (), FactKind.OUTBOUND, [("https", "api.example.com")]),
        ('http.NewRequest("GET", url, nil)', (), FactKind.OUTBOUND, [("http", "")]),
        ("c := &http.Client{}\nc.Do(r)", (), FactKind.OUTBOUND, [("http", "")]),
        (
            'redis.NewClient(&redis.Options{Addr: "cache:6379"})',
            ("github.com/redis/go-redis/v9",), FactKind.OUTBOUND, [("redis", "cache:6379")],
        ),
        (
            'grpc.NewClient("users:50051")',
            ("google.golang.org/grpc",), FactKind.OUTBOUND, [("grpc", "users:50051")],
        ),
        ('smtp.SendMail("mail:25", nil, "", nil, nil)', ("net/smtp",), FactKind.OUTBOUND, [("smtp", "")]),
        ('net.Dial("tcp", "old:99")', ("net",), FactKind.OUTBOUND, [("tcp", "old:99")]),
        ('net.Dial("unix", "/run/x")', ("net",), FactKind.OUTBOUND, []),
        (
            'sql.Open("postgres", "postgres://u:p@db:5432/x")',
            ("database/sql", '_ "github.com/lib/pq"'), FactKind.DATABASE, [("postgres", "db:5432")],
        ),
        (
            "sql.Open(driver(), dsn())",
            ("database/sql", '_ "github.com/go-sql-driver/mysql"'), FactKind.DATABASE, [("mysql", "")],
        ),
        (
            'sql.Open("sqlite3", "file:data.db?mode=rw")',
            ("database/sql",), FactKind.DATABASE, [("sqlite", "data.db")],
        ),
        ('sql.Open("sqlite", ":memory:")', ("database/sql",), FactKind.DATABASE, [("sqlite", ":memory:")]),
        ("", ('_ "github.com/lib/pq"',), FactKind.DATABASE, []),
        (
            'gorm.Open(postgres.Open("host=db port=5433 user=x"))',
            ("gorm.io/gorm", "gorm.io/driver/postgres"), FactKind.DATABASE, [("postgres", "db:5433")],
        ),
        ('exec.Command("git", "log").Run()', ("os/exec",), FactKind.SUBPROCESS, [("exec.Command", "git")]),
        ('// exec.Command("git")', (), FactKind.SUBPROCESS, []),
        ('_ = "exec.Command(\\"git\\")"', (), FactKind.SUBPROCESS, []),
        (
            "u := websocket.Upgrader{}\nu.Upgrade(w, r, nil)",
            ("github.com/gorilla/websocket",), FactKind.WEBSOCKET, [("websocket.Upgrader", "")],
        ),
        ("os.Hostname()", ("os",), FactKind.HOST, [("os.Hostname", "")]),
        ("_ = r.RemoteAddr", (), FactKind.CLIENT_ADDRESS, [("r.RemoteAddr", "")]),
        ("nvml.Init()", ("github.com/NVIDIA/go-nvml/pkg/nvml",), FactKind.GPU, [("NVML", "")]),
        ("bcrypt.CompareHashAndPassword(a, b)", ("golang.org/x/crypto/bcrypt",), FactKind.COMPUTE,
         [("bcrypt.CompareHashAndPassword", "")]),
    ],
)  # fmt: skip
def test_calls_of_libraries(
    tmp_path: Path, body: str, imports: tuple[str, ...], kind: FactKind, expected: list[tuple[str, str]]
) -> None:
    source = go(tmp_path, body, *imports)
    assert of(source, kind) == expected
    assert all(fact.reach is Reach.REQUEST for fact in source.facts if fact.kind is kind)


def test_what_main_does_not_lead_to_says_nothing(tmp_path: Path) -> None:
    source = go(
        tmp_path,
        "",
        "os/exec",
        outside='func unused() { exec.Command("git").Run() }\n\nvar _ Runner = (*tool)(nil)\n\n'
        "type Runner interface{ Go() }\n\ntype tool struct{}\n\n"
        'func (t *tool) Go() { exec.Command("sh").Run() }\n',
    )
    assert of(source, FactKind.SUBPROCESS) == []


def test_start_and_requests_are_told_apart(tmp_path: Path) -> None:
    source = go(
        tmp_path, 'exec.Command("date").Run()', "os/exec", setup="prepare()",
        outside='func prepare() { exec.Command("git").Run() }\n',
    )  # fmt: skip
    reach = {fact.detail: fact.reach for fact in source.facts if fact.kind is FactKind.SUBPROCESS}
    assert reach == {"git": Reach.IMPORT, "date": Reach.REQUEST}


def test_a_branch_that_a_flag_leaves_off(tmp_path: Path) -> None:
    setup = 'debug := flag.Bool("debug", false, "x")\nif *debug {\n\texec.Command("gdb").Run()\n}'
    off = go(tmp_path / "off", "", "flag", "os/exec", setup=setup)
    on = go(tmp_path / "on", "", "flag", "os/exec", setup=setup, command='["/app", "-debug"]')
    assert of(off, FactKind.SUBPROCESS) == []
    assert of(on, FactKind.SUBPROCESS) == [("exec.Command", "gdb")]


def test_a_branch_that_the_environment_decides_stays(tmp_path: Path) -> None:
    setup = 'if os.Getenv("DEBUG") != "" {\n\texec.Command("gdb").Run()\n}'
    assert of(go(tmp_path, "", "os", "os/exec", setup=setup), FactKind.SUBPROCESS)


# --- files and environment ---


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('os.WriteFile("/data/x.json", nil, 0o644)', ["/data/x.json"]),
        ('os.Create(filepath.Join(dir, "x"))', ["os.Create"]),
        ('os.OpenFile("/data/log", os.O_APPEND|os.O_WRONLY, 0)', ["/data/log"]),
        ('os.OpenFile("/data/log", os.O_RDONLY, 0)', []),
        ('os.Open("/data/log")', []),
        ('os.CreateTemp("", "x")', ["os.CreateTemp"]),
        (
            'd, _ := os.MkdirTemp("", "x")\nos.WriteFile(d+"/y", nil, 0)',
            ["os.MkdirTemp", "os.WriteFile in MkdirTemp"],
        ),
    ],
)  # fmt: skip
def test_files_written(tmp_path: Path, body: str, expected: list[str]) -> None:
    assert subjects(go(tmp_path, body, "os", "path/filepath"), FactKind.FILE_WRITE) == expected


def test_an_embedded_database_is_written_by_requests_wherever_it_is_opened(tmp_path: Path) -> None:
    source = go(tmp_path, "", "go.etcd.io/bbolt", setup='bbolt.Open("/data/my.db", 0600, nil)')
    (fact,) = found(source, FactKind.FILE_WRITE).values()
    assert (fact.subject, fact.reach) == ("/data/my.db", Reach.REQUEST)


def test_environment_and_its_defaults(tmp_path: Path) -> None:
    source = go(
        tmp_path,
        "",
        "os",
        "github.com/caarlos0/env/v10",
        setup='_ = os.Getenv("ONE")\n_ = or("TWO", "2")\nvar c conf\nenv.Parse(&c)',
        outside='func or(k, d string) string {\n\tif v := os.Getenv(k); v != "" {\n\t\treturn v\n\t}\n'
        "\treturn d\n}\n\n"
        'type conf struct {\n\tA string `env:"THREE,required"`\n\tB int `env:"FOUR" envDefault:"4"`\n}\n',
    )
    read = {fact.subject: fact.detail for fact in source.facts if fact.kind is FactKind.ENV_READ}
    assert read == {"ONE": '""', "TWO": "2", "THREE": "", "FOUR": "4"}


# --- memory ---


@pytest.mark.parametrize(
    ("outside", "body", "state", "cache"),
    [
        ("var hits = map[string]int{}", 'hits["a"]++', ["main.hits"], []),
        ("var hits int", "hits++", ["main.hits"], []),
        ("var all []string", 'all = append(all, "x")', ["main.all"], []),
        ("var seen sync.Map", 'seen.Store("a", 1)', ["main.seen"], []),
        ("var n int64", "atomic.AddInt64(&n, 1)", ["main.n"], []),
        ("var last string", "last = r.URL.Path", ["main.last"], []),
        ("var users = map[string]int{}", 'delete(users, "a")', ["main.users"], []),
        ("var pageCache = map[string]int{}", 'pageCache["a"] = 1', [], ["main.pageCache"]),
        ("var hits int", "hits := 1\nhits++\n_ = hits", [], []),
        ("var names = map[string]int{}", '_ = names["a"]', [], []),
        (
            (
                "var known = map[string]int{}\n\nfunc look(k string) int {\n\tif v, ok := known[k]; ok {\n"
                "\t\treturn v\n\t}\n\tknown[k] = 1\n\treturn 1\n}"
            ),
            'look("a")', [], ["main.known"],
        ),
        (
            (
                "type store struct {\n\tmu sync.Mutex\n\titems map[string]int\n}\n\nvar s = &store{}\n\n"
                "func (t *store) put(k string) {\n\tt.items[k] = 1\n}"
            ),
            's.put("a")', ["main.store.items"], [],
        ),
        (
            (
                "type once struct {\n\titems map[string]int\n}\n\n"
                "func (t *once) put(k string) {\n\tt.items[k] = 1\n}"
            ),
            'o := &once{}\no.put("a")', [], [],
        ),
    ],
)  # fmt: skip
def test_memory_that_a_later_request_reads(
    tmp_path: Path, outside: str, body: str, state: list[str], cache: list[str]
) -> None:
    source = go(tmp_path, body, "sync", "sync/atomic", outside=outside + "\n")
    assert subjects(source, FactKind.MEMORY_STATE) == state
    assert subjects(source, FactKind.CACHE) == cache


def test_own_counters_that_requests_raise(tmp_path: Path) -> None:
    prometheus = "github.com/prometheus/client_golang/prometheus"
    own = 'var hits = prometheus.NewCounter(prometheus.CounterOpts{Name: "hits"})\n'
    setup = 'http.Handle("/metrics", promhttp.Handler())'
    source = go(tmp_path / "a", "hits.Inc()", prometheus, f"{prometheus}/promhttp", setup=setup, outside=own)
    (fact,) = found(source, FactKind.MEMORY_STATE).values()
    assert (fact.subject, fact.confidence) == ("counters of Prometheus (main.hits)", Confidence.MEDIUM)
    plain = go(tmp_path / "b", "", f"{prometheus}/promhttp", setup=setup)
    assert found(plain, FactKind.MEMORY_STATE) == {}


# --- work beside requests ---


@pytest.mark.parametrize(
    ("setup", "imports", "outside", "runs"),
    [
        ("go loop()", ("time",), "func loop() {\n\tfor {\n\t\ttime.Sleep(1)\n\t}\n}", True),
        ("go func() {\nfor range time.Tick(1) {\n}\n}()", ("time",), "", True),
        ("t := time.NewTicker(1)\ngo func() {\nfor {\nselect {\ncase <-t.C:\n}\n}\n}()", ("time",), "", True),
        ("c := cron.New()\nc.AddFunc(\"@daily\", nil)", ("github.com/robfig/cron/v3",), "", True),
        ("go answer()\nfor range time.Tick(1) {\n}", ("time",), "func answer() {}", True),
        ("go func() { println(1) }()", (), "", False),
        ("go once()", (), "func once() {\n\tfor i := 0; i < 3; i++ {\n\t}\n}", False),
        (
            "go func() {\nc := make(chan os.Signal, 1)\nsignal.Notify(c)\nfor {\n<-c\n}\n}()",
            ("os", "os/signal"), "", False,
        ),
    ],
)  # fmt: skip
def test_loops_that_do_not_end(
    tmp_path: Path, setup: str, imports: tuple[str, ...], outside: str, runs: bool
) -> None:
    source = go(tmp_path, "", *imports, setup=setup, outside=outside + "\n")
    assert bool(found(source, FactKind.BACKGROUND)) is runs


def test_a_worker_waits_for_messages(tmp_path: Path) -> None:
    code = (
        'package main\n\nimport amqp "github.com/rabbitmq/amqp091-go"\n\nfunc main() {\n'
        '\tc, _ := amqp.Dial("amqp://queue:5672")\n\tch, _ := c.Channel()\n'
        '\tm, _ := ch.Consume("jobs", "", true, false, false, false, nil)\n\tfor range m {\n\t}\n}\n'
    )
    source = go(tmp_path, more={"main.go": code})
    assert of(source, FactKind.WORKER) == [("amqp", "")]
    assert of(source, FactKind.OUTBOUND) == [("amqp", "queue:5672")]
    assert (of(source, FactKind.LISTEN), source.framework, source.interface) == ([], None, None)


@pytest.mark.parametrize(
    ("route", "main"),
    [('http.HandleFunc("/orders", view)', ""), ('http.HandleFunc("/healthz", view)', "main")],
)
def test_forwarding_is_the_point_where_nothing_else_is_answered(
    tmp_path: Path, route: str, main: str
) -> None:
    source = go(
        tmp_path, "httputil.NewSingleHostReverseProxy(nil).ServeHTTP(w, r)", "net/http/httputil", setup=route
    )
    assert of(source, FactKind.FORWARD) == [("httputil.NewSingleHostReverseProxy", main)]


def test_evidence_names_the_line(tmp_path: Path) -> None:
    fact: Fact = found(go(tmp_path, 'http.Get("http://x/")'), FactKind.OUTBOUND)["http"]
    (place,) = fact.evidence
    assert (place.path, place.line, place.snippet) == ("main.go", 13, 'http.Get("http://x/")')


# --- anything at all ---


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.one_of(st.binary(max_size=400), st.text(max_size=400).map(str.encode)))
def test_no_bytes_stop_the_reader(tmp_path: Path, data: bytes) -> None:
    dockerfile = "FROM golang AS b\nWORKDIR /s\nCOPY . .\nRUN go build -o /app .\n"
    dockerfile += "FROM scratch\nCOPY --from=b /app /app\n"
    tree: dict[str, str | bytes] = {
        "Dockerfile": dockerfile + 'CMD ["/app"]\n',
        "go.mod": data,
        "Makefile": data,
        "go.work": data,
        "main.go": b'package main\n\nimport "x"\n\nfunc main() { x.Y(); ' + data + b" }\n",
        "other.go": data,
    }
    inventory.read(write(tmp_path, tree))


PIECES = st.sampled_from(
    ["func main() {", "}", "(", ")", "[", "]", "`", '"', "/*", "*/", "//", "x.", "y", ":=", "=", "go ",
     "for ", "if ", "func(", "struct {", "map[", "return ", "\n", "http.Get", "*", "&", "case ", "var ",
     "type T ", "package main\n"]
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(PIECES, max_size=60))
def test_no_source_stops_the_parser(pieces: list[str]) -> None:
    data = " ".join(pieces).encode()
    file = files.load("a.go", data, "")
    assert file.data == data
    files.words(data)
    files.taken("a_linux.go", data, Build())


def test_deep_nesting_is_read(tmp_path: Path) -> None:
    deep = (
        "x := "
        + "(" * 3_000
        + "1"
        + ")" * 3_000
        + "\n_ = x\nhttp.ListenAndServe("
        + '"a" + ' * 2_000
        + '"b", nil)'
    )
    assert go(tmp_path, deep).entry == "."

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


RUNS = 'exec.Command("gdb").Run()'


@pytest.mark.parametrize(
    ("setup", "env", "runs"),
    [
        ('if os.Getenv("DEBUG") != "" {\n\tRUN\n}', "", False),
        ('if os.Getenv("DEBUG") != "" {\n\tRUN\n}', "ENV DEBUG=1\n", True),
        ('if os.Getenv("DEBUG") == "" {\n\tlog.Print()\n} else {\n\tRUN\n}', "", False),
        ('if v := os.Getenv("DEBUG"); v == "1" {\n\tRUN\n}', "", False),
        ('if v := os.Getenv("DEBUG"); v == "1" {\n\tRUN\n}', "ENV DEBUG=1\n", True),
        ('if enabled() {\n\tRUN\n}', "", False),
        ('if enabled() {\n\tRUN\n}', "ENV ENABLED=true\n", True),
        ('if len(os.Args) > 1 {\n\tRUN\n}', "", False),
        ('switch os.Getenv("MODE") {\ncase "debug":\n\tRUN\ndefault:\n\tlog.Print()\n}', "", False),
        ('switch os.Getenv("MODE") {\ncase "debug":\n\tRUN\ndefault:\n\tlog.Print()\n}',
         "ENV MODE=debug\n", True),
        ('switch os.Getenv("MODE") {\ncase "serve":\n\tlog.Print()\ndefault:\n\tRUN\n}',
         "ENV MODE=serve\n", False),
        # Nothing is chosen and something must be: any may be.
        ('switch os.Getenv("MODE") {\ncase "a":\n\tRUN\ndefault:\n\tlog.Fatal("mode")\n}', "", True),
        ('for _, one := range strings.Split(os.Getenv("ALL"), ",") {\n\tlog.Print(one)\n\tRUN\n}', "", True),
        ("later()", "", False),
        ("later()", "ENV LATER=1\n", True),
        ("needed()", "", True),
        ('if os.Getenv("DEBUG") != name() {\n\tRUN\n}', "", True),
    ],
)  # fmt: skip
def test_what_the_environment_leaves_off(tmp_path: Path, setup: str, env: str, runs: bool) -> None:
    outside = (
        'func enabled() bool { return getEnv("ENABLED", "false") == "true" }\n'
        'func getEnv(name, other string) string {\n\tif v := os.Getenv(name); v != "" {\n\t\treturn v\n\t}\n'
        "\treturn other\n}\n"
        f'func later() {{\n\tif os.Getenv("LATER") == "" {{\n\t\treturn\n\t}}\n\t{RUNS}\n}}\n'
        'func needed() error {\n\tif os.Getenv("NEEDED") == "" {\n\t\treturn errors.New("no name")\n\t}\n'
        f"\t{RUNS}\n\treturn nil\n}}\n"
        'func name() string { b, _ := os.ReadFile("/name"); return string(b) }\n'
    )
    source = go(
        tmp_path,
        "",
        "os",
        "os/exec",
        "log",
        "errors",
        setup=setup.replace("RUN", RUNS),
        outside=outside,
        env=env,
    )
    assert bool(of(source, FactKind.SUBPROCESS)) is runs


def test_a_variable_that_compose_hands_through_decides_nothing(tmp_path: Path) -> None:
    main = (
        'package main\nimport (\n\t"net/http"\n\t"os"\n\t"os/exec"\n)\nfunc main() {\n'
        f'\tif os.Getenv("DEBUG") != "" {{\n\t\t{RUNS}\n\t}}\n\thttp.ListenAndServe(":80", nil)\n}}\n'
    )
    given_files: dict[str, str | bytes] = {
        "Dockerfile": 'FROM golang:1.22\nWORKDIR /src\nCOPY . .\nRUN go build -o /app .\nCMD ["/app"]\n',
        "go.mod": "module example.com/shop\n",
        "main.go": main,
        "compose.yaml": "services:\n  shop:\n    build: .\n    environment: [DEBUG]\n",
    }
    source = only(tmp_path, given_files).source
    assert source is not None
    assert of(source, FactKind.SUBPROCESS)


CONFIG = """
type config struct {
\tRedis string `env:"REDIS_URL"`
\tDriver string `mapstructure:"driver"`
}
func load() config { var c config; env.Parse(&c); return c }
"""


@pytest.mark.parametrize(
    ("condition", "env", "more", "runs"),
    [
        ('c.Redis != ""', "", {}, False),
        ('c.Redis != ""', "ENV REDIS_URL=redis://x\n", {}, True),
        ('c.Driver == "x"', "", {}, False),
        ('c.Driver == "x"', "", {"config.yaml": "driver: x\n"}, False),  # the image has no such file
        ('c.Driver == "x"', "COPY config.yaml /etc/shop/\n", {"config.yaml": "driver: x\n"}, True),
    ],
)
def test_fields_of_the_configuration(
    tmp_path: Path, condition: str, env: str, more: dict[str, str | bytes], runs: bool
) -> None:
    setup = f"c := load()\nif {condition} {{\n\t{RUNS}\n}}"
    source = go(
        tmp_path, "", "os/exec", "github.com/caarlos0/env", setup=setup, outside=CONFIG, env=env, more=more
    )
    assert bool(of(source, FactKind.SUBPROCESS)) is runs


def test_a_field_of_a_request_is_no_setting(tmp_path: Path) -> None:
    decode = "in := order{}\njson.NewDecoder(r.Body).Decode(&in)\n"
    body = f'{decode}if in.Note != "" {{\n\t{RUNS}\n}}'
    outside = 'type order struct {\n\tNote string `json:"note"`\n}\n'
    source = go(tmp_path, body, "os/exec", "encoding/json", outside=outside)
    assert of(source, FactKind.SUBPROCESS)


COBRA = """
var root = &cobra.Command{Use: "app", Run: func(c *cobra.Command, a []string) {}}
var dump = &cobra.Command{Use: "dump [file]", RunE: runDump}
var other = &cobra.Command{Use: "other", Run: func(c *cobra.Command, a []string) {
\texec.Command("other").Run()
}}
func init() { root.AddCommand(dump, other) }
func runDump(c *cobra.Command, a []string) error { exec.Command("dump").Run(); return nil }
"""
URFAVE = """
func app() *cli.App {
\treturn &cli.App{Action: func(c *cli.Context) error { return nil }, Commands: []*cli.Command{
\t\t{Name: "dump", Action: runDump},
\t\t{Name: "other", Action: func(c *cli.Context) error { exec.Command("other").Run(); return nil }},
\t}}
}
func runDump(c *cli.Context) error { exec.Command("dump").Run(); return nil }
"""
TAGGED = """
type dumpCommand struct{}
type otherCommand struct{}
func (dumpCommand) Execute(a []string) error { exec.Command("dump").Run(); return nil }
func (otherCommand) Execute(a []string) error { exec.Command("other").Run(); return nil }
type options struct {
\tDump  dumpCommand  `command:"dump"`
\tOther otherCommand `command:"other"`
}
"""


@pytest.mark.parametrize(
    ("outside", "package", "start", "command", "expected"),
    [
        (COBRA, "github.com/spf13/cobra", "root.Execute()", '["/app"]', set()),
        (COBRA, "github.com/spf13/cobra", "root.Execute()", '["/app", "dump", "-v"]', {"dump"}),
        (COBRA, "github.com/spf13/cobra", "root.Execute()", '["/app", "other"]', {"other"}),
        (URFAVE, "github.com/urfave/cli/v2", "app().Run(os.Args)", '["/app"]', set()),
        (URFAVE, "github.com/urfave/cli/v2", "app().Run(os.Args)", '["/app", "dump"]', {"dump"}),
        (TAGGED, "github.com/jessevdk/go-flags", "flags.Parse(&options{})", '["/app", "other"]', {"other"}),
        # No command is given and nothing runs without one: any may be.
        (TAGGED, "github.com/jessevdk/go-flags", "flags.Parse(&options{})", '["/app"]', {"dump", "other"}),
    ],
)
def test_commands_that_are_not_asked_for(
    tmp_path: Path, outside: str, package: str, start: str, command: str, expected: set[str]
) -> None:
    source = go(tmp_path, "", "os", "os/exec", package, setup=start, outside=outside, command=command)
    assert {detail for _, detail in of(source, FactKind.SUBPROCESS)} == expected


def test_a_store_that_is_off_is_named_as_unknown(tmp_path: Path) -> None:
    setup = 'if os.Getenv("REDIS_URL") != "" {\n\tconnect()\n}'
    outside = "func connect() { redis.NewClient(&redis.Options{}) }\n"
    imports = ("os", "github.com/redis/go-redis/v9")
    off = go(tmp_path / "off", "", *imports, setup=setup, outside=outside)
    on = go(tmp_path / "on", "", *imports, setup=setup, outside=outside, env="ENV REDIS_URL=redis://x\n")
    assert of(off, FactKind.OUTBOUND) == []
    assert [one.what for one in off.unknown] == [
        "whether redis is used: what speaks it is off as the service is started"
    ]
    assert subjects(on, FactKind.OUTBOUND) == ["redis"]
    assert on.unknown == ()


@pytest.mark.parametrize(("command", "runs"), [('["/app"]', False), ('["/app", "-store=x"]', True)])
def test_a_flag_of_an_own_type(tmp_path: Path, command: str, runs: bool) -> None:
    outside = (
        f"type place string\nfunc (p *place) Set(v string) error {{ {RUNS}; return nil }}\nvar where place\n"
    )
    setup = 'flag.Var(&where, "store", "x")\nflag.Parse()'
    source = go(tmp_path, "", "flag", "os/exec", setup=setup, outside=outside, command=command)
    assert bool(of(source, FactKind.SUBPROCESS)) is runs


REGISTERED = {
    "store/store.go": (
        "package store\nvar all = map[string]func(){}\n"
        "func RegisterStore(name string, f func()) { all[name] = f }\n"
        "func Open(name string) { if f, ok := all[name]; ok { f() } }\n"
    ),
    "a/a.go": (
        'package a\nimport (\n\t"os/exec"\n\t"example.com/shop/store"\n)\n'
        'func init() { store.RegisterStore("one", open) }\nfunc open() { exec.Command("one").Run() }\n'
    ),
    "b/b.go": (
        'package b\nimport (\n\t"os/exec"\n\t"example.com/shop/store"\n)\n'
        'func init() { store.RegisterStore("two", open) }\nfunc open() { exec.Command("two").Run() }\n'
    ),
}


@pytest.mark.parametrize(
    ("setting", "command", "expected"),
    [
        ('flag.String("store", "one", "x")', '["/app"]', {"one"}),
        ('flag.String("store", "one", "x")', '["/app", "-store", "two"]', {"two"}),
        ('flag.String("store-type", "", "x")', '["/app"]', set()),
        ('flag.String("color", "", "x")', '["/app"]', {"one", "two"}),  # nothing chooses: all are used
    ],
)
def test_what_registers_under_a_name(tmp_path: Path, setting: str, command: str, expected: set[str]) -> None:
    imports = ("flag", "example.com/shop/store", '_ "example.com/shop/a"', '_ "example.com/shop/b"')
    source = go(
        tmp_path, "", *imports, setup=f"s := {setting}\nstore.Open(*s)", command=command, more={**REGISTERED}
    )
    assert {detail for _, detail in of(source, FactKind.SUBPROCESS)} == expected


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


def test_a_long_sum_is_read(tmp_path: Path) -> None:
    # Brackets that nest without end are refused in every language: tests/analyzers/languages/test_syntax.py.
    deep = "http.ListenAndServe(" + '"a" + ' * 2_000 + '"b", nil)'
    assert go(tmp_path, deep).entry == "."

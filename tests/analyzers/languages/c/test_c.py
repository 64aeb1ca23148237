"""C and C++ services: which files a program is made of, where it listens, what it does."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzers import inventory
from analyzers.model import FactKind, Inbound, Reach, Service, Source
from tests.analyzers.trees import found, only, write

DOCKERFILE = """\
FROM alpine AS build
RUN apk add --no-cache build-base
WORKDIR /src
COPY . .
RUN {build}
FROM alpine
COPY --from=build /src/{name} /usr/bin/{name}
EXPOSE 8080
CMD ["{name}"]
"""
HTTP = (
    "#include <sys/socket.h>\n"
    "int main(int argc, char **argv) {\n"
    "  int s = socket(AF_INET, SOCK_STREAM, 0);\n  bind(s, 0, 0);\n  listen(s, 5);\n"
    '  for (;;) { int c = accept(s, 0, 0); write(c, "HTTP/1.1 200 OK\\r\\n", 17); }\n}\n'
)


def service(
    root: Path, files: dict[str, str], build: str = "gcc -O2 -o web web.c", name: str = "web"
) -> Service:
    return only(root, {"Dockerfile": DOCKERFILE.format(build=build, name=name), **files})


def read(root: Path, files: dict[str, str], build: str = "gcc -O2 -o web web.c", name: str = "web") -> Source:
    source = service(root, files, build, name).source
    assert source is not None
    return source


def body(*lines: str) -> dict[str, str]:
    """A server whose loop calls a function with these lines, beginning at line 2."""
    inner = "".join(f"  {line}\n" for line in lines)
    server = HTTP.replace("write(c", "handle(c); write(c")
    return {"web.c": f"static void handle(int c) {{\n{inner}}}\n#include <lmdb.h>\n{server}"}


MAKEFILE = (
    "OBJS = web.o \\\n  lib/a.o\nall: web tool\nweb: $(OBJS)\n"
    "\t$(CC) -o $@ $(OBJS)\n"
    "tool: tool.o\n\tcc -o $@ $^\n"
)
SOURCES = {
    "web.c": HTTP,
    "lib/a.c": "",
    "tool.c": "int main(void) { return 0; }\n",
    "test/t.c": "int main() {}\n",
}


@pytest.mark.parametrize(
    ("files", "build", "expected"),
    [
        ({}, "gcc -O2 -o web web.c lib/a.c", ["lib/a.c", "web.c"]),
        ({}, "cc -o tool tool.c && clang -o web web.c lib/*.c", ["lib/a.c", "web.c"]),
        ({"Makefile": MAKEFILE}, "make", ["lib/a.c", "web.c"]),
        (
            {"Makefile": "SRC = web.c lib/a.c\nOBJ = $(SRC:.c=.o)\nweb: $(OBJ)\n\tcc -o web $(OBJ)\n"},
            "make web",
            ["lib/a.c", "web.c"],
        ),
        (
            {"Makefile.am": "bin_PROGRAMS = web\nweb_SOURCES = web.c \\\n  lib/a.c\n"},
            "./configure && make",
            ["lib/a.c", "web.c"],
        ),
        (
            {
                "CMakeLists.txt": "project(x)\nset(SRC web.c)\nadd_library(core lib/a.c)\n"
                "add_executable(web ${SRC})\n"
                "target_link_libraries(web PRIVATE core)\nadd_executable(tool tool.c)\n"
            },
            "cmake . && make",
            ["lib/a.c", "web.c"],
        ),
        (
            {"CMakeLists.txt": "file(GLOB S lib/*.c)\nadd_executable(web web.c ${S})\n"},
            "cmake --build .",
            ["lib/a.c", "web.c"],
        ),
        (
            {"meson.build": "project('x', 'c')\nsrc = ['web.c', 'lib/a.c']\nexecutable('web', src)\n"},
            "meson setup b && ninja -C b",
            ["lib/a.c", "web.c"],
        ),
        ({"build.sh": "#!/bin/sh\ngcc -o web web.c lib/a.c\n"}, "sh build.sh", ["lib/a.c", "web.c"]),
    ],
)
def test_what_a_program_is_made_of(
    tmp_path: Path, files: dict[str, str], build: str, expected: list[str]
) -> None:
    source = read(tmp_path, {**SOURCES, **files}, build)
    assert sorted(source.files) == expected
    assert source.entry == "web.c"
    assert source.language == "c"
    assert source.unknown == ()


def test_headers_lead_to_the_files_of_their_name(tmp_path: Path) -> None:
    files = {
        "src/main.cpp": '#include "api/routes.hpp"\n#include <vector>\nint main() { routes(); }\n',
        "src/api/routes.hpp": "void routes();\n",
        "src/api/routes.cpp": '#include "routes.hpp"\n',
        "src/api/unused.cpp": "",
        "tests/main.cpp": "int main() {}\n",
    }
    source = read(tmp_path, files, "bazel build //:web && make", "web")
    assert sorted(source.files) == ["src/api/routes.cpp", "src/api/routes.hpp", "src/main.cpp"]
    assert source.language == "cpp"
    assert [u.what for u in source.unknown] == [
        "which files web is made of; those that src/main.cpp includes are taken"
    ]


@pytest.mark.parametrize(
    ("code", "framework", "protocol", "port"),
    [
        (HTTP, None, Inbound.HTTP, 8080),
        (HTTP.replace("HTTP/1.1 200 OK", "HELO"), None, Inbound.TCP, 8080),
        (
            (
                "int main() { int s = socket(AF_INET, SOCK_DGRAM, 0); bind(s, 0, 0); for (;;) "
                "recvfrom(s, b, 1, 0, 0, 0); }\n"
            ),
            None,
            Inbound.UDP,
            8080,
        ),
        (
            (
                '#include "httplib.h"\n'
                'int main() { httplib::Server svr; svr.Get("/hi", h); svr.listen("0.0.0.0", '
                "9000); }\n"
            ),
            "cpp-httplib",
            Inbound.HTTP,
            9000,
        ),
        (
            (
                '#include "crow.h"\n'
                'int main() { crow::SimpleApp app; CROW_ROUTE(app, "/hi")([]{}); '
                "app.port(18080).run(); }\n"
            ),
            "crow",
            Inbound.HTTP,
            18080,
        ),
        (
            '#include <drogon/drogon.h>\nint main() { drogon::app().addListener("0.0.0.0", 8848).run(); }\n',
            "drogon",
            Inbound.HTTP,
            8848,
        ),
        (
            (
                "#include <microhttpd.h>\n"
                "int main() { MHD_start_daemon(F, 8888, 0, 0, h, 0, MHD_OPTION_END); "
                "}\n"
            ),
            "libmicrohttpd",
            Inbound.HTTP,
            8888,
        ),
        (
            (
                "#include <grpcpp/grpcpp.h>\n"
                'int main() { grpc::ServerBuilder b; b.AddListeningPort("0.0.0.0:50051", c()); '
                "}\n"
            ),
            "grpc",
            Inbound.GRPC,
            50051,
        ),
        (
            "#include <libwebsockets.h>\nint main() { lws_create_context(&i); }\n",
            "libwebsockets",
            Inbound.WEBSOCKET,
            8080,
        ),
    ],
)
def test_listeners(tmp_path: Path, code: str, framework: str | None, protocol: Inbound, port: int) -> None:
    one = service(tmp_path, {"web.cpp": code}, "g++ -o web web.cpp")
    assert one.source is not None
    assert one.source.framework == framework
    assert [(item.protocol, item.port) for item in one.listeners] == [(protocol, port)]


def test_an_include_without_use_and_other_systems_say_nothing(tmp_path: Path) -> None:
    code = (
        '#include "httplib.h"\n/* listen(s, 5); */\nconst char *x = "listen(s)";\n'
        '#ifdef _WIN32\nint w() { listen(s, 5); system("x"); }\n#endif\nint main() { return 0; }\n'
    )
    one = service(tmp_path, {"web.cpp": code}, "g++ -o web web.cpp")
    assert one.source is not None
    assert one.source.facts == ()


def test_routes(tmp_path: Path) -> None:
    code = (
        '#include "httplib.h"\nint main() {\n  httplib::Server svr;\n  svr.Get("/hi", h);\n'
        '  svr.Post(R"(/n/(\\d+))", h);\n  // svr.Get("/old", h);\n  svr.listen("x", 80);\n}\n'
    )
    source = read(tmp_path, {"web.cpp": code}, "g++ -o web web.cpp")
    assert [(r.method, r.evidence.line) for r in source.routes] == [("GET", 4), ("POST", 5)]
    assert source.routes[0].path == "/hi"


@pytest.mark.parametrize(
    ("line", "kind", "subject", "detail"),
    [
        ('system("convert a b");', FactKind.SUBPROCESS, "system", "convert"),
        ("if (fork() == 0) {}", FactKind.SUBPROCESS, "fork", ""),
        ("pthread_create(&t, 0, run, 0);", FactKind.THREAD, "pthread_create", ""),
        ('FILE *f = fopen("/data/x", "w");', FactKind.FILE_WRITE, "/data/x", ""),
        ("int d = open(path, O_CREAT | O_WRONLY, 0600);", FactKind.FILE_WRITE, "open", ""),
        ('sqlite3_open("/data/a.db", &db);', FactKind.DATABASE, "sqlite", "/data/a.db"),
        ('PQconnectdb("host=db");', FactKind.DATABASE, "postgres", ""),
        ("mysql_real_connect(m, h, u, p, d, 0, 0, 0);", FactKind.DATABASE, "mysql", ""),
        ('redisConnect("cache", 6379);', FactKind.OUTBOUND, "redis", ""),
        ("curl_easy_perform(c);", FactKind.OUTBOUND, "http", ""),
        ('char *h = getenv("HOME_PAGE");', FactKind.ENV_READ, "HOME_PAGE", "(none)"),
        ("gethostname(b, 9);", FactKind.HOST, "gethostname", ""),
        ("mdb_env_open(e, p, 0, 0600);", FactKind.FILE_WRITE, "mdb_env_open", "lmdb"),
        ("getpeername(c, a, l);", FactKind.CLIENT_ADDRESS, "getpeername", ""),
    ],
)
def test_what_a_handler_does(tmp_path: Path, line: str, kind: FactKind, subject: str, detail: str) -> None:
    facts = [f for f in read(tmp_path, body(line)).facts if f.kind is kind]
    assert [(f.subject, f.detail) for f in facts] == [(subject, detail)]
    assert facts[0].reach is not Reach.IMPORT
    assert str(facts[0].evidence[0]) == "web.c:2"


@pytest.mark.parametrize(
    "line",
    ['FILE *f = fopen("/data/x", "r");', "int d = open(path, O_RDONLY);", 'fopen("/dev/null", "w");'],
)
def test_files_that_are_only_read(tmp_path: Path, line: str) -> None:
    assert found(read(tmp_path, body(line)), FactKind.FILE_WRITE) == {}


def test_what_runs_at_start(tmp_path: Path) -> None:
    code = (
        "static void daemonize(void) { if (fork() > 0) exit(0); }\n"
        'static void keys(void) { fopen("/k", "w"); }\n'
    ) + HTTP.replace("  int s", "  daemonize(); keys();\n  int s")
    source = read(tmp_path, {"web.c": code})
    assert found(source, FactKind.SUBPROCESS) == {}
    assert found(source, FactKind.FILE_WRITE)["/k"].reach is Reach.IMPORT


def test_libraries_without_a_wasi_build(tmp_path: Path) -> None:
    source = read(tmp_path, {"web.c": "#include <openssl/ssl.h>\n#include <zlib.h>\n" + HTTP})
    assert [(d.name, str(d.kind), str(d.evidence)) for d in source.dependencies] == [
        ("openssl", "native", "web.c:1")
    ]


def test_a_gpu(tmp_path: Path) -> None:
    source = read(tmp_path, {"web.cu": "#include <cuda_runtime.h>\n" + HTTP}, "nvcc -o web web.cu")
    assert list(found(source, FactKind.GPU)) == ["cuda_runtime.h"]


def test_a_service_whose_source_is_elsewhere_is_not_read(tmp_path: Path) -> None:
    dockerfile = 'FROM gcc:14\nRUN git clone https://example.com/x && cd x && make install\nCMD ["x"]\n'
    one = only(tmp_path, {"Dockerfile": dockerfile, "tools/a.c": "int main() {}\n"})
    assert one.language == "c"
    assert one.source is None


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(code=st.binary(max_size=300), make=st.text(max_size=80), cmake=st.text(max_size=80))
def test_no_bytes_make_the_reader_fail(tmp_path: Path, code: bytes, make: str, cmake: str) -> None:
    files: dict[str, str | bytes] = {
        "Dockerfile": DOCKERFILE.format(build="make", name="web"),
        "web.c": HTTP.encode() + code,
        "x.hpp": code,
        "Makefile": f"web: web.c\n{make}",
        "CMakeLists.txt": f"add_executable(web web.c {cmake}",
    }
    assert only(tmp_path, files).language == "c"


def test_deep_nesting_is_not_read_and_said(tmp_path: Path) -> None:
    deep = "int f(void) { return " + "(" * 3_000 + "1" + ")" * 3_000 + "; }\n"
    files = {"web.c": HTTP, "deep.c": deep}
    dockerfile = DOCKERFILE.format(build="gcc -o web web.c deep.c", name="web")
    read_ = inventory.read(write(tmp_path, {**files, "Dockerfile": dockerfile}))
    assert [(one.path, one.reason) for one in read_.not_read] == [("deep.c", "nests too deeply to be read")]
    assert read_.services[0].listeners[0].protocol is Inbound.HTTP

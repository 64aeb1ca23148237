"""From the start command of a Go image to package main."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzers.model import FactKind, Source
from tests.analyzers.trees import found, only

MAIN = """\
package main

import "net/http"

func main() { http.ListenAndServe(":8080", nil) }
"""
MOD = "module example.com/shop\n\ngo 1.22\n"


def source(root: Path, files: dict[str, str | bytes]) -> Source:
    read = only(root, files).source
    assert read is not None
    assert read.language == "go"
    return read


def image(build: str, *, command: str = '["/app"]', copied: str = "/app", before: str = "") -> str:
    """A Dockerfile of two stages whose first one runs `build` in /src."""
    return (
        f"FROM golang:1.22 AS build\n{before}WORKDIR /src\nCOPY . .\nRUN {build}\n"
        f"FROM scratch\nCOPY --from=build {copied} /app\nENTRYPOINT {command}\n"
    )


@pytest.mark.parametrize(
    ("build", "entry"),
    [
        ("go build -o /app ./cmd/api", "cmd/api"),
        ("go build -o=/app ./cmd/api", "cmd/api"),
        ("CGO_ENABLED=0 GOOS=linux go build -ldflags '-s -w' -trimpath -o /app ./cmd/api", "cmd/api"),
        ("cd cmd/api && go build -o /app", "cmd/api"),
        ("cd cmd/api && go build -o /app .", "cmd/api"),
        ("go build -C cmd/api -o /app .", "cmd/api"),
        ("go build -o /app example.com/shop/cmd/api", "cmd/api"),
        ("go build -o /app cmd/api/main.go", "cmd/api"),
        ("go build -o /worker ./cmd/worker && go build -o /app ./cmd/api", "cmd/api"),
        ("go build -o /worker ./cmd/worker ; go build -o /app ./cmd/api", "cmd/api"),
        ("--mount=type=cache,target=/root/.cache/go-build go build -o /app ./cmd/api", "cmd/api"),
        ("xx-go build -o /app ./cmd/api", "cmd/api"),
        ("OUT=/app; go build -o $OUT ./cmd/api", "cmd/api"),
        ("make", "cmd/api"),
        ("make api", "cmd/api"),
        ("make BIN=/app linux", "cmd/api"),
        ("./build.sh", "cmd/api"),
        ("sh build.sh", "cmd/api"),
        ('bash -c "go build -o /app ./cmd/worker"', "cmd/worker"),
    ],
)
def test_the_build_line_names_package_main(tmp_path: Path, build: str, entry: str) -> None:
    files: dict[str, str | bytes] = {
        "Dockerfile": image(build),
        "go.mod": MOD,
        "cmd/api/main.go": MAIN,
        "cmd/worker/main.go": MAIN,
        "Makefile": "BIN ?= /app\nall: api\n\napi: generate\n\t@go build -o $(BIN) ./cmd/api\n\n"
        "generate:\n\techo none\n\nlinux:\n\tGOOS=linux $(MAKE) api\n\tgo build -o ${BIN} ./cmd/api\n",
        "build.sh": '#!/bin/sh\nset -e\npushd cmd > /dev/null\ngo build -o "${OUT:-/app}" ./api\npopd\n',
    }
    assert source(tmp_path, files).entry == entry


def test_install_puts_the_program_below_gopath(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "Dockerfile": "FROM golang:1.22\nWORKDIR /src\nCOPY . .\n"
        "RUN go install ./cmd/api ./cmd/other\nCMD api\n",
        "go.mod": MOD,
        "cmd/api/main.go": MAIN,
        "cmd/other/lib.go": "package other\n",
    }
    assert source(tmp_path, files).entry == "cmd/api"


def test_a_module_in_a_folder_below_the_context(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "Dockerfile": "FROM golang:1.22 AS b\nCOPY backend /build\nWORKDIR /build\n"
        "RUN go build -o svc ./app\n"
        "FROM alpine\nCOPY --from=b /build/svc /srv/svc\nCMD /srv/svc server\n",
        "backend/go.mod": MOD,
        "backend/app/main.go": MAIN,
    }
    read = source(tmp_path, files)
    assert (read.root, read.entry) == ("backend", "app")


def test_a_program_built_elsewhere_is_the_only_package_main(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "Dockerfile": 'FROM scratch\nCOPY dist/svc /svc\nCMD ["/svc"]\n',
        "go.mod": MOD,
        "dist/svc": b"\x7fELF",
        "cmd/svc/main.go": MAIN,
        "tools/gen/main.go": "package main\n\nfunc main() {}\n",
        "gen.go": "//go:build ignore\n\npackage main\n\nfunc main() {}\n",
    }
    assert source(tmp_path, files).entry == "cmd/svc"


def test_several_programs_and_no_line_that_tells(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "Dockerfile": 'FROM scratch\nCOPY dist/it /it\nCMD ["/it"]\n',
        "go.mod": MOD,
        "dist/it": b"\x7fELF",
        "cmd/a/main.go": MAIN,
        "cmd/b/main.go": MAIN,
    }
    service = only(tmp_path, files)
    assert (service.language, service.source) == ("go", None)


@pytest.mark.parametrize(
    ("command", "subject"),
    [
        ('["go", "run", "./cmd/api"]', "go run"),
        ('["go", "run", "cmd/api/main.go", "-v"]', "go run"),
        ('["air", "-c", ".air.toml"]', "air -c .air.toml"),
        ('["reflex", "-r", "\\\\.go$", "go", "run", "."]', "reflex -r \\.go$ go run ."),
    ],
)
def test_a_program_that_builds_when_it_starts(tmp_path: Path, command: str, subject: str) -> None:
    files: dict[str, str | bytes] = {
        "Dockerfile": f"FROM golang:1.22\nWORKDIR /src\nCOPY . .\nCMD {command}\n",
        "go.mod": MOD,
        "cmd/api/main.go": MAIN,
    }
    read = source(tmp_path, files)
    assert list(found(read, FactKind.DEVELOPMENT_SERVER)) == [subject]
    assert read.entry == "cmd/api"


def test_without_go_mod_the_path_below_src_is_the_module(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "Dockerfile": "FROM golang:1.7 AS b\nCOPY . /go/src/example.com/shop/\n"
        "RUN go build -o /app example.com/shop/cmd/api\n"
        "FROM alpine\nCOPY --from=b /app /app\nCMD /app\n",
        "cmd/api/main.go": 'package main\n\nimport "example.com/shop/web"\n\nfunc main() { web.Serve() }\n',
        "web/web.go": 'package web\n\nimport "net/http"\n\n'
        'func Serve() { http.ListenAndServe(":81", nil) }\n',
    }
    read = source(tmp_path, files)
    assert read.files == ("cmd/api/main.go", "web/web.go")
    assert found(read, FactKind.LISTEN)["http"].detail == "81"


def test_own_modules_by_replace_and_workspace(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "Dockerfile": "FROM golang AS b\nWORKDIR /w\nCOPY . .\nRUN cd api && go build -o /app .\n"
        "FROM scratch\n"
        'COPY --from=b /app /app\nCMD ["/app"]\n',
        "go.work": "go 1.22\n\nuse (\n\t./api\n\t./lib\n)\n",
        "api/go.mod": "module example.com/api\n\nrequire example.com/other v0.0.0\n\n"
        "replace example.com/other => ../other\n",
        "api/main.go": 'package main\n\nimport (\n\t"example.com/lib"\n\t"example.com/other/deep"\n)\n\n'
        "func main() { lib.Run(); deep.Run() }\n",
        "lib/go.mod": "module example.com/lib\n",
        "lib/lib.go": "package lib\n\nfunc Run() {}\n",
        "other/go.mod": "module example.com/other\n",
        "other/deep/deep.go": "package deep\n\nfunc Run() {}\n",
    }
    read = source(tmp_path, files)
    assert set(read.files) == {"api/main.go", "lib/lib.go", "other/deep/deep.go"}
    assert read.root == "api"


@pytest.mark.parametrize(
    ("name", "head", "build", "taken"),
    [
        ("x_linux.go", "", "go build -o /app .", True),
        ("x_windows.go", "", "go build -o /app .", False),
        ("x_linux_arm64.go", "", "go build -o /app .", False),
        ("x_test.go", "", "go build -o /app .", False),
        ("x.go", "//go:build !windows && (linux || darwin)\n\n", "go build -o /app .", True),
        ("x.go", "//go:build extra\n\n", "go build -o /app .", False),
        ("x.go", "//go:build extra\n\n", "go build -tags extra,netgo -o /app .", True),
        ("x.go", "//go:build extra\n\n", 'go build -tags "netgo extra" -o /app .', True),
        ("x.go", "// +build darwin linux,!cgo\n\n", "CGO_ENABLED=0 go build -o /app .", True),
        ("x.go", "//go:build cgo\n\n", "CGO_ENABLED=0 go build -o /app .", False),
        ("x.go", "//go:build go1.18\n\n", "go build -o /app .", True),
    ],
)
def test_files_that_the_build_takes(tmp_path: Path, name: str, head: str, build: str, taken: bool) -> None:
    files: dict[str, str | bytes] = {
        "Dockerfile": image(build),
        "go.mod": MOD,
        "main.go": MAIN,
        name: f"{head}package main\n\nvar X = 1\n",
    }
    assert (name in source(tmp_path, files).files) is taken


def test_dependencies_direct_and_indirect(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "Dockerfile": image("go build -o /app ."),
        "go.mod": MOD
        + "\nrequire (\n\tgithub.com/gin-gonic/gin v1.9.1\n"
        + "\tgithub.com/mattn/go-sqlite3 v1.14.0 // indirect\n)\n",
        "main.go": 'package main\n\nimport "github.com/gin-gonic/gin"\n\n'
        'func main() { gin.Default().Run(":9000") }\n',
    }
    read = source(tmp_path, files)
    assert [(d.name, d.version, str(d.kind), d.imported) for d in read.dependencies] == [
        ("github.com/gin-gonic/gin", "v1.9.1", "pure", True),
        ("github.com/mattn/go-sqlite3", "v1.14.0", "native", False),
    ]
    assert (read.framework, read.interface, read.manifests) == ("gin", "net/http", ("go.mod",))


@pytest.mark.parametrize(("flag", "native"), [("", ["libvips"]), ("CGO_ENABLED=0 ", [])])
def test_own_cgo_is_native_unless_it_is_off(tmp_path: Path, flag: str, native: list[str]) -> None:
    files: dict[str, str | bytes] = {
        "Dockerfile": image(f"{flag}go build -o /app ."),
        "go.mod": MOD,
        "main.go": "package main\n\n/*\n#cgo pkg-config: vips\n#include <vips/vips.h>\n*/\n"
        'import "C"\n\nfunc main() { C.x() }\n',
        "other.go": "package main\n",
    }
    assert [d.name for d in source(tmp_path, files).dependencies] == native

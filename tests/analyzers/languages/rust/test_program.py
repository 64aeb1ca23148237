"""From a Rust service's start command to the package, its features and the files that are compiled."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzers.model import Source
from tests.analyzers.trees import only

DOCKERFILE = """\
FROM rust:1.90 AS build
WORKDIR /src
COPY . .
RUN {build}
FROM debian:bookworm-slim
COPY --from=build /src/target/release/{name} /usr/local/bin/
CMD ["{name}"]
"""
MAIN = "fn main() {}\n"


def manifest(name: str, rest: str = "") -> str:
    return f'[package]\nname = "{name}"\nversion = "0.1.0"\nedition = "2021"\n{rest}'


def read(
    root: Path, files: dict[str, str], build: str = "cargo build --release", name: str = "shop"
) -> Source:
    given = {
        "Dockerfile": DOCKERFILE.format(build=build, name=name),
        "Cargo.toml": manifest("shop"),
        "src/main.rs": MAIN,
        **files,
    }
    source = only(root, given).source
    assert source is not None
    assert source.language == "rust"
    return source


WORKSPACE = {
    "Cargo.toml": (
        '[workspace]\nmembers = ["crates/*"]\n[workspace.dependencies]\nbase = { path = "crates/base" }\n'
    ),
    "crates/api/Cargo.toml": manifest("api", "[dependencies]\nbase = { workspace = true }\n"),
    "crates/api/src/main.rs": "mod routes;\nuse base::db;\nfn main() { db(); routes::all(); }\n",
    "crates/api/src/routes/mod.rs": "pub fn all() {}\n",
    "crates/base/Cargo.toml": manifest("base"),
    "crates/base/src/lib.rs": "pub fn db() {}\n",
    "crates/job/Cargo.toml": manifest("job"),
    "crates/job/src/main.rs": MAIN,
}


@pytest.mark.parametrize(
    ("build", "name", "entry"),
    [
        ("cargo build --release", "shop", "src/main.rs"),
        ("cargo build --release --bin admin", "admin", "src/bin/admin.rs"),
        ("cargo build --release", "jobs", "src/bin/jobs/main.rs"),
        ("cargo build --release", "other", "tools/other.rs"),
        ("cargo install --path . --root /out", "shop", "src/main.rs"),
        ("cargo +nightly zigbuild --release --target x86_64-unknown-linux-musl", "shop", "src/main.rs"),
        ("make release", "shop", "src/main.rs"),
        ("just build", "shop", "src/main.rs"),
        ("sh ci/build.sh", "shop", "src/main.rs"),
        (
            "cd /src && cargo build --release && cp target/release/shop target/release/server",
            "server",
            "src/main.rs",
        ),
    ],
)
def test_the_program_behind_a_build_line(tmp_path: Path, build: str, name: str, entry: str) -> None:
    files = {
        "Cargo.toml": manifest("shop", '[[bin]]\nname = "other"\npath = "tools/other.rs"\n'),
        "src/bin/admin.rs": MAIN,
        "src/bin/jobs/main.rs": MAIN,
        "tools/other.rs": MAIN,
        "Makefile": "release: check\n\tcargo build --release\ncheck:\n\ttrue\n",
        "justfile": "build:\n    cargo build --release\n",
        "ci/build.sh": "#!/bin/sh\nset -e\ncargo build --release\n",
    }
    source = read(tmp_path, files, build, name)
    assert source.entry == entry
    assert source.unknown == ()


@pytest.mark.parametrize(
    "build",
    [
        "cargo build --release",
        "cargo build --release -p api",
        "cargo build --release --package=api --bin api",
        "cargo build --release --manifest-path crates/api/Cargo.toml",
    ],
)
def test_a_workspace(tmp_path: Path, build: str) -> None:
    given = {**WORKSPACE, "Dockerfile": DOCKERFILE.format(build=build, name="api")}
    source = only(tmp_path, given).source
    assert source is not None
    assert source.entry == "crates/api/src/main.rs"
    assert source.files == (
        "crates/api/src/main.rs",
        "crates/api/src/routes/mod.rs",
        "crates/base/src/lib.rs",
    )
    assert source.root == "crates/api"


def test_cargo_chef_whose_recipe_names_no_source(tmp_path: Path) -> None:
    dockerfile = """\
        FROM lukemathwalker/cargo-chef:latest-rust-1 AS chef
        WORKDIR /app
        FROM chef AS planner
        COPY . .
        RUN cargo chef prepare --recipe-path recipe.json
        FROM chef AS builder
        COPY --from=planner /app/recipe.json recipe.json
        RUN cargo chef cook --release --recipe-path recipe.json
        COPY . .
        RUN cargo build --release
        FROM debian:bookworm-slim
        WORKDIR /app
        COPY --from=builder /app/target/release/shop shop
        ENTRYPOINT ["./shop"]
        """
    assert read(tmp_path, {"Dockerfile": dockerfile}).entry == "src/main.rs"


def test_sources_that_are_mounted_not_copied(tmp_path: Path) -> None:
    dockerfile = """\
        FROM rust:1 AS build
        WORKDIR /app
        RUN --mount=type=bind,source=src,target=src \\
            --mount=type=bind,source=Cargo.toml,target=Cargo.toml \\
            cargo build --release && cp ./target/release/shop /bin/server
        FROM debian:bookworm-slim
        COPY --from=build /bin/server /bin/
        CMD ["/bin/server"]
        """
    assert read(tmp_path, {"Dockerfile": dockerfile}).entry == "src/main.rs"


def test_cargo_run_in_one_stage(tmp_path: Path) -> None:
    dockerfile = 'FROM rust:1\nWORKDIR /app\nCOPY . .\nCMD ["cargo", "run", "--release", "--bin", "admin"]\n'
    files = {"Dockerfile": dockerfile, "src/bin/admin.rs": MAIN}
    assert read(tmp_path, files).entry == "src/bin/admin.rs"


def test_a_program_that_is_downloaded_is_said_to_be(tmp_path: Path) -> None:
    dockerfile = (
        'FROM alpine:3\nRUN curl -L https://example.com/shop.tgz | tar xz -C /usr/local/bin\nCMD ["shop"]\n'
    )
    source = read(tmp_path, {"Dockerfile": dockerfile})
    assert source.entry == "src/main.rs"
    assert [u.what for u in source.unknown] == [
        "whether shop is built from this source: the image takes it from elsewhere"
    ]


@pytest.mark.parametrize(
    ("build", "files"),
    [
        ("cargo build --release", ["src/main.rs", "src/http.rs"]),
        ("cargo build --release --no-default-features", ["src/main.rs"]),
        ("cargo build --release --features extra", ["src/main.rs", "src/http.rs", "src/extra.rs"]),
        ("cargo build --release --all-features", ["src/main.rs", "src/http.rs", "src/extra.rs", "src/s3.rs"]),
        (
            "cargo build --release --no-default-features -F s3,http",
            ["src/main.rs", "src/http.rs", "src/s3.rs"],
        ),
    ],
)
def test_features_decide_which_modules_are_part(tmp_path: Path, build: str, files: list[str]) -> None:
    given = {
        "Cargo.toml": manifest("shop", '[features]\ndefault = ["http"]\nhttp = []\nextra = []\ns3 = []\n'),
        "src/main.rs": (
            '#[cfg(feature = "http")]\nmod http;\n#[cfg(feature = "extra")]\nmod extra;\n'
            '#[cfg(any(windows, feature = "s3"))]\nmod s3;\n#[cfg(not(target_os = "linux"))]\nmod mac;\n'
            "#[cfg(test)]\nmod tests;\nfn main() {}\n"
        ),
        **{f"src/{name}.rs": "" for name in ("http", "extra", "s3", "mac", "tests")},
    }
    assert list(read(tmp_path, given, build).files) == files


def test_features_reach_own_packages_and_optional_dependencies(tmp_path: Path) -> None:
    given = {
        "Cargo.toml": manifest(
            "shop",
            '[dependencies]\nstore = { path = "store", default-features = false }\n'
            'redis = { version = "0.27", optional = true }\n'
            '[features]\ndefault = ["cache"]\ncache = ["dep:redis", "store/remote"]\n',
        ),
        "src/main.rs": "fn main() { store::open(); }\n",
        "store/Cargo.toml": manifest("store", '[features]\ndefault = ["disk"]\ndisk = []\nremote = []\n'),
        "store/src/lib.rs": (
            '#[cfg(feature = "disk")]\nmod disk;\n#[cfg(feature = "remote")]\nmod remote;\npub fn open() {}\n'
        ),
        "store/src/disk.rs": "",
        "store/src/remote.rs": "",
    }
    source = read(tmp_path, given)
    assert source.files == ("src/main.rs", "store/src/lib.rs", "store/src/remote.rs")
    assert [d.name for d in source.dependencies] == ["redis"]


def test_a_feature_that_is_a_build_argument(tmp_path: Path) -> None:
    dockerfile = DOCKERFILE.format(build="cargo build --release --features ${DB}", name="shop")
    files = {
        "Cargo.toml": manifest("shop", "[features]\npg = []\nlite = []\n"),
        "src/main.rs": '#[cfg(feature = "pg")]\nmod pg;\n#[cfg(feature = "lite")]\nmod lite;\nfn main() {}\n',
        "src/pg.rs": "",
        "src/lite.rs": "",
    }
    source = read(tmp_path / "a", {**files, "Dockerfile": dockerfile.replace("RUN", "ARG DB=pg\nRUN")})
    assert source.files == ("src/main.rs", "src/pg.rs")
    source = read(tmp_path / "b", {**files, "Dockerfile": dockerfile})
    assert [u.what for u in source.unknown] == [
        "the features of the program: a variable of the build line has no value"
    ]


def test_modules_in_all_places(tmp_path: Path) -> None:
    given = {
        "src/main.rs": (
            'mod a;\nmod b { pub mod inner; }\n#[path = "odd/name.rs"]\nmod c;\n'
            'const PAGE: &str = include_str!("../page.html");\ninclude!("made.rs");\nfn main() { a::x(); }\n'
        ),
        "src/a.rs": "mod deep;\npub fn x() {}\n",
        "src/a/deep.rs": "",
        "src/b/inner.rs": "",
        "src/odd/name.rs": "mod beside;\n",
        "src/odd/name/beside.rs": "",
        "src/made.rs": "",
        "page.html": "",
        "src/unused.rs": "",
        "tests/it.rs": "",
        "benches/b.rs": "",
        "examples/e.rs": "",
    }
    assert set(read(tmp_path, given).files) == {
        "src/main.rs",
        "src/a.rs",
        "src/a/deep.rs",
        "src/b/inner.rs",
        "src/odd/name.rs",
        "src/odd/name/beside.rs",
        "src/made.rs",
        "page.html",
    }


def test_versions_come_from_the_lock_file(tmp_path: Path) -> None:
    lock = (
        'version = 4\n\n[[package]]\nname = "axum"\nversion = "0.8.4"\nsource = "registry+x"\n\n'
        '[[package]]\nname = "tokio"\nversion = "1.40.0"\nsource = "registry+x"\n\n'
        '[[package]]\nname = "openssl-sys"\nversion = "0.9.1"\nsource = "registry+x"\n\n'
        '[[package]]\nname = "openssl"\nversion = "0.10.1"\n'
        'source = "registry+x"\n'
        'dependencies = [\n "openssl-sys",\n]\n\n'
        '[[package]]\nname = "reqwest"\nversion = "0.12.1"\n'
        'source = "registry+x"\n'
        'dependencies = [\n "openssl-sys",\n]\n\n'
        '[[package]]\nname = "pq-sys"\nversion = "0.6.1"\nsource = "registry+x"\n\n'
        '[[package]]\nname = "diesel"\nversion = "2.2.1"\n'
        'source = "registry+x"\n'
        'dependencies = [\n "pq-sys",\n]\n'
    )
    depends = (
        '[dependencies]\naxum = "0.8"\ntokio = "1"\n'
        'openssl = "0.10"\n'
        'reqwest = "0.12"\n'
        'diesel = "2"\nunused = "1"\n'
    )
    source = read(
        tmp_path,
        {
            "Cargo.toml": manifest("shop", depends),
            "Cargo.lock": lock,
            "src/main.rs": (
                "use axum::Router;\nuse diesel::PgConnection;\nfn main() { let _ = openssl::init(); }\n"
            ),
        },
    )
    found = {d.name: (d.version, str(d.kind), d.imported) for d in source.dependencies}
    assert found == {
        "axum": ("0.8.4", "pure", True),
        "tokio": ("1.40.0", "pure", False),
        "openssl": ("0.10.1", "native", True),
        "reqwest": ("0.12.1", "pure", False),
        "diesel": ("2.2.1", "native", True),
        "unused": (None, "pure", False),
    }
    assert [(u.what, str(u.evidence)) for u in source.unknown] == [
        (
            (
                "whether the service works with tokio 1.51 or newer: 1.40.0, which is locked, "
                "has no WASI sockets"
            ),
            "Cargo.lock:9",
        )
    ]
    assert source.manifests == ("Cargo.toml", "Cargo.lock")

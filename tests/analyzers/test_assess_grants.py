"""Grants: what a component needs and no more; a secret carries no value, a host is never `*`."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzers.grants import derive, server_layer, server_variables
from analyzers.model import (
    Evidence,
    Fact,
    FactKind,
    GivenFile,
    Grant,
    GrantKind,
    Link,
    Reach,
    Service,
    TakenFile,
)
from analyzers.redaction import is_secret, is_secret_name, redacted, redacted_evidence
from analyzers.rules._build import at, compose, env, fact, image, service


def shown(given: Service) -> set[tuple[str, str, str | None]]:
    return {(str(grant.kind), grant.name, grant.value) for grant in derive(given)[0]}


def read(name: str, default: str = "") -> Fact:
    return fact(FactKind.ENV_READ, name, "settings.py:3", default, reach=Reach.IMPORT)


def test_variables_of_the_image_and_compose_are_granted_compose_first() -> None:
    given = service(
        of=image(variables=(env("LOG_LEVEL", "info"), env("THEME", "dark"))),
        with_compose=compose(variables=(env("LOG_LEVEL", "debug", "compose.yaml:5"),)),
    )
    assert shown(given) == {("env", "LOG_LEVEL", "debug"), ("env", "THEME", "dark")}


def test_a_secret_has_no_value() -> None:
    given = service(
        read("SECRET_KEY", "dev"),
        of=image(variables=(env("API_TOKEN", "abc"), env("DATABASE", "mysql://u:p@db/x"))),
    )
    assert shown(given) == {
        ("secret", "SECRET_KEY", None),
        ("secret", "API_TOKEN", None),
        ("secret", "DATABASE", None),
    }


def test_a_variable_without_a_value_is_granted_by_name_and_unknown() -> None:
    grants, unknown = derive(service(read("REGION")))
    assert [(grant.name, grant.value) for grant in grants] == [("REGION", None)]
    assert [item.settle_with for item in unknown] == [
        "--env REGION=VALUE, or a value in the Dockerfile or compose"
    ]


def test_a_default_in_the_source_needs_no_grant() -> None:
    assert derive(service(read("PAGE_SIZE", "20"))) == ((), ())


@pytest.mark.parametrize(
    "name",
    ["PATH", "PYTHONUNBUFFERED", "PYTHON_VERSION", "GUNICORN_CMD_ARGS", "PORT", "HOME", "PIP_NO_CACHE_DIR"],
)
def test_the_server_layer_is_not_granted(name: str) -> None:
    assert shown(service(of=image(variables=(env(name, "x"),)))) == set()
    assert server_layer(name, read=False)


def test_a_variable_of_the_server_is_granted_where_the_source_reads_it() -> None:
    variables = image(variables=(env("PORT", "8000"), env("PATH", "/x")))
    assert shown(service(read("PORT"), read("PATH"), of=variables)) == {("env", "PORT", "8000")}


def test_every_server_variable_has_a_reason() -> None:
    assert len({variable.pattern for variable in server_variables()}) == len(server_variables())
    assert all(variable.reason for variable in server_variables())


def test_volumes_are_folders() -> None:
    volumes = (
        ("data", "/data", False, at("compose.yaml:6")),
        ("./conf", "/conf/", True, at("compose.yaml:7")),
        (".", "/app", False, at("compose.yaml:8")),
        ("/var/run/docker.sock", "/var/run/docker.sock", False, at("compose.yaml:9")),
        ("./app.ini", "/etc/app.ini", True, at("compose.yaml:10")),
    )
    grants, unknown = derive(service(with_compose=compose(volumes=volumes)))
    assert [(grant.name, grant.guest, grant.mode) for grant in grants] == [
        ("data", "/data", "rw"),
        ("./conf", "/conf", "ro"),
    ]
    assert ["app.ini" in item.what for item in unknown] == [True]


def hosts(given: Service) -> list[tuple[str | None, str | None, int | None]]:
    return [(g.scheme, g.host, g.port) for g in derive(given)[0] if g.kind is GrantKind.OUTBOUND]


@pytest.mark.parametrize(
    ("subject", "detail", "host"),
    [
        ("http", "api.example.com", ("https", "api.example.com", 443)),
        ("http", "http://api.example.com", ("http", "api.example.com", 80)),
        ("http", "api", ("http", "api", 80)),
        ("http", "api:443", ("https", "api", 443)),
        ("http", "10.0.0.5", ("http", "10.0.0.5", 80)),
        ("https", "api.example.com", ("https", "api.example.com", 443)),
        ("http", "https://api.example.com/v1", ("https", "api.example.com", 443)),
        ("http", "api:8080", ("http", "api", 8080)),
        ("redis", "cache", ("redis", "cache", 6379)),
        ("http", "[::1]:80", ("http", "::1", 80)),
    ],
)
def test_known_hosts_are_granted(subject: str, detail: str, host: tuple[str, str, int]) -> None:
    assert hosts(service(fact(FactKind.OUTBOUND, subject, detail=detail))) == [host]


@pytest.mark.parametrize(
    "detail", ["", "*", "https://*", "http://a b", "http://x:99999999", "http://[", "http://127.0.0.1"]
)
def test_a_host_that_is_not_known_is_settled_by_an_option(detail: str) -> None:
    given = service(fact(FactKind.OUTBOUND, "http", detail=detail))
    assert hosts(given) == []
    assert [item.settle_with for item in derive(given)[1]] == ["--allow-host https://HOST[:PORT]"]


def test_an_address_in_the_environment_settles_the_host() -> None:
    given = service(
        fact(FactKind.OUTBOUND, "http"),
        read("API"),
        with_compose=compose(variables=(env("API", "http://api:8080/v1", "compose.yaml:5"),)),
    )
    assert hosts(given) == [("http", "api", 8080)]
    assert derive(given)[1] == ()


def test_a_link_without_a_call_grants_nothing() -> None:
    given = service(links=(Link("api", "http", 80, at("compose.yaml:5")),))
    assert hosts(given) == []


@given(st.lists(st.tuples(st.text(), st.text() | st.none()), max_size=6), st.text(), st.text())
def test_hostile_names_and_values_never_grant_more(
    variables: list[tuple[str, str | None]], protocol: str, where: str
) -> None:
    given = service(
        fact(FactKind.OUTBOUND, protocol, detail=where),
        of=image(variables=tuple(env(name, value) for name, value in variables)),
    )
    for grant in derive(given)[0]:
        assert grant.kind is not GrantKind.SECRET or grant.value is None
        assert "*" not in (grant.host or "")
        assert grant.kind is not GrantKind.OUTBOUND or isinstance(grant.port, int)
        assert _named_by_nothing_odd(grant)


def _named_by_nothing_odd(grant: Grant) -> bool:
    return grant.kind is GrantKind.OUTBOUND or grant.name.replace("_", "a").isalnum()


@pytest.mark.parametrize(
    "name",
    [
        "SECRET_KEY",
        "DB_PASSWORD",
        "DB_PASS",
        "DBPASSWORD",
        "githubToken",
        "api-key",
        "AWS_ACCESS_KEY_ID",
        "SENTRY_DSN",
        "JWT",
        "PGPASSWORD",
        "STRIPE_KEY",
        "AUTH_TOKEN",
        "PASSWORD_HASH_SALT",
        "MYSQL_ROOT_PASSWORD",
        "secret",
    ],
)
def test_names_of_secrets(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "PWD",
        "MONKEY",
        "KEYBOARD",
        "TOKEN_TTL",
        "PASSWORD_MIN_LENGTH",
        "MAX_TOKENS",
        "CACHE_KEY_PREFIX",
        "PUBLIC_KEY",
        "AUTHOR",
        "LOG_LEVEL",
        "PASSENGER",
        "SECRET_KEY_FILE",
        "TOKEN_URL",
        "COMPASS",
        "",
    ],
)
def test_names_that_are_no_secrets(name: str) -> None:
    assert not is_secret_name(name)


def test_values_that_hold_credentials_are_secrets() -> None:
    assert is_secret("DATABASE_URL", "postgres://shop:pw@db/shop")
    assert not is_secret("DATABASE_URL", "postgres://db/shop")
    assert is_secret("CERT", "-----BEGIN PRIVATE KEY-----")
    assert not is_secret("SITE", None)


@pytest.mark.parametrize(
    ("line", "clean"),
    [
        ("ENV SECRET_KEY=abc LOG_LEVEL=info", "ENV SECRET_KEY=*** LOG_LEVEL=info"),
        ("ENV SECRET_KEY abc def", "ENV SECRET_KEY ***"),
        ('ENV SECRET_KEY="abc, def"', 'ENV SECRET_KEY="***"'),
        ("  API_TOKEN: abc", "  API_TOKEN: ***"),
        ("- DB=postgres://u:pw@db/x", "- DB=postgres://u:***@db/x"),
        ("API_TOKEN: ${API_TOKEN}", "API_TOKEN: ${API_TOKEN}"),
        ("LOG_LEVEL=info", "LOG_LEVEL=info"),
        ('{"password": "abc"}', '{"password": "***"}'),
        ("Passed at start only: SECRET_KEY, API_TOKEN.", "Passed at start only: SECRET_KEY, API_TOKEN."),
        ("`SECRET_KEY=dummy flask build`", "`SECRET_KEY=*** flask build`"),
    ],
)
def test_lines_are_shown_without_secrets(line: str, clean: str) -> None:
    assert redacted(line) == clean


@pytest.mark.parametrize(
    ("line", "clean"),
    [
        ('SECRET_KEY = "abc, def"', 'SECRET_KEY = "***"'),
        ('os.environ.get("SECRET_KEY", "abc")', 'os.environ.get("SECRET_KEY", "***")'),
        ('config["SECRET_KEY"] = "abc"', 'config["SECRET_KEY"] = "***"'),
        ("connect(password='abc', host='db')", "connect(password='***', host='db')"),
        ('SECRET_KEY = os.environ["SECRET_KEY"]', 'SECRET_KEY = os.environ["SECRET_KEY"]'),
        ("self.password_hash = hashed(password)", "self.password_hash = hashed(password)"),
        ("check(self.password_hash, password)", "check(self.password_hash, password)"),
        ('URL = "mysql://a:pw@db/x"', 'URL = "mysql://a:***@db/x"'),
    ],
)
def test_lines_of_source_are_shown_without_secrets(line: str, clean: str) -> None:
    assert redacted_evidence(Evidence("app.py", 1, line)).snippet == clean


@given(st.text())
def test_redaction_takes_any_text(text: str) -> None:
    assert isinstance(redacted(text), str)


def test_secrets_and_configs_of_compose_are_folders_that_are_mounted() -> None:
    def file(name: str, target: str, line: int) -> GivenFile:
        return GivenFile(name, target, f"./{name}", None, at(f"compose.yaml:{line}"))

    facts = replace(
        compose(),
        secrets=(file("password", "/run/secrets/password", 5), file("token", "/run/secrets/token", 6)),
        configs=(
            file("app", "/etc/app/app.ini", 7),
            file("own", "/app/own.ini", 8),
            file("top", "/top", 9),
        ),
    )
    held = replace(image(), files=(TakenFile("app.py", "/app/app.py"),))
    grants, unknown = derive(service(of=held, with_compose=facts))
    assert [(one.kind, one.name, one.guest, one.mode) for one in grants] == [
        (GrantKind.DIR, "secrets", "/run/secrets", "ro"),
        (GrantKind.DIR, "configs", "/etc/app", "ro"),
    ]
    assert all(one.value is None for one in grants)
    assert [str(one.evidence) for one in unknown] == ["compose.yaml:8", "compose.yaml:9"]

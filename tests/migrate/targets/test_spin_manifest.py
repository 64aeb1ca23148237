from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migrate.errors import ManifestError
from migrate.targets.spin_manifest import (
    SCHEMA_LINE,
    Application,
    Build,
    Component,
    HttpTrigger,
    Manifest,
    Mount,
    Remote,
    StaticResponse,
    Variable,
    check,
    parse,
    to_toml,
)
from tests.conftest import ROOT

# --- what Spin refuses ---------------------------------------------------------------------

MINIMAL = """
spin_manifest_version = 2
[application]
name = "shop"
[[trigger.http]]
route = "/..."
component = "web"
[component.web]
source = "build/web.wasm"
"""


def test_a_minimal_manifest_is_read() -> None:
    assert parse(MINIMAL) == Manifest(
        Application("shop"), (HttpTrigger("/...", "web"),), {"web": Component("build/web.wasm")}
    )


@pytest.mark.parametrize(
    ("addition", "said"),
    [
        ("ports = [80]", "unknown key `ports`"),
        ("environment = { A = 1 }", "expected a string"),
        ("environment = { 'A=B' = 'c' }", "cannot be an environment variable"),
        ('environment = { A = "\\u0000" }', "cannot be an environment variable"),
        ("files = ['/etc/passwd']", "no path below the manifest"),
        ("files = ['../x']", "no path below the manifest"),
        ("files = [{ source = 'a', destination = 'b' }]", "not absolute"),
        ("files = [{ source = 'a', destination = '/b/../../c' }]", "not absolute"),
        ("files = [{ source = 'a' }]", "has no `destination`"),
        ("files = [1]", "holds 1"),
        ("key_value_stores = ['My Store']", "not kebab-case"),
        ("variables = { DB-HOST = 'x' }", "not snake_case"),
        ("variables = { host = '{{ db_host }}' }", "'db_host', which is not there"),
        ("variables = { host = '{{ db_host' }", "unmatched"),
        ("[tool.x]\na = 1\n[extra]", "unknown key `tool`"),
        ("[component.web_app]\nsource = 'a.wasm'", "not kebab-case"),
        ("[component.Web]\nsource = 'a.wasm'", "not kebab-case"),
        ("[component.1st]\nsource = 'a.wasm'", "not kebab-case"),
        ("[component.other]\nsource = '/a.wasm'", "no path below"),
        ("[component.other]\nsource = { url = 'https://a/b', digest = 'sha256:12' }", "digest"),
        ("[component.other]\nsource = { url = 'file:///b', digest = 'sha256:12' }", "without http"),
        ("[component.other]\ndescription = 'x'", "has no `source`"),
        ("[component.other]\nsource = 'a.wasm'\ndependencies = { 'a:b/c' = '1' }", "unknown key"),
        ("[component.web.build]\nworkdir = 'x'", "has no `command`"),
        ("[component.web.build]\ncommand = ''", "is empty"),
        ("[variables]\ntoken = {}", "`required` or have a `default`"),
        ("[variables]\ntoken = { required = true, default = 'x' }", "and not both"),
        ("[variables]\nDB-HOST = { default = 'x' }", "not snake_case"),
        ("[variables]\nDbHost = { default = 'x' }", "not snake_case"),
        ("[variables]\ntoken = { default = 1 }", "expected a string"),
        ("[[trigger.http]]\nroute = '/x'", "either `component` or `static_response`"),
        ("[[trigger.http]]\nroute = '/x'\ncomponent = 'nobody'", "'nobody', which is not there"),
        (
            "[[trigger.http]]\nroute = '/x'\ncomponent = 'web'\nstatic_response = { status_code = 204 }",
            "either `component` or `static_response`",
        ),
        ("[[trigger.http]]\nroute = '/x'\nstatic_response = { status_code = 99999 }", "status"),
        ("[[trigger.http]]\ncomponent = 'web'", "has no `route`"),
        ("[[trigger.http]]\nroute = { private = false }\ncomponent = 'web'", "private = true"),
        ("[[trigger.http]]\nroute = '/...'\ncomponent = 'web'", "of another trigger"),
        (
            "[[trigger.http]]\nroute = '/x'\ncomponent = 'web'\nexecutor = { type = 'wasip3-unstable' }",
            "executor",
        ),
        ("[[trigger.redis]]\nchannel = 'x'\ncomponent = 'web'", "unknown key `redis`"),
    ],
)
def test_what_spin_refuses_is_refused(addition: str, said: str) -> None:
    with pytest.raises(ManifestError, match="Spin would not take") as caught:
        parse(MINIMAL + addition)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("spin_manifest_version = 1\n", "not 2"),
        ("spin_manifest_version = '2'\n", "expected an integer"),
        ("spin_manifest_version = true\n", "expected an integer"),
        ("spin_manifest_version = 2\n", "has no `application`"),
        ("spin_manifest_version = 2\n[application]\nname = 'a'\n", "has no `trigger`"),
        ("spin_manifest_version = 2\n[application]\nname = ''\n[trigger]\n", "is empty"),
        ("not toml", "no TOML"),
    ],
)
def test_the_frame_of_a_manifest(text: str, said: str) -> None:
    with pytest.raises(ManifestError) as caught:
        parse(text)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "route",
    ["x", "/.well-known/spin/health", "/.well-known/spin", "/a?b", "/a b", "/.../x", "/a//b", "/:/x", "/a*"],
)
def test_routes_that_spin_refuses_or_never_reaches(route: str) -> None:
    with pytest.raises(ManifestError, match="route"):
        check(Manifest(Application("a"), (HttpTrigger(route, "b"),), {"b": Component("b.wasm")}))


@pytest.mark.parametrize("route", ["/", "/...", "/a/:id/edit", "/a/...", "/.well-known/acme", "/a.b-c_d~"])
def test_routes_that_spin_takes(route: str) -> None:
    check(Manifest(Application("a"), (HttpTrigger(route, "b"),), {"b": Component("b.wasm")}))


@pytest.mark.parametrize(
    "host",
    [
        "https://example.com",
        "http://example.com:8080",
        "https://*.example.com",
        "http://*",
        "*://*:*",
        "postgres://db",
        "tcp://10.0.0.0/8:5432",
        "http://127.0.0.1",
        "http://self",
        "http://api.spin.internal",
        "https://a:1..9",
        "https://{{ host }}:{{ port }}",
        "tcp://{{ unknown_yet }}:1",
    ],
)
def test_outbound_hosts_that_spin_takes(host: str) -> None:
    check(_with_host(host))


@pytest.mark.parametrize(
    "host",
    [
        "example.com",
        "*",
        "",
        "https://",
        "https://example.com/path",
        "https://example.com:443/path",
        "tcp://example.com",
        "ftp://example.com",
        "h2c://example.com:80",
        "https://a.*.com",
        "https://*a.com",
        "https://a:99999",
        "https://a:x",
        "https://a:1..x",
        "https://{a,b}",
        "http://[::1]:80",
        "https://a b",
        "https://{{ nobody }}",
        "https://{{ host",
        "insecure:allow-all",
        "tcp://{{ host }}",
        "http://1.2.3.4.5",
    ],
)
def test_outbound_hosts_that_spin_refuses(host: str) -> None:
    with pytest.raises(ManifestError):
        check(_with_host(host))


def _with_host(host: str) -> Manifest:
    return Manifest(
        Application("a"),
        (),
        {"b": Component("b.wasm", allowed_outbound_hosts=(host,))},
        {
            "host": Variable(default="db.example.com"),
            "port": Variable(default="5432"),
            "unknown_yet": Variable(required=True),
        },
    )


def test_a_lone_surrogate_is_no_text() -> None:
    with pytest.raises(ManifestError, match="no Unicode text"):
        to_toml(Manifest(Application("a\ud800"), (), {}))


# --- writing -------------------------------------------------------------------------------


def test_the_written_form() -> None:
    manifest = Manifest(
        Application("shop", targets=("spin-up:4.0",), tool={"dock2wasm": {"version": "1"}}),
        (
            HttpTrigger("/...", "web"),
            HttpTrigger("/old", static_response=StaticResponse(302, {"location": "/new"})),
        ),
        {
            "web": Component(
                "build/web.wasm",
                variables={"token": "{{ token }}"},
                environment={"SHOP": 'Kontor & "Söhne"\n\\ $HOME \x7f'},
                files=("static/**/*", Mount("content", "/content")),
                allowed_outbound_hosts=("https://api.example.com",),
                build=Build("./build.sh", watch=("src/**",)),
            )
        },
        {"token": Variable(required=True, secret=True)},
    )
    assert to_toml(manifest) == (
        f"{SCHEMA_LINE}\n"
        """spin_manifest_version = 2

[application]
name = "shop"
targets = ["spin-up:4.0"]

[application.tool.dock2wasm]
version = "1"

[variables]
token = { required = true, secret = true }

[[trigger.http]]
route = "/..."
component = "web"

[[trigger.http]]
route = "/old"
static_response = { status_code = 302, headers = { location = "/new" } }

[component.web]
source = "build/web.wasm"
files = ["static/**/*", { source = "content", destination = "/content" }]
allowed_outbound_hosts = ["https://api.example.com"]

[component.web.variables]
token = "{{ token }}"

[component.web.environment]
"""
        r'''SHOP = "Kontor & \"Söhne\"\n\\ $HOME \u007F"'''
        """

[component.web.build]
command = "./build.sh"
watch = ["src/**"]
"""
    )


# --- any manifest --------------------------------------------------------------------------

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
filled = texts.filter(bool)
words = st.from_regex(r"[a-z][a-z0-9]{0,5}", fullmatch=True)
kebab = st.lists(words, min_size=1, max_size=3).map("-".join)
snake = st.lists(words, min_size=1, max_size=3).map("_".join)
names = texts.filter(lambda t: t and "=" not in t and "\0" not in t)
values = texts.filter(lambda t: "\0" not in t)
paths = st.lists(
    st.from_regex(r"[a-z*][a-z0-9 \"'*.]{0,5}[a-z]", fullmatch=True), min_size=1, max_size=3
).map("/".join)
plain: st.SearchStrategy[Any] = st.recursive(
    st.one_of(texts, st.integers(-(2**63), 2**63 - 1), st.booleans()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(tuple), st.dictionaries(texts, inner, max_size=3)
    ),
    max_leaves=5,
)
tools = st.dictionaries(filled, st.dictionaries(texts, plain, max_size=3), max_size=2)
variables = st.dictionaries(
    snake,
    st.one_of(
        st.builds(Variable, required=st.just(True), secret=st.booleans(), description=texts),
        st.builds(Variable, default=texts, secret=st.booleans(), description=texts),
    ),
    max_size=3,
)
hosts = st.tuples(
    st.sampled_from(["http", "https", "postgres", "*"]),
    st.one_of(st.just("*"), kebab, kebab.map("*.{}.example".format), st.ip_addresses(v=4).map(str)),
    st.one_of(st.just("*"), st.integers(0, 65535).map(str)),
).map(lambda t: f"{t[0]}://{t[1]}:{t[2]}")
components = st.dictionaries(
    kebab,
    st.builds(
        Component,
        source=st.one_of(paths, st.builds(Remote, st.just("https://a/b"), st.just("sha256:" + "0f" * 32))),
        description=texts,
        environment=st.dictionaries(names, values, max_size=3),
        files=st.lists(st.one_of(paths, st.builds(Mount, paths, paths.map("/{}".format))), max_size=2).map(
            tuple
        ),
        exclude_files=st.lists(texts, max_size=2).map(tuple),
        allowed_outbound_hosts=st.lists(hosts, max_size=2).map(tuple),
        key_value_stores=st.lists(st.one_of(kebab, snake), max_size=2).map(tuple),
        sqlite_databases=st.lists(kebab, max_size=2).map(tuple),
        ai_models=st.lists(texts, max_size=2).map(tuple),
        build=st.one_of(
            st.none(),
            st.builds(
                Build,
                st.one_of(filled, st.lists(filled, min_size=1, max_size=2).map(tuple)),
                texts,
                st.lists(texts, max_size=2).map(tuple),
            ),
        ),
        tool=tools,
    ),
    min_size=1,
    max_size=2,
)


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    found = draw(components)
    declared = draw(variables)
    answers = st.builds(
        StaticResponse,
        st.one_of(st.none(), st.integers(100, 599)),
        st.dictionaries(filled, texts, max_size=2),
        st.one_of(st.none(), texts),
    )
    routes = draw(st.lists(kebab.map("/{}".format), unique=True, max_size=3))
    triggers = [
        HttpTrigger(route, draw(st.sampled_from(sorted(found))))
        if draw(st.booleans())
        else HttpTrigger(route, static_response=draw(answers))
        for route in routes
    ]
    if draw(st.booleans()):
        triggers.append(HttpTrigger(None, draw(st.sampled_from(sorted(found))), id="private"))
    application = draw(
        st.builds(
            Application,
            name=texts.filter(lambda t: bool(t.strip())),
            version=texts,
            description=texts,
            authors=st.lists(texts, max_size=2).map(tuple),
            tool=tools,
        )
    )
    return Manifest(application, tuple(triggers), found, declared)


@given(manifests())
@settings(max_examples=60, deadline=None)
def test_what_is_written_is_read_back(manifest: Manifest) -> None:
    text = to_toml(manifest)
    assert parse(text) == manifest
    assert to_toml(parse(text)) == text


@given(manifests())
@settings(max_examples=40, deadline=None)
def test_what_is_written_fits_spins_own_schema(manifest: Manifest) -> None:
    _validator().validate(tomllib.loads(to_toml(manifest)))


@given(st.text(max_size=60))
def test_any_text_is_a_manifest_or_an_error(text: str) -> None:
    with pytest.raises(ManifestError):
        parse(text)


@cache
def _validator() -> Any:
    file = ROOT.parent / "shared" / "schemas" / "spin-manifest-v2-4.0.2.schema.json"
    if not file.is_file():
        pytest.skip(f"Spin's JSON schema is not on this machine ({file.name}, made by Spin's own sources)")
    import jsonschema

    schema = json.loads(file.read_text("utf-8"))
    # Spin's parser takes static_response; the schema that it generates forgets it.
    schema["$defs"]["HttpTriggerSchema"]["properties"]["static_response"] = {"type": "object"}
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_the_schema_used_here_refuses_an_unknown_key() -> None:
    import jsonschema

    document: Mapping[str, Any] = tomllib.loads(MINIMAL + "ports = [80]\n")
    with pytest.raises(jsonschema.ValidationError):
        _validator().validate(document)

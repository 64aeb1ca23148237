"""nginx: what a configuration serves, hands on and listens to."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzers.languages.static_site import nginx
from analyzers.languages.static_site.site import ConfigError, Directive
from analyzers.model import Fact, FactKind, Inbound, Service, Source
from tests.analyzers.trees import only, services

PAGE = {"html/index.html": "<h1>hello</h1>"}
DOCKERFILE = """\
FROM nginx:1.27-alpine
COPY html /usr/share/nginx/html
COPY site.conf /etc/nginx/conf.d/default.conf
"""


def site(root: Path, conf: str, dockerfile: str = DOCKERFILE, **more: str) -> Service:
    files = {name.replace("__", "/").replace("_conf", ".conf"): text for name, text in more.items()}
    return only(root, {"Dockerfile": dockerfile, "site.conf": conf, **PAGE, **files})


def source(service: Service) -> Source:
    assert service.source is not None
    return service.source


def facts(service: Service, kind: FactKind) -> list[Fact]:
    return [fact for fact in source(service).facts if fact.kind is kind]


def test_the_default_site_serves_what_is_copied_to_its_root(tmp_path: Path) -> None:
    found = only(tmp_path, {"Dockerfile": "FROM nginx\nCOPY html /usr/share/nginx/html\n", **PAGE})
    read = source(found)
    assert (read.language, read.server, read.interface, read.entry) == (
        "static", "nginx", "static", "/usr/share/nginx/html",
    )  # fmt: skip
    assert read.files == ("html/index.html",)
    assert read.root == "html"
    assert [(one.protocol, one.port) for one in found.listeners] == [(Inbound.HTTP, 80)]
    assert found.start_command == ("nginx", "-g", "daemon off;")


def test_an_unprivileged_nginx_listens_elsewhere(tmp_path: Path) -> None:
    dockerfile = "FROM nginxinc/nginx-unprivileged\nCOPY html /usr/share/nginx/html\n"
    assert only(tmp_path, {"Dockerfile": dockerfile, **PAGE}).port == 8080


@pytest.mark.parametrize(
    ("install", "root", "port"),
    [
        ("FROM debian:13\nRUN apt-get update && apt-get install -y nginx\n", "/var/www/html", 80),
        ("FROM openresty/openresty:alpine\n", "/usr/local/openresty/nginx/html", 80),
        ("FROM bitnami/nginx\n", "/app", 8080),
        ("FROM fedora\nRUN dnf install -y nginx\n", "/usr/share/nginx/html", 80),
    ],
)
def test_each_packaging_has_its_own_default_site(tmp_path: Path, install: str, root: str, port: int) -> None:
    dockerfile = f'{install}COPY html {root}\nCMD ["nginx", "-g", "daemon off;"]\n'
    found = only(tmp_path, {"Dockerfile": dockerfile, **PAGE})
    assert (source(found).entry, found.port) == (root, port)


def test_listeners_roots_fallbacks_and_redirects(tmp_path: Path) -> None:
    conf = """\
        server {
          listen 8080; listen [::]:8080; listen 8443 ssl;
          root /usr/share/nginx/html;
          location / { try_files $uri $uri/ /index.html; }
          location /old { return 301 /new; }
          location = /50x.html { root /elsewhere; }
          error_page 500 /50x.html;
        }
        server { listen 80; return 301 https://$host$request_uri; }
        """
    found = site(tmp_path, conf)
    assert [one.port for one in found.listeners] == [8080, 8443, 80]
    assert [(route.path, route.evidence.line) for route in source(found).routes] == [("/old", 5), ("/", 9)]
    assert source(found).entry == "/usr/share/nginx/html"
    assert facts(found, FactKind.FORWARD) == []


def test_a_site_that_hands_on_some_paths_is_a_site_with_an_outbound_grant(tmp_path: Path) -> None:
    conf = """\
        upstream backend { server api:3000; server spare:3001; }
        server {
          location / { root /usr/share/nginx/html; }
          location /api/ { proxy_pass http://backend/; }
          location /auth { set $auth https://auth.example.com; proxy_pass $auth; }
        }
        """
    found = site(tmp_path, conf)
    assert source(found).interface == "static"
    assert {fact.detail for fact in facts(found, FactKind.FORWARD)} == {""}
    assert [(fact.subject, fact.detail) for fact in facts(found, FactKind.OUTBOUND)] == [
        ("http", "api:3000"),
        ("http", "spare:3001"),
        ("https", "auth.example.com:443"),
    ]
    assert [route.path for route in source(found).routes] == ["/api/", "/auth"]


def test_a_server_that_hands_on_all_is_a_forwarder(tmp_path: Path) -> None:
    dockerfile = "FROM nginx\nCOPY site.conf /etc/nginx/conf.d/default.conf\n"
    conf = "server { location / { proxy_pass http://app:8000; } location /static/ { alias /srv/static/; } }"
    found = site(tmp_path, conf, dockerfile)
    assert [(fact.subject, fact.detail) for fact in facts(found, FactKind.FORWARD)] == [("app:8000", "main")]
    assert source(found).interface is None
    assert source(found).entry is None


@pytest.mark.parametrize(
    ("directive", "protocol", "where"),
    [
        ("fastcgi_pass php:9000;", "fastcgi", "php:9000"),
        ("uwsgi_pass app:3031;", "uwsgi", "app:3031"),
        ("grpc_pass grpc://rpc:50051;", "grpc", "rpc:50051"),
        ("proxy_pass http://[fd00::1]:81/x;", "http", "[fd00::1]:81"),
        ("proxy_pass http://api;", "http", "api:80"),
        ("proxy_pass http://$arg_host;", "http", ""),
        ("proxy_pass http://api:3000$request_uri;", "http", "api:3000"),
    ],
)
def test_what_is_handed_on(tmp_path: Path, directive: str, protocol: str, where: str) -> None:
    found = site(tmp_path, f"server {{ location / {{ }} location /x {{ {directive} }} }}")
    (fact,) = facts(found, FactKind.OUTBOUND)
    assert (fact.subject, fact.detail) == (protocol, where)
    assert any("handed on" in one.what for one in source(found).unknown) is (where == "")


def test_a_socket_of_the_same_container_is_no_outbound_call(tmp_path: Path) -> None:
    found = site(tmp_path, "server { location /x { proxy_pass http://unix:/run/app.sock; } }")
    assert facts(found, FactKind.OUTBOUND) == []
    assert [fact.subject for fact in facts(found, FactKind.FORWARD)] == ["/run/app.sock"]


def test_streams_are_no_http(tmp_path: Path) -> None:
    dockerfile = "FROM nginx\nCOPY site.conf /etc/nginx/nginx.conf\n"
    conf = """\
        events {}
        stream {
          server { listen 5432; proxy_pass db:5432; }
          server { listen 53 udp; proxy_pass dns:53; }
        }
        """
    found = site(tmp_path, conf, dockerfile)
    assert [(one.protocol, one.port) for one in found.listeners] == [(Inbound.TCP, 5432), (Inbound.UDP, 53)]
    assert {fact.detail for fact in facts(found, FactKind.FORWARD)} == {"main"}


@pytest.mark.parametrize(
    "directive", ["ssi on;", "js_content m.f;", "content_by_lua_block { ngx.say('}') }", "dav_methods PUT;"]
)
def test_modules_that_make_pages_are_no_static_site(tmp_path: Path, directive: str) -> None:
    found = site(tmp_path, f"server {{ location / {{ {directive} }} }}")
    assert source(found).interface == "nginx"
    assert any("the pages that" in one.what for one in source(found).unknown)


@pytest.mark.parametrize(
    "lines",
    [
        "COPY <<'EOF' /etc/nginx/conf.d/default.conf\nserver { listen 81; }\nEOF\n",
        "RUN echo 'server { listen 81; }' > /etc/nginx/conf.d/default.conf\n",
        "RUN cat <<'EOF' > /etc/nginx/conf.d/default.conf\nserver { listen 81; }\nEOF\n",
        "RUN rm /etc/nginx/conf.d/default.conf\nCOPY other.conf /etc/nginx/conf.d/\n",
        "COPY other.conf /x/\nRUN rm -rf /etc/nginx/conf.d/* && cp /x/other.conf /etc/nginx/conf.d/a.conf\n",
        "COPY other.conf /x/nginx.conf\nCMD nginx -c /x/nginx.conf -g 'daemon off;'\n",
    ],
)
def test_where_a_configuration_may_come_from(tmp_path: Path, lines: str) -> None:
    other = "server { listen 81; }" if "nginx.conf" not in lines else "http { server { listen 81; } }"
    found = only(
        tmp_path,
        {"Dockerfile": f"FROM nginx\nCOPY html /usr/share/nginx/html\n{lines}", "other.conf": other, **PAGE},
    )
    assert found.port == 81
    assert found.listeners[0].evidence is not None


def test_a_configuration_of_another_stage(tmp_path: Path) -> None:
    dockerfile = """\
        FROM node:24 AS build
        WORKDIR /app
        COPY . .
        RUN npm ci && npm run build
        FROM nginx
        COPY --from=build /app/deploy/site.conf /etc/nginx/conf.d/default.conf
        COPY --from=build /app/dist /usr/share/nginx/html
        """
    package = '{"dependencies": {"react": "19"}, "devDependencies": {"vite": "7"}}'
    found = only(
        tmp_path,
        {
            "Dockerfile": dockerfile,
            "deploy/site.conf": "server { listen 81; root /usr/share/nginx/html; }",
            "package.json": package,
            "package-lock.json": "{}",
        },
    )
    read = source(found)
    assert (found.port, read.framework, read.entry) == (81, "react", "/usr/share/nginx/html")
    assert read.manifests == ("package-lock.json", "package.json")
    assert found.listeners[0].evidence is not None
    assert str(found.listeners[0].evidence) == "deploy/site.conf:1"


def test_templates_are_filled_in_with_the_environment(tmp_path: Path) -> None:
    dockerfile = """\
        FROM nginx
        ENV API=api PORT=8081
        COPY html /usr/share/nginx/html
        COPY t.conf /etc/nginx/templates/default.conf.template
        """
    conf = "server { listen ${PORT}; location /api { proxy_pass http://${API}:3000; } }"
    found = only(tmp_path, {"Dockerfile": dockerfile, "t.conf": conf, **PAGE})
    assert found.port == 8081
    assert [fact.detail for fact in facts(found, FactKind.OUTBOUND)] == ["api:3000"]
    (fact,) = facts(found, FactKind.SUBPROCESS)
    assert fact.detail == "envsubst"


def test_a_start_script_fills_in_a_template(tmp_path: Path) -> None:
    dockerfile = """\
        FROM nginx
        ENV HOST=backend
        COPY site.tpl run.sh /x/
        ENTRYPOINT ["/x/run.sh"]
        """
    files = {
        "Dockerfile": dockerfile,
        "site.tpl": "server { location / { proxy_pass http://$HOST; } }",
        "run.sh": '#!/bin/sh\nenvsubst "\\$HOST,\\$X" \\\n  < /x/site.tpl > /etc/nginx/conf.d/default.conf\n'
        "exec nginx -g 'daemon off;'\n",
    }
    found = only(tmp_path, files)
    assert [fact.subject for fact in facts(found, FactKind.FORWARD)] == ["backend:80"]
    assert [fact.detail for fact in facts(found, FactKind.SUBPROCESS)] == ["envsubst"]


def test_evidence_stands_in_the_file_that_says_it(tmp_path: Path) -> None:
    conf = "server {\n  listen 80;\n  include snippets/api.conf;\n}\n"
    dockerfile = DOCKERFILE + "COPY api.conf /etc/nginx/snippets/\n"
    found = site(tmp_path, conf, dockerfile, api_conf="location /api {\n  proxy_pass http://api;\n}\n")
    (fact,) = facts(found, FactKind.OUTBOUND)
    assert str(fact.evidence[0]) == "api.conf:2"


def test_includes_never_leave_the_files_of_the_image(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "evil.conf").write_text("server { listen 6666; }")
    root = tmp_path / "repository"
    names = (
        "/etc/passwd", "../../../../etc/passwd", f"{outside}/*.conf", f"{outside}/evil.conf",
        "../outside/evil.conf", "/proc/self/environ", "default.conf", "*.conf", "./default.conf",
    )  # fmt: skip
    conf = "".join(f"include {name};\n" for name in names) + "server { listen 81; }\n"
    found = only(root, {"Dockerfile": DOCKERFILE, "site.conf": conf, **PAGE})
    assert [one.port for one in found.listeners] == [81]
    assert {fact.evidence[0].path for fact in source(found).facts if fact.evidence} <= {"site.conf"}
    said = "\n".join(one.what for one in source(found).unknown)
    assert "root:" not in said
    assert "evil.conf" in said


def test_a_broken_configuration_is_said_and_not_read(tmp_path: Path) -> None:
    found = site(tmp_path, "server { listen 80; ")
    assert any("never closed" in one.what for one in source(found).unknown)


def test_what_compose_mounts_configures_an_image_that_is_built(tmp_path: Path) -> None:
    compose = """\
        services:
          web:
            build: .
            volumes: ["./conf:/etc/nginx/conf.d:ro"]
        """
    files = {
        "compose.yaml": compose,
        "Dockerfile": "FROM nginx\nCOPY html /usr/share/nginx/html\n",
        "conf/default.conf": "server { listen 82; }",
        **PAGE,
    }
    assert services(tmp_path, files)["web"].port == 82


def test_blocks_and_their_lines() -> None:
    parsed = nginx.parse("a b 'c d'; # x\nhttp {\n  server { listen\n 80; }\n}\n", "/f")
    assert parsed[0] == Directive("a", ("b", "c d"), "/f", 1)
    assert parsed[1].block is not None
    assert parsed[1].block[0].block == (Directive("listen", ("80",), "/f", 3),)


@pytest.mark.parametrize("text", ["a {", "}", "a { b }", "a", "a { b; } }", "{" * 100 + "}" * 100])
def test_what_nginx_refuses_is_an_error(text: str) -> None:
    with pytest.raises(ConfigError):
        nginx.parse(text, "/f")


PIECES = st.lists(
    st.sampled_from(
        ["server", "{", "}", ";", " ", "\n", "listen", "80", "include", "*", "$a", "${", "'", '"', "\\", "#",
         "é", "location", "/", "~", "proxy_pass", "http://", "set", "upstream", "stream",
         "content_by_lua_block", "[", "]", ":", "return", "if", "(", ")"]
    ),
    max_size=60,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(PIECES.map("".join) | st.text(max_size=200))
def test_no_text_breaks_the_parser(text: str) -> None:
    with contextlib.suppress(ConfigError):
        nginx.parse(text, "/f")


@settings(max_examples=60, deadline=None)
@given(body=PIECES.map(" ".join))
def test_no_configuration_breaks_the_reader(body: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    root = tmp_path_factory.mktemp("site")
    found = site(root, "server { location / { " + body + " } } " + body)
    assert found.language == "static"

"""httpd, Caddy, lighttpd, small file servers, and what made the files that they serve."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzers.languages.static_site import caddy, httpd
from analyzers.languages.static_site.site import ConfigError
from analyzers.model import Evidence, Fact, FactKind, Inbound, Service, Source
from tests.analyzers.trees import only, services

PAGE = {"html/index.html": "<h1>hello</h1>"}


def source(service: Service) -> Source:
    assert service.source is not None
    return service.source


def facts(service: Service, kind: FactKind) -> list[Fact]:
    return [fact for fact in source(service).facts if fact.kind is kind]


def outbound(service: Service) -> list[tuple[str, str]]:
    return [(fact.subject, fact.detail) for fact in facts(service, FactKind.OUTBOUND)]


# --- httpd -----------------------------------------------------------------------------------


def with_httpd(root: Path, conf: str, **more: str) -> Service:
    dockerfile = "FROM httpd:2.4\nCOPY html htdocs\nCOPY httpd.conf conf/httpd.conf\n"
    files = {name.replace("__", "/"): text for name, text in more.items()}
    return only(
        root, {"Dockerfile": files.pop("Dockerfile", dockerfile), "httpd.conf": conf, **PAGE, **files}
    )


def test_httpd_serves_its_document_root(tmp_path: Path) -> None:
    found = only(tmp_path, {"Dockerfile": "FROM httpd:2.4\nCOPY html htdocs\n", **PAGE})
    read = source(found)
    assert (read.server, read.interface, read.entry) == ("httpd", "static", "/usr/local/apache2/htdocs")
    assert read.files == ("html/index.html",)
    assert (found.port, found.start_command) == (80, ("httpd-foreground",))


def test_listeners_proxies_and_rewrites_of_httpd(tmp_path: Path) -> None:
    conf = """\
        Listen 8080
        Define BACKEND api
        DocumentRoot "/usr/local/apache2/htdocs"
        <IfModule mod_rewrite.c>
          RewriteRule . /index.html [L]
        </IfModule>
        <VirtualHost *:8080>
          ProxyPass "/api" \\
            "http://${BACKEND}:3000/"
          ProxyPass "/none" "!"
          <Location /sock>
            ProxyPass ws://live:8000
          </Location>
          Redirect permanent /old /new
        </VirtualHost>
        """
    found = with_httpd(tmp_path, conf)
    assert [listener.port for listener in found.listeners] == [8080]
    assert outbound(found) == [("http", "api:3000"), ("http", "live:8000")]
    assert [(route.path, route.evidence.line) for route in source(found).routes] == [
        ("/api", 8),
        ("/sock", 12),
        ("/", 14),
    ]
    assert len(facts(found, FactKind.WEBSOCKET)) == 1


def test_a_proxy_of_httpd_is_a_forwarder(tmp_path: Path) -> None:
    dockerfile = "FROM httpd\nCOPY httpd.conf conf/httpd.conf\n"
    found = with_httpd(tmp_path, "Listen 80\nProxyPass / http://app:8000/\n", Dockerfile=dockerfile)
    assert [fact.detail for fact in facts(found, FactKind.FORWARD)] == ["main"]


def test_httpd_never_includes_what_is_not_in_the_image(tmp_path: Path) -> None:
    (tmp_path / "evil.conf").write_text("Listen 6666\n")
    names = ("/etc/passwd", "../../../evil.conf", "/**/*.conf", "conf/httpd.conf", f"{tmp_path}/evil.conf")
    conf = "".join(f"Include {name}\n" for name in names) + "Listen 81\n"
    found = with_httpd(tmp_path / "repository", conf)
    assert [listener.port for listener in found.listeners] == [81]


def test_modules_of_httpd_that_make_pages(tmp_path: Path) -> None:
    conf = "LoadModule cgid_module modules/mod_cgid.so\nScriptAlias /cgi-bin/ /cgi/\nOptions +Includes\n"
    found = with_httpd(tmp_path, conf)
    assert source(found).interface == "httpd"
    assert len(facts(found, FactKind.SUBPROCESS)) == 1


@pytest.mark.parametrize("text", ["<A>", "</A>", "<A>\n</B>", "<A>\n" * 99])
def test_what_httpd_refuses(text: str) -> None:
    with pytest.raises(ConfigError):
        httpd.parse(text, "/f")


# --- Caddy -----------------------------------------------------------------------------------


def with_caddy(root: Path, caddyfile: str, dockerfile: str = "", **env: str) -> Service:
    variables = "".join(f"ENV {name}={value}\n" for name, value in env.items())
    dockerfile = dockerfile or "COPY html /srv\nCOPY Caddyfile /etc/caddy/Caddyfile\n"
    return only(
        root, {"Dockerfile": f"FROM caddy:2\n{variables}{dockerfile}", "Caddyfile": caddyfile, **PAGE}
    )


def test_a_caddyfile_with_files_and_an_api(tmp_path: Path) -> None:
    caddyfile = """\
        {
          admin off
        }
        (logs) {
          log
          header X-A b
        }
        :{$PORT:8080} {
          import logs
          root * /srv
          @api path /api/*
          reverse_proxy @api {$BACKEND}:3000 spare:3001
          handle_path /more/* {
            reverse_proxy {
              to https://more.example.com
            }
          }
          redir /old /new 301
          try_files {path} /index.html
          file_server # all else
        }
        """
    found = with_caddy(tmp_path, caddyfile, BACKEND="api")
    read = source(found)
    assert (read.server, read.interface, read.entry, found.port) == ("caddy", "static", "/srv", 8080)
    assert outbound(found) == [
        ("http", "api:3000"),
        ("http", "spare:3001"),
        ("https", "more.example.com:443"),
    ]
    assert [route.path for route in read.routes] == ["/api/", "/more/", "/old"]
    assert str(facts(found, FactKind.OUTBOUND)[0].evidence[0]) == "Caddyfile:12"


@pytest.mark.parametrize(
    ("caddyfile", "port"),
    [
        (":80\nfile_server\n", 80),
        ("example.com\nroot * /srv\nfile_server\n", 443),
        ("http://localhost:81 {\nfile_server\n}\n", 81),
        ("a.example:82,\nb.example:82 {\nfile_server\n}\n", 82),
    ],
)
def test_addresses_of_a_caddyfile(tmp_path: Path, caddyfile: str, port: int) -> None:
    assert with_caddy(tmp_path, caddyfile).port == port


def test_a_proxy_of_caddy_is_a_forwarder(tmp_path: Path) -> None:
    found = with_caddy(tmp_path, ":80 {\nreverse_proxy app:8000\n}\n", "COPY Caddyfile /etc/caddy/\n")
    assert [(fact.subject, fact.detail) for fact in facts(found, FactKind.FORWARD)] == [("app:8000", "main")]


def test_commands_of_caddy(tmp_path: Path) -> None:
    files = 'COPY html /www\nCMD ["caddy", "file-server", "--root", "/www", "--listen", ":81"]\n'
    served = with_caddy(tmp_path / "a", "", files)
    assert (source(served).entry, served.port) == ("/www", 81)
    proxy = with_caddy(
        tmp_path / "b", "", 'CMD ["caddy", "reverse-proxy", "--from", ":82", "--to", "app:1"]\n'
    )
    assert (outbound(proxy), proxy.port) == ([("http", "app:1")], 82)


def test_templates_and_php_of_caddy_are_no_files(tmp_path: Path) -> None:
    found = with_caddy(tmp_path, ":80 {\ntemplates\nphp_fastcgi php:9000\nfile_server\n}\n")
    assert source(found).interface == "caddy"
    assert outbound(found) == [("fastcgi", "php:9000")]


@pytest.mark.parametrize("text", ["a {", "}", '"x', "a <<E\nb", "{\n" * 99])
def test_what_caddy_refuses(text: str) -> None:
    with pytest.raises(ConfigError):
        caddy.parse(text, "/f")


# --- small servers ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "server", "root", "port"),
    [
        (
            'FROM node:24\nRUN npm i -g serve\nCOPY html /s\nCMD ["serve", "-s", "/s", "-l", "5000"]',
            "serve",
            "/s",
            5000,
        ),
        ('FROM node:24\nWORKDIR /a\nCOPY html /a\nCMD ["npx", "serve"]', "serve", "/a", 3000),
        (
            'FROM node:24\nWORKDIR /a\nCOPY html public\nCMD ["http-server", "-p", "81"]',
            "http-server",
            "/a/public",
            81,
        ),
        ('FROM node:24\nWORKDIR /a\nCOPY html .\nCMD ["http-server"]', "http-server", "/a", 8080),
        ("FROM joseluisq/static-web-server:2\nCOPY html /public", "static-web-server", "/public", 80),
        (
            "FROM joseluisq/static-web-server:2-alpine\nENV SERVER_ROOT=/w SERVER_PORT=82\nCOPY html /w",
            "static-web-server",
            "/w",
            82,
        ),
        ("FROM halverneus/static-file-server\nCOPY html /web", "static-file-server", "/web", 8080),
        ("FROM pierrezemb/gostatic\nCOPY html /srv/http", "goStatic", "/srv/http", 8043),
        (
            'FROM busybox\nCOPY html /w\nCMD ["busybox", "httpd", "-f", "-p", "81", "-h", "/w"]',
            "busybox-httpd",
            "/w",
            81,
        ),
        ('FROM busybox\nWORKDIR /w\nCOPY html .\nCMD ["httpd", "-f", "-v"]', "busybox-httpd", "/w", 80),
        (
            'FROM umputun/reproxy\nCOPY html /s\nENTRYPOINT ["/srv/reproxy", "--assets.location=/s"]',
            "reproxy",
            "/s",
            8080,
        ),
    ],
)
def test_small_servers(tmp_path: Path, lines: str, server: str, root: str, port: int) -> None:
    found = only(tmp_path, {"Dockerfile": f"{lines}\n", **PAGE})
    read = source(found)
    assert (read.language, read.server, read.entry, found.port) == ("static", server, root, port)
    assert read.files == ("html/index.html",)


def test_lighttpd(tmp_path: Path) -> None:
    conf = """\
        var.base = "/www"
        server.document-root = var.base + "/site" # comment
        server.port = 8080
        proxy.server = ( "/api" => (( "host" => "api", "port" => 3000 )) )
        """
    dockerfile = """\
        FROM alpine
        RUN apk add lighttpd
        COPY html /www/site
        COPY l.conf /
        CMD ["lighttpd", "-D", "-f", "/l.conf"]
        """
    found = only(tmp_path, {"Dockerfile": dockerfile, "l.conf": conf, **PAGE})
    assert (source(found).entry, found.port) == ("/www/site", 8080)
    assert outbound(found) == [("http", "api:3000")]
    assert found.listeners[0].evidence is not None
    assert found.listeners[0].evidence.line == 3


def test_a_program_that_only_bears_such_a_name_is_its_own_language(tmp_path: Path) -> None:
    dockerfile = """\
        FROM golang:1.25 AS build
        WORKDIR /s
        COPY . .
        RUN go build -o /serve .
        FROM scratch
        COPY --from=build /serve /serve
        CMD ["/serve"]
        """
    files = {"Dockerfile": dockerfile, "go.mod": "module m\n", "main.go": "package main\nfunc main() {}\n"}
    assert only(tmp_path, files).language == "go"


def test_a_web_servers_image_that_runs_another_program_is_that_ones(tmp_path: Path) -> None:
    files = {"Dockerfile": 'FROM nginx\nCOPY . /app\nCMD ["node", "/app/server.js"]\n', "server.js": ""}
    assert only(tmp_path, files).language == "node"


def test_what_compose_mounts_into_a_public_image(tmp_path: Path) -> None:
    compose = """\
        services:
          proxy:
            image: nginx
            volumes: ["./p.conf:/etc/nginx/conf.d/default.conf"]
          api:
            image: acme/api
        """
    conf = "server { listen 81; location / { proxy_pass http://api:3000; } }"
    found = services(tmp_path, {"compose.yaml": compose, "p.conf": conf})["proxy"]
    assert found.language is None
    assert [(one.protocol, one.port) for one in found.listeners] == [(Inbound.HTTP, 81)]
    assert outbound(found) == [("http", "api:3000")]


# --- what made the files ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "line", "package", "generator"),
    [
        ("node:24", "npm ci && npm run build", '{"dependencies": {"vue": "3"}}', "vue"),
        (
            "node:24",
            "yarn build",
            '{"devDependencies": {"@docusaurus/core": "3", "react": "19"}}',
            "docusaurus",
        ),
        ("node:24", "npx ng build --prod", "{}", "angular"),
        ("node:24", "npm run build", '{"devDependencies": {"vite": "7"}}', "vite"),
        ("node:24", "npm run build", "[not json", None),
        ("hugomods/hugo", "hugo --minify", "", "hugo"),
        ("ruby:3", "bundle install && bundle exec jekyll build -d dist", "", "jekyll"),
        ("python:3", "pip install mkdocs && mkdocs build", "", "mkdocs"),
    ],
)
def test_generators(tmp_path: Path, base: str, line: str, package: str, generator: str | None) -> None:
    dockerfile = f"""\
        FROM {base} AS build
        WORKDIR /s
        COPY . .
        RUN {line}
        FROM nginx
        COPY --from=build /s/dist /usr/share/nginx/html
        """
    found = only(tmp_path, {"Dockerfile": dockerfile, "package.json": package})
    assert (source(found).framework, source(found).entry) == (generator, "/usr/share/nginx/html")


def test_files_that_are_made_before_the_build_are_named(tmp_path: Path) -> None:
    found = only(tmp_path, {"Dockerfile": "FROM nginx\nCOPY build /usr/share/nginx/html\n"})
    (unknown,) = [one for one in source(found).unknown if "not in the repository" in one.what]
    assert unknown.evidence == Evidence("Dockerfile", 2, "COPY build /usr/share/nginx/html")


# --- broken input ------------------------------------------------------------------------------------

PIECES = st.lists(
    st.sampled_from(
        ["<", ">", "</", "A", "{", "}", "\n", " ", '"', "`", "\\", "#", "import", "Include", "*", "root",
         "<<E\n", "reverse_proxy", "ProxyPass", "/", "http://", ":80", "@a", "(", ")", "handle", "${", "{$",
         "é", "Listen"]
    ),
    max_size=60,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(PIECES.map("".join) | st.text(max_size=200))
def test_no_text_breaks_the_parsers(text: str) -> None:
    for parse in (caddy.parse, httpd.parse):
        with contextlib.suppress(ConfigError):
            parse(text, "/f")


@settings(max_examples=60, deadline=None)
@given(text=PIECES.map(" ".join), data=st.binary(max_size=50))
def test_no_configuration_breaks_the_readers(
    text: str, data: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("site")
    files: dict[str, str | bytes] = {
        "caddy.Dockerfile": "FROM caddy\nCOPY a /etc/caddy/Caddyfile\n",
        "httpd.Dockerfile": "FROM httpd\nCOPY a conf/httpd.conf\n",
        "lighttpd.Dockerfile": 'FROM alpine\nCOPY a /a\nCMD ["lighttpd", "-f", "/a"]\n',
        "nginx.Dockerfile": "FROM nginx\nCOPY b /etc/nginx/nginx.conf\n",
        "a": text,
        "b": data,
    }
    assert {one.language for one in services(root, files).values()} == {"static"}

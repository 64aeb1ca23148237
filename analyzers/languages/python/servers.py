"""Command lines of Python servers: which application they serve, and where they listen.

Options are those of the servers' own documentation: gunicorn 23, uvicorn 0.3x, hypercorn 0.17,
waitress 3, uWSGI 2, Flask 3, Django 5, daphne 4, granian 2, FastAPI's CLI 0.0.x.
"""

from __future__ import annotations

import configparser
import posixpath
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from analyzers.command import program
from analyzers.guest import Guest
from analyzers.languages.python import console_scripts


@dataclass(frozen=True, slots=True)
class Launch:
    """What a command line says. `target` is the application as written (`a.b:app`,
    `a:create_app("x")`); `script` a guest path; `port` None where the command line is silent.

    `default_port` is what the server takes when nothing else says it; `development` that it is made
    for developers; `worker` that it serves no requests (celery and the like).
    """

    server: str
    target: str | None = None
    script: str | None = None
    module: str | None = None  # of `python -m`, or of a console script
    function: str | None = None  # of the module, where a console script calls it
    arguments: tuple[str, ...] = ()
    interface: str | None = None
    factory: bool = False
    host: str | None = None
    port: int | None = None
    default_port: int | None = None
    chdir: str | None = None
    search: tuple[str, ...] = ()
    config: str | None = None  # guest path of a Python configuration file
    worker_class: str | None = None
    development: bool = False
    worker: bool = False
    notes: tuple[str, ...] = ()
    http: bool = True


def _flags(text: str) -> frozenset[str]:
    """Names of options that take no value."""
    return frozenset(text.split())


_PYTHON = re.compile(r"(?:python|pypy)(?:\d(?:\.\d+)?)?(?:t|d)?")
_WORKERS = frozenset(
    {"celery", "rq", "rqworker", "dramatiq", "huey_consumer", "huey_consumer.py", "arq", "taskiq", "airflow"}
    | {"prefect", "dagster-daemon", "alembic", "faust", "procrastinate", "saq"}
)


def parse(argv: Sequence[str], env: Mapping[str, str], workdir: str, guest: Guest) -> Launch | None:
    """The launch that a resolved command line makes; None where it starts nothing of Python."""
    if not argv:
        return None
    name, arguments = program(argv[0]), list(argv[1:])
    if _PYTHON.fullmatch(name):
        return _python(arguments, env, workdir, guest)
    if name in _WORKERS:
        return Launch(name, arguments=tuple(arguments), worker=True, http=False)
    reader = _READERS.get(name)
    if reader is not None:
        return reader(_Line(arguments, env, workdir, guest))
    if name == "manage.py" or (name.endswith(".py") and guest.find_program(argv[0], workdir)):
        return _script(argv[0], arguments, env, workdir, guest)
    return _installed(argv[0], arguments, env, workdir, guest)


def of_server(argv: Sequence[str], env: Mapping[str, str], workdir: str, guest: Guest) -> Launch | None:
    """The launch of a command that names a server of Python itself."""
    reader = _READERS.get(program(argv[0]))
    found = reader(_Line(list(argv[1:]), env, workdir, guest)) if reader is not None else None
    return found if found is not None and not found.worker else None


def _installed(
    written: str, arguments: list[str], env: Mapping[str, str], workdir: str, guest: Guest
) -> Launch | None:
    """A program that one of the image's own packages installs, or a file whose first line names Python."""
    path = guest.find_program(written, workdir)
    if path is not None:
        is_python = console_scripts.is_python(guest.text(path) or "")
        return _script(path, arguments, env, workdir, guest) if is_python else None
    found = console_scripts.find(posixpath.basename(written), guest)
    if found is None:
        return None
    if found.path is not None:
        return replace(_script(found.path, arguments, env, workdir, guest), search=found.search)
    return Launch(
        "python",
        module=found.module,
        function=found.function,
        arguments=tuple(arguments),
        search=found.search,
    )


@dataclass(slots=True)
class _Line:
    arguments: list[str]
    env: Mapping[str, str]
    workdir: str
    guest: Guest


@dataclass(slots=True)
class _Options:
    """A parsed command line: options by name (every value given), and what is left."""

    values: dict[str, list[str]] = field(default_factory=dict)
    rest: list[str] = field(default_factory=list)

    def last(self, *names: str) -> str | None:
        found = [value for name in names for value in self.values.get(name, [])]
        return found[-1] if found else None

    def has(self, *names: str) -> bool:
        return any(name in self.values for name in names)


def _parse(arguments: Sequence[str], flags: frozenset[str]) -> _Options:
    """Split options from the rest. Every long option takes a value unless it is a flag or has `=`."""
    options = _Options()
    words = list(arguments)
    while words:
        word = words.pop(0)
        if word == "--":
            options.rest += words
            break
        if not word.startswith("-") or word == "-":
            options.rest.append(word)
        elif word.startswith("--"):
            name, equals, value = word.partition("=")
            if equals:
                options.values.setdefault(name, []).append(value)
            elif name in flags or name.startswith("--no-") or not words:
                options.values.setdefault(name, [])
            else:
                options.values.setdefault(name, []).append(words.pop(0))
        else:
            short, attached = word[:2], word[2:].removeprefix("=")
            if short in flags:
                options.values.setdefault(short, [])
                if attached:
                    words.insert(0, "-" + attached)
            elif attached:
                options.values.setdefault(short, []).append(attached)
            else:
                options.values.setdefault(short, []).extend([words.pop(0)] if words else [])
    return options


def address(text: str | None) -> tuple[str | None, int | None]:
    """Host and port of `0.0.0.0:80`, `:80`, `[::]:80`, `*:80`, `tcp://h:80`; ports alone too."""
    if not text:
        return None, None
    text = text.removeprefix("tcp://").removeprefix("http://")
    if text.isascii() and text.isdigit():
        return None, port(text)
    host, colon, number = text.rpartition(":")
    if not colon or host.startswith(("unix", "fd")):
        return (text or None), None
    return host or None, port(number)


def port(text: str | None) -> int | None:
    """A port number, None where it is none."""
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 5:
        return None
    return int(text) if 0 < int(text) < 65536 else None


def _folder(line: _Line, text: str | None) -> str | None:
    return posixpath.normpath(posixpath.join(line.workdir, text)) if text else None


# --- python -----------------------------------------------------------------------------------


def _python(arguments: list[str], env: Mapping[str, str], workdir: str, guest: Guest) -> Launch | None:
    words = list(arguments)
    while words and words[0].startswith("-"):
        word = words.pop(0)
        if word.startswith("-m"):
            module = word[2:] or (words.pop(0) if words else "")
            return _module(module, words, env, workdir, guest)
        if word.startswith("-c") or word == "-":
            return Launch("python", arguments=("-c", *words), http=False, notes=("inline",))
        if word in ("-X", "-W", "--check-hash-based-pycs") and words:
            words.pop(0)
        elif re.fullmatch(r"-[A-Za-z]*[mc]", word):  # -um: flags run together
            if word.endswith("c"):
                return Launch("python", arguments=("-c", *words), http=False, notes=("inline",))
            module = words.pop(0) if words else ""
            return _module(module, words, env, workdir, guest)
    if not words:
        return None
    return _script(words[0], words[1:], env, workdir, guest)


def _module(
    module: str, arguments: list[str], env: Mapping[str, str], workdir: str, guest: Guest
) -> Launch | None:
    name = {"waitress": "waitress-serve", "django": "django-admin"}.get(module, module)
    if name in _READERS or name in _WORKERS:
        return parse([name, *arguments], env, workdir, guest)
    if module == "http.server":
        options = _parse(arguments, frozenset({"--cgi"}))
        number = port(options.rest[0]) if options.rest else None
        return Launch("http.server", module=module, port=number, default_port=8000, interface="http.server")
    if module in ("coverage", "debugpy", "cProfile", "trace", "pdb"):
        rest = arguments[1:] if arguments[:1] == ["run"] else arguments
        while rest and rest[0].startswith("-") and rest[0] != "-m":
            rest = rest[2:] if rest[0] in ("--listen", "-o", "-s", "--source") else rest[1:]
        return _python(list(rest), env, workdir, guest)
    if re.match(r"^(?:manage|[\w.]+\.manage)$", module):
        return replace(_manage(_Line(arguments, env, workdir, guest)), module=module)
    return Launch("python", module=module or None, arguments=tuple(arguments))


def _script(
    name: str, arguments: Sequence[str], env: Mapping[str, str], workdir: str, guest: Guest
) -> Launch:
    path = posixpath.normpath(posixpath.join(workdir, name))
    if f"{path}/__main__.py" in guest.files:
        path = f"{path}/__main__.py"
    base = posixpath.basename(path)
    if base == "manage.py":
        found = _manage(_Line(list(arguments), env, workdir, guest))
        return replace(found, script=path)
    # A server's console script started by its path: `python /usr/local/bin/gunicorn app:app`.
    if base in _READERS and path not in guest.files:
        found_ = _READERS[base](_Line(list(arguments), env, workdir, guest))
        if found_ is not None:
            return found_
    return Launch("python", script=path, arguments=tuple(arguments))


def _manage(line: _Line) -> Launch:
    options = _parse(line.arguments, _MANAGE_FLAGS)
    command = options.rest[0] if options.rest else ""
    settings = options.last("--settings")
    notes = (f"settings={settings}",) if settings else ()
    if command in ("runserver", "runserver_plus"):
        host, number = address(options.rest[1] if len(options.rest) > 1 else None)
        return Launch(
            "runserver",
            interface="wsgi",
            host=host,
            port=number,
            default_port=8000,
            development=True,
            notes=notes,
        )
    return Launch("manage.py", arguments=tuple(options.rest), worker=True, http=False, notes=notes)


_MANAGE_FLAGS = frozenset(
    {"--noreload", "--nothreading", "--insecure", "--ipv6", "-6", "--nostatic", "--no-color", "--traceback"}
    | {"--force-color", "--skip-checks", "--noinput", "--no-input", "--threaded", "--nopin", "--print-sql"}
)


# --- servers ----------------------------------------------------------------------------------

_GUNICORN_FLAGS = _flags(
    "--reload --spew --check-config --print-config --preload --no-sendfile -D --daemon --initgroups"
    " --capture-output --enable-stdio-inheritance -R --disable-redirect-access-to-syslog --reuse-port"
    " --proxy-protocol --suppress-ragged-eofs --do-handshake-on-connect --no-suppress-ragged-eofs"
    " --strip-header-spaces --permit-unconventional-http-method --permit-unconventional-http-version"
    " --permit-obsolete-folding --casefold-http-method --no-daemon -h --help -v --version"
    " --log-syslog --enable-backlog-metric --no-control-socket"
)


def _gunicorn(line: _Line) -> Launch:
    found = _parse(line.arguments, _GUNICORN_FLAGS)
    try:
        more = _parse(shlex.split(line.env.get("GUNICORN_CMD_ARGS", "")), _GUNICORN_FLAGS)
    except ValueError:
        more = _Options()

    def last(*names: str) -> str | None:
        return found.last(*names) or more.last(*names)

    def has(*names: str) -> bool:
        return found.has(*names) or more.has(*names)

    chdir = _folder(line, last("--chdir"))
    base = chdir or line.workdir
    config = last("-c", "--config")
    path = None
    notes: tuple[str, ...] = ()
    if config is None:
        default = posixpath.join(line.workdir, "gunicorn.conf.py")
        path = default if default in line.guest.files else None
    elif config.startswith("python:"):
        candidate = posixpath.join(base, config[7:].replace(".", "/"))
        path = next(
            (p for p in (f"{candidate}.py", f"{candidate}/__init__.py") if p in line.guest.files), None
        )
    else:
        path = posixpath.normpath(posixpath.join(line.workdir, config.removeprefix("file:")))
    if paste := last("--paste", "--paster"):
        notes = (f"paste={posixpath.normpath(posixpath.join(base, paste.partition('#')[0]))}",)
    host, number = address(last("-b", "--bind"))
    default_port = port(line.env.get("PORT")) or 8000
    return Launch(
        "gunicorn",
        target=found.rest[0] if found.rest else None,
        arguments=tuple(found.rest[1:]),
        interface="asgi" if "Uvicorn" in (last("-k", "--worker-class") or "") else "wsgi",
        host=host,
        port=number,
        default_port=default_port,
        chdir=chdir,
        search=tuple(
            posixpath.normpath(posixpath.join(base, p)) for p in (last("--pythonpath") or "").split(",") if p
        ),
        config=path,
        worker_class=last("-k", "--worker-class"),
        development=has("--reload"),
        notes=notes,
    )


_UVICORN_FLAGS = _flags(
    "--reload --factory --proxy-headers --no-proxy-headers --server-header --no-server-header --date-header"
    " --no-date-header --access-log --no-access-log --use-colors --no-use-colors --version --help"
    " --ws-per-message-deflate-off"
)


def _uvicorn(line: _Line) -> Launch:
    found = _parse(line.arguments, _UVICORN_FLAGS)
    env = {k: v for k, v in line.env.items() if k.startswith("UVICORN_")}
    folder = found.last("--app-dir") or env.get("UVICORN_APP_DIR") or ""
    interface = found.last("--interface") or env.get("UVICORN_INTERFACE") or ""
    return Launch(
        "uvicorn",
        target=found.rest[0] if found.rest else env.get("UVICORN_APP"),
        interface="wsgi" if interface == "wsgi" else "asgi",
        factory=found.has("--factory") or env.get("UVICORN_FACTORY", "").lower() in ("1", "true"),
        host=found.last("--host") or env.get("UVICORN_HOST"),
        port=port(found.last("--port") or env.get("UVICORN_PORT")),
        default_port=8000,
        search=(posixpath.normpath(posixpath.join(line.workdir, folder)),) if folder else (),
        development=found.has("--reload"),
    )


def _hypercorn(line: _Line) -> Launch:
    flags = frozenset({"--reload", "--debug", "-d", "--daemon", "-D", "--quic", "-h", "--help"})
    found = _parse(line.arguments, flags)
    host, number = address(found.last("-b", "--bind"))
    target = found.rest[0] if found.rest else None
    interface = "asgi"
    if target and target.startswith(("asgi:", "wsgi:")):
        interface, _, target = target.partition(":")
    config = found.last("-c", "--config") or ""
    path = None
    if config.startswith(("file:", "python:")):
        path = _folder(line, config.partition(":")[2])
    return Launch(
        "hypercorn",
        target=target,
        interface=interface,
        host=host,
        port=number,
        default_port=8000,
        config=path,
        development=found.has("--reload"),
    )


def _daphne(line: _Line) -> Launch:
    found = _parse(line.arguments, frozenset({"--proxy-headers", "--no-server-name"}))
    return Launch(
        "daphne",
        target=found.rest[0] if found.rest else None,
        interface="asgi",
        host=found.last("-b", "--bind"),
        port=port(found.last("-p", "--port")),
        default_port=8000,
    )


def _granian(line: _Line) -> Launch:
    flags = frozenset(
        {
            "--factory",
            "--reload",
            "--no-ws",
            "--ws",
            "--access-log",
            "--no-access-log",
            "--respawn-failed-workers",
        }
    )
    found = _parse(line.arguments, flags)
    interface = found.last("--interface") or "rsgi"
    return Launch(
        "granian",
        target=found.rest[0] if found.rest else None,
        interface={"wsgi": "wsgi"}.get(interface, "asgi"),
        factory=found.has("--factory"),
        host=found.last("--host") or line.env.get("GRANIAN_HOST"),
        port=port(found.last("--port") or line.env.get("GRANIAN_PORT")),
        default_port=8000,
        development=found.has("--reload"),
    )


def _waitress(line: _Line) -> Launch:
    flags = _flags(
        "--call --expose-tracebacks --no-expose-tracebacks --ipv4 --no-ipv4 --ipv6 --no-ipv6 --use-poll"
        " --no-use-poll --log-untrusted-proxy-headers --no-log-untrusted-proxy-headers"
        " --clear-untrusted-proxy-headers --no-clear-untrusted-proxy-headers --help"
    )
    found = _parse(line.arguments, flags)
    host, number = address(found.last("--listen"))
    return Launch(
        "waitress",
        target=found.last("--app") or (found.rest[0] if found.rest else None),
        interface="wsgi",
        factory=found.has("--call"),
        host=found.last("--host") or host,
        port=port(found.last("--port")) or number,
        default_port=8080,
    )


_UWSGI_FLAGS = _flags(
    "--master --vacuum --die-on-term --enable-threads --single-interpreter --need-app --lazy-apps --lazy"
    " --thunder-lock --http-keepalive --strict --no-orphans --disable-logging --manage-script-name --no-site"
    " --ignore-sigpipe --ignore-write-errors --disable-write-exception --auto-procname --memory-report"
    " --http-auto-chunked --http-chunked-input --py-call-osafterfork --so-keepalive -M --threads-stacksize"
)


def _uwsgi(line: _Line) -> Launch:
    found = _parse([w for w in line.arguments if not w.endswith(".ini")], _UWSGI_FLAGS)
    values = {name.lstrip("-"): given[-1] if given else "true" for name, given in found.values.items()}
    names = [w for w in line.arguments if w.endswith(".ini")] + [v for k, v in values.items() if k == "ini"]
    for name in names:
        text = line.guest.text(posixpath.join(line.workdir, name.removeprefix("--ini=")))
        values = _uwsgi_ini(text or "") | values
    values |= {_UWSGI_SHORT[k]: v for k, v in values.items() if k in _UWSGI_SHORT}
    for name, value in line.env.items():
        if name.startswith("UWSGI_"):
            values.setdefault(name[6:].lower().replace("_", "-"), value)
    http = values.get("http") or values.get("http-socket") or values.get("https")
    listen = http or values.get("socket")
    spoken = http is not None or listen is None or values.get("protocol") in ("http", "https")
    host, number = address((listen or "").partition(",")[0])
    target = values.get("module") or values.get("mount", "").partition("=")[2] or None
    script = _folder(line, values.get("wsgi-file") or values.get("file"))
    if target and target.endswith(".py"):
        script, target = _folder(line, target), None
    if target and ":" not in target and values.get("callable"):
        target = f"{target}:{values['callable']}"
    search = values.get("pythonpath") or values.get("python-path") or values.get("pp") or ""
    chdir = _folder(line, values.get("chdir") or values.get("chdir2"))
    return Launch(
        "uwsgi",
        target=target,
        script=script,
        arguments=(values["callable"],) if script and "callable" in values else (),
        interface="wsgi",
        host=host,
        port=number,
        chdir=chdir,
        search=(posixpath.normpath(posixpath.join(chdir or line.workdir, search)),) if search else (),
        http=spoken,
        notes=(*(() if spoken else ("uwsgi-protocol",)), *_uwsgi_programs(values)),
    )


def _uwsgi_programs(values: Mapping[str, str]) -> tuple[str, ...]:
    """The programs that uWSGI starts beside the application: daemons, and hooks that run a command."""
    commands = [v for k, v in values.items() if k.endswith("attach-daemon") or k.startswith("exec-")]
    hooks = (v for k, v in values.items() if k.startswith("hook-"))
    commands += [v.removeprefix("exec:") for v in hooks if v.startswith("exec:")]
    return tuple(f"starts={command}" for command in commands)


_UWSGI_SHORT = {"w": "module", "s": "socket", "p": "processes"}


def _uwsgi_ini(text: str) -> dict[str, str]:
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True, interpolation=None)
    try:
        parser.read_string(text)
    except configparser.Error:
        return {}
    if not parser.has_section("uwsgi"):
        return {}
    return {name: value or "true" for name, value in parser.items("uwsgi")}


def _twistd(line: _Line) -> Launch | None:
    """`twistd [options] plugin [options]`, `twistd -y file.tac`, `twistd web --wsgi package.app`."""
    words = list(line.arguments)
    while words and words[0].startswith("-"):
        word = words.pop(0)
        name, equals, value = word.partition("=")
        if name in ("-y", "--python") or re.match(r"-[a-z]*y$", word):
            file = value if equals else words[0] if words else ""
            return replace(_script(file, (), line.env, line.workdir, line.guest), interface=None)
        if name in _TWISTD_VALUED and not equals and words:
            words.pop(0)
    plugin = words[0] if words else ""
    if plugin == "web":
        found = _parse(words[1:], _flags("-n --notracebacks --personal -m --display-tracebacks"))
        target = found.last("--wsgi")
        if target is not None:
            name, _, attribute = target.rpartition(".")
            target = f"{name}:{attribute}"
            number = port((found.last("-p", "--port", "--listen", "--http") or "").removeprefix("tcp:"))
            return Launch("twistd", target=target, interface="wsgi", port=number, default_port=8080)
    module = console_scripts.plugin(plugin, line.guest)
    return Launch("python", module=module, arguments=tuple(words[1:])) if module else None


_TWISTD_VALUED = _flags(
    "-l --logfile -r --reactor -u --uid -g --gid --umask -p --profile --profiler -d --rundir --chroot"
    " --pidfile --prefix -f --file -s --source --logger -e --encrypted"
)


def _flask(line: _Line) -> Launch | None:
    env = dict(line.env)
    for name in (".flaskenv", ".env"):
        for match in re.finditer(
            r"^\s*(?:export\s+)?(FLASK_\w+)\s*=\s*['\"]?([^'\"\s#]*)",
            line.guest.text(posixpath.join(line.workdir, name)) or "",
            re.MULTILINE,
        ):
            env.setdefault(match[1], match[2])
    found = _parse(line.arguments, _FLASK_FLAGS)
    target = found.last("-A", "--app") or env.get("FLASK_APP") or None
    if "run" not in found.rest:
        return Launch("flask", target=target, arguments=tuple(found.rest), worker=True, http=False)
    return Launch(
        "flask",
        target=target,
        interface="wsgi",
        host=found.last("-h", "--host") or env.get("FLASK_RUN_HOST"),
        port=port(found.last("-p", "--port") or env.get("FLASK_RUN_PORT")),
        default_port=5000,
        development=True,
    )


_FLASK_FLAGS = _flags(
    "--debug --no-debug --reload --no-reload --debugger --no-debugger --with-threads --without-threads"
    " --help --version"
)


def _fastapi(line: _Line) -> Launch | None:
    found = _parse(line.arguments, _flags("--reload --no-reload --proxy-headers --no-proxy-headers"))
    if not found.rest or found.rest[0] not in ("run", "dev"):
        return None
    return Launch(
        "fastapi",
        script=_folder(line, found.rest[1]) if len(found.rest) > 1 else None,
        arguments=(found.last("--app") or "",),
        interface="asgi",
        host=found.last("--host"),
        port=port(found.last("--port")),
        default_port=8000,
        development=found.rest[0] == "dev",
    )


_READERS: Mapping[str, Callable[[_Line], Launch | None]] = {
    "gunicorn": _gunicorn,
    "uvicorn": _uvicorn,
    "hypercorn": _hypercorn,
    "daphne": _daphne,
    "granian": _granian,
    "waitress-serve": _waitress,
    "uwsgi": _uwsgi,
    "flask": _flask,
    "fastapi": _fastapi,
    "django-admin": _manage,
    "twistd": _twistd,
}

"""The application object behind a launch: its name, its place, its framework and how it is called."""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from analyzers.languages.python.modules import Definition, Module, Program, origin, top_level
from analyzers.languages.python.servers import Launch, address
from analyzers.languages.python.values import UnknownValueError, Value, evaluate
from analyzers.model import Evidence, Unknown

_FOLLOW = 10

# Constructor -> framework and interface. Versions do not matter: these names are stable.
FRAMEWORKS: dict[str, tuple[str, str | None]] = {
    "flask.Flask": ("flask", "wsgi"),
    "flask.app.Flask": ("flask", "wsgi"),
    "apiflask.APIFlask": ("flask", "wsgi"),
    "flask_openapi3.OpenAPI": ("flask", "wsgi"),
    "flask_appbuilder.Flask": ("flask", "wsgi"),
    "fastapi.FastAPI": ("fastapi", "asgi"),
    "fastapi.applications.FastAPI": ("fastapi", "asgi"),
    "starlette.applications.Starlette": ("starlette", "asgi"),
    "django.core.wsgi.get_wsgi_application": ("django", "wsgi"),
    "django.core.asgi.get_asgi_application": ("django", "asgi"),
    "channels.routing.ProtocolTypeRouter": ("django", "asgi"),
    "bottle.Bottle": ("bottle", "wsgi"),
    "bottle.default_app": ("bottle", "wsgi"),
    "bottle.app": ("bottle", "wsgi"),
    "falcon.App": ("falcon", "wsgi"),
    "falcon.API": ("falcon", "wsgi"),
    "falcon.asgi.App": ("falcon", "asgi"),
    "quart.Quart": ("quart", "asgi"),
    "sanic.Sanic": ("sanic", "asgi"),
    "litestar.Litestar": ("litestar", "asgi"),
    "starlite.Starlite": ("starlite", "asgi"),
    "blacksheep.Application": ("blacksheep", "asgi"),
    "aiohttp.web.Application": ("aiohttp", None),
    "tornado.web.Application": ("tornado", None),
    "dash.Dash": ("dash", "wsgi"),
    "connexion.FlaskApp": ("connexion", "wsgi"),
    "connexion.AsyncApp": ("connexion", "asgi"),
    "hug.API": ("hug", "wsgi"),
    "pyramid.config.Configurator": ("pyramid", "wsgi"),
    "web.application": ("web.py", "wsgi"),
    "cherrypy.Application": ("cherrypy", "wsgi"),
    "robyn.Robyn": ("robyn", None),
}
_HANDLERS = ("http.server.BaseHTTPRequestHandler", "http.server.SimpleHTTPRequestHandler")


@dataclass(frozen=True, slots=True)
class Entry:
    """What serves. `text` is "module:attr" or "module:factory()"; `factory` the function's node then.

    `launch` is the command's launch, completed by what the script says (server, port).
    """

    launch: Launch
    module: Module | None = None
    text: str | None = None
    evidence: Evidence | None = None
    framework: str | None = None
    interface: str | None = None
    factory: Definition | None = None
    main_script: bool = False  # the script's `if __name__ == "__main__"` is what runs
    unknown: tuple[Unknown, ...] = ()
    settings: str | None = None  # Django's settings module


def find(program: Program, launch: Launch) -> Entry:
    """The entry of a launch. Where it cannot be told, `text` is None and `unknown` says what settles it."""
    if launch.config:
        launch = _configured(program, launch)
    if launch.worker or "inline" in launch.notes:
        return Entry(launch, module=_worker_module(program, launch))
    if launch.server == "http.server" and launch.module:
        return Entry(launch, framework="http.server", interface="http.server")
    if launch.server == "runserver":
        return _runserver(program, launch)
    if launch.server == "flask":
        return _flask_run(program, launch)
    if launch.server == "fastapi":
        return _fastapi_run(program, launch)
    if launch.server == "python":
        return _script(program, launch)
    if launch.target is None and launch.script is None:
        return _lost(launch, f"the application that {launch.server} serves")
    return _target(program, launch)


def _lost(launch: Launch, what: str, module: Module | None = None) -> Entry:
    hint = Unknown(what, "name it in the start command, as in `gunicorn package.module:application`")
    return Entry(launch, module=module, unknown=(hint,))


def _why_not(program: Program, where: str) -> str:
    """Why a module or script could not be loaded."""
    place = program.locate(where)
    path = program.guest.files.get(place[0] if place else where)
    if path in program.unparsed:
        return f"{path} {program.unparsed[path]}"
    return "no file of the image has that name"


def _worker_module(program: Program, launch: Launch) -> Module | None:
    """The application's module of a worker's command line (`celery -A shop.tasks worker`)."""
    words = list(launch.arguments)
    for i, word in enumerate(words):
        if word in ("-A", "--app") and i + 1 < len(words):
            return program.load(words[i + 1].partition(":")[0]) or program.load(
                words[i + 1].rpartition(".")[0]
            )
        if word.startswith("--app="):
            return program.load(word[6:].partition(":")[0])
    if launch.script:
        return program.load_file(launch.script)
    return next((found for word in words if (found := program.load(word.partition(":")[0]))), None)


def _configured(program: Program, launch: Launch) -> Launch:
    """Complete a launch by gunicorn's or hypercorn's Python configuration file; the command line wins."""
    module = program.load_file(launch.config or "")
    if module is None:
        return launch

    def setting(name: str) -> Value:
        found = program.lookup(module, name)
        try:
            return evaluate(program, found.module, found.value) if found and found.value else None
        except UnknownValueError:
            return None

    bind = setting("bind")
    bind = bind[0] if isinstance(bind, tuple) and bind else bind
    chdir, target, worker = setting("chdir"), setting("wsgi_app"), setting("worker_class")
    folder = launch.chdir
    if folder is None and isinstance(chdir, str):
        folder = posixpath.normpath(posixpath.join(posixpath.dirname(launch.config or "/"), chdir))
    if launch.port is None and launch.host is None and isinstance(bind, str):
        host, port = address(bind)
        launch = replace(launch, host=host, port=port)
    if launch.worker_class is None and isinstance(worker, str):
        interface = "asgi" if "vicorn" in worker else launch.interface
        launch = replace(launch, worker_class=worker, interface=interface)
    if launch.target is None and isinstance(target, str):
        launch = replace(launch, target=target)
    return replace(launch, chdir=folder)


# --- `module:attribute` -----------------------------------------------------------------------

_CALL = re.compile(r"([A-Za-z_][\w.]*)\s*(\(.*\))?", re.DOTALL)


def _target(program: Program, launch: Launch) -> Entry:
    if launch.script is not None:
        module = program.load_file(launch.script)
        attribute = launch.arguments[0] if launch.arguments and launch.arguments[0] else "application"
        where = launch.script
    else:
        name, _, attribute = (launch.target or "").partition(":")
        name = name.removesuffix(".py").replace("/", ".").lstrip(".")
        module = program.load(name)
        where = name
        default = "app" if launch.server in ("uvicorn", "hypercorn", "daphne", "granian") else "application"
        attribute = attribute or default
        if not attribute.isidentifier() and launch.server == "waitress" and not _CALL.fullmatch(attribute):
            attribute = "application"
    if module is None:
        why = _why_not(program, where)
        return _lost(launch, f"the module {where} that {launch.server} serves: {why}")
    return _named(program, launch, module, attribute)


def _named(program: Program, launch: Launch, module: Module, attribute: str) -> Entry:
    match = _CALL.fullmatch(attribute.strip())
    if match is None:
        return _lost(launch, f"the application {attribute!r} in {module.path}", module)
    first = match[1].partition(".")[0]
    definition = program.lookup(module, first)
    if definition is None and first not in module.names:
        return _lost(launch, f"the application {first!r}: {module.path} does not define it", module)
    call = match[2] or ("()" if launch.factory else "")
    text = f"{module.name}:{match[1]}{call}"
    if definition is None:
        return Entry(launch, module, text, None, interface=launch.interface)
    evidence = program.evidence(definition.module, definition.node.lineno)
    is_function = isinstance(definition.node, ast.FunctionDef | ast.AsyncFunctionDef)
    factory = definition if is_function and call else None
    framework, interface = _of_definition(program, definition, called=bool(call))
    return Entry(
        launch,
        module,
        text,
        evidence,
        framework,
        interface or launch.interface,
        factory,
        settings=_settings(program, module) if framework == "django" else None,
    )


def _of_definition(
    program: Program, found: Definition, *, called: bool, depth: int = 0
) -> tuple[str | None, str | None]:
    """Framework and interface of a defined name; of what it returns when it is `called`."""
    if depth > _FOLLOW:
        return None, None
    node = found.node
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        if called:
            return _returned(program, found.module, node, depth + 1)
        names = [a.arg for a in node.args.posonlyargs + node.args.args]
        if isinstance(node, ast.AsyncFunctionDef) and len(names) == 3:
            return None, "asgi"
        return None, "wsgi" if len(names) == 2 else None
    if isinstance(node, ast.ClassDef):
        return _of_class(program, found.module, node, depth) if called else (None, None)
    if found.value is not None:
        return of_expression(program, found.module, found.value, None, depth + 1)
    return None, None


def _of_class(
    program: Program, module: Module, node: ast.ClassDef, depth: int
) -> tuple[str | None, str | None]:
    for base in node.bases:
        name = origin(module, base) or ""
        if name in FRAMEWORKS:
            return FRAMEWORKS[name]
        found = program.definition(name) if "." in name else program.lookup(module, name)
        if found and isinstance(found.node, ast.ClassDef) and depth < _FOLLOW:
            result = _of_class(program, found.module, found.node, depth + 1)
            if result[0]:
                return result
    for item in node.body:
        if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef) and item.name == "__call__":
            return None, "asgi" if isinstance(item, ast.AsyncFunctionDef) else "wsgi"
    return None, None


def _returned(
    program: Program, module: Module, function: ast.FunctionDef | ast.AsyncFunctionDef, depth: int
) -> tuple[str | None, str | None]:
    for node in ast.walk(function):
        if isinstance(node, ast.Return) and node.value is not None:
            result = of_expression(program, module, node.value, function, depth + 1)
            if result[0]:
                return result
    return None, None


def of_expression(
    program: Program,
    module: Module,
    node: ast.expr,
    scope: ast.FunctionDef | ast.AsyncFunctionDef | None,
    depth: int = 0,
) -> tuple[str | None, str | None]:
    """Framework and interface of the object that an expression gives, middleware looked through."""
    if depth > _FOLLOW:
        return None, None
    if isinstance(node, ast.Name) and scope is not None:
        for inner in ast.walk(scope):
            if isinstance(inner, ast.Assign) and any(getattr(t, "id", "") == node.id for t in inner.targets):
                value: ast.expr = inner.value
            elif (
                isinstance(inner, ast.AnnAssign)
                and getattr(inner.target, "id", "") == node.id
                and inner.value
            ):
                value = inner.value
            else:
                continue
            if any(getattr(n, "id", "") == node.id for n in ast.walk(value)):
                continue  # app = ProxyFix(app)
            result = of_expression(program, module, value, scope, depth + 1)
            if result[0]:
                return result
    if isinstance(node, ast.Name) and scope is None and program.lookup(module, node.id) is None:
        for statement in top_level(module.tree, main=True):  # if __name__ == "__main__": app = create_app()
            if isinstance(statement, ast.Assign) and any(
                getattr(target, "id", "") == node.id for target in statement.targets
            ):
                return of_expression(program, module, statement.value, None, depth + 1)
    if isinstance(node, ast.Name | ast.Attribute):
        name = origin(module, node) or ""
        found = program.definition(name) if "." in name else program.lookup(module, name)
        if found is None and isinstance(node, ast.Attribute):  # app.server, app.wsgi_app
            return of_expression(program, module, node.value, scope, depth + 1)
        return _of_definition(program, found, called=False, depth=depth + 1) if found else (None, None)
    if isinstance(node, ast.Await):
        return of_expression(program, module, node.value, scope, depth + 1)
    if not isinstance(node, ast.Call):
        return None, None
    name = origin(module, node.func) or ""
    if name in FRAMEWORKS:
        return FRAMEWORKS[name]
    found = program.definition(name) if "." in name else program.lookup(module, name)
    if found is not None:
        result = _of_definition(program, found, called=True, depth=depth + 1)
        if result[0]:
            return result
    if isinstance(node.func, ast.Attribute):  # Configurator(...).make_wsgi_app()
        result = of_expression(program, module, node.func.value, scope, depth + 1)
        if result[0] and node.func.attr in ("make_wsgi_app", "app", "create_app", "build"):
            return result
    for argument in [*node.args, *(keyword.value for keyword in node.keywords)]:
        if isinstance(argument, ast.Name | ast.Attribute | ast.Call):
            result = of_expression(program, module, argument, scope, depth + 1)
            if result[0]:
                interface = "asgi" if "ASGI" in name or "Asgi" in name else result[1]
                return result[0], interface
    return None, None


# --- flask run, fastapi run ------------------------------------------------------------------------


def _flask_run(program: Program, launch: Launch) -> Entry:
    target = launch.target
    if target is None:
        for name in ("wsgi", "app"):  # the order of flask.cli
            module = program.load(name)
            if module is not None:
                return _best_flask(program, launch, module)
        return _lost(launch, "the application that `flask run` serves: there is no wsgi.py or app.py")
    path, _, attribute = target.partition(":")
    if path.endswith(".py") or "/" in path:
        path = path.removesuffix(".py")
        start = posixpath.join(launch.chdir or program.search[0], path)
        module = program.load_file(f"{start}.py") or program.load_file(f"{start}/__init__.py")
    else:
        module = program.load(path)
    if module is None:
        return _lost(launch, f"the module {path} that `flask run` serves: no file of the image has that name")
    if not attribute:
        return _best_flask(program, launch, module)
    definition = program.lookup(module, attribute.partition("(")[0].strip())
    is_function = definition is not None and isinstance(definition.node, ast.FunctionDef)
    if is_function and "(" not in attribute:
        attribute += "()"
    return _named(program, launch, module, attribute)


def _best_flask(program: Program, launch: Launch, module: Module) -> Entry:
    for name in ("app", "application"):
        found = program.lookup(module, name)
        if found is not None and _of_definition(program, found, called=False)[0]:
            return _named(program, launch, module, name)
    for node in top_level(module.tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            framework, _ = of_expression(program, module, node.value, None)
            if framework == "flask":
                return _named(program, launch, module, node.targets[0].id)
    for name in ("create_app", "make_app"):
        if program.lookup(module, name) is not None:
            return _named(program, launch, module, f"{name}()")
    return _lost(launch, f"the application that `flask run` serves in {module.path}", module)


def _fastapi_run(program: Program, launch: Launch) -> Entry:
    folder = program.search[0]
    names = [f"{folder}/{p}.py" for p in ("main", "app", "api", "app/main", "app/app", "app/api")]
    path = launch.script or next((p for p in names if p in program.guest.files), None)
    module = program.load_file(path) if path else None
    if module is None:
        return _lost(launch, "the file that `fastapi run` serves")
    given = launch.arguments[0] if launch.arguments else ""
    for name in (given,) if given else ("app", "api", *_assigned(module)):
        found = program.lookup(module, name)
        if found is not None and (given or _of_definition(program, found, called=False)[0]):
            return _named(program, launch, module, name)
    return _lost(launch, f"the application that `fastapi run` serves in {module.path}", module)


def _assigned(module: Module) -> Iterator[str]:
    for node in top_level(module.tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            yield node.targets[0].id


# --- Django ---------------------------------------------------------------------------------------


def _settings(program: Program, module: Module) -> str | None:
    """The settings module: the environment's, else the default that the module sets."""
    if given := program.env.get("DJANGO_SETTINGS_MODULE"):
        return given
    for node in (*module.outline.calls, *module.outline.assignments):
        match node:
            case ast.Call(func=ast.Attribute(attr="setdefault"), args=[ast.Constant(value=key), value_node]):
                if key != "DJANGO_SETTINGS_MODULE":
                    continue
            case ast.Assign(
                targets=[ast.Subscript(slice=ast.Constant(value="DJANGO_SETTINGS_MODULE"))], value=value_node
            ):
                pass
            case _:
                continue
        try:
            value = evaluate(program, module, value_node)
        except UnknownValueError:
            continue
        if isinstance(value, str):
            return value
    return None


def _runserver(program: Program, launch: Launch) -> Entry:
    manage = program.load_file(launch.script) if launch.script else program.load(launch.module or "manage")
    settings = next((n[9:] for n in launch.notes if n.startswith("settings=")), None)
    settings = settings or (
        _settings(program, manage) if manage else program.env.get("DJANGO_SETTINGS_MODULE")
    )
    if settings is None:
        what = "the application that `manage.py runserver` serves: DJANGO_SETTINGS_MODULE is not set"
        return _lost(launch, what, manage)
    module = program.load(settings)
    application: Value = None
    if (
        module is not None
        and (found := program.lookup(module, "WSGI_APPLICATION"))
        and found.value is not None
    ):
        try:
            application = evaluate(program, found.module, found.value)
        except UnknownValueError:
            application = None
    if not isinstance(application, str):
        application = settings.partition(".")[0] + ".wsgi.application"
    name, _, attribute = application.rpartition(".")
    wsgi = program.load(name)
    if wsgi is None:
        hint = Unknown("Django's WSGI application", "WSGI_APPLICATION in the settings, and a wsgi.py")
        return Entry(
            launch, module or manage, None, None, "django", "wsgi", settings=settings, unknown=(hint,)
        )
    return replace(
        _named(program, launch, wsgi, attribute), framework="django", interface="wsgi", settings=settings
    )


# --- python x.py -------------------------------------------------------------------------------------

# Call -> server, index of the positional argument (or keyword) that is the application, interface.
_SERVES: dict[str, tuple[str, int, str | None]] = {
    "uvicorn.run": ("uvicorn", 0, "asgi"),
    "uvicorn.Config": ("uvicorn", 0, "asgi"),
    "hypercorn.asyncio.serve": ("hypercorn", 0, "asgi"),
    "hypercorn.trio.serve": ("hypercorn", 0, "asgi"),
    "waitress.serve": ("waitress", 0, "wsgi"),
    "waitress.create_server": ("waitress", 0, "wsgi"),
    "bottle.run": ("bottle", 0, "wsgi"),
    "werkzeug.serving.run_simple": ("werkzeug", 2, "wsgi"),
    "werkzeug.run_simple": ("werkzeug", 2, "wsgi"),
    "wsgiref.simple_server.make_server": ("wsgiref", 2, "wsgi"),
    "gevent.pywsgi.WSGIServer": ("gevent", 1, "wsgi"),
    "gevent.wsgi.WSGIServer": ("gevent", 1, "wsgi"),
    "eventlet.wsgi.server": ("eventlet", 1, "wsgi"),
    "cheroot.wsgi.Server": ("cheroot", 1, "wsgi"),
    "paste.httpserver.serve": ("paste", 0, "wsgi"),
    "aiohttp.web.run_app": ("aiohttp", 0, None),
    "bjoern.run": ("bjoern", 0, "wsgi"),
    "meinheld.server.run": ("meinheld", 0, "wsgi"),
}
_HTTP_SERVERS = frozenset(
    {"http.server.HTTPServer", "http.server.ThreadingHTTPServer", "socketserver.TCPServer"}
    | {"socketserver.ThreadingTCPServer"}
)
_RUN_PORTS = {"flask": 5000, "quart": 5000, "bottle": 8080, "sanic": 8000, "dash": 8050, "connexion": 5000}


def _script(program: Program, launch: Launch) -> Entry:
    if launch.module is not None:
        place = program.locate(launch.module)
        name = f"{launch.module}.__main__" if place and place[1] else launch.module
        module = program.load(name)
    else:
        module = program.load_file(launch.script or "")
    if module is None:
        where = launch.module or launch.script or ""
        return _lost(launch, f"the program {where}: {_why_not(program, where)}")
    entry = _serving_call(program, launch, module, set())
    if entry is not None:
        return replace(entry, main_script=True)
    return Entry(launch, module, main_script=True)


def _serving_call(program: Program, launch: Launch, module: Module, seen: set[str]) -> Entry | None:
    """The call that starts a server, in this script or in an own function that it calls."""
    if module.name in seen or len(seen) > _FOLLOW:
        return None
    seen.add(module.name)
    calls: list[tuple[ast.Call, ast.FunctionDef | ast.AsyncFunctionDef | None]] = []
    for statement in top_level(module.tree, main=True):
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            calls += [(n, statement) for n in ast.walk(statement) if isinstance(n, ast.Call)]
        elif isinstance(statement, ast.ClassDef):
            for method in statement.body:
                if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef):
                    calls += [(n, method) for n in ast.walk(method) if isinstance(n, ast.Call)]
        elif not isinstance(statement, ast.If | ast.Try | ast.With | ast.For | ast.While):
            calls += [(n, None) for n in ast.walk(statement) if isinstance(n, ast.Call)]
        elif isinstance(statement, ast.With):
            calls += [(n, None) for i in statement.items for n in ast.walk(i) if isinstance(n, ast.Call)]
    for call, scope in calls:
        if (entry := _serves(program, launch, module, call, scope)) is not None:
            return entry
    for call, _ in calls:
        name = origin(module, call.func) or ""
        found = program.definition(name) if "." in name else None
        if found is not None and isinstance(found.node, ast.FunctionDef | ast.AsyncFunctionDef):
            entry = _serving_call(program, launch, found.module, seen)
            if entry is not None:
                return entry
    return None


def _serves(
    program: Program,
    launch: Launch,
    module: Module,
    call: ast.Call,
    scope: ast.FunctionDef | ast.AsyncFunctionDef | None,
) -> Entry | None:
    name = origin(module, call.func) or ""
    if name in _SERVES:
        server, index, interface = _SERVES[name]
        host, port = _bound_to(program, module, call)
        launch = replace(
            launch, server=server, interface=interface, host=host, port=port, default_port=8080
            if server in ("waitress", "aiohttp", "bottle") else 8000,
            development=server in ("werkzeug", "wsgiref") or _truth(call, "reload"),
            factory=_truth(call, "factory"),
        )  # fmt: skip
        argument = call.args[index] if len(call.args) > index else _keyword(call, "app", "application")
        if server == "bottle" and argument is None:
            evidence = program.evidence(module, call.lineno)
            return Entry(launch, module, f"{module.name}:default_app()", evidence, "bottle", "wsgi")
        return _served(program, launch, module, argument, scope, call)
    if name in _HTTP_SERVERS and len(call.args) > 1:
        handler = origin(module, call.args[1]) or ""
        found = program.definition(handler) if "." in handler else program.lookup(module, handler)
        if handler not in _HANDLERS and not (found and _is_handler(program, found)):
            return None
        _, port = _bound_to(program, module, call)
        launch = replace(launch, server="http.server", interface="http.server", port=port)
        at = (found.module, found.node.lineno) if found else (module, call.lineno)
        text = f"{module.name}:{handler}" if found and "." not in handler else None
        if found and text is None:
            text = f"{found.module.name}:{found.name}"
        return Entry(launch, module, text, program.evidence(*at), "http.server", "http.server")
    if isinstance(call.func, ast.Attribute) and call.func.attr in ("run", "run_server", "listen"):
        framework, interface = of_expression(program, module, call.func.value, scope)
        if framework is None:
            socket = call.args[0] if call.args else None
            if call.func.attr == "run" and socket is not None and isinstance(socket, ast.Name):
                framework, interface = of_expression(program, module, socket, scope)
                if framework == "flask":  # socketio.run(app)
                    host, port = _bound_to(program, module, call)
                    launch = replace(
                        launch, server="flask-socketio", interface=interface, host=host, port=port
                    )
                    return _served(program, replace(launch, default_port=5000), module, socket, scope, call)
            return None
        host, port = _bound_to(program, module, call)
        launch = replace(
            launch,
            server=framework,
            interface=interface,
            host=host,
            port=port,
            default_port=_RUN_PORTS.get(framework, 8000),
            development=framework in ("flask", "quart", "bottle", "dash", "connexion"),
        )
        return _served(program, launch, module, call.func.value, scope, call)
    return None


def _is_handler(program: Program, found: Definition, depth: int = 0) -> bool:
    if not isinstance(found.node, ast.ClassDef) or depth > _FOLLOW:
        return False
    for base in found.node.bases:
        name = origin(found.module, base) or ""
        if name in _HANDLERS:
            return True
        inner = program.definition(name) if "." in name else program.lookup(found.module, name)
        if inner is not None and _is_handler(program, inner, depth + 1):
            return True
    return False


def _served(
    program: Program,
    launch: Launch,
    module: Module,
    argument: ast.expr | None,
    scope: ast.FunctionDef | ast.AsyncFunctionDef | None,
    call: ast.Call,
) -> Entry:
    """The entry of the application that a serving call is given."""
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):  # uvicorn.run("main:app")
        name, _, attribute = argument.value.partition(":")
        target = program.load(name)
        if target is None:
            return _lost(launch, f"the module {name} that {launch.server} serves", module)
        return _named(program, launch, target, attribute or "app")
    if argument is None:
        return _lost(launch, f"the application that {launch.server} serves in {module.path}", module)
    framework, interface = of_expression(program, module, argument, scope)
    evidence = program.evidence(module, call.lineno)
    for candidate in _candidates(argument, scope, module):
        if isinstance(candidate, ast.Name):
            definition = program.lookup(module, candidate.id)
            if definition is not None:
                entry = _named(program, launch, module, candidate.id)
                return replace(
                    entry, framework=entry.framework or framework, interface=interface or entry.interface
                )
        if isinstance(candidate, ast.Call):
            name = origin(module, candidate.func) or ""
            found = program.definition(name) if "." in name else program.lookup(module, name)
            if (
                found is not None
                and isinstance(found.node, ast.FunctionDef)
                and not (candidate.args or candidate.keywords)
            ):
                entry = _named(program, launch, found.module, f"{found.name}()")
                return replace(
                    entry, framework=entry.framework or framework, interface=interface or entry.interface
                )
    hint = Unknown(
        f"the name under which {launch.server}'s application can be imported from {module.path}",
        "define it at the top level of a module, or in a function without arguments",
        evidence,
    )
    return Entry(launch, module, None, evidence, framework, interface or launch.interface, unknown=(hint,))


def _candidates(
    argument: ast.expr, scope: ast.FunctionDef | ast.AsyncFunctionDef | None, module: Module
) -> Iterator[ast.expr]:
    """The argument itself, then what a local name of the same spelling is assigned."""
    yield argument
    if not isinstance(argument, ast.Name):
        return
    bodies: list[ast.AST] = [scope] if scope is not None else []
    bodies += [node for node in top_level(module.tree, main=True) if isinstance(node, ast.Assign)]
    for body in bodies:
        for node in ast.walk(body):
            if isinstance(node, ast.Assign) and any(
                getattr(t, "id", "") == argument.id for t in node.targets
            ):
                yield node.value


def _keyword(call: ast.Call, *names: str) -> ast.expr | None:
    return next((k.value for name in names for k in call.keywords if k.arg == name), None)


def _truth(call: ast.Call, name: str) -> bool:
    value = _keyword(call, name)
    return isinstance(value, ast.Constant) and value.value is True


def _bound_to(program: Program, module: Module, call: ast.Call) -> tuple[str | None, int | None]:
    """Host and port of a serving call: keywords, `("", 80)`, `"0.0.0.0", 80`, `listen="*:80"`."""

    def value(node: ast.expr | None) -> Value:
        try:
            return evaluate(program, module, node) if node is not None else None
        except UnknownValueError:
            return None

    host, port = value(_keyword(call, "host")), value(_keyword(call, "port"))
    listen = value(_keyword(call, "listen", "bind"))
    if isinstance(listen, str):
        found = address(listen)
        host, port = host or found[0], port or found[1]
    for argument in call.args:
        if isinstance(argument, ast.Tuple) and len(argument.elts) == 2:
            host, port = host or value(argument.elts[0]), port or value(argument.elts[1])
        elif isinstance(argument, ast.Constant | ast.Name | ast.Call | ast.BoolOp):
            given = value(argument)
            if isinstance(given, tuple) and len(given) == 2:
                host, port = host or given[0], port or given[1]
            elif isinstance(given, int) and not isinstance(given, bool):
                port = port or given
    if isinstance(port, str) and port.isascii() and port.isdigit():
        port = int(port[:6])
    number = port if isinstance(port, int) and not isinstance(port, bool) and 0 < port < 65536 else None
    return (host if isinstance(host, str) else None), number

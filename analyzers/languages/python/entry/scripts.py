"""`python x.py`: the call that starts a server, and the application that it is given."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace

from analyzers.languages.python.entry.application import FOLLOW, HANDLERS, of_expression
from analyzers.languages.python.entry.model import Entry, lost
from analyzers.languages.python.entry.targets import named, why_not
from analyzers.languages.python.modules import Definition, Module, Program, origin
from analyzers.languages.python.servers import Launch, address
from analyzers.languages.python.syntax import top_level
from analyzers.languages.python.values import UnknownValueError, Value, evaluate
from analyzers.model import Unknown

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


def of_script(program: Program, launch: Launch) -> Entry:
    if launch.module is not None:
        place = program.locate(launch.module)
        package = place is not None and place[1] and launch.function is None
        name = f"{launch.module}.__main__" if package else launch.module
        module = program.load(name)
    else:
        module = program.load_file(launch.script or "")
    if module is None:
        where = launch.module or launch.script or ""
        return lost(launch, f"the program {where}: {why_not(program, where)}")
    entry = _serving_call(program, launch, module, set()) or Entry(launch, module)
    if launch.function is not None:
        return replace(entry, started=program.lookup(module, launch.function))
    return replace(entry, main_script=True)


def _serving_call(program: Program, launch: Launch, module: Module, seen: set[str]) -> Entry | None:
    """The call that starts a server, in this script or in an own function that it calls."""
    if module.name in seen or len(seen) > FOLLOW:
        return None
    seen.add(module.name)
    calls: list[tuple[ast.Call, ast.FunctionDef | ast.AsyncFunctionDef | None]] = []
    for statement in top_level(program.tree(module), main=True):
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
        if handler not in HANDLERS and not (found and _is_handler(program, found)):
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
    if not isinstance(found.node, ast.ClassDef) or depth > FOLLOW:
        return False
    for base in found.node.bases:
        name = origin(found.module, base) or ""
        if name in HANDLERS:
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
            return lost(launch, f"the module {name} that {launch.server} serves", module)
        return named(program, launch, target, attribute or "app")
    if argument is None:
        return lost(launch, f"the application that {launch.server} serves in {module.path}", module)
    framework, interface = of_expression(program, module, argument, scope)
    evidence = program.evidence(module, call.lineno)
    for candidate in _candidates(program, argument, scope, module):
        if isinstance(candidate, ast.Name):
            definition = program.lookup(module, candidate.id)
            if definition is not None:
                entry = named(program, launch, module, candidate.id)
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
                entry = named(program, launch, found.module, f"{found.name}()")
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
    program: Program, argument: ast.expr, scope: ast.FunctionDef | ast.AsyncFunctionDef | None, module: Module
) -> Iterator[ast.expr]:
    """The argument itself, then what a local name of the same spelling is assigned."""
    yield argument
    if not isinstance(argument, ast.Name):
        return
    bodies: list[ast.AST] = [scope] if scope is not None else []
    bodies += [node for node in top_level(program.tree(module), main=True) if isinstance(node, ast.Assign)]
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

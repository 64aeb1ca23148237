"""Applications that a command names: `module:attribute`, `flask run`, `fastapi run`, `manage.py`,
workers, configuration files."""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Iterator
from dataclasses import replace

from analyzers.languages.python.entry.application import of_definition, of_expression
from analyzers.languages.python.entry.django import settings_module
from analyzers.languages.python.entry.model import Entry, lost
from analyzers.languages.python.modules import Module, Program
from analyzers.languages.python.servers import Launch, address
from analyzers.languages.python.syntax import top_level
from analyzers.languages.python.values import UnknownValueError, Value, evaluate
from analyzers.model import Unknown


def why_not(program: Program, where: str) -> str:
    """Why a module or script could not be loaded."""
    place = program.locate(where)
    path = program.guest.files.get(place[0] if place else where)
    if path in program.unparsed:
        return f"{path} {program.unparsed[path]}"
    return "no file of the image has that name"


def worker(program: Program, launch: Launch) -> Entry:
    """A program that serves no requests, with the application that it imports."""
    if launch.server == "flask":
        served = flask_run(program, launch)
        return Entry(launch, served.module, factory=served.factory)
    if launch.server == "manage.py":
        manage = (
            program.load_file(launch.script) if launch.script else program.load(launch.module or "manage")
        )
        settings = _django_settings(program, launch, manage)
        return Entry(launch, _command(program, launch) or manage, settings=settings)
    module = _worker_module(program, launch)
    # The module of Celery's application sets the variable before it makes the application.
    settings = settings_module(program, module) if module is not None else None
    return Entry(launch, module, settings=settings)


def _command(program: Program, launch: Launch) -> Module | None:
    """The module of a command of `manage.py`, where it is one of the application's own."""
    name = launch.arguments[0] if launch.arguments else ""
    end = f"/management/commands/{name}.py"
    found = sorted(path for path in program.guest.files if path.endswith(end)) if name.isidentifier() else []
    return program.load_file(found[0]) if found else None


def _worker_module(program: Program, launch: Launch) -> Module | None:
    """The application's module of a worker's command line (`celery -A shop.tasks worker`)."""
    words = list(launch.arguments)
    for i, word in enumerate(words):
        given = (
            words[i + 1] if word in ("-A", "--app") and i + 1 < len(words) else word.removeprefix("--app=")
        )
        if given == word:
            continue
        name = given.partition(":")[0]
        # As Celery looks for it: the module, its `celery`, the module that an attribute belongs to.
        package = program.load(name)
        if package is not None and package.is_package and (inner := program.load(f"{name}.celery")):
            return inner
        return package or program.load(name.rpartition(".")[0])
    if launch.script:
        return program.load_file(launch.script)
    return next((found for word in words if (found := program.load(word.partition(":")[0]))), None)


def configured(program: Program, launch: Launch) -> Launch:
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


_CALL = re.compile(r"([A-Za-z_][\w.]*)\s*(\(.*\))?", re.DOTALL)


def of_target(program: Program, launch: Launch) -> Entry:
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
        why = why_not(program, where)
        return lost(launch, f"the module {where} that {launch.server} serves: {why}")
    return named(program, launch, module, attribute)


def named(program: Program, launch: Launch, module: Module, attribute: str) -> Entry:
    match = _CALL.fullmatch(attribute.strip())
    if match is None:
        return lost(launch, f"the application {attribute!r} in {module.path}", module)
    first = match[1].partition(".")[0]
    definition = program.lookup(module, first)
    if definition is None and first not in module.names:
        return lost(launch, f"the application {first!r}: {module.path} does not define it", module)
    call = match[2] or ("()" if launch.factory else "")
    text = f"{module.name}:{match[1]}{call}"
    if definition is None:
        return Entry(launch, module, text, None, interface=launch.interface)
    evidence = program.evidence(definition.module, definition.node.lineno)
    is_function = isinstance(definition.node, ast.FunctionDef | ast.AsyncFunctionDef)
    factory = definition if is_function and call else None
    framework, interface = of_definition(program, definition, called=bool(call))
    return Entry(
        launch,
        module,
        text,
        evidence,
        framework,
        interface or launch.interface,
        factory,
        settings=settings_module(program, module) if framework == "django" else None,
    )


def flask_run(program: Program, launch: Launch) -> Entry:
    target = launch.target
    if target is None:
        for name in ("wsgi", "app"):  # the order of flask.cli
            module = program.load(name)
            if module is not None:
                return _best_flask(program, launch, module)
        return lost(launch, "the application that `flask run` serves: there is no wsgi.py or app.py")
    path, _, attribute = target.partition(":")
    if path.endswith(".py") or "/" in path:
        path = path.removesuffix(".py")
        start = posixpath.join(launch.chdir or program.search[0], path)
        module = program.load_file(f"{start}.py") or program.load_file(f"{start}/__init__.py")
    else:
        module = program.load(path)
    if module is None:
        return lost(launch, f"the module {path} that `flask run` serves: no file of the image has that name")
    if not attribute:
        return _best_flask(program, launch, module)
    definition = program.lookup(module, attribute.partition("(")[0].strip())
    is_function = definition is not None and isinstance(definition.node, ast.FunctionDef)
    if is_function and "(" not in attribute:
        attribute += "()"
    return named(program, launch, module, attribute)


def _best_flask(program: Program, launch: Launch, module: Module) -> Entry:
    for name in ("app", "application"):
        found = program.lookup(module, name)
        if found is not None and of_definition(program, found, called=False)[0]:
            return named(program, launch, module, name)
    for node in top_level(program.tree(module)):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            framework, _ = of_expression(program, module, node.value, None)
            if framework == "flask":
                return named(program, launch, module, node.targets[0].id)
    for name in ("create_app", "make_app"):
        if program.lookup(module, name) is not None:
            return named(program, launch, module, f"{name}()")
    return lost(launch, f"the application that `flask run` serves in {module.path}", module)


def fastapi_run(program: Program, launch: Launch) -> Entry:
    folder = program.search[0]
    names = [f"{folder}/{p}.py" for p in ("main", "app", "api", "app/main", "app/app", "app/api")]
    path = launch.script or next((p for p in names if p in program.guest.files), None)
    module = program.load_file(path) if path else None
    if module is None:
        return lost(launch, "the file that `fastapi run` serves")
    given = launch.arguments[0] if launch.arguments else ""
    for name in (given,) if given else ("app", "api", *_assigned(program, module)):
        found = program.lookup(module, name)
        if found is not None and (given or of_definition(program, found, called=False)[0]):
            return named(program, launch, module, name)
    return lost(launch, f"the application that `fastapi run` serves in {module.path}", module)


def _assigned(program: Program, module: Module) -> Iterator[str]:
    for node in top_level(program.tree(module)):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            yield node.targets[0].id


def _django_settings(program: Program, launch: Launch, manage: Module | None) -> str | None:
    given = next((n[9:] for n in launch.notes if n.startswith("settings=")), None)
    return given or (
        settings_module(program, manage) if manage else program.env.get("DJANGO_SETTINGS_MODULE")
    )


def runserver(program: Program, launch: Launch) -> Entry:
    manage = program.load_file(launch.script) if launch.script else program.load(launch.module or "manage")
    settings = _django_settings(program, launch, manage)
    if settings is None:
        what = "the application that `manage.py runserver` serves: DJANGO_SETTINGS_MODULE is not set"
        return lost(launch, what, manage)
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
        named(program, launch, wsgi, attribute), framework="django", interface="wsgi", settings=settings
    )

"""The framework and the interface of an application object, middleware and factories looked through."""

from __future__ import annotations

import ast

from analyzers.languages.python.modules import Definition, Module, Program, origin

FOLLOW = 10
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
HANDLERS = ("http.server.BaseHTTPRequestHandler", "http.server.SimpleHTTPRequestHandler")


def of_definition(
    program: Program, found: Definition, *, called: bool, depth: int = 0
) -> tuple[str | None, str | None]:
    """Framework and interface of a defined name; of what it returns when it is `called`."""
    if depth > FOLLOW:
        return None, None
    node = found.node
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        if called:
            return _returned(program, found.module, node, depth + 1)
        arguments = program.whole(found.module, node).args
        names = [a.arg for a in arguments.posonlyargs + arguments.args]
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
        if found and isinstance(found.node, ast.ClassDef) and depth < FOLLOW:
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
    function = program.whole(module, function)
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
    if depth > FOLLOW:
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
        guarded = module.summary.guarded.get(node.id)  # if __name__ == "__main__": app = create_app()
        if guarded is not None:
            return of_expression(program, module, guarded, None, depth + 1)
    if isinstance(node, ast.Name | ast.Attribute):
        name = origin(module, node) or ""
        found = program.definition(name) if "." in name else program.lookup(module, name)
        if found is None and isinstance(node, ast.Attribute):  # app.server, app.wsgi_app
            return of_expression(program, module, node.value, scope, depth + 1)
        return of_definition(program, found, called=False, depth=depth + 1) if found else (None, None)
    if isinstance(node, ast.Await):
        return of_expression(program, module, node.value, scope, depth + 1)
    if not isinstance(node, ast.Call):
        return None, None
    name = origin(module, node.func) or ""
    if name in FRAMEWORKS:
        return FRAMEWORKS[name]
    found = program.definition(name) if "." in name else program.lookup(module, name)
    if found is not None:
        result = of_definition(program, found, called=True, depth=depth + 1)
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

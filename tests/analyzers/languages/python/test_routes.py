"""Routes as the source declares them."""

from __future__ import annotations

from pathlib import Path

from tests.analyzers.trees import DOCKERFILE, flask, only


def test_flask(tmp_path: Path) -> None:
    source = flask(
        tmp_path,
        """\
        from shop import api, admin
        PREFIX = "/const"
        @app.route("/")
        @app.route("/home", methods=["GET", "POST"])
        def home(): ...
        @app.get(PREFIX + "/x")
        def x(): ...
        app.add_url_rule("/plain", view_func=home)
        app.add_url_rule("/two", view_func=home, methods={"PUT"})
        app.register_blueprint(api.bp)
        app.register_blueprint(admin, url_prefix="/manage")
        @app.route(computed())
        def hidden(): ...
        @app.errorhandler(404)
        def missing(e): ...
        """,
        {
            "shop/__init__.py": "from flask import Blueprint\n"
            "admin = Blueprint('a', __name__, url_prefix='/admin')\n"
            "@admin.route('/')\ndef index(): ...\n",
            "shop/api.py": "from flask import Blueprint\nbp = Blueprint('api', __name__, url_prefix='/api')\n"
            "v2 = Blueprint('v2', __name__, url_prefix='/v2')\nbp.register_blueprint(v2)\n"
            "@bp.post('/items/<int:i>')\ndef create(i): ...\n@v2.delete('/x')\ndef gone(): ...\n",
        },
    )
    assert sorted((r.method, r.path) for r in source.routes) == [
        ("DELETE", "/api/v2/x"),
        ("GET", "/"),
        ("GET", "/const/x"),
        ("GET", "/home"),
        ("GET", "/manage/"),
        ("GET", "/plain"),
        ("POST", "/api/items/<int:i>"),
        ("POST", "/home"),
        ("PUT", "/two"),
    ]
    assert {str(r.evidence) for r in source.routes if r.path == "/home"} == {"app.py:7"}


def test_fastapi_and_starlette(tmp_path: Path) -> None:
    app = """\
    from fastapi import FastAPI
    from starlette.routing import Route
    from routers import users
    app = FastAPI(routes=[Route("/raw", None, methods=["POST"])])
    app.include_router(users.router, prefix="/v1")
    @app.get("/items/{item_id}")
    async def item(item_id: int): ...
    @app.api_route("/any", methods=["GET", "PUT"])
    async def any_(): ...
    """
    router = """\
    from fastapi import APIRouter
    router = APIRouter(prefix="/users")
    @router.post("")
    async def create(): ...
    @router.get("/{uid}")
    async def one(uid: int): ...
    """
    source = only(tmp_path, {"Dockerfile": DOCKERFILE, "app.py": app, "routers/users.py": router}).source
    assert source is not None
    assert sorted((r.method, r.path) for r in source.routes) == [
        ("GET", "/any"),
        ("GET", "/items/{item_id}"),
        ("GET", "/v1/users/{uid}"),
        ("POST", "/raw"),
        ("POST", "/v1/users"),
        ("PUT", "/any"),
    ]

"""What conditions leave off as the service is started is no fact of this start."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzers.facets import facets
from tests.analyzers.trees import DOCKERFILE, only

APP = """\
import os
import requests
import redis
from flask import Flask
from shop import settings

app = Flask(__name__)


def connect():
    return redis.Redis(host="cache")


def report():
    requests.post("https://errors.example", json={})


@app.get("/")
def home():
    CONDITION:
        BODY
    return "home"
"""


def outbound(
    root: Path, condition: str, body: str = "connect()", settings: str = "", docker: str = ""
) -> str:
    app = APP.replace("CONDITION", condition).replace("BODY", body)
    files = {
        "Dockerfile": DOCKERFILE.replace("CMD", f"{docker}\nCMD"),
        "requirements.txt": "flask\nredis\nrequests\n",
        "app.py": app,
        "shop/__init__.py": "",
        "shop/settings.py": f"import os\nfrom decouple import config\n{settings}\n",
    }
    return " ".join(facets(only(root, files)).outbound)


@pytest.mark.parametrize(
    ("condition", "settings", "docker", "on"),
    [
        ("if os.getenv('CACHE_URL')", "", "", False),
        ("if os.getenv('CACHE_URL')", "", "ENV CACHE_URL=redis://cache", True),
        ("if os.environ.get('CACHE') == 'redis'", "", "", False),
        ("if os.environ.get('CACHE') == 'redis'", "", "ENV CACHE=redis", True),
        ("if os.environ.get('CACHE', 'redis') in ['redis', 'valkey']", "", "", True),
        ("if not os.getenv('NO_CACHE')", "", "", True),
        ("if os.getenv('A') or os.getenv('B')", "", "", False),
        ("if os.getenv('A') and unknown()", "", "", False),
        ("if os.getenv('A') or unknown()", "", "", True),
        ("if settings.CACHE", "CACHE = False", "", False),
        ("if settings.CACHE", "CACHE = True", "", True),
        ("if settings.CACHE", "CACHE = bool(os.getenv('CACHE_URL'))", "", False),
        ("if settings.CACHE", "CACHE = False\nif x():\n    CACHE = True", "", True),  # two values
        ("if settings.CACHE", "CACHE = config('CACHE', default=False, cast=bool)", "", False),
        ("if settings.CACHE", "CACHE = config('CACHE', default=False, cast=bool)", "ENV CACHE=1", True),
        ("if settings.CACHE", "CACHE = config('CACHE')", "", True),  # it has to be given
        ("if os.environ['CACHE']", "", "", True),
        ("if app.config.get('CACHE_URL')", "", "", True),  # may come from anywhere
    ],
)
def test_a_condition_on_a_setting(
    tmp_path: Path, condition: str, settings: str, docker: str, *, on: bool
) -> None:
    assert outbound(tmp_path, condition, settings=settings, docker=docker) == ("redis" if on else "")


def test_the_other_branch_runs(tmp_path: Path) -> None:
    body = "connect()\n    else:\n        report()"
    assert outbound(tmp_path, "if os.getenv('CACHE_URL')", body) == "http"


def test_what_another_place_calls_as_well_is_on(tmp_path: Path) -> None:
    body = "connect()\n    connect()"
    assert outbound(tmp_path, "if os.getenv('CACHE_URL')", body) == "redis"


def test_a_missing_file_of_variables_settles_nothing(tmp_path: Path) -> None:
    app = APP.replace("CONDITION", "if os.getenv('CACHE_URL')").replace("BODY", "connect()")
    compose = "services:\n  web:\n    build: .\n    env_file: .env\n"
    files = {"Dockerfile": DOCKERFILE, "requirements.txt": "redis\n", "app.py": app, "compose.yaml": compose}
    files |= {"shop/__init__.py": "", "shop/settings.py": ""}
    assert facets(only(tmp_path, files)).outbound == ("redis",)


@pytest.mark.parametrize(
    ("dsn", "docker", "sends"),
    [
        ("os.getenv('DSN', '')", "", False),
        ("os.getenv('DSN')", "ENV DSN=https://a@sentry.example/1", True),
        ("'https://a@sentry.example/1'", "", True),
        ("None", "ENV SENTRY_DSN=https://a@sentry.example/1", True),
        ("settings.DSN", "", False),
    ],
)
def test_errors_are_reported_where_there_is_an_address(
    tmp_path: Path, dsn: str, docker: str, *, sends: bool
) -> None:
    app = f"import os, sentry_sdk\nfrom flask import Flask\nsentry_sdk.init(dsn={dsn})\napp = Flask('x')\n"
    docker = DOCKERFILE.replace("CMD", f"{docker}\nCMD")
    files = {"Dockerfile": docker, "requirements.txt": "flask\nsentry-sdk\n", "app.py": app}
    assert facets(only(tmp_path, files)).outbound == (("http",) if sends else ())

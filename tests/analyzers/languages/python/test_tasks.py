"""Workers, schedulers and migrations: which modules they import, and what of the application they use."""

from __future__ import annotations

import json
from pathlib import Path

from analyzers.facets import facets
from analyzers.model import Service, State
from tests.analyzers.trees import only

CELERY = """\
import os
from celery import Celery

class Config:
    broker_url = "redis://cache:6379/0"
    imports = ["shop.jobs"]

celery = Celery("shop")
celery.config_from_object(Config)
"""
JOBS = """\
import requests, sqlalchemy
from shop.queue import celery

@celery.task
def fetch():
    with open("/data/prices.csv", "a") as out:
        out.write(requests.get("https://prices.example").text)
    sqlalchemy.create_engine("postgresql://db/shop")
"""


def read(root: Path, cmd: list[str], files: dict[str, str]) -> Service:
    docker = "FROM python:3.13\nWORKDIR /srv\nCOPY . .\nRUN pip install -r requirements.txt\n"
    manifest = "celery\nrequests\nsqlalchemy\npsycopg2\nflask\nflask-migrate\n"
    docker += f"CMD {json.dumps(cmd)}\n"
    return only(root, {"Dockerfile": docker, "requirements.txt": manifest, **files})


SHOP = {"shop/__init__.py": "", "shop/queue.py": CELERY, "shop/jobs.py": JOBS}


def test_a_worker_imports_what_its_configuration_names(tmp_path: Path) -> None:
    service = read(tmp_path, ["celery", "-A", "shop.queue", "worker"], SHOP)
    assert service.source is not None
    assert "shop/jobs.py" in service.source.files
    found = facets(service)
    assert (found.outbound, found.state) == (("http", "postgres", "redis"), State.LOCAL_DISK)
    assert found.native_dependencies == ("psycopg2",)


def test_a_scheduler_speaks_to_the_broker_alone(tmp_path: Path) -> None:
    found = facets(read(tmp_path, ["celery", "-A", "shop.queue", "beat"], SHOP))
    assert (found.outbound, found.state) == (("redis",), State.EXTERNAL_STORE)
    assert found.native_dependencies == ()  # nothing that it runs speaks to the database


def test_a_worker_with_the_scheduler_inside_is_a_worker(tmp_path: Path) -> None:
    found = facets(read(tmp_path, ["celery", "-A", "shop.queue", "worker", "--beat"], SHOP))
    assert found.outbound == ("http", "postgres", "redis")


def test_tasks_of_djangos_applications(tmp_path: Path) -> None:
    files = {
        "site1/__init__.py": "",
        "site1/celery.py": "import os\nfrom celery import Celery\n"
        "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'site1.settings')\n"
        "app = Celery('site1', broker='amqp://mq')\napp.autodiscover_tasks()\n",
        "site1/settings.py": "INSTALLED_APPS = ['mails']\nDATABASES = {'default': {'ENGINE':"
        " 'django.db.backends.postgresql', 'HOST': 'db'}}\n",
        "mails/__init__.py": "",
        "mails/tasks.py": "import smtplib\nfrom celery import shared_task\n"
        "@shared_task\ndef send():\n    smtplib.SMTP('mail.example')\n",
    }
    found = facets(read(tmp_path, ["celery", "--app=site1", "worker"], files))
    assert found.outbound == ("amqp", "postgres", "smtp")


def test_a_command_of_manage_py_is_read_with_the_settings(tmp_path: Path) -> None:
    files = {
        "manage.py": "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'site1.settings')\n",
        "site1/__init__.py": "",
        "site1/settings.py": "INSTALLED_APPS = ['mails']\nDATABASES = {'default': {'ENGINE':"
        " 'django.db.backends.mysql', 'HOST': 'db'}}\n",
        "mails/__init__.py": "",
        "mails/management/commands/send_mails.py": "import requests\n"
        "from django.core.management.base import BaseCommand\n"
        "class Command(BaseCommand):\n    def handle(self):\n        requests.post('https://m.example')\n",
        "mails/management/commands/other.py": "import redis\nredis.Redis('cache')\n",
    }
    found = facets(read(tmp_path, ["python", "manage.py", "send_mails"], files))
    assert found.outbound == ("http", "mysql")
    found = facets(read(tmp_path, ["python", "manage.py", "migrate"], files))
    assert found.outbound == ("mysql",)


def test_a_migration_speaks_to_the_database_alone(tmp_path: Path) -> None:
    app = (
        "import requests\nfrom flask import Flask\napp = Flask(__name__)\n"
        "app.config['SQLALCHEMY_DATABASE_URI'] = 'postgresql://db/shop'\n"
        "@app.get('/')\ndef home():\n    return requests.get('https://a.example').text\n"
    )
    found = facets(read(tmp_path, ["flask", "--app", "app", "db", "upgrade"], {"app.py": app}))
    assert (found.outbound, found.state) == (("postgres",), State.DATABASE)

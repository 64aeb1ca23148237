"""Start commands that are no request handlers, told by their program."""

from __future__ import annotations

import pytest

from analyzers import programs
from analyzers.programs import Kind


@pytest.mark.parametrize(
    ("command", "kind", "name"),
    [
        ("celery -A shop worker -l info", Kind.WORKER, "celery worker"),
        ("python -m celery -A shop beat", Kind.SCHEDULER, "celery beat"),
        ("/entrypoint.sh celery -A shop worker", Kind.WORKER, "celery worker"),
        ("bundle exec sidekiq -C config.yml", Kind.WORKER, "sidekiq"),
        ("python manage.py migrate --noinput", Kind.JOB, "manage.py migrate"),
        ("php artisan queue:work", Kind.WORKER, "artisan queue:work"),
        ("crond -f", Kind.SCHEDULER, "crond"),
        ("locust --headless -u 10", Kind.JOB, "locust --headless"),
        ("hugo server -D", Kind.DEVELOPMENT, "hugo server"),
        ("/usr/bin/netlify dev", Kind.DEVELOPMENT, "netlify dev"),
        ("npx vite --host", Kind.DEVELOPMENT, "vite"),
        ("with-secrets celery -A shop worker", Kind.WORKER, "celery worker"),
    ],
)
def test_programs_that_nobody_calls(command: str, kind: Kind, name: str) -> None:
    assert programs.of(command.split()) == programs.Program(kind, name)


@pytest.mark.parametrize(
    "command",
    [
        "celery -A shop flower",
        "gunicorn shop:app",
        "python manage.py runserver",
        "npx vite preview",
        "flask run",
        "locust --web-port 8089",
        "hugo",
        "/server --mode vite",
        "node server.js cron",
        "",
    ],
)
def test_programs_that_may_serve(command: str) -> None:
    assert programs.of(command.split()) is None

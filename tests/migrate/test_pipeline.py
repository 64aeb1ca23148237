from __future__ import annotations

import gc
from pathlib import Path

import pytest

from migrate import pipeline
from migrate.errors import (
    ConfigError,
    Dock2wasmError,
    DockerfileError,
    EngineError,
    NoServiceError,
    ProbesError,
    RecordingError,
    TargetError,
)
from migrate.pipeline import ConvertOptions, ValidateChoices
from migrate.progress import Silent

APP = """import os
from flask import Flask
app = Flask(__name__)
app.secret_key = os.environ["SECRET_KEY"]

@app.get("/")
def index():
    return "hello"
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A service that needs a secret."""
    root = tmp_path / "api"
    root.mkdir()
    (root / "Dockerfile").write_text(
        "FROM python:3.12-slim\nWORKDIR /app\nCOPY . .\nRUN pip install -r requirements.txt\n"
        'EXPOSE 8000\nCMD ["gunicorn", "-b", "0.0.0.0:8000", "app:app"]\n'
    )
    (root / "requirements.txt").write_text("flask==3.1.2\ngunicorn==23.0.0\n")
    (root / "app.py").write_text(APP)
    return root


def choices(
    runtime: str = "wasmtime", probes: Path | None = None, *, replay: bool = False
) -> ValidateChoices:
    return ValidateChoices(runtime, probes, None, False, replay, {}, False, None)


def options(repository: Path) -> ConvertOptions:
    return ConvertOptions(repository, None, (), (), None, (), "never", False, False)


def test_a_folder_without_services(tmp_path: Path) -> None:
    with pytest.raises(NoServiceError, match="No service was found"):
        pipeline.assess(tmp_path)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("Dockerfile", "FROM python\nFOO bar\n", "line 2: unknown instruction: FOO"),
        ("api.Dockerfile", "FROM python\nRUN <<EOF\n", "unterminated heredoc"),
        ("Containerfile", "", "no instructions"),
        ("compose.yaml", "services: [", "compose.yaml"),
    ],
)
def test_a_file_that_would_define_a_service_and_cannot_be_read(
    tmp_path: Path, name: str, text: str, said: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(DockerfileError, match=f"No service can be read: {name}") as caught:
        pipeline.assess(tmp_path)
    assert said in caught.value.why


def test_a_compose_service_whose_dockerfile_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("services:\n  api:\n    build: .\n    ports: ['8000:8000']\n")
    (tmp_path / "Dockerfile").write_text("FROM python\nFOO bar\n")
    assert str(pipeline.assess(tmp_path).services[0].verdict) != "keep", "nothing is known of it"
    with pytest.raises(DockerfileError) as caught:
        pipeline.convert(options(tmp_path), Silent())
    assert "line 2: unknown instruction: FOO" in caught.value.why


def test_a_secret_without_a_value_stops_migrate_before_the_build(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SECRET_KEY", raising=False)
    with pytest.raises(ConfigError, match="SECRET_KEY"):
        pipeline.migrate(options(repository), choices(), False, Silent())
    assert (repository / "wasm/api/build.sh").is_file()
    assert not (repository / "wasm/api/build").exists(), "nothing was built"


def test_an_unknown_runtime_stops_migrate_before_the_build(repository: Path) -> None:
    with pytest.raises(TargetError):
        pipeline.migrate(options(repository), choices("nonesuch"), False, Silent())
    assert not (repository / "wasm/api/build").exists()


def test_bad_probes_stop_migrate_before_the_build(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", "x")
    bad = tmp_path / "probes.yaml"
    bad.write_text("probes: 7\n")
    with pytest.raises(ProbesError):
        pipeline.migrate(options(repository), choices(probes=bad), False, Silent())
    assert not (repository / "wasm/api/build").exists()


# The docker package leaves the socket that it could not connect to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(("replay", "error"), [(False, EngineError), (True, RecordingError)])
def test_without_an_original_nothing_is_built(
    repository: Path, monkeypatch: pytest.MonkeyPatch, replay: bool, error: type[Dock2wasmError]
) -> None:
    monkeypatch.setenv("SECRET_KEY", "x")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{repository}/no.sock")
    with pytest.raises(error, match=r"No Docker engine answers|recording\.json cannot be read") as caught:
        pipeline.migrate(options(repository), choices(replay=replay), False, Silent())
    assert "validate --record" in caught.value.do
    del caught
    gc.collect()
    assert not (repository / "wasm/api/build").exists()

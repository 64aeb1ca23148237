"""The Python lane: what it writes for a plan, and how it explains a build that failed."""

# ruff: noqa: E501 - lines of logs as programs print them

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from analyzers.model import Dependency, DependencyClass, Evidence, Grant, GrantKind, Run, TakenFile
from migrate.errors import TargetError
from migrate.lanes import lane
from migrate.lanes import python as python_lane
from migrate.model import GeneratedFile, Plan, SnapshotApp
from tests.migrate import made

EVIDENCE = Evidence("Dockerfile", 7, "ENV")


def plan(repository: Path, *, files: Mapping[str, str] | None = None, **source: Any) -> Plan:
    """A plan for a service whose repository holds these files, copied to /app."""
    for name, text in (files or {}).items():
        path = repository / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    service = made.service("shop")
    assert service.source is not None
    changes = {
        "entry": "app:app",
        "interface": "wsgi",
        "manifests": (),
        "dependencies": (),
        "workdir": "/app",
    }
    service = replace(service, source=replace(service.source, **{**changes, **source}))
    assessment = replace(made.assessed(service), lane="python")
    return Plan(
        assessment=assessment,
        repository=repository,
        output=repository / "wasm" / "shop",
        lane="python",
        targets=("wasmtime",),
        kind="http",
        wasi="0.2",
        files=(TakenFile("app.py", "/app/app.py"), TakenFile("data/x.json", "/srv/data/x.json")),
        excluded=(),
        grants=(),
    )


def rendered(plan: Plan) -> dict[str, GeneratedFile]:
    return {file.path: file for file in python_lane.render(plan)}


def lane_json(plan: Plan) -> dict[str, object]:
    data = json.loads(rendered(plan)["lane.json"].content)
    assert isinstance(data, dict)
    return data


def with_run(given: Plan, *commands: str) -> Plan:
    service = given.assessment.service
    assert service.image is not None
    runs = tuple(Run(command, "/app", Evidence("Dockerfile", n)) for n, command in enumerate(commands, 5))
    service = replace(service, image=replace(service.image, runs=runs))
    return replace(given, assessment=replace(given.assessment, service=service))


# --- render --------------------------------------------------------------------------------------


def test_the_lane_is_in_the_table() -> None:
    assert lane("python").NAME == "python"
    assert "wasi:http/types" in lane("python").IMPORTS
    assert lane("python").REQUIRES == ("python",)


def test_the_tree_holds_what_build_sh_needs_and_nothing_else(tmp_path: Path) -> None:
    files = rendered(plan(tmp_path))
    tops = {path.split("/")[0] for path in files}
    assert tops == {"adapter", "build.sh", "lane.json", "native", "tools", "wit"}
    assert [path for path, file in files.items() if file.executable] == ["build.sh"]
    assert not [path for path in files if "__pycache__" in path or path.endswith(".pyc")]


def test_rendering_twice_gives_the_same(tmp_path: Path) -> None:
    given = plan(tmp_path, files={"requirements.txt": "flask\n"}, manifests=("requirements.txt",))
    assert python_lane.render(given) == python_lane.render(given)


def test_nothing_names_a_server_or_the_checkout(tmp_path: Path) -> None:
    for path, file in rendered(plan(tmp_path)).items():
        if path.endswith((".so", ".component-type")):
            assert str(tmp_path).encode() not in file.content
            continue
        text = file.content.decode("utf-8")
        assert "://" not in text.replace('"://"', ""), path
        assert str(tmp_path) not in text and str(Path(__file__).parents[3]) not in text, path


def test_lane_json(tmp_path: Path) -> None:
    data = lane_json(plan(tmp_path, search_path=("/app/src", "/app"), entry="shop.wsgi:make(debug=False)"))
    expected = {
        "schema_version": 1,
        "lane": "python",
        "lane_version": python_lane.LANE_VERSION,
        "service": "shop",
        "entry": "shop.wsgi:make(debug=False)",
        "interface": "wsgi",
        "snapshot_app": "auto",
        "workdir": "/app",
        "sys_path": ["/app/src", "/app"],
        "roots": ["/app", "/srv/data"],
        "requirements": [],
        "build_environment": {},
        "user_id": 0,
        "home": "/root",
    }
    assert {key: data[key] for key in expected} == expected


@pytest.mark.parametrize(
    ("user", "number", "home"),
    [
        (None, 0, "/root"),
        ("root", 0, "/root"),
        ("0:0", 0, "/root"),
        ("1234", 1234, "/"),
        ("shop:shop", 1000, "/home/shop"),
    ],
)
def test_the_images_user(tmp_path: Path, user: str | None, number: int, home: str) -> None:
    given = plan(tmp_path)
    service = given.assessment.service
    assert service.image is not None
    service = replace(service, image=replace(service.image, user=user))
    data = lane_json(replace(given, assessment=replace(given.assessment, service=service)))
    assert (data["user_id"], data["home"]) == (number, home)


def test_the_build_knows_plain_variables_and_of_secrets_only_the_names(tmp_path: Path) -> None:
    grants = (
        Grant(GrantKind.ENV, "SHOP", EVIDENCE, value="Kontor"),
        Grant(GrantKind.ENV, "FROM_SHELL", EVIDENCE),
        Grant(GrantKind.SECRET, "KEY", EVIDENCE),
    )
    data = lane_json(replace(plan(tmp_path), grants=grants))
    assert data["build_environment"] == {"SHOP": "Kontor"}
    assert data["at_start"] == ["FROM_SHELL", "KEY"]


@pytest.mark.parametrize("mode", list(SnapshotApp))
def test_the_readme_says_when_the_application_is_imported(tmp_path: Path, mode: SnapshotApp) -> None:
    grants = (Grant(GrantKind.SECRET, "KEY", EVIDENCE),)
    given = replace(plan(tmp_path), snapshot_app=mode, grants=grants)
    assert lane_json(given)["snapshot_app"] == mode
    text = " ".join(python_lane.behaviour(given))
    assert ("imported when the component was built, with" in text) is (mode is not SnapshotApp.NEVER)
    assert ("given `KEY`" in text) is (mode is not SnapshotApp.NEVER)
    assert ("the build fails" in text) is (mode is SnapshotApp.ALWAYS)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"interface": "rack"}, "rack"),
        ({"interface": None}, "unknown interface"),
        ({"entry": None}, "is not known"),
        ({"entry": "app:make(settings())"}, "cannot be read"),
        ({"entry": "app:[0]"}, "cannot be read"),
        ({"entry": "my-app:app"}, "cannot be read"),
        ({"entry": "app:app; import os"}, "cannot be read"),
    ],
)
def test_what_the_lane_cannot_build_is_refused(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    with pytest.raises(TargetError, match=said):
        python_lane.render(plan(tmp_path, **change))


def test_other_kinds_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="kind command"):
        python_lane.render(replace(plan(tmp_path), kind="command"))


def test_behaviour_is_told_in_sentences(tmp_path: Path) -> None:
    told = python_lane.behaviour(plan(tmp_path, server="gunicorn"))
    assert any("gunicorn" in sentence for sentence in told)
    assert all(sentence.endswith(".") for sentence in told)


# --- requirements ----------------------------------------------------------------------------------


def test_requirements_are_copied_with_hashes_and_includes(tmp_path: Path) -> None:
    files = {
        "requirements/prod.txt": "-r base.txt\n-c ../constraints.txt\nflask==3.1.3 \\\n    --hash=sha256:00\n",
        "requirements/base.txt": "--requirement=more/x.txt\njinja2\n",
        "requirements/more/x.txt": "click\n",
        "constraints.txt": "click==8.1\n",
    }
    manifests = ("requirements/prod.txt", "requirements/base.txt", "requirements/more/x.txt")
    given = plan(tmp_path, files=files, manifests=manifests)
    out = rendered(given)
    for name, text in files.items():
        assert out[f"requirements/{name}"].content.decode() == text
    data = lane_json(given)
    assert data["requirements"] == ["requirements/prod.txt"], (
        "what it includes is not installed a second time"
    )
    assert data["constraints"] == ["constraints.txt"]


def test_what_run_lines_install_by_name_is_kept(tmp_path: Path) -> None:
    def dependency(text: str, path: str) -> Dependency:
        return Dependency("x", None, text, Evidence(path, 3), DependencyClass.PURE, True)

    found = (dependency("flask>=3", "Dockerfile"), dependency("jinja2", "requirements.txt"))
    assert lane_json(plan(tmp_path, dependencies=found))["inline_requirements"] == ["flask>=3"]


@pytest.mark.parametrize(
    "command",
    [
        "pip install .",
        "pip3 install --no-cache-dir -e .",
        "python -m pip install --upgrade pip && pip install /app[prod]",
    ],
)
def test_the_services_own_project(tmp_path: Path, command: str) -> None:
    assert lane_json(with_run(plan(tmp_path), command))["local_projects"] == ["/app"]


@pytest.mark.parametrize(
    "command", ["pip install -r ./requirements.txt", "npm install .", "pip install -t /app flask", "echo '"]
)
def test_what_is_no_project(tmp_path: Path, command: str) -> None:
    assert lane_json(with_run(plan(tmp_path), command))["local_projects"] == []


def test_a_projects_list_is_held_to_its_lock(tmp_path: Path) -> None:
    files = {
        "pyproject.toml": '[project]\nname = "shop"\ndependencies = ["flask>=3", "jinja2"]\n',
        "uv.lock": '[[package]]\nname = "flask"\nversion = "3.1.3"\n[[package]]\nname = "shop"\nversion = "1"\n'
        'source = { editable = "." }\n',
    }
    given = plan(tmp_path, files=files, manifests=("pyproject.toml", "uv.lock"))
    out, data = rendered(given), lane_json(given)
    assert data["requirements"] == ["pyproject.toml.txt"]
    assert out["requirements/pyproject.toml.txt"].content.decode().splitlines()[1:] == ["flask>=3", "jinja2"]
    assert data["constraints"] == ["uv.lock.constraints.txt"]
    assert out["requirements/uv.lock.constraints.txt"].content.decode().splitlines()[1:] == ["flask==3.1.3"]


def test_poetry_ranges(tmp_path: Path) -> None:
    text = (
        '[tool.poetry.dependencies]\npython = "^3.11"\na = "^1.2.3"\nb = "^0.2.3"\nc = "~1.2"\nd = "*"\ne = ">=2,<3"\n'
        'f = {version = "^2", extras = ["x"]}\ng = {version = "1", optional = true}\nh = "1.5"\ni = "~2"\n'
    )
    given = plan(tmp_path, files={"pyproject.toml": text}, manifests=("pyproject.toml",))
    assert rendered(given)["requirements/pyproject.toml.txt"].content.decode().splitlines()[1:] == [
        "a>=1.2.3,<2", "b>=0.2.3,<0.3", "c>=1.2,<1.3", "d", "e>=2,<3", "f[x]>=2,<3", "h==1.5", "i>=2,<3",
    ]  # fmt: skip


def test_pipfile_lock(tmp_path: Path) -> None:
    lock = {
        "default": {"flask": {"version": "==3.1.3"}, "local": {"path": "."}},
        "develop": {"pytest": {"version": "==8"}},
    }
    files = {"Pipfile": '[packages]\nflask = "*"\n', "Pipfile.lock": json.dumps(lock)}
    given = plan(tmp_path, files=files, manifests=("Pipfile", "Pipfile.lock"))
    out = rendered(given)
    assert out["requirements/Pipfile.txt"].content.decode().splitlines()[1:] == ["flask"]
    assert out["requirements/Pipfile.lock.constraints.txt"].content.decode().splitlines()[1:] == [
        "flask==3.1.3"
    ]


@pytest.mark.parametrize(
    ("files", "manifest", "said"),
    [
        ({}, "requirements.txt", "cannot be read"),
        ({"requirements.txt": "-r ../outside.txt\n"}, "requirements.txt", "outside of the repository"),
        ({"requirements.txt": "-r https://example.org/r.txt\n"}, "requirements.txt", "includes https"),
        ({"pyproject.toml": "[project\n"}, "pyproject.toml", "not valid TOML"),
        ({"Pipfile.lock": "{"}, "Pipfile.lock", "not valid JSON"),
    ],
)
def test_unusable_requirements_are_an_error(
    tmp_path: Path, files: dict[str, str], manifest: str, said: str
) -> None:
    with pytest.raises(TargetError, match=said):
        python_lane.render(plan(tmp_path, files=files, manifests=(manifest,)))


def test_a_link_out_of_the_repository_is_refused(tmp_path: Path) -> None:
    (tmp_path / "outside.txt").write_text("flask\n")
    repository = tmp_path / "repository"
    repository.mkdir()
    (repository / "requirements.txt").symlink_to(tmp_path / "outside.txt")
    with pytest.raises(TargetError, match="leads out"):
        python_lane.render(plan(repository, manifests=("requirements.txt",)))


def test_requirements_in_another_encoding(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_bytes("flask # gr\u00fc\u00df".encode("utf-16"))
    with pytest.raises(TargetError, match="UTF-8"):
        python_lane.render(plan(tmp_path, manifests=("requirements.txt",)))


# --- failures --------------------------------------------------------------------------------------

LOGS = {
    "python-module-missing": (
        (
            "    dock2wasm: cannot import yaml (imported by shop.config)\n    Traceback (most recent call last):\n"
            "    ModuleNotFoundError: No module named 'yaml'\nerror: the snapshot failed\n"
        ),
        "pyyaml",
    ),
    "python-native-module": (
        (
            "    native code left out: pydantic_core (1 libraries)\n"
            "    dock2wasm: cannot import pydantic (imported by shop.models)\n"
            "    ModuleNotFoundError: No module named 'pydantic_core._pydantic_core'\n"
        ),
        "pydantic-core",
    ),
    "python-stdlib-missing": (
        "    dock2wasm: cannot import magic (imported by shop.files)\n    ModuleNotFoundError: No module named 'ctypes'\n",
        "ctypes",
    ),
    "python-no-wheel": (
        "    ERROR: No matching distribution found for numpy==1.26.4\nerror: the dependencies",
        "numpy",
    ),
    "python-native-wheel": (
        (
            "    psycopg2==2.9: its source builds a native wheel (psycopg2-2.9-cp311-cp311-linux_x86_64.whl); there is none\n"
            "    ERROR: No matching distribution found for psycopg2==2.9\n"
        ),
        "psycopg2",
    ),
    "python-syntax": (
        (
            "error: /app/shop/old.py:3: SyntaxError: Missing parentheses in call to 'print' "
            "(imported by shop.wsgi; the component runs Python 3.14)\n"
        ),
        "/app/shop/old.py:3",
    ),
    "python-resolution-conflict": (
        (
            "    ERROR: Cannot install flask==3.1 and werkzeug==1.0 because these package versions have conflicting dependencies.\n"
            "    ERROR: ResolutionImpossible: for help visit\n"
        ),
        "werkzeug==1.0",
    ),
    "python-build-network": (
        "    WARNING: Retrying after connection broken by 'NewConnectionError(...): Failed to establish a new connection'\n",
        "DOCK2WASM_WHEELS",
    ),
    "python-build-hash": (
        "    ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.\n",
        "hashes",
    ),
    "python-build-python": (
        "error: no Python 3.9 or later with venv and pip was found\n",
        "DOCK2WASM_PYTHON",
    ),
    "python-build-offline": (
        "    ERROR: No matching distribution found for flask==3\nerror: offline: flask==3 is not in DOCK2WASM_WHEELS\n",
        "flask==3",
    ),
    "python-build-disk": ("OSError: [Errno 28] No space left on device\n", "space"),
    "python-entry-missing": (
        "error: the application's module 'app' is not among its files (sys.path: /app)\n",
        "'app'",
    ),
}


@pytest.mark.parametrize("rule", LOGS)
def test_a_failed_build_is_explained(rule: str) -> None:
    log, named = LOGS[rule]
    found = python_lane.explain_failure(f"==> snapshot\n{log}", None)
    assert [finding.rule for finding in found][:1] == [rule]
    finding = found[0]
    assert named in f"{finding.message} {finding.remedy}"
    assert finding.remedy and finding.help == "lanes/python.md"


def test_what_needs_native_code_says_so_in_its_needs() -> None:
    log, _ = LOGS["python-native-module"]
    assert [str(need) for need in python_lane.explain_failure(log, None)[0].needs] == ["native:pydantic-core"]


def test_component_tools_that_cannot_be_found_are_no_requirement() -> None:
    log = (
        "==> component tools\n"
        "ERROR: Could not find a version that satisfies the requirement componentize-py==0.25.1 (from versions: none)\n"
        "ERROR: No matching distribution found for componentize-py==0.25.1\n"
        "error: the component tools (componentize-py, spin-sdk) could not be installed\n"
    )
    (finding,) = python_lane.explain_failure(log, None)
    assert finding.rule == "python-build-tools"
    assert "DOCK2WASM_WHEELS" in finding.remedy


def test_a_package_whose_native_part_was_never_there() -> None:
    log = (
        "    pandas==2.2.3: no wheel for Python 3.14; taken from the one for 3.13, without native code\n"
        "    AssertionError: dock2wasm: cannot import pandas (imported by app)\n"
        "    ImportError: Unable to import required dependencies:\n"
    )
    (finding,) = python_lane.explain_failure(log, None)
    assert finding.rule == "python-native-module"
    assert [str(need) for need in finding.needs] == ["native:pandas"]


def test_a_package_is_named_as_its_index_names_it() -> None:
    log = "native code left out: rpds (1 libraries)\nModuleNotFoundError: No module named 'rpds.rpds'\n"
    assert [str(need) for need in python_lane.explain_failure(log, None)[0].needs] == ["native:rpds-py"]


def test_an_unknown_failure_is_not_explained() -> None:
    assert python_lane.explain_failure("==> snapshot\nSegmentation fault\n", None) == ()


def test_of_a_secret_only_the_name_reaches_the_tree(tmp_path: Path) -> None:
    given = replace(plan(tmp_path), grants=(replace(made.secret("API_TOKEN"), value="tell-nobody"),))
    assert not any(b"tell-nobody" in file.content for file in rendered(given).values())
    assert [name for name, file in rendered(given).items() if b"API_TOKEN" in file.content] == ["lane.json"]

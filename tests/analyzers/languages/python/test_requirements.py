"""Packages that an image installs, and what each needs."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzers.languages.python.requirements.files import logical_lines
from analyzers.languages.python.requirements.markers import marker_holds, version_at_least
from analyzers.languages.python.requirements.requirement import normalise, parse_requirement
from analyzers.languages.python.requirements.table import table
from analyzers.model import Dependency, DependencyClass, Evidence, Source
from tests.analyzers.trees import only

AT = Evidence("requirements.txt", 1)
APP = "import flask\napp = flask.Flask('x')\n"


def read(root: Path, run: str, files: dict[str, str], app: str = APP) -> Source:
    docker = f'FROM python:3.13\nWORKDIR /app\nCOPY . .\n{run}\nCMD ["gunicorn", "app:app"]\n'
    source = only(root, {"Dockerfile": docker, "app.py": app, **files}).source
    assert source is not None
    return source


def versions(source: Source) -> dict[str, str | None]:
    return {d.name: d.version for d in source.dependencies if not d.implied}


def by_name(source: Source) -> dict[str, Dependency]:
    return {d.name: d for d in source.dependencies}


@pytest.mark.parametrize(
    ("text", "name", "version"),
    [
        ("Flask==3.1.3", "flask", "3.1.3"),
        ("flask_sqlalchemy >= 3 , < 4", "flask-sqlalchemy", None),
        ("uvicorn[standard]==0.54.0", "uvicorn", "0.54.0"),
        ("x===1.0+local", "x", "1.0+local"),
        ("x (==1.2)", "x", "1.2"),
        ("x==1.*", "x", None),
        ("x==1.0 --hash=sha256:aa --hash=sha256:bb", "x", "1.0"),
        ('x==1.0 ; python_version >= "3.8"', "x", "1.0"),
        ("x @ https://example.com/x-1.0.zip", "x", None),
        ("git+https://example.com/a/My.Repo.git@v1#egg=My_Name", "my-name", None),
        ("git+https://example.com/a/repo.git@v1", "repo", None),
        ("https://example.com/some_pkg-2.1-py3-none-any.whl", "some-pkg", "2.1"),
        ("https://example.com/pkg-2.1.tar.gz", "pkg", "2.1"),
    ],
)
def test_requirement_lines(text: str, name: str, version: str | None) -> None:
    found = parse_requirement(text, AT)
    assert found is not None
    assert (found.name, found.version) == (name, version)


@pytest.mark.parametrize(
    "text", ["", "-", "==1", "a b", 'x; python_version < "3.8"', "x; sys_platform == 'win32'"]
)
def test_lines_that_ask_for_nothing(text: str) -> None:
    assert parse_requirement(text, AT) is None


@pytest.mark.parametrize(
    ("marker", "holds"),
    [
        ("python_version >= '3.9'", True),
        ("python_version < '3.10'", False),
        ("python_full_version == '3.14.*' or extra == 'x'", True),
        ("(sys_platform == 'win32' or os_name == 'posix') and python_version > '3'", True),
        ("'linux' in sys_platform", True),
        ("platform_system not in 'Linux Darwin'", False),
        ("implementation_name == 'pypy'", False),
        ("platform_release >= '5'", True),
        ("not a marker", True),
        ("((((", True),
    ],
)
def test_markers(marker: str, holds: bool) -> None:
    assert marker_holds(marker) is holds


def test_logical_lines_join_continuations_and_drop_comments() -> None:
    text = "# c\na==1 \\\n  --hash=x \\\n  --hash=y # end\n\nb#not-a-comment\nc \\"
    assert list(logical_lines(text)) == [
        (2, "a==1    --hash=x    --hash=y"),
        (6, "b#not-a-comment"),
        (7, "c"),
    ]


@given(st.text(max_size=200))
def test_no_line_breaks_the_reader(text: str) -> None:
    for number, line in logical_lines(text):
        assert number >= 1
        found = parse_requirement(line, AT)
        assert found is None or found.name == normalise(found.name)


NAMES = st.from_regex(r"[a-z][a-z0-9]{0,8}([-_.][a-z0-9]{1,5})?", fullmatch=True)
VERSIONS = st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,3}){0,3}", fullmatch=True)


@given(
    NAMES,
    VERSIONS,
    st.sampled_from(["==", " == ", "==\t"]),
    st.sampled_from(["", " --hash=sha256:0", " ; os_name=='posix'"]),
)
def test_what_pip_freeze_writes_is_read_back(name: str, version: str, operator: str, tail: str) -> None:
    found = parse_requirement(f"{name}{operator}{version}{tail}", AT)
    assert found is not None
    assert (found.name, found.version) == (normalise(name), version)


@given(st.text(alphabet="()'\"<>=!~ andorinotpython_versionextra3.", max_size=120))
def test_no_marker_breaks_the_reader(marker: str) -> None:
    assert marker_holds(marker) in (True, False)


@pytest.mark.parametrize(
    "run",
    [
        "RUN pip install -r requirements.txt",
        "RUN pip install --no-cache-dir --requirement=requirements.txt",
        "RUN python3 -m pip install -rrequirements.txt",
        'RUN ["pip", "install", "-r", "requirements.txt"]',
        "RUN apt-get update && apt-get install -y gcc && pip install -r /app/requirements.txt && rm -rf /x",
        "RUN cd /app && uv pip install --system -r requirements.txt",
        "RUN --mount=type=bind,source=requirements.txt,target=/tmp/r.txt pip install -r requirements.txt",
        "RUN <<EOF\nset -e\npip install -r requirements.txt\nEOF",
        "ENV A=b",
    ],
)
def test_requirements_files_that_are_installed(tmp_path: Path, run: str) -> None:
    files = {
        "requirements.txt": "-r more/base.txt\n-c limits.txt\n--index-url https://x\nflask==3.1.3\n./vendored\nredis\n",
        "more/base.txt": "\ufeffclick==8.1.0\n-r ../requirements.txt\n",
        "limits.txt": "redis==5.0\nunused==1\n",
        "dev.txt": "pytest==8\n",
    }
    source = read(tmp_path, run, files)
    assert versions(source) == {"click": "8.1.0", "flask": "3.1.3", "redis": "5.0"}
    assert source.manifests == ("requirements.txt", "more/base.txt")
    assert str(by_name(source)["flask"].evidence) == "requirements.txt:4"


def test_inline_packages(tmp_path: Path) -> None:
    source = read(tmp_path, 'RUN pip install "flask>=3" gunicorn==23.0 -i https://x pip --upgrade $EXTRA', {})
    assert versions(source) == {"flask": None, "gunicorn": "23.0"}


def test_what_a_builder_stage_installs_counts(tmp_path: Path) -> None:
    docker = """\
    FROM python:3.13 AS builder
    COPY requirements.txt /tmp/requirements.txt
    RUN pip install --target=/deps -r /tmp/requirements.txt
    FROM python:3.13 AS unused
    RUN pip install numpy
    FROM python:3.13
    WORKDIR /app
    COPY --from=builder /deps /deps
    COPY app.py .
    CMD ["gunicorn", "app:app"]
    """
    source = only(tmp_path, {"Dockerfile": docker, "requirements.txt": "flask==3.1.3", "app.py": APP}).source
    assert source is not None
    assert versions(source) == {"flask": "3.1.3"}


def test_a_requirements_file_that_is_not_there_is_unknown(tmp_path: Path) -> None:
    source = read(tmp_path, "RUN pip install -r none.txt", {})
    assert any("none.txt" in u.what for u in source.unknown)


PYPROJECT = "[project]\nname='x'\ndependencies=['flask>=3']\n[dependency-groups]\ndev=['pytest']\n"
UV_LOCK = """\
[[package]]
name = "x"
source = { virtual = "." }
dependencies = [{ name = "flask" }]
[[package]]
name = "flask"
version = "3.1.3"
dependencies = [{ name = "jinja2" }, { name = "winonly", marker = "sys_platform == 'win32'" }]
[[package]]
name = "jinja2"
version = "3.1.6"
[[package]]
name = "pytest"
version = "8.0"
"""
POETRY = "[tool.poetry]\nname='x'\n[tool.poetry.dependencies]\npython='^3.12'\nflask={version='^3'}\n"
POETRY_LOCK = """\
[[package]]
name = "Flask"
version = "3.1.3"
[package.dependencies]
Jinja2 = ">=3.1.2"
asgiref = {version = ">=3.2", optional = true}
[[package]]
name = "jinja2"
version = "3.1.6"
[[package]]
name = "pytest"
version = "8.0"
"""
PIPFILE_LOCK = json.dumps(
    {
        "default": {"flask": {"version": "==3.1.3"}, "jinja2": {"version": "==3.1.6"}},
        "develop": {"pytest": {}},
    }
)


@pytest.mark.parametrize(
    ("run", "files"),
    [
        ("RUN uv sync --frozen", {"pyproject.toml": PYPROJECT, "uv.lock": UV_LOCK}),
        ("RUN poetry install --no-root", {"pyproject.toml": POETRY, "poetry.lock": POETRY_LOCK}),
        ("RUN pipenv install --deploy", {"Pipfile": "", "Pipfile.lock": PIPFILE_LOCK}),
    ],
)
def test_lock_files_give_versions_and_what_the_main_packages_lead_to(
    tmp_path: Path, run: str, files: dict[str, str]
) -> None:
    assert versions(read(tmp_path, run, files)) == {"flask": "3.1.3", "jinja2": "3.1.6"}


@pytest.mark.parametrize("name", ["pyproject.toml", "uv.lock", "poetry.lock", "Pipfile.lock", "Pipfile"])
@pytest.mark.parametrize(
    "text", ["", "[", "[[package]]\nname = 3", "{}", '{"default": []}', "package = 3", "a = " + "[" * 3000]
)
def test_broken_manifests_never_raise(tmp_path: Path, name: str, text: str) -> None:
    files = {"pyproject.toml": PYPROJECT, "Pipfile": "[packages]\nflask='*'\n", name: text}
    read(tmp_path, "RUN uv sync && pipenv install && poetry install", files)


def test_imports_tell_which_packages_requests_need(tmp_path: Path) -> None:
    app = "import yaml\nfrom google.cloud import storage\nimport flask\nfrom PIL import Image\n" + APP
    files = {
        "requirements.txt": "PyYAML\nflask\nnumpy==2\nPillow\ngoogle-cloud-storage\nsecret-thing\nhttpx\n"
    }
    found = by_name(read(tmp_path, "RUN pip install -r requirements.txt", files, app))
    assert {name for name, d in found.items() if d.imported} == {
        "pyyaml",
        "flask",
        "pillow",
        "google-cloud-storage",
        "google-crc32c",  # google-cloud-storage needs it
    }
    kinds = {name: d.kind for name, d in found.items()}
    assert kinds["numpy"] is DependencyClass.NATIVE
    assert kinds["pyyaml"] is DependencyClass.PURE_FALLBACK
    assert kinds["flask"] is DependencyClass.PURE
    assert kinds["secret-thing"] is DependencyClass.UNKNOWN


@pytest.mark.parametrize(("pin", "native"), [("==2.12.5", True), ("", True), ("==1.10.27", False)])
def test_what_a_package_brings_along_is_added(tmp_path: Path, pin: str, native: bool) -> None:
    app = "from fastapi import FastAPI\napp = FastAPI()\n"
    files = {"requirements.txt": f"fastapi==0.125.0\npydantic{pin}\n"}
    found = by_name(read(tmp_path, "RUN pip install -r requirements.txt", files, app))
    assert ("pydantic-core" in found) is native
    if native:
        core = found["pydantic-core"]
        assert (core.kind, core.imported) == (DependencyClass.WASI_WHEEL, True)
        assert core.evidence.line == 2


def test_the_driver_that_an_orm_loads_counts_as_imported(tmp_path: Path) -> None:
    files = {"requirements.txt": "sqlalchemy\npsycopg2-binary\n"}
    app = "import sqlalchemy\n" + APP
    assert by_name(read(tmp_path, "RUN pip install -r requirements.txt", files, app))[
        "psycopg2-binary"
    ].imported


@pytest.mark.parametrize(
    ("version", "minimum", "holds"),
    [("2.0", "2", True), ("1.10.27", "2", False), (None, "2", True), ("x", "2", True)],
)
def test_versions(version: str | None, minimum: str, holds: bool) -> None:
    assert version_at_least(version, minimum) is holds


def test_the_table_is_sound() -> None:
    rows = table()
    assert len(rows) > 300
    assert all(name == normalise(name) for name in rows)
    for name, row in rows.items():
        assert row.kind is not DependencyClass.UNKNOWN, name
        assert all(need in rows for need in row.requires), name


def test_no_package_stands_in_two_classes() -> None:
    path = Path(__file__).parents[4] / "analyzers/languages/python_packages.toml"
    data = tomllib.loads(path.read_text())
    names = [name for kind in DependencyClass if kind.value in data for name in data[kind.value]["names"]]
    assert sorted(names) == sorted(set(names))


# --- imports that no manifest accounts for ---


def test_imports_that_nothing_accounts_for_are_packages(tmp_path: Path) -> None:
    app = "import os, cgi\nimport acme.client\nimport numpy\nfrom mine import x\nimport jinja2\n" + APP
    app += "try:\n    import fast\nexcept ImportError:\n    fast = None\n"
    found = by_name(read(tmp_path, "RUN pip install flask", {"mine.py": "x = 1\n"}, app))
    told = {name: d.kind for name, d in found.items() if name != "flask"}
    assert told == {
        "acme": DependencyClass.UNKNOWN,
        "numpy": DependencyClass.NATIVE,
        "jinja2": DependencyClass.PURE,
    }
    assert found["acme"].imported
    assert str(found["acme"].evidence) == "app.py:2"


def test_an_import_is_taken_for_the_unknown_package_that_bears_its_name(tmp_path: Path) -> None:
    app = "import humps\nimport lru\n" + APP
    found = by_name(read(tmp_path, "RUN pip install flask pyhumps lru-dict other", {}, app))
    assert {name for name, d in found.items() if d.imported} == {"flask", "pyhumps", "lru-dict"}


def test_what_a_dependency_needs_is_native(tmp_path: Path) -> None:
    app = "import flasgger, jwt, docx\n" + APP
    found = by_name(read(tmp_path, "RUN pip install flask flasgger 'pyjwt[crypto]' python-docx", {}, app))
    native = {name for name, d in found.items() if d.imported and d.kind is DependencyClass.NATIVE}
    assert native == {"cryptography", "lxml"}
    assert found["rpds-py"].kind is DependencyClass.WASI_WHEEL
    assert found["rpds-py"].imported


# --- setup.py and setup.cfg ---


@pytest.mark.parametrize(
    "setup",
    [
        "setup(install_requires=[\n    'flask',\n    'raven[flask]', 'gevent',\n])",
        "needs = ['flask', 'raven']\nneeds.append('gevent')\nsetup(install_requires=needs)",
        "needs = ['flask']\nneeds += ['raven', 'gevent']\nsetup(install_requires=needs)",
        "setup(install_requires=['flask'] + ['raven'] + ('gevent',))",
        "V = '>=' + '1'\nsetup(install_requires=['flask' + V, 'raven' + '>=1', 'gevent'])",
        "V = '3'\nsetup(install_requires=[f'flask=={V}', 'raven==%s' % V, 'gevent'])",
        "o = dict(install_requires=['flask', 'raven', 'gevent'])\nsetup(**o)",
        "o = {'name': 'x'}\no['install_requires'] = ['flask', 'raven', 'gevent']\nsetup(**o)",
        "setup(install_requires='flask\\nraven\\ngevent')",
        "setup(install_requires=open('needs.txt').read().splitlines())",
        "def read(n):\n    return open(n).readlines()\nsetup(install_requires=read('needs.txt'))",
    ],
)
def test_setup_py(tmp_path: Path, setup: str) -> None:
    files = {"setup.py": f"from setuptools import setup\n{setup}\n", "needs.txt": "flask\nraven\ngevent\n"}
    source = read(tmp_path, "RUN pip install .", files)
    assert set(versions(source)) == {"flask", "raven", "gevent"}
    assert source.unknown == ()


@pytest.mark.parametrize("needs", ["compute()", "f.read().split()"])
def test_a_computed_setup_py_is_said(tmp_path: Path, needs: str) -> None:
    source = read(tmp_path, "RUN pip install .", {"setup.py": f"setup(install_requires={needs})\n"})
    assert [(u.what, str(u.evidence)) for u in source.unknown] == [
        ("the packages that setup.py computes", "setup.py:1")
    ]


def test_setup_cfg_and_its_extras(tmp_path: Path) -> None:
    text = "[options]\ninstall_requires =\n    flask>=3\n    raven; python_version >= '3'\n"
    text += "[options.extras_require]\nweb = gevent; six\nno = numpy\n"
    source = read(tmp_path, "RUN pip install '.[web]'", {"setup.cfg": text})
    assert set(versions(source)) == {"flask", "raven", "gevent", "six"}
    assert str(by_name(source)["raven"].evidence) == "setup.cfg:4"


def test_a_lock_file_that_a_shell_inside_the_shell_installs(tmp_path: Path) -> None:
    run = 'RUN /bin/bash -c "pip3 install --no-cache-dir -r <(pipenv lock -r)"'
    source = read(tmp_path, run, {"Pipfile": "", "Pipfile.lock": PIPFILE_LOCK})
    assert versions(source) == {"flask": "3.1.3", "jinja2": "3.1.6"}
    assert source.unknown == ()


def test_what_only_another_package_needs_is_brought_along(tmp_path: Path) -> None:
    files = {"requirements.txt": "pyjwt[crypto]\ncryptography\ncffi\nreportlab\npillow\nparamiko\n"}
    app = "import jwt, reportlab, paramiko\n" + APP
    found = by_name(read(tmp_path, "RUN pip install -r requirements.txt", files, app))
    assert not found["cryptography"].brought  # the manifest names it, and a pure package needs it
    assert not found["cffi"].imported
    assert found["pillow"].brought  # which reportlab does without
    assert found["pynacl"].brought  # paramiko needs it, and no manifest names it
    assert found["pynacl"].imported

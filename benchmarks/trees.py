"""Repositories of any size, generated from a seed: the same files each time."""

from __future__ import annotations

import random
from pathlib import Path

_LINES = 150  # of a generated module, about
_WORDS = (  # noqa: SIM905 - a list of one word a line is harder to read
    "order customer invoice basket payment address product price stock label parcel carrier refund voucher"
    " account contact region country currency discount warehouse supplier shipment delivery review rating"
).split()
_DOCKERFILE = """\
FROM python:3.14-slim
WORKDIR /srv
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY . .
USER nobody
EXPOSE 8000
CMD ["gunicorn", "--bind", "0.0.0.0:8000", "shop:create_app()"]
"""
_REQUIREMENTS = "flask==3.1.2\ngunicorn==23.0.0\nrequests==2.32.5\nsqlalchemy==2.0.44\nredis==7.0.1\n"


def write_service(root: Path, files: int, seed: int = 1) -> int:
    """Write a service of `files` Python modules below `root`; the number of their lines."""
    rng = random.Random(seed)  # noqa: S311 - the same tree for the same seed, nothing secret
    root.mkdir(parents=True, exist_ok=True)
    (root / "Dockerfile").write_text(_DOCKERFILE, encoding="utf-8")
    (root / "requirements.txt").write_text(_REQUIREMENTS, encoding="utf-8")
    packages = max(1, files // 25)
    modules: list[str] = []
    lines = 0
    for number in range(files - packages - 1):
        package = f"shop.part{number % packages:03}"
        modules.append(f"{package}.{rng.choice(_WORDS)}_{number:05}")
    for index in range(packages):
        path = root / "shop" / f"part{index:03}" / "__init__.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'"""Part {index} of the shop."""\n', encoding="utf-8")
        lines += 1
    for number, name in enumerate(modules):
        text = _module(rng, number, modules[max(0, number - 40) : number])
        (root / (name.replace(".", "/") + ".py")).write_text(text, encoding="utf-8")
        lines += text.count("\n")
    top = _application(modules)
    (root / "shop" / "__init__.py").write_text(top, encoding="utf-8")
    return lines + top.count("\n")


def _application(modules: list[str]) -> str:
    text = '"""The shop."""\n\nimport os\n\nfrom flask import Flask\n\n\ndef create_app():\n'
    text += "    app = Flask(__name__)\n    app.config['SECRET_KEY'] = os.environ['SECRET_KEY']\n"
    for number, name in enumerate(modules):
        package, _, last = name.rpartition(".")
        text += f"    from {package} import {last}\n"
        if number % 3 == 0:
            text += f"    app.register_blueprint({last}.bp, url_prefix='/{last}')\n"
    return text + "    return app\n"


def _module(rng: random.Random, number: int, before: list[str]) -> str:
    thing, other = rng.sample(_WORDS, 2)
    imports = "".join(
        f"from {name.rpartition('.')[0]} import {name.rpartition('.')[2]} as m{i}\n"
        for i, name in enumerate(rng.sample(before, min(2, len(before))))
    )
    text = f'''"""Everything about one {thing}."""

import datetime
import logging
import os
from dataclasses import dataclass, field

import requests
from flask import Blueprint, abort, jsonify, request
{imports}
log = logging.getLogger(__name__)
bp = Blueprint("{thing}_{number}", __name__)

LIMIT = int(os.environ.get("{thing.upper()}_LIMIT_{number % 50}", "100"))
SERVICE_URL = os.environ.get("{other.upper()}_URL", "http://{other}.internal:8080")
LABELS = {{"new": "New", "open": "Open", "done": "Done"}}


class {thing.title()}Error(Exception):
    """A {thing} that cannot be used."""


@dataclass
class {thing.title()}:
    identity: int
    name: str
    created: datetime.datetime
    tags: list[str] = field(default_factory=list)
    total: float = 0.0

    def to_json(self):
        return {{"id": self.identity, "name": self.name, "at": self.created.isoformat(), "tags": self.tags}}

    def add(self, tag):
        """Add a tag, once."""
        if tag not in self.tags:
            self.tags.append(tag)
        return self


'''
    while text.count("\n") < _LINES:
        text += _function(rng, thing, other, text.count("\n"), len(before))
    return text


def _function(rng: random.Random, thing: str, other: str, at: int, imported: int) -> str:
    name = f"{rng.choice(('load', 'find', 'count', 'check', 'send', 'render'))}_{rng.choice(_WORDS)}_{at}"
    kind = rng.randrange(6)
    if kind == 0:
        return f'''@bp.route("/{name}/<int:identity>", methods=["GET", "POST"])
def {name}(identity):
    """The {thing} with this number."""
    if identity > LIMIT:
        abort(404)
    found = {thing.title()}(identity, request.args.get("name", ""), datetime.datetime.now())
    for label in request.args.getlist("label"):
        found.add(LABELS.get(label, label))
    log.info("{thing} %s of %s", identity, found.name)
    return jsonify(found.to_json()), 200


'''
    if kind == 1:
        return f'''def {name}(identity, timeout=5):
    answer = requests.get(f"{{SERVICE_URL}}/{other}/{{identity}}", timeout=timeout)
    if answer.status_code != 200:
        raise {thing.title()}Error(f"{other} {{identity}}: {{answer.status_code}}")
    data = answer.json()
    return {{key: value for key, value in data.items() if key in ("id", "name", "{thing}")}}


'''
    if kind == 2 and imported >= 2:
        return f'''def {name}(things):
    total = 0.0
    for position, item in enumerate(sorted(things, key=lambda t: t.name)):
        if item.total < 0:
            raise ValueError("{thing} at %d is below zero" % position)
        total += item.total * (1 + m0.LIMIT / 100)
        if position > m1.LIMIT:
            break
    return round(total, 2)


'''
    if kind == 3:
        return f'''def {name}(folder, name):
    path = os.path.join(folder, "{thing}", name + ".json")
    try:
        with open(path, encoding="utf-8") as file:
            lines = [line.strip() for line in file if line.strip() and not line.startswith("#")]
    except FileNotFoundError:
        log.warning("no %s in %s", name, folder)
        return []
    return [tuple(part.strip() for part in line.split(",")) for line in lines]


'''
    if kind == 4:
        return f'''class {name.title().replace("_", "")}:
    """Decides about one {thing}."""

    def __init__(self, limit=LIMIT, strict=False):
        self.limit = limit
        self.strict = strict
        self.seen = {{}}

    def accepts(self, item):
        if self.strict and item.name not in self.seen:
            return False
        self.seen[item.name] = item.total
        return item.total <= self.limit and not any(tag.startswith("_") for tag in item.tags)


'''
    return f'''def {name}(values, start=0, *, step=1):
    """Values from `start` on, each `step`-th, with their labels."""
    result = []
    index = start
    while index < len(values):
        value = values[index]
        if isinstance(value, str):
            result.append((index, LABELS.get(value.lower(), value)))
        elif value is None or value == "":
            result.append((index, "none"))
        else:
            result.append((index, f"{{value!r}} of {thing}"))
        index += step
    return {{"count": len(result), "first": result[0] if result else None, "all": result}}


'''


def write_bulk(root: Path, files: int) -> None:
    """A repository of `files` files that are none of the service's, and a small service in it."""
    write_service(root / "service", 40)
    for index in range(files):
        path = root / f"data/{index // 1000:03}/{index // 100:05}/record-{index:06}.json"
        if index % 100 == 0:
            path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'{{"id": {index}}}\n', encoding="utf-8")


# --- many services -----------------------------------------------------------------------------------

_GO = """package main

import (
	"fmt"
	"log"
	"net/http"
	"os"
)

func main() {
	url := os.Getenv("NEXT_URL")
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		answer, err := http.Get(url + "/x")
		if err != nil {
			http.Error(w, err.Error(), 502)
			return
		}
		defer answer.Body.Close()
		fmt.Fprintf(w, "service %d: %s", NUMBER, answer.Status)
	})
	log.Fatal(http.ListenAndServe(":8080", nil))
}
"""
_JS = """import express from 'express'

const app = express()
const seen = new Map()

app.get('/', async (req, res) => {
  seen.set(req.query.name, NUMBER)
  const answer = await fetch(process.env.NEXT_URL + '/x')
  res.json({ status: answer.status, names: seen.size })
})
app.listen(process.env.PORT || 3000)
"""
_RUST = """use axum::{routing::get, Router};

#[tokio::main]
async fn main() {
    let app = Router::new().route("/", get(|| async { "service NUMBER" }));
    let listener = tokio::net::TcpListener::bind("0.0.0.0:8080").await.unwrap();
    axum::serve(listener, app).await.unwrap();
}
"""
# Of each language: the files of a small service.
_SMALL: dict[str, dict[str, str]] = {
    "go": {
        "Dockerfile": "FROM golang:1.25 AS build\nWORKDIR /src\nCOPY . .\nRUN go build -o /app .\n"
        'FROM scratch\nCOPY --from=build /app /app\nEXPOSE 8080\nENTRYPOINT ["/app"]\n',
        "go.mod": "module example.com/sNUMBER\n\ngo 1.25\n",
        "main.go": _GO,
    },
    "node": {
        "Dockerfile": "FROM node:24-slim\nWORKDIR /app\nCOPY package.json ./\nRUN npm install\nCOPY . .\n"
        'EXPOSE 3000\nCMD ["npm", "start"]\n',
        "package.json": '{"name": "sNUMBER", "type": "module", "scripts": {"start": "node server.js"},\n'
        ' "dependencies": {"express": "5.1.0"}}\n',
        "server.js": _JS,
    },
    "rust": {
        "Dockerfile": "FROM rust:1.91 AS build\nWORKDIR /src\nCOPY . .\nRUN cargo build --release\n"
        "FROM debian:trixie-slim\nCOPY --from=build /src/target/release/sNUMBER /app\n"
        'EXPOSE 8080\nCMD ["/app"]\n',
        "Cargo.toml": '[package]\nname = "sNUMBER"\nversion = "0.1.0"\nedition = "2024"\n\n[dependencies]\n'
        'axum = "0.8"\ntokio = { version = "1", features = ["full"] }\n',
        "src/main.rs": _RUST,
    },
    "static": {
        "Dockerfile": "FROM nginx:1.29\nCOPY site /usr/share/nginx/html\nEXPOSE 80\n",
        "site/index.html": "<!doctype html><title>NUMBER</title>\n",
    },
}


def write_many(root: Path, services: int, languages: tuple[str, ...] = ("python",), seed: int = 1) -> int:
    """A repository of many services, each in a folder of its own, the languages in turn, every second one
    named by a compose file of its group of ten; the number of files."""
    rng = random.Random(seed)  # noqa: S311 - the same tree for the same seed, nothing secret
    files = 0
    composed: dict[Path, list[str]] = {}
    for number in range(services):
        language = languages[number % len(languages)]
        group = root / f"team{number // 10:03}"
        folder = group / f"service{number:04}"
        if language == "python":
            files += _small_python(rng, folder, number)
        else:
            for name, text in _SMALL[language].items():
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text.replace("NUMBER", str(number)), encoding="utf-8")
                files += 1
        if number % 2 == 0:
            composed.setdefault(group, []).append(folder.name)
    for group, names in composed.items():
        text = "services:\n  redis:\n    image: redis:8\n" + "".join(
            f"  {name}:\n    build: ./{name}\n    depends_on: [redis]\n"
            f"    environment:\n      REDIS_URL: redis://redis:6379/0\n"
            for name in names
        )
        (group / "compose.yaml").write_text(text, encoding="utf-8")
        files += 1
    return files


def _small_python(rng: random.Random, folder: Path, number: int) -> int:
    """A Flask service of five modules, about 600 lines."""
    package = folder / "shop"
    package.mkdir(parents=True)
    (folder / "Dockerfile").write_text(_DOCKERFILE, encoding="utf-8")
    (folder / "requirements.txt").write_text(_REQUIREMENTS, encoding="utf-8")
    names = [f"shop.part_{number}_{index}" for index in range(4)]
    for index, name in enumerate(names):
        text = _module(rng, index, names[:index])
        (package / f"{name.rpartition('.')[2]}.py").write_text(text, encoding="utf-8")
    (package / "__init__.py").write_text(_application(names), encoding="utf-8")
    return 7


# --- one large service of another language, and Dockerfiles alone ---------------------------------------


def write_language(root: Path, language: str, files: int) -> int:
    """One service of so many source files of a language, all of them reached from its entry; their lines."""
    root.mkdir(parents=True)
    lines = 0
    for name, text in _SMALL[language].items():
        if name not in _ENTRIES:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text.replace("NUMBER", "0"), encoding="utf-8")
    entry, head, body, using = _PARTS[language]
    text = _SMALL[language][entry].replace("NUMBER", "0")
    text = head.join(using.replace("INDEX", str(i)) for i in range(files - 1)) + text if using else text
    for index in range(files - 1):
        part = body.replace("INDEX", str(index))
        part += "".join(_FUNCTIONS[language].replace("INDEX", f"{index}_{n}") for n in range(12))
        path = root / Path(entry).parent / _FILES[language].replace("INDEX", str(index))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(part, encoding="utf-8")
        lines += part.count("\n")
    path = root / entry
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return lines + text.count("\n")


_ENTRIES = frozenset({"main.go", "server.js", "src/main.rs"})
_FILES = {"go": "part_INDEX.go", "node": "part_INDEX.js", "rust": "part_INDEX.rs"}
# Language -> entry, what joins the lines that lead to the parts, the head of a part, such a line.
_PARTS = {
    "go": ("main.go", "", 'package main\n\nimport (\n\t"net/http"\n\t"os"\n)\n\n', ""),
    "node": ("server.js", "", "import fs from 'node:fs'\n\n", "import './part_INDEX.js'\n"),
    "rust": ("src/main.rs", "", "use std::fs;\n\n", "mod part_INDEX;\n"),
}
_FUNCTIONS = {
    "go": """func loadINDEX(name string) (int, error) {
	data, err := os.ReadFile("/etc/app/" + name)
	if err != nil {
		return 0, err
	}
	answer, err := http.Get(os.Getenv("OTHER_URL") + "/x/" + name)
	if err != nil {
		return len(data), err
	}
	defer answer.Body.Close()
	return answer.StatusCode, nil
}

""",
    "node": """export async function loadINDEX(name) {
  const data = fs.readFileSync('/etc/app/' + name, 'utf8')
  const found = []
  for (const line of data.split('\\n')) {
    if (line.startsWith('#')) continue
    found.push(line.trim())
  }
  const answer = await fetch(process.env.OTHER_URL + '/x/' + name)
  return { found, status: answer.status, at: new Date().toISOString() }
}

""",
    "rust": """pub fn load_INDEX(name: &str) -> Result<usize, std::io::Error> {
    let text = fs::read_to_string(format!("/etc/app/{name}"))?;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.starts_with('#') {
            continue;
        }
        found.push(line.trim().to_string());
    }
    let limit = std::env::var("LIMIT").ok().and_then(|v| v.parse().ok()).unwrap_or(10);
    Ok(found.len().min(limit))
}

""",
}


def write_dockerfiles(root: Path, count: int) -> None:
    """Folders with a Dockerfile of four kinds each and nothing else."""
    kinds = [_DOCKERFILE, *(_SMALL[name]["Dockerfile"] for name in ("go", "node", "rust"))]
    for number in range(count):
        folder = root / f"service{number:04}"
        folder.mkdir(parents=True)
        text = kinds[number % len(kinds)].replace("NUMBER", str(number))
        (folder / "Dockerfile").write_text(text, encoding="utf-8")

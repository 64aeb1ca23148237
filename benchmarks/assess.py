"""How long `assess` takes on trees of Python files, and how much memory on a large repository.

    python benchmarks/assess.py                      # 325, 650 and 1,300 source files: is the cost linear?
    python benchmarks/assess.py --files 1300 --runs 9
    python benchmarks/assess.py --bulk 100000        # a small service among 100,000 files: peak memory

Each run is a process of its own that reads the tree, judges it and writes the JSON report, as
`dock2wasm assess --format json` does. The trees are generated from a seed: a Flask service of several
packages whose modules import each other, with routes, models, calls to other services, helpers and
docstrings, about 150 lines each, all of them reached from the entry. The file cache is warm.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
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


# What one run does, in a process of its own; prints its peak memory in KiB.
_RUN = """
import json, resource, sys
from pathlib import Path
from analyzers.assess import assess
from analyzers.inventory import read
from migrate.reports.wire.assess import to_json
report = to_json(assess(read(Path(sys.argv[1]))))
assert len(report["services"]) == 1, report["services"]
json.dumps(report)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, len(report["services"][0]["routes"]))
"""


def measure(root: Path, runs: int) -> tuple[list[float], list[float], float]:
    """Seconds of wall clock and of CPU of each run, and the peak memory of all in MB."""
    wall: list[float] = []
    cpu: list[float] = []
    peak = 0.0
    for _ in range(runs + 1):  # the first warms the file cache
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        start = time.perf_counter()
        run = subprocess.run(
            [sys.executable, "-c", _RUN, str(root)], capture_output=True, text=True, check=True
        )
        wall.append(time.perf_counter() - start)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        peak = max(peak, int(run.stdout.split()[0]) / 1024)
    return wall[1:], cpu[1:], peak


def _machine() -> str:
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line for line in cpuinfo.read_text(encoding="utf-8").splitlines() if "model name" in line]
        model = names[0].partition(":")[2].strip() if names else model
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "?"
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}, load {load} at the start"


def _row(name: str, values: list[float]) -> str:
    return f"{name} median {statistics.median(values):.2f} s ({min(values):.2f} to {max(values):.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--files", type=int, nargs="*", default=[325, 650, 1300])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--bulk", type=int, help="measure a repository of this many files instead")
    parser.add_argument("--keep", type=Path, help="write one tree here and measure nothing")
    options = parser.parse_args()
    if options.keep:
        if options.bulk:
            write_bulk(options.keep, options.bulk)
        else:
            write_service(options.keep, options.files[0], options.seed)
        return
    print(_machine())
    with tempfile.TemporaryDirectory(prefix="dock2wasm-bench-") as folder:
        if options.bulk:
            root = Path(folder) / "bulk"
            write_bulk(root, options.bulk)
            wall, cpu, peak = measure(root, options.runs)
            times = f"{_row('wall', wall)}, {_row('CPU', cpu)}"
            print(f"{options.bulk} files, n={options.runs}: {times}, {peak:.0f} MB")
            return
        for files in options.files:
            root = Path(folder) / str(files)
            lines = write_service(root, files, options.seed)
            wall, cpu, peak = measure(root, options.runs)
            each = statistics.median(cpu) / files * 1000
            print(
                f"{files} files, {lines} lines, n={options.runs}: {_row('wall', wall)}, {_row('CPU', cpu)},"
                f" {each:.2f} ms a file, {peak:.0f} MB"
            )


if __name__ == "__main__":
    main()

"""How long `assess` takes and how much memory, and what other tools need for the same files.

    python benchmarks/assess.py                       # all of it
    python benchmarks/assess.py python many --runs 9  # some of it
    python benchmarks/assess.py beside --tools DIR    # programs ast-grep, semgrep and hadolint in DIR

Each run is a process of its own that reads the tree, judges it and writes the JSON report, as
`dock2wasm assess --format json` does; interpreter start and imports are counted. The trees are generated
from a seed (`trees.py`). The file cache is warm: one run before the others is not counted.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import trees

_HERE = Path(__file__).parent
# What one run does, in a process of its own; prints its peak memory in KiB, that of its largest worker, and
# the number of services.
_RUN = """
import json, resource, sys
from pathlib import Path
from analyzers.assess import assess
from analyzers.inventory import read
from migrate.reports.wire.assess import to_json
report = to_json(assess(read(Path(sys.argv[1]))))
json.dumps(report)
peak = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
print(*peak, len(report["services"]))
"""


def measure(name: str, command: Sequence[str], runs: int, *, ours: bool = False) -> None:
    """Run a program, print a row: wall clock and CPU of the runs, memory and services of ours."""
    wall: list[float] = []
    cpu: list[float] = []
    memory = services = ""
    for _ in range(runs + 1):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        start = time.perf_counter()
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        wall.append(time.perf_counter() - start)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        if run.returncode:
            raise SystemExit(f"{command[0]} ended with {run.returncode}:\n{run.stderr[-2000:]}")
        if ours:
            own, worker, services = run.stdout.split()
            memory = f", peak {int(own) / 1024:.0f} MB" + (
                f" and {int(worker) / 1024:.0f} MB in a worker" if int(worker) else ""
            )
            services = f", {services} services"
    rows = f"{_row('wall', wall[1:])}, {_row('CPU', cpu[1:])}"
    print(f"{name}: n={runs}, {rows}{memory}{services}", flush=True)


def assess(name: str, root: Path, runs: int) -> None:
    measure(name, [sys.executable, "-c", _RUN, str(root)], runs, ours=True)


def _row(name: str, values: list[float]) -> str:
    return f"{name} median {statistics.median(values):.2f} s ({min(values):.2f} to {max(values):.2f})"


def machine() -> str:
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line for line in cpuinfo.read_text(encoding="utf-8").splitlines() if "model name" in line]
        model = names[0].partition(":")[2].strip() if names else model
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "?"
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}, load {load} at the start"


# --- the cases -----------------------------------------------------------------------------------------


def python(folder: Path, options: argparse.Namespace) -> None:
    """One service of 325, 650 and 1,300 modules: is the cost linear?"""
    for files in (325, 650, 1300):
        root = folder / f"python{files}"
        lines = trees.write_service(root, files)
        assess(f"{files} Python files, {lines} lines", root, options.runs)


def languages(folder: Path, options: argparse.Namespace) -> None:
    """One service of 1,300 files of each of the other languages."""
    for language in ("node", "go", "rust"):
        root = folder / language
        lines = trees.write_language(root, language, 1300)
        assess(f"1300 {language} files, {lines} lines", root, options.runs)


def many(folder: Path, options: argparse.Namespace) -> None:
    """1,000 Python services, and 1,000 of five languages in turn."""
    files = trees.write_many(folder / "many", 1000)
    assess(f"1000 Python services, {files} files", folder / "many", options.runs)
    files = trees.write_many(folder / "mixed", 1000, ("python", "node", "go", "rust", "static"))
    assess(f"1000 services of five languages, {files} files", folder / "mixed", options.runs)


def bulk(folder: Path, options: argparse.Namespace) -> None:
    """A small service among 100,000 files: memory."""
    trees.write_bulk(folder / "bulk", 100_000)
    assess("100000 files around a service of 40 modules", folder / "bulk", options.runs)


def beside(folder: Path, options: argparse.Namespace) -> None:
    """Other programs on the same files."""
    source, docker = folder / "beside", folder / "dockerfiles"
    lines = trees.write_service(source, 1300)
    trees.write_dockerfiles(docker, 1000)
    assess(f"assess, 1300 Python files, {lines} lines", source, options.runs)
    patterns = _HERE / "patterns"
    if program := _program("ast-grep", options.tools):
        command = [program, "scan", "--rule", str(patterns / "ast-grep.yml"), "--json=compact", str(source)]
        measure("ast-grep, 12 patterns, the same files", command, options.runs)
    if program := _program("semgrep", options.tools):
        command = [program, "scan", "--config", str(patterns / "semgrep.yml"), "--metrics", "off", "--json"]
        command += ["--disable-version-check", "--quiet", "--no-git-ignore", "--jobs", "2", str(source)]
        measure("semgrep, 12 patterns, the same files", command, min(options.runs, 3))
    assess("assess, 1000 Dockerfiles", docker, options.runs)
    if program := _program("hadolint", options.tools):
        files = [str(path) for path in sorted(docker.rglob("Dockerfile"))]
        measure("hadolint, the same Dockerfiles", [program, "--no-fail", "-f", "json", *files], options.runs)


def _program(name: str, folder: Path | None) -> str | None:
    found = shutil.which(name, path=str(folder) if folder else None)
    if found is None:
        print(f"{name}: not found, not measured")
    return found


CASES: dict[str, Callable[[Path, argparse.Namespace], None]] = {
    case.__name__: case for case in (python, languages, many, bulk, beside)
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("cases", nargs="*", choices=[*CASES, []], help=" ".join(CASES))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--tools", type=Path, help="folder of the other programs (default: PATH)")
    options = parser.parse_args()
    print(machine())
    for name in options.cases or CASES:
        with tempfile.TemporaryDirectory(prefix="dock2wasm-bench-") as folder:
            CASES[name](Path(folder), options)


if __name__ == "__main__":
    main()

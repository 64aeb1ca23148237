"""Native packages that were built for WASI: finds their wheels, unpacks them, tests them inside the guest.

A wheel for WASI holds a package's Python files and its libraries, `X.cpython-314-wasm32-wasi.so`; what the
build must know of it stands in `dock2wasm.json` in its dist-info folder.
`dock2wasm wheels build NAME==VERSION` makes one.
Usage: native.py --test FOLDER WHEEL... tests wheels over the packages of FOLDER; no component is made.
"""

import csv
import json
import os
import re
import shlex
import shutil
import sys
import zipfile
from pathlib import Path

from common import BUILD, TREE, BuildFailed, cache_folder, digest, main, note, run, show
from compile import componentize, guest_error

TAG = "cp314-cp314-wasi_wasm32"
SUFFIX = ".cpython-314-wasm32-wasi.so"
# Libraries of our own: what CPython for WASI lacks (native/build.py makes them).
OWN = TREE / "native"
INFO = "dock2wasm.json"
WORLD = "package dock2wasm:test;\n\nworld web {\n    export run: func();\n}\n"


def normalise(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def folders():
    """Where ready wheels lie: beside build.sh, then where the caller says, then the user's cache."""
    chosen = os.environ.get("DOCK2WASM_WASI_WHEELS")
    found = [TREE / "wheels", *([Path(chosen)] if chosen else []), cache_folder().parent / "wheels" / "ready"]
    return [folder for folder in found if folder.is_dir()]


def ready():
    """All wheels for WASI that can be found, for a stamp of the build's inputs."""
    return [wheel for folder in folders() for wheel in sorted(folder.glob(f"*-{TAG}.whl"))]


def info_of(wheel):
    """What a wheel says of itself."""
    try:
        with zipfile.ZipFile(str(wheel)) as archive:
            (name,) = [
                n for n in archive.namelist() if n.endswith(f".dist-info/{INFO}") and n.count("/") == 1
            ]
            return json.loads(archive.read(name).decode("utf-8"))
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise BuildFailed(f"{wheel} is no wheel for WASI: {error}") from None


def find(name, version, pinned):
    """The ready wheel of a release, or None. `pinned`: file name -> SHA-256 that it must have."""
    wanted = f"{normalise(name).replace('-', '_')}-{version}-{TAG}.whl"
    for folder in folders():
        wheel = folder / wanted
        if wheel.is_file():
            if wanted in pinned and digest_of(wheel) != pinned[wanted]:
                note(f"{wheel} is not used: lane.json names another SHA-256")
                continue
            return wheel
    if wanted in pinned:
        raise BuildFailed(f"{wanted}, which lane.json names with its SHA-256, is in none of: "
                          + ", ".join(map(str, [TREE / "wheels", *folders()])))  # fmt: skip
    return None


def digest_of(path):
    import hashlib

    return hashlib.sha256(path.read_bytes()).hexdigest()


def installed(target):
    """[(name, version, dist-info folder)] of what pip installed."""
    found = []
    for folder in sorted(target.glob("*.dist-info")):
        metadata = folder / "METADATA"
        text = metadata.read_text(encoding="utf-8", errors="replace") if metadata.is_file() else ""
        head = dict(re.findall(r"^(Name|Version): *(.+?) *$", text.split("\n\n")[0], re.MULTILINE))
        if "Name" in head and "Version" in head:
            found.append((head["Name"], head["Version"], folder))
    return found


def replace(wheel, dist_info, target, libraries):
    """Unpack a wheel in place of the same release from the index: libraries apart, where the linker looks."""
    for row in csv.reader((dist_info / "RECORD").read_text(encoding="utf-8").splitlines()):
        path = Path(os.path.normpath(str(target / row[0])))
        if path.is_file() and target in path.parents:
            path.unlink()
    with zipfile.ZipFile(str(wheel)) as archive:
        for name in archive.namelist():
            base = libraries if name.endswith(SUFFIX) else target
            path = Path(os.path.normpath(str(base / name)))
            if base not in path.parents:
                raise BuildFailed(f"{wheel.name} holds {name!r}, which leads out of the folder")
            if not name.endswith("/"):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(archive.read(name))


def modules_in(folder):
    """{module: path below the folder} of the libraries."""
    found = {}
    for path in sorted(folder.rglob(f"*{SUFFIX}")) if folder.is_dir() else ():
        relative = path.relative_to(folder).as_posix()
        found[relative[: -len(SUFFIX)].replace("/", ".")] = relative
    return found


def own_modules():
    """{module: path below OWN}. Raises BuildFailed where one is not what SHA256SUMS says."""
    found = modules_in(OWN)
    for path in found.values():
        told = f"{digest_of(OWN / path)}  {path}\n"
        if told not in (OWN / "SHA256SUMS").read_text(encoding="utf-8"):
            raise BuildFailed(
                f"native/{path} is not the file that SHA256SUMS names; convert the service again"
            )
    return found


def link(libraries):
    """Put the libraries that are needed, {module: path}, where the linker takes them: [folder] or []."""
    folder = BUILD / "work" / "libraries"
    shutil.rmtree(str(folder), ignore_errors=True)
    own = own_modules()
    for name, path in libraries.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(str((OWN if name in own else BUILD / "native") / path), str(folder / path))
    return [folder] if libraries else []


def paths(libraries):
    """{module: path under which the component's loader knows the library}: `link`'s folder is the second."""
    return {name: f"/1/{path}" for name, path in libraries.items()}


def ask_builder(missing, hashes):
    """Let the program that DOCK2WASM_WHEEL_BUILDER names build wheels: [(name, version)]."""
    builder = os.environ.get("DOCK2WASM_WHEEL_BUILDER")
    if not builder or not missing:
        return
    argv = [*shlex.split(builder)]
    for name, version in missing:
        argv.append(f"{name}=={version}")
        argv += [f"--hash={name}:{h}" for h in hashes.get(normalise(name), ())]
    run(argv, allow_failure=True)


def self_test(wheels, folder):
    """Import each wheel's modules inside the guest and compare one call's value; a wheel is tested once."""
    version = next(
        (Path(sys.executable).parent.parent / "lib").glob("python*/site-packages/componentize_py-*.dist-info")
    ).name
    waiting = []
    for wheel in wheels:
        marker = (
            cache_folder()
            / "tested"
            / digest(version, wheel, TREE / "tools" / "guest" / "dock2wasm_selftest.py")[:32]
        )
        if not marker.is_file():
            waiting.append((wheel, marker))
    if not waiting:
        return
    stage = BUILD / "work" / "self-test"
    shutil.rmtree(str(stage), ignore_errors=True)
    (stage / "main").mkdir(parents=True)
    (stage / "wit").mkdir()
    (stage / "wit" / "world.wit").write_text(WORLD, encoding="utf-8")
    libraries = stage / "wheels"
    for wheel in wheels:  # those that were tested before too: others may import them
        with zipfile.ZipFile(str(wheel)) as archive:
            archive.extractall(str(libraries))
    shutil.copy(str(TREE / "tools" / "guest" / "dock2wasm_selftest.py"), str(stage / "main"))
    infos = [info_of(wheel) for wheel, _ in waiting]
    (stage / "main" / "tests.json").write_text(json.dumps(infos), encoding="utf-8")
    status, log = componentize(
        stage / "unwanted.wasm", "dock2wasm_selftest", [stage / "main", libraries, folder, TREE / "adapter"],
        allow_failure=True, wit=stage / "wit",
    )  # fmt: skip
    result = stage / "main" / "result.json"
    if not result.is_file():
        show(guest_error(log))
        names = ", ".join(i["name"] for i in infos)
        raise BuildFailed(f"the self-test of {names} did not run to its end (status {status}; see above)")
    failed = json.loads(result.read_text(encoding="utf-8"))
    for name, message in failed.items():
        show(f"{name}: {message}")
    if failed:
        raise BuildFailed(
            f"the self-test of {', '.join(failed)} failed inside the component's Python (see above)"
        )
    for wheel, marker in waiting:
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.write_text(wheel.name, encoding="utf-8")
    shutil.rmtree(str(stage), ignore_errors=True)


def test_wheels():
    if sys.argv[1:2] != ["--test"] or len(sys.argv) < 4:
        raise BuildFailed("usage: native.py --test FOLDER WHEEL...")
    self_test([Path(w) for w in sys.argv[3:]], Path(sys.argv[2]))


if __name__ == "__main__":
    main(test_wheels)

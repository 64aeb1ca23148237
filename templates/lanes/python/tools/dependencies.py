"""Installs the application's dependencies for CPython 3.14, into build/site-packages and build/native.

pip resolves for the component's Python, not for the one that runs it. A release that has no wheel for
3.14 is taken from a wheel for another Python version, or built from its source, as long as nothing
native is needed. A package for which a wheel for WASI is ready (native.py) is taken from that; other native
libraries are removed, and a package that cannot do without them fails when it is imported, with its name.
Usage: dependencies.py [--offline]
"""

import base64
import hashlib
import json
import os
import re
import shutil
import sys
import zipfile
from pathlib import Path

import native
from common import BUILD, TREE, BuildFailed, digest, main, note, run, settings, show

PLATFORMS = (
    "manylinux_2_28_x86_64",
    "manylinux_2_17_x86_64",
    "manylinux2014_x86_64",
    "musllinux_1_2_x86_64",
    "any",
)
FOR_GUEST = [
    "--python-version",
    "3.14",
    "--implementation",
    "cp",
    "--abi",
    "cp314",
    "--abi",
    "abi3",
    "--abi",
    "none",
]
for _platform in PLATFORMS:
    FOR_GUEST += ["--platform", _platform]
# Versions whose wheels hold the same Python sources, newest first.
OTHER_PYTHONS = ("3.13", "3.12", "3.11", "3.10", "3.9", "3.8", "3.7")
NATIVE = (".so", ".pyd", ".dylib", ".dll", ".a", ".lib")
ROUNDS = 40
_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")


def normalise(name):
    return re.sub(r"[-_.]+", "-", name).lower()


class Installer:
    def __init__(self, lane, offline):
        self.lane = lane
        self.offline = offline
        self.wheels = BUILD / "wheels"
        self.target = BUILD / "site-packages"
        self.own = BUILD / "own-packages"
        self.site_names = set()

    def pip(self, *args, guest=True, **kwargs):
        script = TREE / "tools" / ("pip_for_guest.py" if guest else "pip_for_host.py")
        argv = [sys.executable, "-I", script, *args, "--disable-pip-version-check", "--no-input"]
        if guest:
            argv += FOR_GUEST
        return run(argv, **kwargs)

    def sources(self):
        """Where pip looks."""
        found = ["--find-links", str(self.wheels)]
        house = os.environ.get("DOCK2WASM_WHEELS")
        if house:
            found += ["--find-links", house]
        if self.offline:
            found.append("--no-index")
        return found

    # --- what to install ----------------------------------------------------------------

    def requirements(self):
        """[(text of one requirement, its file's folder)] of all files in order, `-r` followed."""
        lines = []
        for relative in self.lane.get("requirements", []):
            lines += read_requirements(TREE / "requirements" / relative)
        lines += [(text, TREE) for text in self.lane.get("inline_requirements", [])]
        return lines

    def local_projects(self, lines):
        """(requirements that are names, folders of the repository that are installed as projects)."""
        names, folders = [], []
        root = BUILD / "root"
        for text, folder in lines:
            body = re.sub(r"^(-e|--editable)[ =]\s*", "", text)
            if body != text or body.startswith((".", "/")):
                path = body.split(";")[0].split("[")[0].strip()
                if "://" in path:
                    names.append((path, folder))
                else:
                    folders.append(os.path.normpath(str(root) + os.path.join(self.lane["workdir"], path)))
            else:
                names.append((text, folder))
        folders += [os.path.normpath(str(root) + p) for p in self.lane.get("local_projects", [])]
        return names, folders

    # --- installing ---------------------------------------------------------------------

    def install(self):
        for folder in (self.target, self.own, self.wheels):
            shutil.rmtree(str(folder), ignore_errors=True)
            folder.mkdir(parents=True)
        names, projects = self.local_projects(self.requirements())
        for project in projects:
            names += self.build_project(project)
        extra = [] if self.offline and not os.environ.get("DOCK2WASM_WHEELS") else ["tzdata"]
        options = [
            t for t, _ in names if t.startswith("--") and not t.startswith(("--hash", "--require-hashes"))
        ]
        wanted = [t for t, _ in names if not t.startswith("-")]
        self.check_options(options)
        for position, text in enumerate(wanted):
            if "://" in text:
                wanted[position] = self.from_url(text)
        if wanted:
            self.resolve(wanted)
        if extra and not (self.target / "tzdata").is_dir():
            self.pip("install", "--quiet", "--no-deps", "--only-binary", ":all:", "--target", self.target,
                     *self.sources(), *extra)  # fmt: skip
        self.take_native(wanted)
        self.strip()

    def take_native(self, wanted):
        """Put packages for which a wheel for WASI is ready in place of those of the index; test them."""
        libraries = BUILD / "native"
        shutil.rmtree(str(libraries), ignore_errors=True)
        libraries.mkdir()
        packages = native.installed(self.target)
        pinned = self.lane.get("wasi_wheels", {})
        native.ask_builder(
            [(n, v) for n, v, info in packages if has_native(info) and not native.find(n, v, pinned)],
            {normalise(_NAME.match(t).group(1)): re.findall(r"--hash[= ]sha256:(\w+)", t) for t in wanted},
        )
        taken = {}
        for name, version, info in packages:
            wheel = native.find(name, version, pinned)
            if wheel:
                native.replace(wheel, info, self.target, libraries)
                taken[wheel.name] = wheel
        native.self_test(list(taken.values()), self.target)
        hashes = {name: native.digest_of(wheel) for name, wheel in taken.items()}
        for name, found in hashes.items():
            note(f"native code for WASI: {name} (sha256 {found})")
        infos = [native.info_of(wheel) for wheel in taken.values()]
        text = json.dumps({"wheels": hashes, "packages": infos}, indent=1)
        (BUILD / "wheels.json").write_text(text, encoding="utf-8")

    def check_options(self, options):
        for option in options:
            name = re.split(r"[= ]", option)[0]
            note(f"{name} in a requirements file is not used: pip's own configuration is")

    def resolve(self, wanted):
        """One pip run for the whole set; a release without a wheel for 3.14 is repacked, the run repeated."""
        hashed = any("--hash" in text for text in wanted)
        for _ in range(ROUNDS):
            listing = BUILD / "requirements.txt"
            listing.write_text("".join(text + "\n" for text in wanted), encoding="utf-8")
            argv = ["install", "--quiet", "--only-binary", ":all:", "--target", self.target, "--no-compile",
                    *self.sources(), "-r", listing]  # fmt: skip
            if hashed:
                argv += ["--require-hashes", "--no-deps"]
            for constraint in self.lane.get("constraints", []):
                argv += ["-c", TREE / "requirements" / constraint]
            status, output = self.pip(*argv, allow_failure=True, quiet=True)
            if status == 0:
                return
            missing = re.search(r"No matching distribution found for ([^\s(]+(?:\s*[<>=!~][^\s(]*)?)", output)
            if not missing or not self.repack(missing.group(1), wanted):
                show(output)
                if missing and self.offline:
                    raise BuildFailed(f"offline: {missing.group(1)} is not in DOCK2WASM_WHEELS")
                raise BuildFailed("the dependencies cannot be installed (see above)")
            shutil.rmtree(str(self.target))
            self.target.mkdir()
        raise BuildFailed("the dependencies cannot be resolved")

    def repack(self, requirement, wanted):
        """Put a wheel without native code for a requirement into build/wheels. False: there is none."""
        name = normalise(_NAME.match(requirement).group(1))
        exact = requirement
        for text in wanted:
            if normalise(_NAME.match(text).group(1)) == name:
                exact = text.split(" --hash")[0].split(";")[0].strip()
        if list(self.wheels.glob(f"{name.replace('-', '_')}-*")):
            return False  # it is there already: something else does not fit
        scratch = BUILD / "work" / "download"
        for python in OTHER_PYTHONS:
            if self.offline and not os.environ.get("DOCK2WASM_WHEELS"):
                break
            shutil.rmtree(str(scratch), ignore_errors=True)
            tag = "cp" + python.replace(".", "")
            argv = ["--python-version", python, "--implementation", "cp"]
            for abi in (tag, tag + "m", "abi3", "none"):
                argv += ["--abi", abi]
            for platform in (*PLATFORMS, "manylinux1_x86_64", "manylinux_2_5_x86_64"):
                argv += ["--platform", platform]
            status, _ = self.pip(
                *["download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest", scratch],
                *[*self.sources(), exact, *argv],
                guest=False,
                allow_failure=True,
                quiet=True,
            )
            found = list(scratch.glob("*.whl")) if status == 0 else []
            if found:
                made = repack_pure(found[0], self.wheels)
                note(
                    f"{exact}: no wheel for Python 3.14; taken from the one for {python}, without native code"
                )
                self.repoint(name, wanted, made)
                return True
        shutil.rmtree(str(scratch), ignore_errors=True)
        status, output = self.pip(
            "wheel", "--quiet", "--no-deps", "--wheel-dir", scratch, *self.sources(), exact,
            guest=False, allow_failure=True, quiet=True,
        )  # fmt: skip
        found = list(scratch.glob("*.whl")) if status == 0 else []
        if found and found[0].name.endswith("-none-any.whl"):
            shutil.copy(str(found[0]), str(self.wheels))
            note(f"{exact}: built from its source")
            self.repoint(name, wanted, self.wheels / found[0].name)
            return True
        if status:
            show("\n".join(output.splitlines()[-15:]))
        elif found:
            note(
                f"{exact}: its source builds a native wheel ({found[0].name}); there is none for WebAssembly"
            )
        return False

    def repoint(self, name, wanted, wheel):
        """In hash mode a line must carry the hash of the wheel that we made from the checked one."""
        for position, text in enumerate(wanted):
            if normalise(_NAME.match(text).group(1)) == name and "--hash" in text:
                plain = text.split(" --hash")[0]
                wanted[position] = f"{plain} --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}"

    def from_url(self, text):
        scratch = BUILD / "work" / "url"
        shutil.rmtree(str(scratch), ignore_errors=True)
        self.pip("wheel", "--quiet", "--no-deps", "--wheel-dir", scratch, *self.sources(), text, guest=False)
        (wheel,) = scratch.glob("*.whl")
        made = wheel if wheel.name.endswith("-none-any.whl") else None
        if made is None:
            raise BuildFailed(f"{text} builds a native wheel ({wheel.name}); there is none for WebAssembly")
        shutil.copy(str(wheel), str(self.wheels))
        name, version = wheel.name.split("-")[:2]
        return f"{name}=={version}"

    def build_project(self, folder):
        """Build the repository's own project (`pip install .`); returns its dependencies as requirements."""
        if not Path(folder).is_dir():
            raise BuildFailed(
                f"{folder[len(str(BUILD / 'root')) :]} is installed as a project, but holds no files"
            )
        scratch = BUILD / "work" / "project"
        shutil.rmtree(str(scratch), ignore_errors=True)
        copy = BUILD / "work" / "project-source"
        shutil.rmtree(str(copy), ignore_errors=True)
        shutil.copytree(folder, str(copy))
        self.pip("wheel", "--quiet", "--no-deps", "--wheel-dir", scratch, *self.sources(), copy, guest=False)
        (wheel,) = scratch.glob("*.whl")
        if not wheel.name.endswith("-none-any.whl"):
            raise BuildFailed(
                f"the project builds a native wheel ({wheel.name}); there is none for WebAssembly"
            )
        with zipfile.ZipFile(str(wheel)) as archive:
            archive.extractall(str(self.own))
            (metadata,) = [n for n in archive.namelist() if n.endswith(".dist-info/METADATA")]
            text = archive.read(metadata).decode("utf-8")
        note(f"built {wheel.name} from the repository")
        found = re.findall(r"^Requires-Dist: (.+)$", text.split("\n\n")[0], re.MULTILINE)
        return [(r, Path(folder)) for r in found if "extra ==" not in r]

    def strip(self):
        """Remove native libraries and what only a developer reads; say which packages had some."""
        native = {}
        for path in sorted(self.target.rglob("*")):
            if path.is_file() and (path.suffix in NATIVE or ".so." in path.name):
                native.setdefault(path.relative_to(self.target).parts[0], []).append(path.name)
                path.unlink()
        (BUILD / "native.json").write_text(json.dumps(native, indent=1), encoding="utf-8")
        tell_native()
        shutil.rmtree(str(self.target / "bin"), ignore_errors=True)


def tell_native():
    """Say which packages lost native libraries: what a failure further on is explained with."""
    for package, files in json.loads((BUILD / "native.json").read_text(encoding="utf-8")).items():
        note(f"native code left out: {package} ({len(files)} libraries)")


def read_requirements(path, seen=None):
    """Logical lines of a requirements file: comments gone, continuations joined, `-r` followed in place."""
    seen = seen or ()
    if path in seen:
        raise BuildFailed(f"{path.name} includes itself")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BuildFailed(f"the requirements file {path.name} cannot be read: {error}") from None
    lines = []
    for line in re.sub(r"\\\r?\n", " ", text).splitlines():
        line = re.sub(r"(^|\s)#.*$", "", line).strip()
        line = re.sub(r"\$\{([A-Z0-9_]+)\}", lambda m: os.environ.get(m.group(1), m.group(0)), line)
        if not line:
            continue
        include = re.match(r"(?:-r|--requirement)[ =]?\s*(.+)$", line)
        if include:
            lines += read_requirements(
                Path(os.path.normpath(str(path.parent / include.group(1)))), (*seen, path)
            )
        elif re.match(r"(?:-c|--constraint)[ =]?\s*(.+)$", line):
            continue  # listed in lane.json
        else:
            lines.append((re.sub(r"\s+", " ", line), path.parent))
    return lines


def has_native(info):
    """Whether a package, by its dist-info folder, has native libraries."""
    record = info / "RECORD"
    text = record.read_text(encoding="utf-8") if record.is_file() else ""
    return any(row.split(",")[0].endswith(NATIVE) for row in text.splitlines())


def repack_pure(wheel, folder):
    """Write a wheel as `-py3-none-any` without its native libraries; returns the new file."""
    name, version = wheel.name.split("-")[:2]
    target = folder / f"{name}-{version}-py3-none-any.whl"
    records = []
    with (
        zipfile.ZipFile(str(wheel)) as source,
        zipfile.ZipFile(str(target), "w", zipfile.ZIP_DEFLATED) as out,
    ):
        for item in source.namelist():
            if item.endswith(("/", ".dist-info/RECORD")) or item.endswith(NATIVE) or ".so." in item:
                continue
            data = source.read(item)
            if item.endswith(".dist-info/WHEEL"):
                text = (
                    re.sub(r"(?m)^Tag: .*\n?", "", data.decode("utf-8")).rstrip("\n")
                    + "\nTag: py3-none-any\n"
                )
                data = re.sub(r"Root-Is-Purelib: false", "Root-Is-Purelib: true", text).encode("utf-8")
            if item.endswith(".dist-info/METADATA"):
                # An old release may forbid 3.14 only because it is older.
                data = re.sub(rb"(?m)^Requires-Python: .*\n", b"", data, count=1)
            out.writestr(zipfile.ZipInfo(item), data)
            hashed = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            records.append(f"{item},sha256={hashed},{len(data)}")
            if item.endswith(".dist-info/METADATA"):
                info = item.rpartition("/")[0]
        records.append(f"{info}/RECORD,,")
        out.writestr(f"{info}/RECORD", "\n".join(records) + "\n")
    return target


def install():
    lane = settings()
    offline = "--offline" in sys.argv[1:]
    stamp = BUILD / "dependencies.stamp"
    parts = [TREE / "tools" / "dependencies.py", json.dumps(lane, sort_keys=True)]
    for path in sorted((TREE / "requirements").rglob("*")) if (TREE / "requirements").is_dir() else ():
        if path.is_file():
            parts += [path.name, path]
    parts += [TREE / "tools" / "native.py", bool(os.environ.get("DOCK2WASM_WHEEL_BUILDER"))]
    installer = Installer(lane, offline)
    for _, folder in [(None, p) for p in installer.local_projects(installer.requirements())[1]]:
        parts += [p for p in sorted(Path(folder).rglob("*")) if p.is_file()]
    wanted = digest(*parts, *native.ready())
    if stamp.is_file() and stamp.read_text() == wanted:
        note("unchanged")
        tell_native()
        return
    installer.install()
    found = sorted(p.name[: -len(".dist-info")] for p in (BUILD / "site-packages").glob("*.dist-info"))
    note(", ".join(found) or "none")
    # A builder may have made wheels meanwhile.
    stamp.write_text(digest(*parts, *native.ready()))


if __name__ == "__main__":
    main(install)

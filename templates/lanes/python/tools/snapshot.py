"""Step two: selects what the component needs and makes the snapshot.

Selected is what the application's modules can reach by imports in the source, and modules that are
named in strings (`"django.contrib.admin"`); `keep` in lane.json adds names, `pkg.*` a whole package.
"""

import ast
import fnmatch
import json
import marshal
import os
import shutil
import sys
from pathlib import Path

import native
import sections
import trial
from common import BUILD, SITE_PACKAGES, STDLIB, TREE, BuildFailed, main, note, settings, show
from compile import ADAPTER, componentize, guest_error

# Imported inside the interpreter or by name computed at run time, so no source shows it.
ALWAYS = (
    "traceback", "linecache", "tokenize", "_strptime", "stringprep", "copyreg", "decimal", "_pylong",
    "importlib.readers", "importlib.resources", "importlib.metadata",
    "importlib.resources.readers", "encodings.idna", "encodings.ascii", "encodings.latin_1",
    "encodings.utf_8", "encodings.utf_8_sig", "encodings.cp437", "encodings.punycode",
    "encodings.unicode_escape", "encodings.raw_unicode_escape", "encodings.utf_16",
    "encodings.utf_16_le", "encodings.utf_16_be", "encodings.utf_32", "encodings.utf_32_le",
    "encodings.utf_32_be", "encodings.cp1252", "encodings.iso8859_1", "encodings.iso8859_15",
    "encodings.hex_codec", "encodings.base64_codec", "encodings.charmap", "encodings.rot_13",
)  # fmt: skip
# Of the standard library, imported by other modules of it for debuggers, tests, other processes, terminals,
# or where a module in C is missing that the component has. Kept only where something else imports them, or
# one of those others cannot be imported without.
ASIDE = frozenset(
    (
        "_aix_support", "_py_abc", "_pydatetime", "_pydecimal", "_pyrepl", "bdb", "cmd", "code", "codeop",
        "doctest", "ftplib", "getpass", "multiprocessing", "pdb", "plistlib", "py_compile", "pydoc",
        "rlcompleter", "tracemalloc", "tty", "unittest", "webbrowser", "xmlrpc",
    )
)  # fmt: skip
# Time zones, for who asks for one.
ZONES = ("zoneinfo", "zoneinfo._common", "zoneinfo._tzpath")
# Imported before the snapshot is made, although nothing of the application asks for it at once.
PRELOAD = (
    "encodings.idna",
    "traceback",
    "linecache",
    "tokenize",
    "_strptime",
    "random",
    "hashlib",
    "threading",
    "importlib.readers",
    "importlib.resources.readers",
    "importlib.resources._adapters",
    "encodings.unicode_escape",
    "wit_world.imports.preopens",
)
# What imports the application at build time; the second part only in the trial.
BUILDING = "dock2wasm_adapter.freezing"
TRIAL = ("dock2wasm_adapter.changes", "dock2wasm_adapter.trial")
# The section of the component that says what of the application is in it.
SECTION = "dock2wasm:snapshot"
RUNTIME = ("dock2wasm_main", "wit_world.exports", "wit_world.imports.preopens")
# Imported by a name that is computed: module -> what comes with it, also in the snapshot.
HIDDEN = {"anyio._core._eventloop": ("anyio._backends._asyncio",)}
# What a framework looks for in every package that is named to it: module -> names below such a package.
BELOW = {"django.apps.registry": ("apps", "models", "templatetags", "templatetags.*")}
# Found by listing a folder or by a computed name: module -> patterns of modules.
ALONG = {
    "django.utils.formats": ("django.conf.locale.*",),
    "django.template.engine": ("django.templatetags.*",),
    "django.db.utils": ("django.db.backends.dummy.*",),  # where DATABASES is empty
    "sqlalchemy.dialects": ("sqlalchemy.dialects.sqlite.pysqlite", "sqlite3"),
}
# Loaded by the name in a database's URL, which comes at run time: (who loads it, a driver that is
# installed) -> what is loaded beside the driver; also in the snapshot.
PLUGINS = {
    ("sqlalchemy.dialects", "pg8000"): ("sqlalchemy.dialects.postgresql.pg8000",),
    ("sqlalchemy.dialects", "asyncpg"): ("sqlalchemy.dialects.postgresql.asyncpg",),
    ("sqlalchemy.dialects", "pymysql"): ("sqlalchemy.dialects.mysql.pymysql",),
    ("sqlalchemy.dialects", "aiomysql"): ("sqlalchemy.dialects.mysql.aiomysql",),
    ("sqlalchemy.dialects", "mysql.connector"): ("sqlalchemy.dialects.mysql.mysqlconnector",),
}
METADATA = ("METADATA", "entry_points.txt", "top_level.txt")
LARGE = 64 * 1024 * 1024


def entry_of(text):
    """(module, attribute, None or (positional, keyword) arguments of a factory) of a gunicorn-style entry."""
    module, _, attribute = text.partition(":")
    try:
        expression = ast.parse(attribute or "application", mode="eval").body
        if isinstance(expression, ast.Call):
            args = [ast.literal_eval(a) for a in expression.args]
            kwargs = {k.arg: ast.literal_eval(k.value) for k in expression.keywords}
            expression, call = expression.func, (args, kwargs)
        else:
            call = None
        parts = []
        while isinstance(expression, ast.Attribute):
            parts.insert(0, expression.attr)
            expression = expression.value
        if not isinstance(expression, ast.Name):
            raise ValueError("neither a name nor a call")
    except (SyntaxError, ValueError) as error:
        raise BuildFailed(f"the entry {text!r} cannot be read: {error}") from None
    return module, ".".join([expression.id, *parts]), call


def adapter_of(lane):
    """The module that speaks the application's interface."""
    return f"dock2wasm_adapter.{lane['interface'].replace('.', '_')}"


def parents(name):
    """a.b.c -> a.b, a"""
    while "." in name:
        name = name.rpartition(".")[0]
        yield name


def is_aside(name, importer):
    """Whether a module of the standard library imports this one for nothing that a service does."""
    top = name.partition(".")[0]
    return top in ASIDE and importer.partition(".")[0] not in ASIDE


class Index:
    def __init__(self, folders, preferred):
        self.modules = {}
        self.code = {}
        self.errors = []
        self.libraries = {}
        for folder in folders:
            found = json.loads((folder / "index.json").read_text(encoding="utf-8"))
            self.errors += found["errors"]
            for module in found["modules"]:
                known = self.modules.get(module["name"])
                if known is None or preferred.index(module["group"]) < preferred.index(known["group"]):
                    module["code"] = folder / "code.bin"
                    self.modules[module["name"]] = module

    def add_native(self, folder):
        """Add the libraries of packages that were built for WASI: {module: path below the folder}.

        What their code imports shows in no source: each wheel tells it, or the whole library is kept.
        """
        known = json.loads((BUILD / "wheels.json").read_text(encoding="utf-8"))["packages"]
        found = native.modules_in(folder)
        everything = [n for n, m in self.modules.items() if m["group"] == "std"]
        for name in native.own_modules():
            self.modules[name] = {"name": name, "group": "native", "imports": {}, "mentions": []}
        for package in known:
            needed = everything if package["keep"] is None else package["keep"]
            for name in package["modules"]:
                if name in found and name not in self.modules:
                    self.modules[name] = {
                        "name": name,
                        "group": "native",
                        "imports": {"hard": needed},
                        "mentions": [],
                    }

    def take_libraries(self, kept):
        """Move the libraries among `kept` to `self.libraries`: they are linked, not stored."""
        found = {**native.modules_in(BUILD / "native"), **native.own_modules()}
        self.libraries = {n: found[n] for n in sorted(kept) if self.modules[n]["group"] == "native"}
        kept -= set(self.libraries)

    def find(self, name):
        """The module of a name, or of its longest prefix that is one (`os.path.join` -> `os.path`)."""
        while name and name not in self.modules:
            name = name.rpartition(".")[0]
        return name

    def closure(self, start):
        kept = set()
        waiting = list(start)
        while waiting:
            self.follow(waiting, kept)
            waiting = self.expected(kept)
        return kept

    def follow(self, waiting, kept):
        """Add to `kept` what the modules in `waiting` lead to."""
        while waiting:
            name = self.find(waiting.pop())
            if not name or name in kept:
                continue
            kept.add(name)
            module = self.modules[name]
            for kind, found in module["imports"].items():
                optional = module["group"] == "std" and kind != "hard"
                waiting += [n for n in found if not is_aside(n, name)] if optional else found
            waiting += HIDDEN.get(name, ())
            for mention in module["mentions"]:
                # A word is no import; the name of something in a module of a dependency or of ours is.
                target = self.find(mention)
                if target and self.modules[target]["group"] in ("app", "site"):
                    waiting += [target] if target == mention or "." in target else []
            waiting.append(name.rpartition(".")[0])

    def plugins(self, kept):
        """What is loaded by names that come at run time, of the drivers that are installed."""
        return [
            name
            for (loader, driver), names in PLUGINS.items()
            if loader in kept and driver in self.modules
            for name in (driver, *names)
        ]

    def expected(self, kept):
        """What frameworks among `kept` will import by names that no source holds."""
        below = [name for module, names in BELOW.items() if module in kept for name in names]
        patterns = [pattern for module, found in ALONG.items() if module in kept for pattern in found]
        patterns += [f"{name}.{end}" for name in kept if self.modules[name].get("package") for end in below]
        patterns += self.plugins(kept)
        plain = {pattern for pattern in patterns if not pattern.endswith(".*")}
        folders = {pattern[:-2] for pattern in patterns if pattern.endswith(".*")}
        return [
            name
            for name in self.modules
            if name not in kept and (name in plain or any(parent in folders for parent in parents(name)))
        ]


def dependencies(index, module):
    """[(module, required, importer)] to import in the snapshot: what the application imports, in order.

    Required are those imported unconditionally, at the top of modules that the entry imports so as well.
    """
    wanted, seen = {}, {}

    def want(name, required, importer):
        if name not in wanted or (required and not wanted[name][0]):
            wanted[name] = (required, importer)

    def visit(name, required):
        if seen.get(name, -1) >= required:
            return
        seen[name] = required
        parent = name.rpartition(".")[0]
        if parent in index.modules and index.modules[parent]["group"] == "app":
            visit(parent, required)
        for kind, found in index.modules[name]["imports"].items():
            for imported in found:
                target = index.find(imported)
                hard = required and kind == "hard"
                if target and index.modules[target]["group"] == "app":
                    visit(target, hard)
                elif target:
                    want(target, hard, name)
                # Of `from a import b` with an unknown `a`, the `a` is enough to ask for.
                elif imported.partition(".")[0] not in BUILT_IN and imported.rpartition(".")[0] not in found:
                    want(imported, hard, name)

    visit(module, True)
    return [(name, required, importer) for name, (required, importer) in wanted.items()]


# Modules in C: they have no source, and nothing has to be kept for them.
BUILT_IN = set(sys.builtin_module_names) | {
    "_asyncio", "_bisect", "_blake2", "_codecs_cn", "_csv", "_datetime", "_decimal", "_elementtree",
    "_hashlib", "_heapq", "_hmac", "_json", "_md5", "_opcode", "_pickle", "_queue", "_random", "_sha1",
    "_sha2", "_sha3", "_socket", "_sqlite3", "_statistics", "_struct", "_zoneinfo", "array", "binascii",
    "cmath", "math", "pyexpat", "select", "unicodedata", "zlib", "faulthandler", "fcntl", "pwd", "grp",
    "resource", "syslog", "_interpreters", "_interpqueues", "_typing", "_io", "errno", "posix",
}  # fmt: skip


def files_of(lane, zones):
    """{guest path: (data, mode, mtime in ns, size)} of the application, its packages and the dependencies.

    `zones`: with the data of time zones.
    """
    found, total = {}, 0
    site = lane.get("site_packages", SITE_PACKAGES)
    for folder, prefix, own in (
        (BUILD / "root", "", True),
        (BUILD / "own-packages", site, True),
        (BUILD / "site-packages", site, False),
    ):
        for path in sorted(folder.rglob("*")):
            if not path.is_file() or "__pycache__" in path.parts or path.suffix == ".pyc":
                continue
            relative = path.relative_to(folder).as_posix()
            if not own and not zones and relative.startswith("tzdata/"):
                continue
            info = relative.split("/")[0].endswith(".dist-info")
            if info and (relative.count("/") > 1 or path.name not in METADATA):
                continue
            if not own and path.suffix in (".pyi", ".c", ".h", ".pyx", ".pxd", ".po", ".cpp"):
                continue
            status = path.stat()
            data = None if path.suffix == ".py" and not own else path.read_bytes()
            total += len(data or b"")
            # A dependency's file has the time of this build; a fixed one keeps builds alike.
            time = status.st_mtime_ns if own and not prefix else 0
            found[f"{prefix}/{relative}"] = (data, status.st_mode & 0o777, time, status.st_size)
    if total > LARGE:
        note(f"the component holds {total:,} bytes of files; consider a mounted directory for large ones")
    return found


def select(lane):
    index = Index(
        [Path((BUILD / "work" / "stdlib-folder").read_text(encoding="utf-8")), BUILD / "work" / "code"],
        ["adapter", "wit", "app", "std", "site"],
    )
    index.add_native(BUILD / "native")
    module, attribute, call = entry_of(lane["entry"])
    broken = {e["name"]: e for e in index.errors if e["group"] == "app"}
    for error in index.errors:
        if error["group"] == "app":
            note(f"not compiled: {error['origin']}:{error['line']}: {error['message']} (Python 3.14)")
    if module not in index.modules or index.modules[module]["group"] != "app":
        if module in broken:
            e = broken[module]
            raise BuildFailed(f"{e['origin']}:{e['line']}: {e['message']} (the component runs Python 3.14)")
        raise BuildFailed(
            f"the application's module {module!r} is not among its files"
            f" (sys.path: {', '.join(lane['sys_path'])})"
        )
    application = [n for n, m in index.modules.items() if m["group"] == "app"]
    reached = index.closure([module])
    for importer in sorted(n for n in reached if index.modules[n]["group"] == "app"):
        for found in index.modules[importer]["imports"].values():
            for name in found:
                if name in broken:
                    e = broken[name]
                    raise BuildFailed(
                        f"{e['origin']}:{e['line']}: {e['message']}"
                        f" (imported by {importer}; the component runs Python 3.14)"
                    )
    kept = index.closure([*application, *RUNTIME, adapter_of(lane), *ALWAYS, *PRELOAD])
    for pattern in lane.get("keep", []):
        kept |= index.closure([n for n in index.modules if n == pattern or fnmatch.fnmatchcase(n, pattern)])
    if "zoneinfo" in kept:
        kept |= index.closure(ZONES)
    kept |= {n for n, m in index.modules.items() if m["group"] in ("wit", "app")}
    kept -= {"dock2wasm_main", "poll_loop"}
    kept -= {n for n in kept if n.startswith("componentize_py_async_support")}
    index.take_libraries(kept)
    left_out = {
        n: m["group"] for n, m in index.modules.items() if n not in kept and m["group"] in ("std", "site")
    }
    return index, kept, left_out, (module, attribute, call)


class Stage:
    """What the guest's part of the build gets: modules, files, settings."""

    def __init__(self, lane):
        self.lane = lane
        self.index, self.kept, self.left_out, self.entry = select(lane)
        self.files = files_of(lane, "zoneinfo" in self.kept)
        self.wanted = dependencies(self.index, self.entry[0])
        for name in sorted(self.kept & set(HIDDEN)):
            self.wanted += [(hidden, False, name) for hidden in HIDDEN[name] if hidden in self.kept]
        self.wanted += [(name, False, "a database's URL") for name in self.index.plugins(self.kept)]
        self.say()

    def say(self):
        groups = {}
        for name in self.kept:
            groups[self.index.modules[name]["group"]] = groups.get(self.index.modules[name]["group"], 0) + 1
        note(
            f"{groups.get('app', 0)} modules of the application, {groups.get('site', 0)} of dependencies, "
            f"{groups.get('std', 0)} of the standard library; {len(self.files)} files"
        )
        known = self.index.modules
        required = [n for n, hard, _ in self.wanted if hard and n in known and known[n]["group"] == "site"]
        note(
            "imported in the snapshot: "
            + (", ".join(sorted({n.partition(".")[0] for n in required})) or "nothing")
        )

    def settings(self, snapshot_app, late, changed):
        lane = self.lane
        site = lane.get("site_packages", SITE_PACKAGES)
        workdir = os.path.normpath("/" + lane["workdir"].lstrip("/"))
        return {
            "folders": [workdir, site, STDLIB, *lane["sys_path"]],
            "workdir": workdir,
            "sys_path": [*lane["sys_path"], STDLIB, site, ADAPTER],
            "user_id": lane.get("user_id", 0),
            "home": lane.get("home", "/root"),
            "environment": lane.get("build_environment", {}),
            "preload": list(PRELOAD),
            "adapter": adapter_of(lane),
            "arguments": lane.get("arguments", []),
            "python": lane.get("python", []),
            "dependencies": [*self.wanted, *((name, False, "the application") for name in late)],
            "entry": self.entry,
            "left_out": self.left_out,
            "libraries": native.paths(self.index.libraries),
            # Import the application: "trial": write what was seen and end; "app": for the snapshot; "": never
            "snapshot_app": snapshot_app,
            "changed": changed,
        }

    def run(self, snapshot_app, output, late=(), changed=()):
        """Run componentize-py over the stage. Returns (status, output, folder of the stage)."""
        kept = set(self.kept)
        if snapshot_app:
            kept |= self.index.closure([BUILDING])
        if snapshot_app == "trial":
            kept |= self.index.closure(TRIAL)
        kept -= set(self.index.libraries)  # linked, not stored
        stage = BUILD / "work" / (snapshot_app or "snapshot")
        shutil.rmtree(str(stage), ignore_errors=True)
        stage.mkdir(parents=True)
        table, offset, blobs = {}, 0, {}
        with (stage / "code.bin").open("wb") as out:
            for name in sorted(kept):
                module = self.index.modules[name]
                if module["code"] not in blobs:
                    blobs[module["code"]] = module["code"].read_bytes()
                data = blobs[module["code"]][module["offset"] : module["offset"] + module["length"]]
                out.write(data)
                table[name] = (module["origin"], module["package"], offset, len(data), module["group"])
                offset += len(data)
        settings = self.settings(snapshot_app, late, changed)
        # Format 4 is what every Python from 3.9 on writes and 3.14 reads.
        (stage / "table.marshal").write_bytes(marshal.dumps((table, self.files, settings), 4))
        shutil.copy(str(TREE / "adapter" / "dock2wasm_main.py"), str(stage))
        folders = [stage, *native.link(self.index.libraries)]
        status, log = componentize(output, "dock2wasm_main", folders, allow_failure=True)
        return status, log, stage


def snapshot():
    lane = settings()
    stage = Stage(lane)
    tried = trial.attempt(stage, lane)
    output = BUILD / f"{lane['service']}.wasm"
    part = BUILD / "work" / "component.wasm"
    if part.exists():
        part.unlink()
    status, log, folder = stage.run("app" if tried.frozen else "", part, tried.late, tried.changed)
    notes = folder / "notes"
    for line in notes.read_text(encoding="utf-8").splitlines() if notes.is_file() else ():
        note(line)
    if status or not part.is_file():
        show(guest_error(log))
        raise BuildFailed("the snapshot failed: the component's Python raised the error above")
    sections.smaller(part)
    sections.append(part, SECTION, tried.facts())
    part.replace(output)
    note(f"build/{output.name}: {output.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(snapshot)

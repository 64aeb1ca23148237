"""The source files of a C or C++ program: what the build says it is made of, else what `main` includes."""

from __future__ import annotations

import fnmatch
import posixpath
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from analyzers.command import StartCommand
from analyzers.guest import Guest
from analyzers.languages import build_lines, built
from analyzers.languages.build_lines import Step
from analyzers.model import ComposeFacts, Evidence, Image

SOURCES = (".c", ".cc", ".cpp", ".cxx", ".c++", ".cu")
HEADERS = (".h", ".hh", ".hpp", ".hxx", ".inl", ".ipp")
_BINARIES = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
_COMPILERS = re.compile(r"(?:[\w-]*-)?(?:gcc|g\+\+|cc|c\+\+|clang|clang\+\+|nvcc|musl-gcc|tcc|emcc)(?:-\d+)?")
_ASIDE = re.compile(
    r"(?:^|/)(?:tests?|testing|unittests?|examples?|samples?|bench(?:marks?)?|fuzz(?:ing|ers?)?|fuzztest"
    r"|third[_-]party|3rdparty|vendor|external|deps|contrib|docs?)/"
)
_INCLUDE = re.compile(rb'^[ \t]*#[ \t]*include[ \t]*([<"])([^">\n]+)[">]', re.MULTILINE)
_MAIN = re.compile(
    rb"^[ \t]*(?:extern\s+\"C\"\s+)?(?:static\s+)?(?:int|void|auto)\s+(?:\w+\s+)?(?:main|wmain)\s*\(",
    re.MULTILINE,
)
_FILES = 3_000
_TEXT = 2_000_000  # characters of build files that are searched


@dataclass(frozen=True, slots=True)
class CProgram:
    """A program: its files (guest paths, `main`'s first), and how sure they are."""

    guest: Guest
    name: str
    main: str
    files: tuple[str, ...]
    stated: bool  # a build file names them
    arguments: tuple[str, ...]
    manifests: tuple[str, ...]


def find(
    guest: Guest, image: Image, compose: ComposeFacts | None, start: StartCommand, stages: Sequence[Image]
) -> CProgram | None:
    """The program behind a start command, or None where no source of the repository makes it."""
    if not start.argv:
        return None
    name = start.argv[0]
    if "/" in name:
        places = [posixpath.normpath(posixpath.join("/", start.workdir, name))]
    else:
        places = [f"{folder}/{name}" for folder in (*_BINARIES, start.workdir)]
    candidates: dict[int, tuple[Image, str]] = {}
    for place in places:
        origin = built.origin(image, stages, place)
        if origin.image is not image:
            candidates.setdefault(id(origin.image), (origin.image, origin.path))
    candidates.setdefault(id(image), (image, name))
    for stage in reversed(stages):
        candidates.setdefault(id(stage), (stage, name))
    for stage, path in candidates.values():
        own = guest if stage is image else Guest(guest.tree, stage)
        found = _in_stage(own, stage, compose, posixpath.basename(path), start.argv[1:])
        if found is not None:
            return found
    return None


def _in_stage(
    guest: Guest, stage: Image, compose: ComposeFacts | None, name: str, arguments: tuple[str, ...]
) -> CProgram | None:
    code = [path for path in guest.files if path.endswith(SOURCES)][: _FILES * 4]
    if not code:
        return None
    steps = build_lines.steps(guest, stage, compose)
    if not any(_builds(step) for step in steps):
        return None
    listed = _compiled(guest, steps, name) or _stated(guest, name)
    stated = bool(listed)
    mains = [path for path in listed if _MAIN.search(_data(guest, path))]
    mains = mains or [path for path in code if _MAIN.search(_data(guest, path))]
    if not mains:
        return None
    main = min(mains, key=lambda path: _likeliness(path, name))
    if (
        not stated
        and posixpath.splitext(posixpath.basename(main))[0] not in (name, "main")
        and len(mains) > 1
    ):
        wanted = [path for path in mains if not _ASIDE.search(path)]
        main = wanted[0] if len(wanted) == 1 else main
    files = _reached(guest, [main, *listed], code)
    build_files = (
        "Makefile",
        "CMakeLists.txt",
        "meson.build",
        "configure",
        "configure.ac",
        "vcpkg.json",
        "conanfile.txt",
        "conanfile.py",
    )
    manifests = sorted(
        {
            source
            for path, source in guest.files.items()
            if posixpath.basename(path) in build_files and path.count("/") <= 3
        }
    )
    return CProgram(guest, name, main, files, stated, arguments, tuple(manifests[:20]))


def _likeliness(path: str, name: str) -> tuple[bool, bool, bool, int, str]:
    stem = posixpath.splitext(posixpath.basename(path))[0]
    near = stem.lower().replace("_", "-") in (name.lower().replace("_", "-"), "main", "server")
    return (bool(_ASIDE.search(path)), stem != name, not near, path.count("/"), path)


def _builds(step: Step) -> bool:
    return bool(_COMPILERS.fullmatch(step.program)) or step.program in (
        "make", "gmake", "cmake", "ninja", "meson", "configure", "autoreconf", "bazel", "scons", "xmake",
    )  # fmt: skip


def _data(guest: Guest, path: str) -> bytes:
    source = guest.files.get(path)
    return (guest.tree.data(source) or b"") if source is not None else b""


def _compiled(guest: Guest, steps: Iterable[Step], name: str) -> list[str]:
    """The files of a compiler line: `gcc -o name a.c b.c`, folders and patterns included."""
    best: list[str] = []
    for step in steps:
        if not _COMPILERS.fullmatch(step.program):
            continue
        words = list(step.words[1:])
        target = next((words[i + 1] for i, w in enumerate(words[:-1]) if w == "-o"), "a.out")
        files = [
            found
            for word in words
            if word.endswith(SOURCES) and not word.startswith("-")
            for found in _matching(guest, posixpath.normpath(posixpath.join(step.folder, word)))
        ]
        if files and (posixpath.basename(target) == name or not best):
            best = files
    return best


def _matching(guest: Guest, pattern: str) -> list[str]:
    if "*" not in pattern:
        return [pattern] if pattern in guest.files else []
    return sorted(fnmatch.filter(guest.files, pattern))


def _stated(guest: Guest, name: str) -> list[str]:
    """What a Makefile, CMakeLists.txt or meson.build says that a program is made of."""
    found: list[str] = []
    room = _TEXT
    for path in sorted(guest.files, key=lambda p: (p.count("/"), p)):
        base = posixpath.basename(path)
        if _ASIDE.search(path) or room <= 0:
            continue
        folder = posixpath.dirname(path)
        if base in ("Makefile", "makefile", "GNUmakefile", "Makefile.in", "Makefile.am"):
            text = guest.text(path) or ""
            words = _make(text, name)
        elif base == "CMakeLists.txt":
            text = guest.text(path) or ""
            words = _cmake(text, name)
        elif base == "meson.build":
            text = guest.text(path) or ""
            words = _meson(text, name)
        else:
            continue
        room -= len(text)
        for word in words:
            word = word.replace("${CMAKE_CURRENT_SOURCE_DIR}/", "").replace("${CMAKE_SOURCE_DIR}/", "")
            found += _matching(guest, posixpath.normpath(posixpath.join(folder, word)))
        if found:
            break
    return list(dict.fromkeys(found))


_MAKE_VALUE = re.compile(r"^[ \t]*([\w.]+)[ \t]*(?::|\?|\+)?=[ \t]*(.*)$", re.MULTILINE)
_SUBSTITUTION = re.compile(r"\$[({]([\w.]+):[^(){}=]*=[^(){}]*[)}]")
_FUNCTION = re.compile(
    r"\$\((?:addprefix|addsuffix|patsubst|notdir|sort|strip|wildcard|filter)\s+(?:[^(),]*,)*([^(),]*)\)"
)
_REFERENCE = re.compile(r"\$[({]([\w.]+)[)}]")


def _make(text: str, name: str) -> list[str]:
    """Sources of a target, through variables and rules: `name: $(OBJS)`, `name_SOURCES = a.c b.c`."""
    text = text.replace("\\\n", " ")
    values: dict[str, str] = {}
    for key, value in _MAKE_VALUE.findall(text):
        values[key] = f"{values[key]} {value}" if key in values else value
    rules: dict[str, str] = {}
    for match in re.finditer(r"^([^\t\n#=][^:\n=]*):(?!=)([^\n]*)((?:\n\t[^\n]*)*)", text, re.MULTILINE):
        for target in _filled(match[1], values).split():
            rules[target] = f"{rules.get(target, '')} {match[2]} {match[3]}"
    automake = values.get(f"{name.replace('-', '_')}_SOURCES")
    start = next((t for t in rules if posixpath.basename(t) == name), None)
    waiting = [automake] if automake else [rules[start]] if start else []
    if start:
        waiting.append(values.get("SRCS", values.get("SOURCES", "")) if "$(OBJ" in rules[start] else "")
    found: list[str] = []
    seen: set[str] = set()
    while waiting and len(seen) < 2_000:
        for word in _filled(waiting.pop(), values).split():
            if word in seen:
                continue
            seen.add(word)
            if word.endswith(SOURCES):
                found.append(word)
            elif word.endswith(".o"):
                base = posixpath.splitext(word)[0]
                found += [base + suffix for suffix in SOURCES]
            elif word in rules and "/" not in word[:1]:
                waiting.append(rules[word])
    return found


def _filled(text: str, values: dict[str, str]) -> str:
    """A text with make's variables filled in, a few levels deep."""
    for _ in range(8):
        if "$" not in text or len(text) > 100_000:
            break
        text = _SUBSTITUTION.sub(r"$(\1)", text)  # $(SRC:.c=.o): the sources themselves
        text = _FUNCTION.sub(r"\1", text)
        text = _REFERENCE.sub(lambda m: values.get(m[1], ""), text)
    return text


def _cmake(text: str, name: str) -> list[str]:
    """Sources of `add_executable(name …)`, of its libraries of the same file, and of `file(GLOB …)`."""
    text = re.sub(r"#[^\n]*", "", text)
    values: dict[str, list[str]] = {}
    targets: dict[str, list[str]] = {}
    links: dict[str, list[str]] = defaultdict(list)
    renamed: dict[str, str] = {}
    for match in re.finditer(r"\b(\w+)\s*\(([^()]*)\)", text):
        command, words = match[1].lower(), [w.strip('"') for w in match[2].split()]
        if not words:
            continue
        if command == "set":
            values[words[0]] = words[1:]
        elif command == "file" and words[0].upper().startswith("GLOB") and len(words) > 1:
            values[words[1]] = words[2:]
        elif command == "project":
            values.setdefault("PROJECT_NAME", words[:1])
        elif command in ("add_executable", "add_library", "target_sources"):
            targets.setdefault(words[0], []).extend(words[1:])
        elif command == "target_link_libraries":
            links[words[0]] += words[1:]
        elif command == "set_target_properties" and "OUTPUT_NAME" in words[:-1]:
            renamed[words[words.index("OUTPUT_NAME") + 1]] = words[0]
    wanted = renamed.get(name, name)
    project = (values.get("PROJECT_NAME") or [""])[0]
    waiting = [t for t in targets if t in (wanted, "${PROJECT_NAME}" if project == wanted else wanted)]
    found: list[str] = []
    seen: set[str] = set()
    while waiting and len(seen) < 2_000:
        target = waiting.pop()
        if target in seen:
            continue
        seen.add(target)
        for word in targets.get(target, ()):
            variable = re.fullmatch(r"\$\{(\w+)\}", word)
            found += values.get(variable[1], []) if variable else [word]
        waiting += [link for link in links.get(target, ()) if link in targets]
    return [word for word in found if word.endswith(SOURCES)]


def _meson(text: str, name: str) -> list[str]:
    """Sources of `executable('name', 'a.c', …)`, lists by name filled in."""
    lists = {
        m[1]: re.findall(r"'([^']+)'", m[2])
        for m in re.finditer(r"(\w+)\s*\+?=\s*(?:files\()?\[?([^\])=]*)[\])]", text)
    }
    match = re.search(rf"executable\(\s*'{re.escape(name)}'([^)]*)\)", text)
    if match is None:
        return []
    found = re.findall(r"'([^']+)'", match[1])
    for word in re.findall(r"[A-Za-z_]\w*", match[1]):
        found += lists.get(word, [])
    return [word for word in found if word.endswith(SOURCES)]


def _reached(guest: Guest, start: list[str], code: Sequence[str]) -> tuple[str, ...]:
    """The files, the headers that they include in quotes, and the sources that bear the headers' names."""
    stems: dict[str, list[str]] = defaultdict(list)
    for path in code:
        stems[posixpath.splitext(posixpath.basename(path))[0]].append(path)
    ends: dict[str, list[str]] = defaultdict(list)
    for path in guest.files:
        if path.endswith(HEADERS):
            ends[posixpath.basename(path)].append(path)
    seen: dict[str, None] = {}
    waiting = list(reversed(list(dict.fromkeys(start))))
    while waiting and len(seen) < _FILES:
        path = waiting.pop()
        if path in seen:
            continue
        seen[path] = None
        for quote, raw in _INCLUDE.findall(_data(guest, path)):
            name = raw.decode("utf-8", "replace")
            beside = posixpath.normpath(posixpath.join(posixpath.dirname(path), name))
            if beside in guest.files:
                header: str | None = beside
            else:
                fitting = [p for p in ends.get(posixpath.basename(name), ()) if p.endswith("/" + name)]
                header = fitting[0] if len(fitting) == 1 or (fitting and quote == b'"') else None
            if header is None or header in seen:
                continue
            waiting.append(header)
            stem = posixpath.splitext(posixpath.basename(header))[0]
            own = [p for p in stems.get(stem, ()) if not _ASIDE.search(p)]
            same = [p for p in own if posixpath.dirname(p) == posixpath.dirname(header)]
            waiting += same or own[:1]
    return tuple(seen)


def included(data: bytes) -> list[tuple[str, int]]:
    """The headers that a file includes, with their lines."""
    return [
        (match[2].decode("utf-8", "replace"), data.count(b"\n", 0, match.start(2)) + 1)
        for match in _INCLUDE.finditer(data)
    ]


def evidence(program: CProgram, path: str, line: int) -> Evidence:
    """A line of one of the program's files, in the repository's terms."""
    source = program.guest.files[path]
    return Evidence(source, line, program.guest.tree.line(source, line))

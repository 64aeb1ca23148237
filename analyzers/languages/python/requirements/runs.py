"""What the RUN lines of an image install."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace

from analyzers.guest import Guest
from analyzers.languages.python.requirements.files import Files, placed
from analyzers.languages.python.requirements.projects import pipfile, project, pyproject, setup_cfg, setup_py
from analyzers.languages.python.requirements.requirement import Installed, parse_requirement
from analyzers.model import Image, Run, Unknown

_SEPARATORS = frozenset({"&&", "||", ";", "|", "&", "(", ")", "{", "}", "\n"})
_INSTALLERS = frozenset({"pip", "setuptools", "wheel", "poetry", "uv", "pipenv", "pdm", "pip-tools"})
_PIP_VALUED = frozenset(
    {
        "-i",
        "--index-url",
        "--extra-index-url",
        "-f",
        "--find-links",
        "--trusted-host",
        "--target",
        "-t",
        "--python",
    }
    | {
        "--prefix",
        "--root",
        "--cache-dir",
        "--platform",
        "--python-version",
        "--implementation",
        "--abi",
        "--src",
    }
    | {
        "--progress-bar",
        "--timeout",
        "--retries",
        "--upgrade-strategy",
        "--no-binary",
        "--only-binary",
        "--proxy",
    }
    | {
        "--cert",
        "--log",
        "--extra",
        "--group",
        "-p",
        "--index-strategy",
        "--constraint-file",
        "--wheel-dir",
        "-w",
    }
    | {"-d", "--dest", "--global-option", "--config-settings", "-C", "--exclude-newer"}
)


def installed(stages: Sequence[tuple[Image, Guest]]) -> Installed:
    """What the RUN lines of an image and of the stages it copies from install, oldest stage last."""
    result = Installed()
    for image, guest in stages:
        for run in image.runs:
            _run(run, image, guest, result)
    return result


def _run(run: Run, image: Image, guest: Guest, result: Installed, depth: int = 0) -> None:
    for argv, cwd in _commands(run):
        words = list(argv)
        while words and (
            re.match(r"[A-Za-z_]\w*=", words[0])
            or posixpath.basename(words[0]) in ("sudo", "exec", "time", "env", "nice")
        ):
            del words[0]
        if not words:
            continue
        name = posixpath.basename(words[0])
        if name in ("sh", "bash", "ash", "dash") and depth < 4 and len(words) > 2:
            if re.fullmatch(r"-[a-z]*c", words[1]):
                _run(replace(run, command=words[2], argv=None, workdir=cwd), image, guest, result, depth + 1)
            continue
        if re.fullmatch(r"python[\d.]*", name) and words[1:3] == ["-m", "pip"]:
            name, words = "pip", words[2:]
        elif name == "uv" and words[1:2] == ["pip"]:
            name, words = "pip", words[1:]
        if re.fullmatch(r"pip[\d.]*", name) and any(
            w in ("install", "wheel", "sync", "download") for w in words[1:3]
        ):
            at = next(i for i, w in enumerate(words) if w in ("install", "wheel", "sync", "download"))
            _pip(words[at + 1 :], words[at], cwd, run, image, guest, result)
        elif (name, *words[1:2]) in (
            ("poetry", "install"),
            ("uv", "sync"),
            ("pdm", "install"),
            ("pdm", "sync"),
        ):
            member = words[words.index("--package") + 1 :][:1] if "--package" in words else []
            own = "--no-root" not in words and "--no-install-workspace" not in words
            project(cwd, run, image, guest, result, install_self=own, members=member)
        elif name == "pipenv" and words[1:2] and words[1] in ("install", "sync", "lock", "requirements"):
            pipfile(cwd, run, image, guest, result)
        elif (name, *words[1:2]) == ("poetry", "export") or (name, *words[1:2]) == ("uv", "export"):
            project(cwd, run, image, guest, result, install_self=False)


def _commands(run: Run) -> Iterator[tuple[list[str], str]]:
    """Simple commands of a RUN line with the folder that they run in."""
    if run.argv is not None:
        if len(run.argv) == 3 and run.argv[1] == "-c":
            text = run.argv[2]
        else:
            yield list(run.argv), run.workdir
            return
    else:
        text = run.command
    cwd = run.workdir
    # Mount flags are no words of the command; line continuations are not either.
    text = re.sub(r"^(?:\s*--(?:mount|network|security)=\S+)+", "", text.replace("\\\n", " "))
    for line in text.split("\n"):
        lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|(){}")
        lexer.whitespace_split = True
        lexer.commenters = "#"
        argv: list[str] = []
        try:
            tokens = list(lexer)
        except ValueError:
            tokens = line.split()
        for token in [*tokens, ";"]:
            if token in _SEPARATORS:
                if argv[:1] == ["cd"] and len(argv) > 1:
                    cwd = posixpath.normpath(posixpath.join(cwd, argv[1]))
                elif argv:
                    yield argv, cwd
                argv = []
            else:
                argv.append(token)


def _pip(
    words: list[str], command: str, cwd: str, run: Run, image: Image, guest: Guest, result: Installed
) -> None:
    files = Files(guest, result)
    words = list(words)
    while words:
        word = words.pop(0)
        if match := re.fullmatch(r"(-r|--requirements?|-c|--constraints?)(?:=?(.+))?", word, re.DOTALL):
            name = match[2] or (words.pop(0) if words else "")
            if name.startswith("<"):
                continue  # <(pipenv lock -r): the command inside stands for itself
            path = placed(name, cwd, image, guest)
            if path is None:
                what = f"the packages of {name}: no file of the repository was found for it"
                result.unknown.append(Unknown(what, f"add {name} to the repository", run.evidence))
            else:
                files.read(path, constraint=match[1].startswith(("-c", "--c")))
        elif word in ("-e", "--editable") or word.startswith("--editable="):
            target = word.partition("=")[2] or (words.pop(0) if words else ".")
            _self_install(target, cwd, run, image, guest, result)
        elif word.startswith("-"):
            if word in _PIP_VALUED and words:
                words.pop(0)
        elif word.startswith((".", "/")) or "*" in word:
            if (
                command == "sync"
                or (path := placed(word, cwd, image, guest)) is None
                or path.endswith(".whl")
            ):
                _self_install(word, cwd, run, image, guest, result)
            elif path is not None and path.endswith(".txt"):
                files.read(path)
        elif command == "sync" and (path := placed(word, cwd, image, guest)) is not None:
            files.read(path)
        elif "$" not in word:
            found = parse_requirement(word, run.evidence)
            if found is not None and found.name not in _INSTALLERS:
                result.add(found)


def _self_install(word: str, cwd: str, run: Run, image: Image, guest: Guest, result: Installed) -> None:
    folder = posixpath.normpath(posixpath.join(cwd, re.sub(r"\[.*\]$", "", word)))
    if folder.endswith(".whl"):
        return
    extras = re.search(r"\[(.*)\]$", word)
    wanted = [e.strip() for e in extras[1].split(",")] if extras else []
    result.own_packages.append(folder)
    project = placed(posixpath.join(folder, "pyproject.toml"), cwd, image, guest)
    if project is not None:
        pyproject(project, guest, result, wanted)
    stated = project is not None
    for name, reader in (("setup.cfg", setup_cfg), ("setup.py", setup_py)):
        path = placed(posixpath.join(folder, name), cwd, image, guest)
        if path is not None:
            stated |= reader(path, guest, result, wanted)
    if not result.requirements and not stated:
        result.unknown.append(
            Unknown(f"what `pip install {word}` installs", "a requirements file", run.evidence)
        )

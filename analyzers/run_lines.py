"""What the commands of a RUN line do, by their names: prepare the system, install packages, or make files."""

from __future__ import annotations

import re
import shlex
from enum import StrEnum

from analyzers.model import Run


class Kind(StrEnum):
    """What a command of a RUN line does, as far as the component cares."""

    SYSTEM = "system"  # leaves nothing that the service reads
    PACKAGES = "packages"  # installs what the lane installs itself
    MAKES = "makes"  # makes files
    UNKNOWN = "unknown"


# fmt: off
_SYSTEM = frozenset({
    ":", "[", "[[", "add-apt-repository", "addgroup", "adduser", "apk", "apt", "apt-get", "cat", "cd",
    "chgrp", "chmod", "chown", "chsh", "command", "corepack", "delgroup", "deluser", "df", "dnf",
    "dos2unix", "dpkg", "dpkg-reconfigure", "du", "echo", "env", "exit", "export", "false", "find",
    "gem-clean", "git-config", "gpg", "groupadd", "groupmod", "hash", "hostname", "id",
    "install-php-extensions", "ldconfig", "locale-gen", "ls", "md5sum", "microdnf", "mkdir", "passwd",
    "printf", "pwd", "rm", "rmdir", "set", "setcap", "sha256sum", "shopt", "sleep", "strip", "sync", "test",
    "touch", "tree", "true", "type", "ulimit", "umask", "unset", "update-alternatives",
    "update-ca-certificates", "useradd", "usermod", "which", "yum", "zypper",
})
# fmt: on
# fmt: off
_MAKES = frozenset({
    "alembic", "bower", "brew", "bun", "bunzip2", "cargo", "cmake", "composer", "cp", "curl", "curlftpfs",
    "django-admin", "envsubst",
    "esbuild", "flask", "g++", "gcc", "git", "go", "gradle", "grunt", "gulp", "gunzip",
    "hugo", "jq", "ln", "make", "mix", "mkdocs", "mv", "mvn", "ng", "ninja", "npm", "npx", "openssl",
    "patch", "pnpm", "rsync", "sed", "sphinx-build", "tailwindcss", "tar", "tee", "tsc", "unzip", "vite",
    "webpack", "wget", "xz", "yarn",
})
# fmt: on
_PYTHON = re.compile(r"python(?:\d+(?:\.\d+)*)?")
_CHECKS = frozenset(
    {"pytest", "unittest", "flake8", "mypy", "ruff", "black", "pylint", "bandit", "tox", "nox", "coverage"}
)
_PIP = frozenset(
    {
        "pip",
        "pip3",
        "uv",
        "poetry",
        "pipenv",
        "pdm",
        "virtualenv",
        "conda",
        "mamba",
        "micromamba",
        "pipx",
        "hatch",
    }
)
_PYTHON_MODULES = frozenset(
    {
        "pip",
        "venv",
        "virtualenv",
        "compileall",
        "ensurepip",
        "uv",
        "poetry",
        "pipenv",
        "pdm",
        "site",
        "zipfile",
    }
)
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_KEYWORDS = frozenset(
    {"if", "then", "else", "elif", "fi", "for", "do", "done", "while", "case", "esac", "{", "}", "!", "in"}
)
_SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh"})
_WRAPPERS = frozenset({"sudo", "exec", "time", "nice", "eval", "xargs"})


def commands(run: Run) -> tuple[str, ...]:
    """The simple commands of a RUN line, in order. A line that no shell could read is one command."""
    if run.argv is not None:
        return _unwrapped(shlex.join(run.argv))
    return _of_text(run.command)


def _of_text(text: str) -> tuple[str, ...]:
    text = text.replace("\\\n", " ")
    text = re.sub(r"<<-?\s*['\"]?\w+['\"]?", " ", text)
    found: list[str] = []
    for part in _split(text):
        part = part.strip()
        while (first := part.split(maxsplit=1)) and first[0] in _KEYWORDS:
            part = first[1].strip() if len(first) > 1 else ""
        if part and not part.startswith("#"):
            found += _unwrapped(part)
    return tuple(found)


def _unwrapped(command: str) -> tuple[str, ...]:
    """The commands of `bash -c "..."`, or the command itself."""
    try:
        words = shlex.split(command)
    except ValueError:
        return (command,)
    if len(words) > 2 and words[0].rsplit("/", 1)[-1] in _SHELLS and re.fullmatch(r"-[a-z]*c", words[1]):
        return _of_text(words[2])
    return (command,)


def kind(command: str) -> Kind:
    """What one simple command does."""
    try:
        words = shlex.split(command, comments=True)
    except ValueError:
        words = command.split()
    while words and (words[0] in _KEYWORDS | _WRAPPERS or _ASSIGNMENT.match(words[0])):
        if words[0] in {"for", "case"}:
            return Kind.SYSTEM  # only names what follows
        words = words[1:]
    words = [bare for word in words if (bare := word.strip("()"))]
    if not words or words[0].startswith("-"):
        return Kind.SYSTEM
    program = words[0].rsplit("/", 1)[-1]
    if program in _CHECKS:
        return Kind.SYSTEM
    if _PYTHON.fullmatch(program):
        module = words[2] if len(words) > 2 and words[1] == "-m" else None
        if module in _CHECKS:
            return Kind.SYSTEM
        if module in _PYTHON_MODULES or words[1:2] == ["--version"]:
            return Kind.PACKAGES
        return Kind.MAKES if len(words) > 1 else Kind.SYSTEM
    if program in _PIP:
        return (
            Kind.MAKES
            if program in {"uv", "poetry", "pipenv", "pdm", "hatch"} and "run" in words[1:2]
            else Kind.PACKAGES
        )
    if _redirects(words) or program in _MAKES:
        return Kind.SYSTEM if _of_system(program, words) else Kind.MAKES
    if program in _SYSTEM:
        return Kind.SYSTEM
    return Kind.UNKNOWN


def _redirects(words: list[str]) -> bool:
    return any(word.lstrip("12").startswith(">") and "&" not in word for word in words) or ">>" in words


# Where files land that the system or a package manager reads, never the service.
_SYSTEM_PATHS = (
    "/etc/",
    "/usr/",
    "/bin/",
    "/sbin/",
    "/dev/",
    "/var/lib/",
    "/var/cache/",
    "/tmp/",  # noqa: S108 (a path of the image, compared)
    "/root/",
    "/opt/",
    "/lib",
)


def _of_system(program: str, words: list[str]) -> bool:
    """Whether a command that could make files makes them outside the service's folders only."""
    if program in {"npm", "yarn", "pnpm", "bun", "corepack"}:
        return any(word in {"-g", "--global", "global", "config", "cache"} for word in words)
    if program == "git":
        return words[1:2] == ["config"]
    if program == "curl" and not any(
        word.startswith(("-o", "-O", "--output", "--remote-name")) for word in words
    ):
        return not _redirects(words)  # piped on; the next command says what comes of it
    if program in {"go", "cargo", "make", "cmake", "mvn", "gradle"}:
        return False
    paths = [word.lstrip("12>") for word in words[1:] if word.lstrip("12>").startswith("/")]
    return bool(paths) and paths[-1].startswith(_SYSTEM_PATHS)


def _split(text: str) -> list[str]:
    """Splits at ; && || | & and newlines outside quotes and outside $( )."""
    parts, current, quote, depth, position = [], "", "", 0, 0
    while position < len(text):
        char = text[position]
        if quote:
            quote = "" if char == quote and text[position - 1] != "\\" else quote
        elif char in "\"'":
            quote = char
        elif text.startswith("$(", position):
            depth += 1
        elif char == ")" and depth:
            depth -= 1
        elif not depth and char in ";&|\n":
            if char == "&" and (current.endswith(">") or text.startswith("&>", position)):
                current += char
                position += 1
                continue
            parts.append(current)
            current = ""
            position += 1
            continue
        current += char
        position += 1
    return [*parts, current]

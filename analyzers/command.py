"""What a container starts: compose over image, through shells, scripts, wrappers and Procfiles.

A statement outranks a guess: compose `entrypoint` and `command`, then ENTRYPOINT and CMD, then those of
the base image where it is a public one that is known, then a Procfile that the image holds.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from analyzers import base_images, makefile, shell, supervisors
from analyzers.guest import Guest
from analyzers.model import (
    Command,
    ComposeFacts,
    Confidence,
    EnvVar,
    Evidence,
    Fact,
    FactKind,
    Image,
    Reach,
    Unknown,
)
from analyzers.supervisors import Supervised

_STEPS = 24  # wrappers and scripts that are followed, one inside the other
_SHELLS = frozenset({"sh", "bash", "ash", "dash", "zsh", "busybox"})
_BASE_ENTRYPOINTS = frozenset({"docker-entrypoint.sh", "docker-php-entrypoint"})


@dataclass(frozen=True, slots=True)
class StartCommand:
    """The program that the container ends up as. `argv` is empty where nothing says it.

    `env` holds the variables it gets, as far as their values are known; `workdir` is absolute. `facts`
    are the other programs that the start script starts. `confidence` is medium where the base image's name
    told the command.
    """

    argv: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    env: Mapping[str, str]
    workdir: str
    facts: tuple[Fact, ...] = ()
    unknown: tuple[Unknown, ...] = ()
    confidence: Confidence = Confidence.HIGH


@dataclass(slots=True)
class _Walk:
    guest: Guest
    argv: list[str]
    evidence: list[Evidence]
    env: dict[str, str]
    workdir: str
    facts: list[Fact] = field(default_factory=list)
    unknown: list[Unknown] = field(default_factory=list)


def environment(image: Image | None, compose: ComposeFacts | None) -> tuple[EnvVar, ...]:
    """The variables of the container, compose over image, each once."""
    both = (*(image.env if image else ()), *(compose.environment if compose else ()))
    return tuple({variable.name: variable for variable in both}.values())


def resolve(guest: Guest, image: Image | None, compose: ComposeFacts | None) -> StartCommand:
    """The start command of a service."""
    env = {v.name: v.value for v in environment(image, compose) if v.value is not None}
    workdir = (compose.working_dir if compose else None) or (image.workdir if image else "") or "/"
    argv, evidence = _stated(image, compose)
    argv, evidence, inherited = _inherited(argv, evidence, image, compose, guest)
    walk = _Walk(guest, argv, evidence, env, posixpath.normpath(posixpath.join("/", workdir)))
    if not walk.argv and not _procfile(walk, "web"):
        walk.unknown.append(_no_command(image))
    _walk_on(walk)
    return StartCommand(
        argv=tuple(walk.argv),
        evidence=tuple(dict.fromkeys(walk.evidence)),
        env=walk.env,
        workdir=walk.workdir,
        facts=tuple(walk.facts),
        unknown=tuple(walk.unknown),
        confidence=Confidence.MEDIUM if inherited else Confidence.HIGH,
    )


def of_public_image(guest: Guest, reference: str, compose: ComposeFacts) -> StartCommand:
    """The start command of a service that compose runs from an image: its own words, or the image's.

    It is followed through what compose mounts; what lies in the image is not known.
    """
    argv, evidence = _stated(None, compose)
    known = base_images.find(reference)
    confidence = Confidence.HIGH
    if compose.entrypoint is None and known is not None and known.exact:
        confidence = Confidence.MEDIUM
        argv = list(known.started(tuple(argv or known.command)))
        evidence = evidence or [compose.ref.evidence]
    env = {v.name: v.value for v in compose.environment if v.value is not None}
    workdir = compose.working_dir or (known.workdir if known is not None else "/")
    walk = _Walk(guest, argv, evidence, env, workdir)
    _walk_on(walk)
    return StartCommand(
        tuple(walk.argv), tuple(walk.evidence), walk.env, walk.workdir, tuple(walk.facts), (), confidence
    )


def _walk_on(walk: _Walk) -> None:
    """Look deeper until a program stands for itself."""
    for _ in range(_STEPS):
        if not walk.argv or not _step(walk):
            break


def _inherited(
    argv: list[str],
    evidence: list[Evidence],
    image: Image | None,
    compose: ComposeFacts | None,
    guest: Guest,
) -> tuple[list[str], list[Evidence], bool]:
    """The command with what a known base image brings to it, and whether that image told the program."""
    if image is None or image.entrypoint is not None or (compose is not None and compose.entrypoint):
        return argv, evidence, False  # an ENTRYPOINT of its own resets the CMD that it inherits
    known = base_images.find(image.base)
    if known is None or not known.exact:
        return argv, evidence, False
    if known.passes_on and guest.find_program(known.entrypoint[0], "/") is not None:
        # A script of the repository takes the place of the base image's.
        command = argv or ([] if known.interactive else list(known.command))
        return ([*known.entrypoint, *command] if command else []), [image.base_evidence, *evidence], not argv
    if argv:
        started = list(known.started(tuple(argv)))
        return (
            (argv, evidence, False) if started == argv else (started, [image.base_evidence, *evidence], True)
        )
    started = [] if known.interactive else list(known.started(known.command))
    return started, [image.base_evidence] if started else evidence, bool(started)


def _no_command(image: Image | None) -> Unknown:
    what = "the start command: neither compose nor the Dockerfile states one, "
    known = base_images.find(image.base) if image else None
    if image is None:
        what += "so it is that of the image"
    elif known is not None and known.exact:
        alone = " ".join(known.started(known.command))
        what += f"and the base image {image.base} starts " + (f"only `{alone}`" if alone else "none")
    else:
        what += f"so it is that of the base image {image.base}"
    settle = "CMD in the Dockerfile, or `command:` in compose"
    return Unknown(what, settle, image.base_evidence if image else None)


def _stated(image: Image | None, compose: ComposeFacts | None) -> tuple[list[str], list[Evidence]]:
    entrypoint = compose.entrypoint if compose else None
    command = compose.command if compose else None
    if entrypoint is None:
        entrypoint = image.entrypoint if image else None
        if command is None and image:
            command = image.cmd
    # Compose's own `entrypoint` clears the image's CMD, as `docker run --entrypoint` does.
    if entrypoint is not None and entrypoint.shell:
        command = None
    parts = [part for part in (entrypoint, command) if part is not None]
    return [word for part in parts for word in _words(part)], [part.evidence for part in parts]


def _words(command: Command) -> tuple[str, ...]:
    return ("/bin/sh", "-c", *command.argv) if command.shell and len(command.argv) == 1 else command.argv


def _step(walk: _Walk) -> bool:
    """Look one level deeper; False when the program stands for itself."""
    name = program(walk.argv[0])
    if name in _SHELLS:
        return _shell(walk)
    unwrap = WRAPPERS.get(name)
    if unwrap is not None:
        inner = unwrap(walk.argv[1:], walk.env)
        if inner:
            walk.argv = list(inner)
            return True
    if name in ("honcho", "foreman", "hivemind", "overmind"):
        rest = [word for word in walk.argv[1:] if not word.startswith("-")]
        return _procfile(walk, rest[1] if len(rest) > 1 and rest[0] == "start" else "web")
    if name == "supervisord":
        found = supervisors.supervisord(walk.guest, walk.argv[1:], walk.workdir, walk.env)
        return _supervised(walk, found, name)
    if walk.argv[0] == "/init" or name in supervisors.SCANNERS:
        return _init(walk)
    if name in ("make", "gmake"):
        return _make(walk)
    path = walk.guest.find_program(walk.argv[0], walk.workdir)
    if path is None:
        if name in _BASE_ENTRYPOINTS and len(walk.argv) > 1:
            del walk.argv[0]  # the official images' own scripts end in `exec "$@"`
            return True
        if name.endswith((".sh", ".bash")):
            walk.unknown.append(
                Unknown(
                    f"what the start script {walk.argv[0]} runs: it is no file of the repository",
                    "`command:` in compose, or CMD with the program itself",
                    walk.evidence[-1] if walk.evidence else None,
                )
            )
        return False
    return _script(walk, path, walk.argv[1:])


def program(word: str) -> str:
    """The name of a program without its folder."""
    return posixpath.basename(word)


def _shell(walk: _Walk) -> bool:
    words = walk.argv[1:]
    if program(walk.argv[0]) == "busybox" and words[:1] and words[0] in _SHELLS:
        words = words[1:]
    while words and words[0][:1] in "-+" and words[0] not in ("-", "--"):
        if "c" in words[0] and not words[0].startswith("--"):
            if "o" in words[0]:  # bash -euo pipefail -c, run together
                del words[1:2]
            if len(words) < 2:
                return False
            return _follow(walk, words[1], words[3:], words[2] if len(words) > 2 else "sh", None)
        valued = words[0] in ("--rcfile", "--init-file") or (words[0][:2] != "--" and "o" in words[0])
        words = words[2:] if valued else words[1:]
    if words[:1] and words[0] in ("-", "--"):
        words = words[1:]
    if not words:
        return False
    path = posixpath.normpath(posixpath.join(walk.workdir, words[0]))
    if walk.guest.text(path) is None:
        found = walk.guest.find_program(words[0], walk.workdir)
        if found is None:
            walk.unknown.append(
                Unknown(
                    f"what the start script {words[0]} runs: it is no file of the repository",
                    "`command:` in compose, or CMD with the program itself",
                    walk.evidence[-1] if walk.evidence else None,
                )
            )
            return False
        path = found
    text = walk.guest.text(path)
    return text is not None and _follow(walk, text, words[1:], words[0], path)


def _script(walk: _Walk, path: str, arguments: Sequence[str]) -> bool:
    text = walk.guest.text(path)
    if text is None:
        return False
    first = text.partition("\n")[0]
    interpreter = first[2:].split() if first.startswith("#!") else []
    while interpreter and program(interpreter[0]) in ("env", "with-contenv"):
        interpreter = [word for word in interpreter[1:] if not word.startswith("-")]
    name = program(interpreter[0]) if interpreter else ""
    if name in _SHELLS or (not interpreter and path.endswith(".sh")):
        return _follow(walk, text, arguments, path, path)
    if name == "execlineb":
        walk.argv = supervisors.execline(text) or walk.argv
        return walk.argv[0] != path
    if name:
        walk.argv = [name, path, *arguments]
        evidence = walk.guest.evidence(path, 1)
        walk.evidence += [evidence] if evidence else []
        return True
    return False


def _follow(walk: _Walk, text: str, arguments: Sequence[str], name: str, path: str | None) -> bool:
    """Replace the command by what a shell text starts. `path` is the script's, None for `sh -c`."""

    def evidence(line: int) -> tuple[Evidence, ...]:
        found = walk.guest.evidence(path, line) if path else None
        return (found,) if found else tuple(walk.evidence[-1:])

    try:
        outcome = shell.follow(
            text,
            env=walk.env,
            arguments=arguments,
            cwd=walk.workdir,
            script=name,
            source=lambda absolute, _: walk.guest.text(absolute),
            exists=walk.guest.exists,
        )
    except shell.ShellSyntaxError as error:
        what = f"what {path or 'the shell line'} starts: {error}"
        walk.unknown.append(Unknown(what, "CMD in exec form", *evidence(1)[:1]))
        return False
    if outcome.main is None:
        what = f"what {path or 'the shell line'} starts: no program was found in it"
        walk.unknown.append(Unknown(what, "CMD in exec form", *evidence(1)[:1]))
        return False
    main, setup, background = _behind(outcome)
    for started, reach in (
        *((s, Reach.IMPORT) for s in (*outcome.rewrites, *setup)),
        *((s, Reach.UNKNOWN) for s in background),
    ):
        words = list(started.argv)
        while words and (words[0] == "env" or re.match(r"[A-Za-z_]\w*=", words[0])):
            del words[0]
        if words:
            line = " ".join(words)
            walk.facts.append(
                Fact(FactKind.SUBPROCESS, line, evidence(started.line), program(words[0]), reach)
            )
    for started in outcome.uncertain:
        what = f"whether {' '.join(started.argv)} is started instead: a condition in the script decides"
        walk.unknown.append(Unknown(what, "`command:` in compose", *evidence(started.line)[:1]))
    for variable in outcome.missing:
        walk.unknown.append(
            Unknown(
                f"the value of {variable} in the start command",
                f"ENV {variable} in the Dockerfile, or `environment:` in compose",
                *evidence(outcome.main.line)[:1],
            )
        )
    walk.argv = list(main.argv)
    walk.env = dict(outcome.env)
    walk.workdir = outcome.cwd
    if path:
        walk.evidence += evidence(main.line)
    return True


def _behind(
    outcome: shell.Outcome,
) -> tuple[shell.Started, Sequence[shell.Started], Sequence[shell.Started]]:
    """The program, what ran before it, and what runs beside it.

    Where a web server is started last and one other program before it stays (`app & nginx`), that program
    is the service and the web server stands before it.
    """
    assert outcome.main is not None  # noqa: S101 (asked before)
    names = [program(word) for word in outcome.main.argv[:4]]
    if not supervisors.FRONTS & set(names):
        return outcome.main, outcome.setup, outcome.background
    stays = [s for s in outcome.setup if _is_daemon(s.argv)]
    beside = [*outcome.background, *stays]
    place = supervisors.choose([outcome.main.argv, *(s.argv for s in beside)])
    if not place:  # the web server itself, or not known
        return outcome.main, outcome.setup, outcome.background
    chosen = place - 1
    others = [s for position, s in enumerate(beside) if position != chosen and s not in stays]
    setup = [s for s in outcome.setup if s is not beside[chosen]]
    return beside[chosen], setup, (outcome.main, *others)


def _is_daemon(words: Sequence[str]) -> bool:
    """Whether a program goes on in the background by itself."""
    name = program(words[0]) if words else ""
    if re.fullmatch(r"php-fpm[\d.]*", name):
        return "-F" not in words and "--nodaemonize" not in words
    if name == "service":
        return words[2:3] == ("start",) or list(words[2:3]) == ["start"]
    return name in ("fcgiwrap", "spawn-fcgi") or bool({"--daemon", "--daemonize", "-D"} & set(words[1:]))


def _procfile(walk: _Walk, process: str) -> bool:
    """Take the line of a process of a Procfile; False where there is none."""
    for folder in dict.fromkeys((walk.workdir, "/app", "/")):
        path = posixpath.join(folder, "Procfile")
        text = walk.guest.text(path)
        for number, line in enumerate((text or "").split("\n"), 1):
            name, colon, command = line.partition(":")
            if colon and name.strip() == process and command.strip():
                walk.argv = ["/bin/sh", "-c", command.strip()]
                evidence = walk.guest.evidence(path, number)
                walk.evidence += [evidence] if evidence else []
                return True
    return False


def _supervised(walk: _Walk, found: Sequence[Supervised], what: str) -> bool:
    """Take the program of a supervisor that is the service; the others are programs beside it."""
    chosen = supervisors.choose([one.words for one in found])
    if len(found) == 1:
        chosen = 0
    if chosen is None:
        names = ", ".join(one.words[0] for one in found if one.words) or "no program was found"
        walk.unknown.append(
            Unknown(
                f"which program of {what} is the service: {names}",
                "one container a program, with `command:` in compose",
                walk.evidence[-1] if walk.evidence else None,
            )
        )
    for position, one in enumerate(found):
        evidence = walk.guest.evidence(one.path, one.line)
        if position == chosen:
            walk.evidence += [evidence] if evidence else []
        elif one.words:
            name = program(one.words[0])
            at = (evidence,) if evidence else ()
            walk.facts.append(Fact(FactKind.SUBPROCESS, one.command, at, name, Reach.UNKNOWN))
    if chosen is None:
        return False
    one = found[chosen]
    walk.workdir = posixpath.normpath(posixpath.join(walk.workdir, one.folder))
    walk.argv = [one.path] if one.path.endswith("/run") else ["/bin/sh", "-c", one.command]
    return True


def _init(walk: _Walk) -> bool:
    """s6-overlay's `/init`: it starts the services, and the command where one is given."""
    found = supervisors.scanned(walk.guest)
    if not found:
        return False
    if len(walk.argv) > 1 and program(walk.argv[0]) == "init":
        for one in found:
            evidence = walk.guest.evidence(one.path, one.line)
            at = (evidence,) if evidence else ()
            walk.facts.append(
                Fact(FactKind.SUBPROCESS, one.command, at, program(one.words[0]), Reach.UNKNOWN)
            )
        del walk.argv[0]
        return True
    return _supervised(walk, found, program(walk.argv[0]))


def _make(walk: _Walk) -> bool:
    """`make TARGET`: the recipe of the target."""
    names: list[str] = []
    folder, file = walk.workdir, ""
    words = walk.argv[1:]
    while words:
        word = words.pop(0)
        if word in ("-C", "-f", "--directory", "--file", "--makefile") and words:
            folder, file = (
                (posixpath.join(folder, words[0]), file)
                if "C" in word or "dir" in word
                else (folder, words[0])
            )
            del words[0]
        elif match := re.fullmatch(r"([A-Za-z_]\w*)=(.*)", word, re.DOTALL):
            walk.env[match[1]] = match[2]
        elif not word.startswith("-"):
            names.append(word)
    for name in (file,) if file else ("GNUmakefile", "makefile", "Makefile"):
        path = posixpath.normpath(posixpath.join(folder, name))
        text = walk.guest.text(path)
        found = makefile.recipe(text, names[-1] if names else None, walk.env) if text is not None else None
        if found is not None:
            for number, line in found.before:
                evidence = walk.guest.evidence(path, number)
                if line and program(line.split()[0]) not in shell.QUIET:
                    at = (evidence,) if evidence else ()
                    walk.facts.append(
                        Fact(FactKind.SUBPROCESS, line, at, program(line.split()[0]), Reach.IMPORT)
                    )
            walk.workdir = posixpath.normpath(folder)
            return _follow(walk, found.text, (), path, path)
    return False


# --- wrappers -------------------------------------------------------------------------------

Unwrap = Callable[[Sequence[str], dict[str, str]], Sequence[str]]


def _options(
    words: Sequence[str], valued: frozenset[str] = frozenset(), positional: int = 0, sub: str = ""
) -> Sequence[str]:
    """What is left after options, `positional` own arguments and a sub-command; `--` ends them."""
    words = list(words)
    if sub:
        if sub not in words:
            return ()
        words = words[words.index(sub) + 1 :]
    while words:
        if words[0] == "--":
            return words[1:]
        if words[0].startswith("-") and len(words[0]) > 1:
            words = words[2:] if words[0] in valued else words[1:]
        elif positional:
            positional -= 1
            words = words[1:]
        else:
            break
    return words


def _plain(*valued: str, positional: int = 0, sub: str = "") -> Unwrap:
    def unwrap(words: Sequence[str], env: dict[str, str]) -> Sequence[str]:
        del env
        return _options(words, frozenset(valued), positional, sub)

    return unwrap


def _env(words: Sequence[str], env: dict[str, str]) -> Sequence[str]:
    words = list(_options(words, frozenset({"-u", "--unset", "-C", "--chdir"})))
    while words and (match := re.fullmatch(r"([A-Za-z_]\w*)=(.*)", words[0], re.DOTALL)):
        env[match[1]] = match[2]
        words = words[1:]
    return words


def _after_dashes(words: Sequence[str], env: dict[str, str]) -> Sequence[str]:
    del env
    return words[words.index("--") + 1 :] if "--" in words else ()


def _su(words: Sequence[str], env: dict[str, str]) -> Sequence[str]:
    del env
    for option in ("-c", "--command"):
        if option in words[:-1]:
            return ("/bin/sh", "-c", words[words.index(option) + 1])
    return _options(words, frozenset({"-s", "-u", "-g"}))


_UV = (
    "--with",
    "--project",
    "--directory",
    "--python",
    "-p",
    "--extra",
    "--group",
    "--env-file",
    "--package",
)

# Programs that start another one and stay out of its way; each gives the inner command line.
WRAPPERS: Mapping[str, Unwrap] = {
    "tini": _plain("-p", "-e"),
    "tini-static": _plain("-p", "-e"),
    "docker-init": _plain(),
    "dumb-init": _plain("--rewrite", "-r"),
    "catatonit": _plain(),
    "exec": _plain("-a"),
    "nohup": _plain(),
    "time": _plain(),
    "setsid": _plain(),
    "nice": _plain("-n"),
    "ionice": _plain("-c", "-n"),
    "stdbuf": _plain("-i", "-o", "-e"),
    "timeout": _plain("-s", "-k", "--signal", "--kill-after", positional=1),
    "gosu": _plain(positional=1),
    "su-exec": _plain(positional=1),
    "setpriv": _plain(),
    "runuser": _su,
    "su": _su,
    "sudo": _plain("-u", "-g", "--user"),
    "chpst": _plain("-u", "-e", "-U"),
    "env": _env,
    "newrelic-admin": _plain(sub="run-program"),
    "ddtrace-run": _plain(),
    "opentelemetry-instrument": _plain(
        "--traces_exporter", "--metrics_exporter", "--logs_exporter", "--service_name",
        "--exporter_otlp_endpoint",
    ),
    "poetry": _plain("-C", "-P", sub="run"),
    "uv": _plain(*_UV, sub="run"),
    "pipenv": _plain(sub="run"),
    "pdm": _plain("-p", sub="run"),
    "hatch": _plain("-e", sub="run"),
    "rye": _plain(sub="run"),
    "dotenv": _plain("-f", "-q", "-e", sub="run"),
    "doppler": _after_dashes,
    "infisical": _after_dashes,
    "chamber": _after_dashes,
    "wait-for-it.sh": _after_dashes,
    "wait-for-it": _after_dashes,
    "wait-for": _after_dashes,
    "wait-for.sh": _after_dashes,
    "watchmedo": _after_dashes,
    "wait4x": _after_dashes,
    "s6-setuidgid": _plain(positional=1),
    "setuidgid": _plain(positional=1),
    "with-contenv": _plain(),
    "dockerize": _plain("-wait", "-timeout", "-wait-retry-interval", "-template", "-stdout", "-stderr"),
}  # fmt: skip

"""From a container's start command to the file that the runtime is given, or the framework's own server."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from analyzers import command, shell
from analyzers.command import StartCommand, program
from analyzers.guest import Guest
from analyzers.languages.javascript.project import Package, Project, above, table
from analyzers.model import Command, EnvVar, Evidence, Fact, FactKind, Image, Reach, Unknown

_STEPS = 16  # scripts that start scripts
_MANAGERS = frozenset({"npm", "yarn", "pnpm", "bun", "bunx", "npx", "yarnpkg", "corepack", "pnpx"})
_RUNTIMES = {
    "node": "node", "nodejs": "node", "ts-node": "node", "ts-node-esm": "node", "swc-node": "node",
    "ts-node-transpile-only": "node",
    "tsx": "node", "babel-node": "node", "esr": "node", "esno": "node", "jiti": "node",
    "vite-node": "node", "coffee": "node", "sucrase-node": "node", "bun": "bun", "deno": "deno",
    "node-dev": "node", "ts-node-dev": "node", "tsnd": "node", "nodemon": "node", "supervisor": "node",
    "pm2-runtime": "node", "pm2": "node", "forever": "node", "pm2-docker": "node",
}  # fmt: skip
_WATCHERS = frozenset({"nodemon", "node-dev", "ts-node-dev", "tsnd", "supervisor"})
# Options of node and its relatives that take a value as the next word: `node --help` of 24, 2026-11-22.
_VALUED = frozenset(
    [
        "-r",
        "--require",
        "--import",
        "--loader",
        "--experimental-loader",
        "-C",
        "--conditions",
        "--env-file",
        "--env-file-if-exists",
        "--title",
        "--icu-data-dir",
        "--input-type",
        "--openssl-config",
        "--diagnostic-dir",
        "--disable-warning",
        "--watch-path",
        "-P",
        "--project",
        "--tsconfig",
        "-O",
        "--compilerOptions",
        "-w",
        "--watch",
        "-e",
        "--ext",
        "-i",
        "--ignore",
        "--exec",
        "-x",
        "--delay",
        "-d",
        "--cwd",
        "--config",
        "--name",
        "-n",
        "--node-args",
        "--interpreter",
        "--env-name",
        "-p",
        "--preload",
        "--extensions",
        "--presets",
        "--signal",
    ]
)
# Framework -> words of its command that start a server made for developers, and one for users.
_SERVERS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "next": (frozenset({"dev"}), frozenset({"start"})),
    "nuxt": (frozenset({"dev"}), frozenset({"start", "preview"})),
    "nuxi": (frozenset({"dev"}), frozenset({"start", "preview"})),
    "remix": (frozenset({"dev", "vite:dev"}), frozenset()),
    "remix-serve": (frozenset(), frozenset({""})),
    "react-router-serve": (frozenset(), frozenset({""})),
    "react-router": (frozenset({"dev"}), frozenset()),
    "vite": (frozenset({"", "dev", "serve"}), frozenset({"preview"})),
    "webpack": (frozenset({"serve"}), frozenset()),
    "webpack-dev-server": (frozenset({""}), frozenset()),
    "react-scripts": (frozenset({"start"}), frozenset()),
    "vue-cli-service": (frozenset({"serve"}), frozenset()),
    "ng": (frozenset({"serve"}), frozenset()),
    "astro": (frozenset({"dev"}), frozenset({"preview"})),
    "gatsby": (frozenset({"develop"}), frozenset({"serve"})),
    "parcel": (frozenset({"", "serve"}), frozenset()),
    "docusaurus": (frozenset({"start"}), frozenset({"serve"})),
    "vitepress": (frozenset({"dev"}), frozenset({"serve", "preview"})),
    "vuepress": (frozenset({"dev"}), frozenset()),
    "expo": (frozenset({"start"}), frozenset()),
    "ionic": (frozenset({"serve"}), frozenset()),
    "wrangler": (frozenset({"dev"}), frozenset()),
    "storybook": (frozenset({"dev"}), frozenset()),
    "start-storybook": (frozenset({""}), frozenset()),
    "live-server": (frozenset({""}), frozenset()),
    "browser-sync": (frozenset({"start", "serve"}), frozenset()),
    "snowpack": (frozenset({"dev"}), frozenset()),
    "craco": (frozenset({"start"}), frozenset()),
    "umi": (frozenset({"dev"}), frozenset()),
    "rsbuild": (frozenset({"dev"}), frozenset({"preview"})),
    "strapi": (frozenset({"develop", "dev"}), frozenset({"start"})),
    "medusa": (frozenset({"develop"}), frozenset({"start"})),
    "directus": (frozenset(), frozenset({"start"})),
    "blitz": (frozenset({"dev"}), frozenset({"start"})),
    "json-server": (frozenset(), frozenset({""})),
    "serve": (frozenset(), frozenset({""})),
    "http-server": (frozenset(), frozenset({""})),
    "sirv": (frozenset(), frozenset({""})),
    "probot": (frozenset(), frozenset({"run"})),
    "functions-framework": (frozenset(), frozenset({""})),
    "kcd-scripts": (frozenset({"start"}), frozenset()),
}
# Programs that hand files out and do nothing else.
FILE_SERVERS = frozenset({"serve", "http-server", "sirv"})
_RENAMED = {"nuxi": "nuxt", "remix-serve": "remix", "react-router-serve": "react-router"}
_PARALLEL = frozenset({"concurrently", "conc", "npm-run-all", "run-p", "npm-run-all2", "wireit"})


@dataclass(slots=True)
class Launch:
    """What is started. `runtime` is node, deno or bun; `script` is absolute in the image.

    `server` is the program of a framework that is its own server (`next`), where no script is named.
    """

    runtime: str = "node"
    script: str | None = None
    server: str | None = None
    development: str | None = None
    port: int | None = None
    words: tuple[str, ...] = ()
    workdir: str = "/"
    environment: Mapping[str, str] = field(default_factory=dict)
    evidence: list[Evidence] = field(default_factory=list)
    preloaded: list[str] = field(default_factory=list)  # modules of --require and --import
    facts: list[Fact] = field(default_factory=list)
    unknown: list[Unknown] = field(default_factory=list)
    others: list[StartCommand] = field(default_factory=list)  # programs started beside it
    manager: bool = False  # a process manager that starts several processes


class _Follower:
    def __init__(self, image: Image, guest: Guest, project: Project, start: StartCommand) -> None:
        self.image, self.guest, self.project = image, guest, project
        self.argv = list(start.argv)
        self.workdir = start.workdir
        self.environment = dict(start.env)
        self.launch = Launch(facts=list(start.facts), evidence=list(start.evidence))
        self.at = start.evidence[-1] if start.evidence else image.base_evidence

    def follow(self) -> Launch | None:
        for _ in range(_STEPS):
            if not self.argv:
                return None
            outcome = self._step()
            if outcome is not None:
                if not outcome:
                    return None
                self.launch.workdir = self.workdir
                self.launch.environment = self.environment
                return self.launch
        return None

    def _step(self) -> bool | None:
        """One wrapper off; True when the launch is known, False when this is no program of ours."""
        name, rest = program(self.argv[0]), self.argv[1:]
        name = re.sub(r"@[\w.^~-]+$", "", name)
        if name in _MANAGERS:
            return self._manager(name, rest)
        if name in ("cross-env", "cross-env-shell", "env-cmd", "dotenv", "dotenvx", "better-npm-run"):
            return self._environment(name, rest)
        if name in ("turbo", "nx", "lerna", "ultra"):
            return self._monorepo(name, rest)
        if name in _PARALLEL or name == "run-s":
            return self._parallel(name, rest)
        if name in _RUNTIMES:
            return self._runtime(name, rest)
        if name == "nest" and rest[:1] == ["start"]:
            return self._nest(rest[1:])
        if name in _SERVERS:
            return self._server(name, rest)
        return self._bin(self.argv[0], rest)

    # --- package managers --------------------------------------------------------------------------

    def _manager(self, name: str, rest: list[str]) -> bool | None:
        if name == "corepack":
            self.argv = rest
            return None
        filters: list[str] = []
        words: list[str] = []
        i = 0
        while i < len(rest):
            word = rest[i]
            if word in ("-w", "--workspace", "--filter", "-F") and not words and i + 1 < len(rest):
                if not (name == "pnpm" and word == "-w"):
                    filters.append(rest[i + 1])
                    i += 1
            elif match := re.fullmatch(r"(?:--workspace|--filter|-F)=(.+)", word):
                filters.append(match[1])
            elif word in ("--prefix", "--cwd", "-C", "--dir") and i + 1 < len(rest):
                self._chdir(rest[i + 1])
                i += 1
            elif match := re.fullmatch(r"(?:--prefix|--cwd|--dir)=(.+)", word):
                self._chdir(match[1])
            elif (word == "--" and not words) or (word.startswith("-") and not words):
                pass
            else:
                words.append(word)
            i += 1
        if name in ("npm", "pnpm") and len(words) > 1:  # options may follow the script's name too
            words, filters = _after_name(words, filters)
        if name in ("npx", "bunx", "pnpx"):
            self.argv = words
            return None if words else False
        if not words:
            return False
        if name in ("yarn", "yarnpkg") and words[0] in ("workspace", "workspaces") and len(words) > 2:
            if words[0] == "workspace":
                filters.append(words[1])
                words = words[2:]
            else:
                words = [word for word in words[1:] if word not in ("run", "foreach")]
        for filtered in filters:
            self._workspace(filtered)
        verb = words[0]
        if name == "bun" and verb not in ("run", "start", "x", "exec"):
            if (package := self.project.nearest(self.workdir)) and verb in package.scripts:
                return self._script(verb, words[1:])
            return self._runtime("bun", rest)
        if verb in ("run", "run-script", "rum", "urn") and len(words) > 1:
            if name == "bun" and (
                (package := self.project.nearest(self.workdir)) is None or words[1] not in package.scripts
            ):
                return self._runtime("bun", words[1:])
            return self._script(words[1], _arguments(words[2:]))
        if verb in ("exec", "dlx", "x") and len(words) > 1:
            self.argv = words[1:] if words[1] != "--" else words[2:]
            return None
        if verb == "node":
            self.argv = words
            return None
        if verb in ("start", "restart", "test", "stop"):
            package = self.project.nearest(self.workdir)
            if package is not None and verb not in package.scripts and verb == "start":
                self.argv = ["node", posixpath.join(package.folder, "server.js")]  # npm's own default
                return None
            return self._script(verb, _arguments(words[1:]))
        if verb in ("install", "ci", "i", "add", "build", "update"):
            return False
        package = self.project.nearest(self.workdir)
        if package is not None and verb in package.scripts:
            return self._script(verb, _arguments(words[1:]))
        if name in ("yarn", "yarnpkg", "pnpm"):
            self.argv = words  # a program of the dependencies
            return None
        return False

    def _chdir(self, folder: str) -> None:
        self.workdir = posixpath.normpath(posixpath.join(self.workdir, folder))

    def _workspace(self, wanted: str) -> None:
        wanted = wanted.strip("'\"").removesuffix("...").removeprefix("...").strip("{}")
        package = self.project.named(wanted)
        if package is not None:
            self.workdir = package.folder
            return
        folder = posixpath.normpath(posixpath.join(self.workdir, wanted))
        if self.project.package(folder):
            self.workdir = folder
            return
        for path in self.guest.files:
            if path.endswith(f"/{wanted}/package.json"):
                self.workdir = posixpath.dirname(path)
                return

    def _script(self, name: str, arguments: Sequence[str]) -> bool | None:
        """A script of `package.json`, `pre…` and `post…` around it."""
        package = self.project.nearest(self.workdir)
        if package is None or name not in package.scripts:
            what = f"what the script {name} runs: no package.json of the image states it"
            self.launch.unknown.append(Unknown(what, "CMD with `node` and the file itself", self.at))
            return False
        self.workdir = package.folder
        text = package.scripts[name]
        if arguments:
            text += " " + " ".join(arguments)
        evidence = self._evidence(package, "scripts", name)
        if evidence is not None:
            self.launch.evidence.append(evidence)
            self.at = evidence
        self.environment.setdefault("npm_lifecycle_event", name)
        before = package.scripts.get(f"pre{name}")
        if before:
            at = self._evidence(package, "scripts", f"pre{name}") or self.at
            for line in re.split(r"&&|;", before):
                words = line.split()
                if words and words[0] not in shell.QUIET:
                    self.launch.facts.append(
                        Fact(FactKind.SUBPROCESS, line.strip(), (at,), program(words[0]), Reach.IMPORT)
                    )
        return self._shell(text)

    def _evidence(self, package: Package, section: str, name: str) -> Evidence | None:
        text = self.guest.text(package.path) or ""
        inside = False
        for number, line in enumerate(text.split("\n"), 1):
            if f'"{section}"' in line:
                inside = True
            if inside and re.search(rf'"{re.escape(name)}"\s*:', line):
                return self.guest.evidence(package.path, number)
        return self.guest.evidence(package.path, 1)

    def _shell(self, text: str) -> bool | None:
        """What a line of shell starts: the whole way of a container's start command, from here on."""
        inner = self._resolved(text)
        self.launch.facts += inner.facts
        self.launch.unknown += inner.unknown
        self.argv, self.workdir = list(inner.argv), inner.workdir
        self.environment = dict(inner.env)
        return None if self.argv else False

    def _resolved(self, text: str) -> StartCommand:
        environment = tuple(EnvVar(key, value, self.at) for key, value in self.environment.items())
        line = Command(("/bin/sh", "-c", text), False, self.at)
        image = replace(self.image, entrypoint=line, cmd=None, workdir=self.workdir, env=environment)
        return command.resolve(self.guest, image, None)

    # --- wrappers ----------------------------------------------------------------------------------

    def _environment(self, name: str, rest: list[str]) -> bool | None:
        words = list(rest)
        while words:
            if match := re.fullmatch(r"([A-Za-z_]\w*)=(.*)", words[0], re.DOTALL):
                self.environment[match[1]] = match[2]
                words = words[1:]
            elif words[0] == "--":
                words = words[1:]
                break
            elif words[0] in ("-e", "-f", "-c", "-p", "--file", "--environments") and len(words) > 1:
                words = words[2:]
            elif (
                words[0].startswith("-")
                or (name == "dotenvx" and words[0] == "run")
                or (name == "env-cmd" and words[0].startswith((".env", "./.env")))
            ):
                words = words[1:]
            else:
                break
        if name == "cross-env-shell" or (len(words) == 1 and " " in words[0]):
            return self._shell(" ".join(words))
        self.argv = words
        return None if words else False

    def _monorepo(self, name: str, rest: list[str]) -> bool | None:
        words = list(rest)
        filters = [
            value
            for i, word in enumerate(words)
            if (value := word.partition("=")[2] if re.match(r"--(filter|scope)=", word)
                else words[i + 1] if word in ("--filter", "--scope", "-F") and i + 1 < len(words) else "")
        ]  # fmt: skip
        plain = [word for word in words if not word.startswith("-") and word not in filters]
        if name == "nx" and plain:
            plain = plain[1:] if plain[0] == "run" else plain
            if plain and ":" in plain[0]:
                project, _, target = plain[0].partition(":")
                filters, plain = [project], [target]
            elif len(plain) > 1:
                filters, plain = [plain[1]], [plain[0]]
            if plain[:1] == ["serve"]:
                self.launch.development = "nx serve"
        plain = [word for word in plain if word != "run"]
        for filtered in filters[:1]:
            self._workspace(filtered)
        return self._script(plain[0], ()) if plain else False

    def _parallel(self, name: str, rest: list[str]) -> bool | None:
        """Several programs at once: the one that is a server leads, the others are programs beside it."""
        lines: list[str] = []
        skip = False
        for word in rest:
            if skip:
                skip = False
            elif word.startswith("-"):
                skip = word in (
                    "-n",
                    "--names",
                    "-c",
                    "--prefix-colors",
                    "-p",
                    "--prefix",
                    "-m",
                ) and name in ("concurrently", "conc")
            else:
                lines.append(word.strip("'\""))
        if name not in ("concurrently", "conc"):
            lines = [f"npm run {line}" for line in self._matching(lines)]
        else:
            lines = [re.sub(r"^(npm|yarn|pnpm|bun):", r"\1 run ", line) for line in lines]
        candidates: list[tuple[int, str, StartCommand]] = []
        for line in lines:
            inner = self._resolved(line)
            candidates.append((self._rank(inner), line, inner))
        if not candidates:
            return False
        best = candidates[-1] if name == "run-s" else min(candidates, key=lambda item: item[0])
        for candidate in candidates:
            if candidate is not best:
                self.launch.facts.append(
                    Fact(
                        FactKind.SUBPROCESS, candidate[1], (self.at,), candidate[1].split()[0], Reach.UNKNOWN
                    )
                )
                if name != "run-s":
                    self.launch.others.append(candidate[2])
        self.argv, self.workdir = list(best[2].argv), best[2].workdir
        return None if self.argv else False

    def _matching(self, names: Sequence[str]) -> list[str]:
        package = self.project.nearest(self.workdir)
        found: list[str] = []
        for name in names:
            if "*" in name and package is not None:
                form = re.escape(name).replace(r"\*\*", ".*").replace(r"\*", "[^:]*")
                found += [script for script in package.scripts if re.fullmatch(form, script)]
            else:
                found.append(name)
        return found

    def _rank(self, start: StartCommand) -> int:
        """How much a program looks like the server of several, least first."""
        words = " ".join(start.argv).lower()
        for rank, form in enumerate((r"\b(next|web|server|api|nuxt|start)\b", r"\b(node|app|main|index)\b")):
            if re.search(form, words) and not re.search(r"worker|watch|queue|cron|tsc|css", words):
                return rank
        return 5

    # --- runtimes ------------------------------------------------------------------------------------

    def _runtime(self, name: str, rest: list[str]) -> bool | None:
        launch = self.launch
        launch.runtime = _RUNTIMES[name]
        words = list(rest)
        if name == "deno":
            return self._deno(words)
        if name in _WATCHERS:
            launch.development = launch.development or name
        if name.startswith("pm2") or name == "forever":
            return self._pm2(words)
        inner: str | None = None
        while words:
            word = words[0]
            if word in ("--exec", "-x") and len(words) > 1 and name in _WATCHERS:
                inner = words[1]
                words = words[2:]
                continue
            if word in ("--watch", "watch", "--hot") or word.startswith("--watch-path"):
                if name in _WATCHERS and word == "--watch" and len(words) > 1:
                    words = words[2:]
                    continue
                launch.development = launch.development or f"{name} {word}"
                words = words[1:]
                continue
            if word in ("-e", "--eval", "-p", "--print") and name in ("node", "nodejs", "bun"):
                return False
            if (
                word in ("-r", "--require", "--import", "--loader", "--experimental-loader")
                and len(words) > 1
            ):
                launch.preloaded.append(words[1])
                words = words[2:]
            elif match := re.match(r"(?:--require|--import)=(.+)", word):
                launch.preloaded.append(match[1])
                words = words[1:]
            elif word in _VALUED and len(words) > 1 and "=" not in word and not _is_flag(name, word):
                words = words[2:]
            elif word == "--":
                words = words[1:]
                break
            elif word.startswith("-") and len(word) > 1:
                words = words[1:]
            else:
                break
        if inner is not None:
            self.argv = [*inner.split(), *words]
            return None
        if not words:
            if name == "nodemon" and (package := self.project.nearest(self.workdir)) and package.main:
                words = [package.main]
            else:
                return False
        if name == "nodemon" and program(words[0]) in _RUNTIMES | dict.fromkeys(_MANAGERS, ""):
            self.argv = words
            return None
        script = posixpath.normpath(posixpath.join(self.workdir, words[0]))
        return self._file(script, words[1:])

    def _file(self, script: str, rest: Sequence[str]) -> bool | None:
        """A file that a runtime is given; files of installed packages stand for their programs."""
        if match := re.search(r"/node_modules/(?:\.bin/([\w.-]+)|((?:@[\w.-]+/)?[\w.-]+)/)", script):
            name = match[1] or match[2].rpartition("/")[2]
            name = {"next": "next", "typescript": "tsc"}.get(name, name)
            if name == "npm":
                name = "npm"
            self.argv = [name, *rest]
            if name not in _RUNTIMES and name not in _SERVERS and name not in _MANAGERS:
                self.launch.script = None
                return False
            return None
        package = self.project.package(script)
        if package is not None and package.main and script in self.guest.folders:
            script = posixpath.normpath(posixpath.join(script, package.main))
        self.launch.script = script
        self.launch.words = tuple(rest)
        return True

    def _deno(self, words: list[str]) -> bool:
        self.launch.runtime = "deno"
        verb = words[0] if words else ""
        if verb == "task" and len(words) > 1:
            for name in ("deno.json", "deno.jsonc"):
                from analyzers.languages.javascript.project import parse_json

                text = self.guest.text(posixpath.join(self.workdir, name))
                task = table(table(parse_json(text)).get("tasks")).get(words[1]) if text else None
                if isinstance(task, dict):
                    task = task.get("command")
                if isinstance(task, str):
                    inner = self._resolved(task)
                    return (
                        program(inner.argv[0]) == "deno"
                        and inner.argv[1:2] != ("task",)
                        and self._deno(list(inner.argv[1:]))
                        if inner.argv
                        else False
                    )
            return False
        rest = words[1:] if verb in ("run", "serve") else words
        if "--watch" in rest:
            self.launch.development = "deno --watch"
        valued = {"--import-map", "-c", "--config", "--port", "--host", "-L", "--log-level", "--env-file"}
        while rest and rest[0].startswith("-"):
            rest = rest[2:] if rest[0] in valued else rest[1:]
        if not rest:
            return False
        self.launch.script = posixpath.normpath(posixpath.join(self.workdir, rest[0]))
        return True

    def _pm2(self, words: list[str]) -> bool | None:
        if "-i" in words or any(word.startswith("--instances") for word in words):
            self.launch.manager = True
        plain: list[str] = []
        i = 0
        while i < len(words):
            if words[i] == "--":
                break
            if words[i].startswith("-"):
                i += (
                    1
                    if "=" in words[i] or words[i] in ("--no-daemon", "--no-autorestart", "--raw", "--json")
                    else 2
                )
                continue
            plain.append(words[i])
            i += 1
        if plain[:1] == ["start"]:
            plain = plain[1:]
        if not plain:
            return False
        target = plain[0]
        if target in ("npm", "yarn", "pnpm"):
            self.argv = [target, *(words[words.index("--") + 1 :] if "--" in words else plain[1:])]
            return None
        if target.endswith((".config.js", ".config.cjs", ".json", ".yml", ".yaml", ".config.mjs")):
            return self._ecosystem(posixpath.join(self.workdir, target))
        return self._file(posixpath.normpath(posixpath.join(self.workdir, target)), ())

    def _ecosystem(self, path: str) -> bool | None:
        text = self.guest.text(path)
        found = re.findall(r"""["']?\bscript["']?\s*:\s*["']?([^"',\n]+)""", text or "")
        if not found:
            what = f"what pm2 starts: {path} names no script that could be read"
            self.launch.unknown.append(Unknown(what, "CMD with `node` and the file itself", self.at))
            return False
        if re.search(
            r"exec_mode[\"']?\s*:\s*[\"']cluster|instances[\"']?\s*:\s*[\"']?(?!1\b)[\w-]+", text or ""
        ):
            self.launch.manager = True
        script = found[0].strip()
        words = script.split()
        if len(words) > 1 or words[0] in _MANAGERS or words[0] in _RUNTIMES:
            arguments = re.search(r"""\bargs["']?\s*:\s*["']([^"']+)""", text or "")
            self.argv = [*words, *(arguments[1].split() if arguments else ())]
            return None
        return self._file(posixpath.normpath(posixpath.join(self.workdir, script)), ())

    # --- frameworks ----------------------------------------------------------------------------------

    def _nest(self, rest: list[str]) -> bool:
        if any(word in ("--watch", "-w", "--debug", "-d") for word in rest):
            self.launch.development = "nest start --watch"
        package = self.project.nearest(self.workdir)
        folder = package.folder if package else self.workdir
        plain = [word for word in rest if not word.startswith("-")]
        self.launch.script = posixpath.join(folder, "dist", *(["apps", plain[0]] if plain else ()), "main.js")
        return True

    def _server(self, name: str, rest: list[str]) -> bool:
        development, real = _SERVERS[name]
        plain = [word for word in rest if not word.startswith("-")]
        verb = plain[0] if plain else ""
        known = development | real
        if verb not in known:
            verb = "" if "" in known else verb
        if verb not in known and name not in FILE_SERVERS:
            return False
        if verb in development:
            self.launch.development = f"{name} {verb}".strip()
        self.launch.server = _RENAMED.get(name, name)
        self.launch.words = tuple(rest)
        for i, word in enumerate(rest):
            value = word.partition("=")[2] if re.match(r"(--port|--listen)=", word) else ""
            if word in ("-p", "--port", "-l", "--listen") and i + 1 < len(rest):
                value = rest[i + 1]
            if match := re.search(r"(\d{2,5})$", value):
                self.launch.port = int(match[1])
        if self.launch.port is None and (stated := self.environment.get("PORT", "")).isdigit():
            self.launch.port = int(stated[:5])
        if name in ("remix-serve", "react-router-serve") and plain:
            self.launch.script = posixpath.normpath(posixpath.join(self.workdir, plain[0]))
        if name == "functions-framework":
            package = self.project.nearest(self.workdir)
            source = next((w.partition("=")[2] for w in rest if w.startswith("--source=")), None)
            folder = package.folder if package else self.workdir
            self.launch.script = posixpath.join(folder, source or (package and package.main) or "index.js")
        return True

    def _bin(self, word: str, rest: list[str]) -> bool | None:
        """A program that a `package.json` of the image gives itself, or a script by its path."""
        name = program(word)
        path = posixpath.normpath(posixpath.join(self.workdir, word))
        if "/node_modules/.bin/" in path:
            self.argv = [name, *rest]
            return None if "/" in word else False
        if "/" in word and path.endswith((".js", ".mjs", ".cjs", ".ts")):
            return self._file(path, rest)
        for folder in (*above(self.workdir), *sorted({posixpath.dirname(p) for p in self.guest.files
                                                     if p.endswith("/package.json")})):  # fmt: skip
            package = self.project.package(folder)
            if package is not None and name in package.bins:
                return self._file(posixpath.normpath(posixpath.join(folder, package.bins[name])), rest)
        return False


def find(image: Image, guest: Guest, project: Project, start: StartCommand) -> Launch | None:
    """What the start command starts; None where that is nothing that a JavaScript runtime runs."""
    return _Follower(image, guest, project, start).follow()


def _is_flag(name: str, word: str) -> bool:
    """Options that take a value for one program and none for another."""
    if name in ("node", "nodejs", "tsx", "bun"):
        return word in ("-w", "-e", "-i", "-d", "-x", "-n", "-p", "--config", "--name", "--ext")
    return name.startswith("ts-node") and word in ("-w", "-i", "-n", "-d", "--ext")


def _arguments(words: Sequence[str]) -> list[str]:
    return [word for word in words if word != "--"]


def _after_name(words: list[str], filters: list[str]) -> tuple[list[str], list[str]]:
    kept: list[str] = []
    i = 0
    while i < len(words):
        if words[i] == "--":
            return kept + words[i:], filters
        if words[i] in ("-w", "--workspace", "--filter") and i + 1 < len(words):
            filters = [*filters, words[i + 1]]
            i += 2
            continue
        if match := re.fullmatch(r"(?:--workspace|--filter|-w)=(.+)", words[i]):
            filters = [*filters, match[1]]
        elif not words[i].startswith(
            ("--silent", "--if-present", "--production", "--omit", "--loglevel", "-s")
        ):
            kept.append(words[i])
        i += 1
    return kept, filters

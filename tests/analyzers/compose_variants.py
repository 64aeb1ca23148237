"""Compose projects made by chance, from a seed: every form of every key, over several files."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import yaml

ENV = {"TAG": "1.2", "EMPTY": "", "PORT": "8081", "NAME": "shop", "QUOTED": "a b"}
DOTENV = 'TAG=1.2\nEMPTY=\nexport PORT=8081\nNAME=shop # the name\nQUOTED="a b"\n'
FILES = {
    ".env": DOTENV,
    "one.env": "FROM_ONE=1\nBOTH=one\nREFERS=${FROM_ONE}-${TAG}\n",
    "two.env": "BOTH='two $TAG'\nESCAPED=\"x\\ty\\$z\"\n# a comment\n\nexport SPACED = v # c\n",
    "raw.env": 'RAW="kept" $TAG\n',
    "sub/one.env": "FROM_SUB=1\n",
    "sub/two.env": "BOTH=sub\n",
    "inc/one.env": "FROM_INC=1\n",
    "inc/two.env": "BOTH=inc\n",
    "inc/.env": "TAG=other\nONLY_INC=yes\n",
    "inc/part.env": "PART=${NAME}\n",
}


class _Tagged:
    """A value below one of compose's tags."""

    def __init__(self, tag: str, value: Any) -> None:
        self.tag = tag
        self.value = value


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent(dumper: yaml.SafeDumper, tagged: _Tagged) -> yaml.Node:
    node = dumper.represent_data(tagged.value)
    node.tag = tagged.tag
    return node


_Dumper.add_representer(_Tagged, _represent)


def dump(document: Any) -> str:
    return str(yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=1000))


def project(seed: int) -> dict[str, str]:
    """The files of one project: path and text."""
    return _Maker(random.Random(seed)).files()  # noqa: S311 - reproducible, no secret


class _Maker:
    def __init__(self, chance: random.Random) -> None:
        self.chance = chance

    def files(self) -> dict[str, str]:
        chance = self.chance
        names = chance.sample(["web", "api", "db", "job", "a.b-c_d"], chance.randint(1, 4))
        main = {name: self.service(names, whole=True) for name in names}
        base = {name: self.service([], whole=True) for name in ("base", "other")}
        if chance.random() < 0.4:
            base["other"]["extends"] = chance.choice(["base", {"service": "base"}])
        for name in names:
            if chance.random() < 0.35:
                file = chance.choice(["sub/common.yaml", None])
                if file:
                    main[name]["extends"] = {"file": file, "service": chance.choice(["base", "other"])}
                else:
                    others = [other for other in names if other < name]
                    if others:
                        main[name]["extends"] = {"service": chance.choice(others)}
        document = self.document(main)
        files = dict(FILES)
        if chance.random() < 0.4:
            document["include"] = [
                chance.choice(
                    [
                        "inc/part.yaml",
                        {"path": "inc/part.yaml"},
                        {"path": ["inc/part.yaml"], "project_directory": "."},
                        {"path": "inc/part.yaml", "env_file": ["one.env"]},
                    ]
                )
            ]
            included = {"included": self.service([], whole=True)}
            included["included"]["environment"] = {"INC": "${TAG}-${ONLY_INC:-no}-${FROM_ONE:-no}"}
            files["inc/part.yaml"] = dump({"services": included})
        files["compose.yaml"] = dump(document)
        files["sub/common.yaml"] = dump(self.document(base))
        if chance.random() < 0.6:
            over = {name: self.service(names, whole=False) for name in names if chance.random() < 0.7}
            for service in over.values():
                for key in list(service):
                    if chance.random() < 0.12:
                        service[key] = _Tagged("!override", service[key])
                    elif chance.random() < 0.08 and key not in ("image", "build"):
                        service[key] = _Tagged("!reset", None)
            if chance.random() < 0.2:
                over["added"] = self.service(names, whole=True)
            files["compose.override.yaml"] = dump(self.document(over))
        return files

    def document(self, services: dict[str, Any]) -> dict[str, Any]:
        named = {"name": "${NAME}-Two"} if self.chance.random() < 0.2 else {}
        return {
            **named,
            "services": services,
            "secrets": {"token": {"file": "./token.txt"}, "key": {"environment": "KEY"}},
            "configs": {"settings": {"file": "./settings.ini"}},
            "networks": {"front": None, "back": {}},
            "volumes": {"data": None, "cache": {}},
        }

    def service(self, names: list[str], *, whole: bool) -> dict[str, Any]:
        """A service; one that is not `whole` is an override's part."""
        chance = self.chance
        made: dict[str, Any] = {}
        if whole and chance.random() < 0.5:
            made["image"] = chance.choice(
                ["redis", "shop:${TAG}", "${COMPOSE_PROJECT_NAME}-x", "${NAME:-x}/y:${NONE:-latest}"]
            )
        keys: dict[str, Callable[[], Any]] = {
            "build": self.build,
            "command": self.command,
            "entrypoint": self.command,
            "environment": self.environment,
            "env_file": self.env_file,
            "ports": self.ports,
            "expose": lambda: self.some(["3000", "3001/udp", "3002"]),
            "volumes": self.volumes,
            "tmpfs": lambda: chance.choice(["/run", ["/run", "/tmp:size=64m"]]),
            "networks": lambda: chance.choice([["front"], {"front": None, "back": {"aliases": ["x"]}}]),
            "cap_add": lambda: self.some(["NET_ADMIN", "SYS_PTRACE", "ALL"]),
            "devices": lambda: chance.choice([["/dev/kvm"], ["/dev/a:/dev/b", "/dev/a:/dev/kvm:rw"]]),
            "security_opt": lambda: self.some(["seccomp:unconfined", "no-new-privileges:true"]),
            "secrets": lambda: self.some(["token", "key", {"source": "token", "target": "/x"}]),
            "configs": lambda: self.some(["settings", {"source": "settings", "target": "/etc/s.ini"}]),
            "healthcheck": self.healthcheck,
            "profiles": lambda: self.some(["dev", "test"]),
            "privileged": lambda: chance.choice([True, False, "${NONE:-true}"]),
            "user": lambda: chance.choice(["1000", "app:app"]),
            "working_dir": lambda: chance.choice(["/app", "/srv/${NAME}"]),
            "deploy": self.deploy,
            "links": lambda: [f"{name}:x" for name in names[:1]],
            "depends_on": lambda: chance.choice(
                [names[:2], {name: {"condition": "service_started"} for name in names[:1]}]
            ),
            "runtime": lambda: chance.choice(["nvidia", "runc"]),
        }
        for key, make in keys.items():
            if chance.random() < 0.3:
                value = make()
                if value not in ([], {}):
                    made[key] = value
        if whole and "image" not in made and "build" not in made:
            made["image"] = "scratch"
        return made

    def some(self, among: list[Any]) -> list[Any]:
        return self.chance.sample(among, self.chance.randint(1, len(among)))

    def build(self) -> Any:
        chance = self.chance
        if chance.random() < 0.3:
            return chance.choice([".", "./api", "../out", "https://example.com/x.git", "${NAME}"])
        long: dict[str, Any] = {}
        if chance.random() < 0.7:
            long["context"] = chance.choice([".", "api", "./a/../b", "https://example.com/x.git#main"])
        if chance.random() < 0.5:
            long["dockerfile"] = chance.choice(["Dockerfile.dev", "../Dockerfile"])
        elif chance.random() < 0.3:
            long["dockerfile_inline"] = "FROM scratch\nENV A=$$B\n"
        if chance.random() < 0.4:
            long["target"] = chance.choice(["final", "${NONE:-dev}"])
        if chance.random() < 0.5:
            long["args"] = chance.choice(
                [{"A": 1, "B": "${TAG}", "NAME": None}, ["A=2", "C=x=y", "TAG"], {"V": 1.10, "T": True}]
            )
        if chance.random() < 0.2:
            long["additional_contexts"] = {"more": chance.choice(["./more", "docker-image://alpine"])}
        return long or "."

    def command(self) -> Any:
        return self.chance.choice(
            [
                "run --port 80",
                'sh -c "echo $$HOME && exit"',
                "a 'b c' \"d e\" f\\ g",
                ["run", "${TAG}", "$$x"],
                "run && other",
                [],
                "",
                "serve -b ${NONE:-0.0.0.0:80}",
            ]
        )

    def environment(self) -> Any:
        return self.chance.choice(
            [
                {"A": "x", "N": 1, "F": 1.50, "T": True, "NULL": None, "TAG": None, "E": ""},
                ["A=y", "TAG", "NULL", "EQ=a=b", "E="],
                {"D": "${NONE:-d}", "E2": "${EMPTY:-d}", "H": "${EMPTY-d}", "R": "${TAG:+r}", "$$K": "v"},
                {"NEST": "${NONE:-${OTHER:-${NAME}}}", "DOLLAR": "a$$b", "BOTH": "stated", "BIG": 12345678.5},
                {"OCT": 0o17, "NEG": -3, "EXP": 1e30, "ISH": "1e3", "YES": "yes", "REQ": "${TAG:?must}"},
            ]
        )

    def env_file(self) -> Any:
        return self.chance.choice(
            [
                "one.env",
                ["one.env", "two.env"],
                ["two.env", "one.env"],
                [{"path": "one.env"}, {"path": "none.env", "required": False}],
            ]
        )

    def ports(self) -> Any:
        return self.some(
            [
                "80",
                "8080:80",
                "127.0.0.1:9000:9000",
                "53:53/udp",
                "7000-7002:9000-9002",
                "4000-4003",
                "6000-6002:60",
                "[::1]:6001:6001",
                "${PORT}:81",
                {"target": 443, "published": "8443"},
                {"target": 54, "protocol": "udp", "mode": "host"},
                8085,
            ]
        )

    def volumes(self) -> Any:
        return self.some(
            [
                "./data:/data:ro",
                "data:/var/lib",
                "/anonymous",
                "/var/run/docker.sock:/var/run/docker.sock",
                "cache:/var/cache",
                "../out:/out:rw,z",
                "./a/../b:/c/../d/",
                {"type": "bind", "source": ".", "target": "/app", "read_only": True},
                {"type": "tmpfs", "target": "/scratch"},
                {"type": "volume", "source": "data", "target": "/app/"},
                "./${NAME}:/named",
            ]
        )

    def healthcheck(self) -> Any:
        return self.chance.choice(
            [
                {"test": "curl -f http://localhost/"},
                {"test": ["CMD", "true"], "interval": "5s"},
                {"test": ["CMD-SHELL", "true || false"]},
                {"test": ["NONE"]},
                {"disable": True},
                {"interval": "10s"},
            ]
        )

    def deploy(self) -> Any:
        device = self.chance.choice(
            [{"capabilities": ["gpu"]}, {"driver": "nvidia", "count": 1, "capabilities": ["x"]}]
        )
        return self.chance.choice(
            [{"replicas": 2}, {"resources": {"reservations": {"devices": [device]}}}, {"mode": "global"}]
        )

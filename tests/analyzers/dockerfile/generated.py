"""Whole Dockerfiles that say something sensible, for the comparison of resolved stages."""

from __future__ import annotations

import random

_WORDS = [
    "a",
    "/srv",
    "b/c",
    "$A",
    "${B:-x}",
    "${A}/y",
    "'q $A'",
    '"q $B"',
    "\\$A",
    "${C:+z}",
    "${A%y}",
    "..",
    "./",
]
_COMMANDS = ['["x", "$A"]', "run $A --now", "[]", '["y"]', "[not json"]
_PORTS = ["80", "8080/tcp", "53/UDP", "${P}", "9000-9002", "$P/udp", "1 2", "127.0.0.1:80:81", "${P:-70}-71"]


def dockerfile(rng: random.Random) -> str:
    """A few stages, most named, that inherit from and copy from each other."""
    # Names of images are not checked here as BuildKit checks them: only good ones.
    lines = [f"ARG {name}={rng.choice(_WORDS)}" for name in "AP" if rng.random() < 0.5]
    lines += rng.choice([[], ["ARG G=other"], ["ARG G=s0"]])
    names: list[str] = []
    for index in range(rng.randint(1, 4)):
        base = rng.choice([*names, "image", "scratch", "${G:-image}"])
        name = rng.choice(["", f"s{index}", f"S{index}", "s0"])
        lines.append(f"FROM {base} AS {name}" if name else f"FROM {base}")
        lines += (_line(rng, names, index) for _ in range(rng.randint(0, 9)))
        if name:
            names.append(name.lower())
    return "\n".join(lines) + "\n"


def _line(rng: random.Random, names: list[str], index: int) -> str:
    word = rng.choice(_WORDS)
    match rng.randrange(14):
        case 0 | 1:
            return rng.choice(
                [f"ARG A={word}", "ARG A", "ARG G", f"ARG B={word} P=81", "ARG TARGETARCH", "ARG P"]
            )
        case 2 | 3:
            return rng.choice(
                [f"ENV A={word}", f"ENV B {word} c", f"ENV A=1 C=$A D={word}", "ENV E=$TARGETARCH"]
            )
        case 4 | 5:
            return f"WORKDIR {word}"
        case 6:
            return rng.choice(["USER u$A", "USER 1000:1000", 'USER "$B"'])
        case 7:
            return f"CMD {rng.choice(_COMMANDS)}"
        case 8:
            return f"ENTRYPOINT {rng.choice(_COMMANDS)}"
        case 9:
            return f"EXPOSE {rng.choice(_PORTS)}"
        case 10:
            return rng.choice([f"VOLUME {word}", 'VOLUME ["/v", "/$A"]', "VOLUME /a /b"])
        case 11:
            return rng.choice(["HEALTHCHECK NONE", "HEALTHCHECK CMD curl $A", 'HEALTHCHECK CMD ["c"]'])
        case 12:
            return rng.choice(
                ['SHELL ["/bin/bash", "-ec"]', f"LABEL a={word}", "ONBUILD ENV O=$A", "ONBUILD CMD o"]
            )
        case _:
            source = rng.choice([*names, "image", str(rng.randrange(index + 1)), "nowhere"])
            return rng.choice(
                [f"COPY --from={source} /x /y", f"RUN --mount=type=bind,from={source},target=/m true"]
            )

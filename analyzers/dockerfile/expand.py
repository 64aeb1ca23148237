"""Variables of a Dockerfile: who sees which ARG and ENV, and what expands.

BuildKit keeps one environment a stage. ENV and ARG write to it in their order; a stage that is FROM
another one starts with that one's; an ARG without a value takes the global one of the same name (an ARG
before the first FROM).
Follows frontend/dockerfile/dockerfile2llb/convert.go of github.com/moby/buildkit v0.34.2.
"""

from __future__ import annotations

from collections.abc import Mapping

from analyzers.dockerfile.instructions import Instruction
from analyzers.dockerfile.lex import Lexed, Lexer
from analyzers.dockerfile.limits import Work

# BuildKit gives a stage this PATH where its base image sets none. Base images are not read here, so this
# stands for theirs too; what a Dockerfile puts before `$PATH` comes out right.
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# Never part of the environment (convert.go, nonEnvArgs).
_NOT_ENVIRONMENT = frozenset({"BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE"})


def predefined(build_args: Mapping[str, str], stage: str) -> dict[str, str]:
    """The global ARGs that BuildKit sets itself, for a build on and for linux/amd64."""
    values = {
        "BUILDPLATFORM": "linux/amd64",
        "BUILDOS": "linux",
        "BUILDOSVERSION": "",
        "BUILDARCH": "amd64",
        "BUILDVARIANT": "",
        "TARGETPLATFORM": "linux/amd64",
        "TARGETOS": "linux",
        "TARGETOSVERSION": "",
        "TARGETARCH": "amd64",
        "TARGETVARIANT": "",
        "TARGETSTAGE": stage or "default",
    }
    return {name: build_args.get(name, value) for name, value in values.items()}


class Scope:
    """The variables that one stage sees. `unset` collects lines where one had no value."""

    def __init__(
        self,
        variables: Mapping[str, str],
        build_args: Mapping[str, str],
        escape: str,
        unset: dict[int, None],
        work: Work,
    ) -> None:
        self.variables = dict(variables)
        self._build_args = build_args
        self._lexer = Lexer(escape)
        self._unset = unset
        self._work = work

    def inherit(self) -> Scope:
        """A scope that starts with this one's variables."""
        self._work.spend(len(self.variables))
        return Scope(self.variables, self._build_args, self._lexer.escape, self._unset, self._work)

    def word(self, text: str, line: int) -> str:
        """One word, quotes removed and values put in. Raises ValueError (LexError, TooMuchError)."""
        return self._noted(self._lexer.process(text, self.variables, self._work), line).text

    def words(self, text: str, line: int) -> tuple[str, ...]:
        """The same, split at blanks; EXPOSE reads its ports so."""
        return self._noted(self._lexer.process(text, self.variables, self._work), line).words

    def content(self, text: str, line: int) -> str:
        """The body of a COPY heredoc: values are put in, quotes stay."""
        lexer = Lexer(skip_quotes=True)
        return self._noted(lexer.process(text, self.variables, self._work), line).text

    def is_settled(self, line: int) -> bool:
        """Whether every variable of the line had a value."""
        return line not in self._unset

    def declare(self, arg: Instruction, globals_: Mapping[str, str] | None = None) -> None:
        """ARG. `globals_` are the global ones, None where this is one of them."""
        for argument in arg.arguments:
            name, equals, default = argument.partition("=")
            value: str | None = None
            if name in self._build_args:
                value = self._build_args[name]
            elif equals:
                value = self.word(default, arg.line)
            elif globals_ is not None:
                value = globals_.get(name)
            if value is not None and (globals_ is None or name not in _NOT_ENVIRONMENT):
                self.variables[name] = value

    def _noted(self, lexed: Lexed, line: int) -> Lexed:
        if lexed.unset:
            self._unset[line] = None
        return lexed

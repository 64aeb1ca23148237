"""A running instance that stands for the original: no Docker, so no image and no figures of it either.

What is lost is said in the report: both runs are answered by one instance, so what a request changes is there
for the next one, and noise is learnt from an instance that has served before.
"""

from __future__ import annotations

import contextlib
import http.client
from collections.abc import Sequence
from urllib.parse import urlsplit

from migrate.errors import OriginalError, UsageError
from migrate.model import Answer, Measurement, ProbeSet, Sent, Side
from migrate.validate import client
from migrate.validate.measuring.statistics import not_measured

TIMEOUT = 10.0
"""Seconds in which a running instance must take a connection and answer the first GET."""

_CHANGES_NOTHING = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
"""The safe methods of RFC 9110, section 9.2.1."""
_SHOWN = 5
_FIGURES = (
    ("size", "byte"),
    ("size-compressed", "byte"),
    ("cold-start", "s"),
    ("memory-rest", "byte"),
    ("memory-load", "byte"),
)


def address(text: str) -> str:
    """`http[s]://host[:port]` of what `--original` was given. Raises UsageError for anything else.

    A path is refused because a probe's path is the whole path, on both sides; a password because the URL
    stands in reports.
    """
    do = "For example: --original http://127.0.0.1:8080"
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError as error:
        raise UsageError(f"--original {text!r} is no URL.", why=str(error), do=do) from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"--original {text!r} is no http:// or https:// URL with a host.", do=do)
    if port == 0 or not text.isascii() or any(sign <= " " for sign in text.strip()):
        raise UsageError(f"--original {text!r} cannot be connected to.", do=do)
    if parts.username is not None or parts.password is not None:
        raise UsageError(
            "--original cannot hold a name or a password.",
            why="The URL stands in the reports.",
            do="Give an Authorization header in the probes.",
        )
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise UsageError(
            f"--original {text!r} names more than a server.",
            why="A probe holds the whole path, and both sides are asked the same.",
            do=f"--original {parts.scheme}://{parts.netloc}, and the path in the probes.",
        )
    return f"{parts.scheme}://{parts.netloc}"


def host(url: str) -> str:
    """What the instance is called, and the component too, so that addresses made of it are the same."""
    return urlsplit(url).netloc


def require_answer(url: str, path: str = "/") -> None:
    """Raises OriginalError where no HTTP answer, of any status, comes. Redirects are not followed."""
    with contextlib.closing(client.connection_to(url, TIMEOUT)) as connection:
        try:
            connection.request("GET", path, headers={"Host": host(url), "User-Agent": "dock2wasm"})
            connection.getresponse().close()
        except TimeoutError:
            why = f"No answer within {TIMEOUT:g} s."
        except (OSError, http.client.HTTPException, ValueError) as error:
            why = f"{client.say(error)}."
        else:
            return
    raise OriginalError(
        f"The running instance {url} does not answer.",
        why=why,
        do=f"Check with: curl -v {url}{path}"
        + (" (a certificate authority of your own: SSL_CERT_FILE)" if url.startswith("https:") else ""),
    )


def require_some(url: str, answers: Sequence[tuple[str, Sent, Answer]]) -> None:
    """Raises OriginalError where it answered nothing: there is nothing to compare with then."""
    if answers and all(answer.error and not answer.status for _, _, answer in answers):
        raise OriginalError(
            f"The running instance {url} answered none of {len(answers)} probes.",
            why=f"The first: {answers[0][2].error}.",
            do="Is it still running?",
        )


def changing(asked: ProbeSet) -> list[str]:
    """Ids of the probes that may change what the instance holds."""
    return [probe.id for probe in asked.probes if probe.steps or probe.method not in _CHANGES_NOTHING]


def notes(url: str, asked: ProbeSet) -> tuple[str, ...]:
    """What a reader must know of a comparison with a running instance."""
    what = (
        f"The original is a running instance, {url}: which image, variables and data it has is not known, "
        f"and the component has only those given here. Both are asked as Host: {host(url)}; "
        "the component over http."
    )
    found = [what]
    may = changing(asked)
    if may:
        shown = ", ".join(may[:_SHOWN]) + (", ..." if len(may) > _SHOWN else "")
        found.append(
            f"{len(may)} of {len(asked.probes)} probes may change it ({shown}): all its runs are answered by "
            "one instance, so a later run sees what an earlier one left, and some of what is taken for noise "
            "may be that. The component starts anew for each run."
        )
    return tuple(found)


def figures(url: str) -> tuple[Measurement, ...]:
    """The rows of the original: nothing of a running instance is measured."""
    why = f"the original is a running instance ({url}): its image and processes are not seen from here"
    return tuple(not_measured(metric, Side.ORIGINAL, unit, why) for metric, unit in _FIGURES)

"""What is a secret, and how a line that shows one is printed.

A secret's value goes into no report, no manifest and no component. A name that matches wrongly costs
somebody an `--env`; one that is missed puts a password into a file. So the patterns are wide.
"""

from __future__ import annotations

import re
from dataclasses import replace

from analyzers.model import Evidence

MASK = "***"

# Words that make a variable's name a secret's, wherever they stand in it.
# fmt: off
_WORDS = frozenset({
    "apikey", "auth", "credential", "credentials", "dsn", "jwt", "key", "keys", "pass", "passphrase",
    "passwd", "password", "passwords", "pepper", "pin", "privatekey", "pw", "pwd", "salt", "secret",
    "secretkey", "secrets", "token", "tokens",
})
# fmt: on
# Last words that say what a name is about a secret, not that it is one: TOKEN_TTL, PASSWORD_MIN_LENGTH.
# fmt: off
_ABOUT = frozenset({
    "age", "algorithm", "algorithms", "attempts", "backend", "backends", "class", "cookie", "count", "days",
    "disabled", "enabled", "expiration", "expire", "expires", "expiry", "file", "header", "hours",
    "iterations", "length", "lifetime", "limit", "max", "method", "min", "minutes", "mode", "name", "path",
    "policy", "prefix", "provider", "required", "retries", "rounds", "scheme", "seconds", "size", "timeout",
    "ttl", "type", "url", "version",
})
# fmt: on
# Names with such a word that are known to hold none.
_PLAIN = frozenset({"pwd", "oldpwd", "gpg_key", "max_tokens", "public_key", "key_prefix", "primary_key"})
# DB_PASS, and compounds that people write in one word: DBPASSWORD, AUTHTOKEN.
_INSIDE = re.compile(r"password|passwd|passphrase|secret|apikey|accesskey|privatekey|authtoken")

_USERINFO = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)(?P<user>[^\s/@:\"']*):(?P<password>[^\s/@\"']+)@"
)
# NAME=value, NAME: value, "NAME": value; with a comma or a bracket between them both are quoted.
_ASSIGNED = re.compile(
    r"""(?P<head>(?P<quote>["']?)(?P<name>[A-Za-z_][A-Za-z0-9_-]*)(?P=quote)\]?\s*(?:==?|:(?!/))\s*)"""
    r"""(?P<value>"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|[^\s,;)\]}"']+)"""
)
_DEFAULTED = re.compile(
    r"""(?P<head>["'](?P<name>[A-Za-z_][A-Za-z0-9_-]*)["']\s*[,)]\s*)"""
    r"""(?P<value>"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?)"""
)
_OLD_ENV = re.compile(
    r"^(?P<head>\s*(?:ENV|ARG)\s+(?P<name>[A-Za-z_]\w*)\s+)(?P<value>[^=].*)$", re.IGNORECASE
)
# Files in which an unquoted value is an expression, not a text.
_SOURCE = (
    ".py",
    ".js",
    ".mjs",
    ".cjs",
    ".ts",
    ".tsx",
    ".jsx",
    ".go",
    ".rs",
    ".rb",
    ".java",
    ".kt",
    ".php",
    ".cs",
    ".c",
    ".lua",
)


def is_secret_name(name: str) -> bool:
    """Whether a variable of this name holds a secret: `SECRET_KEY`, `DB_PASSWORD`, `githubToken`."""
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).replace("-", "_").lower()
    if snake in _PLAIN or snake.endswith(("_public_key", "_key_prefix")):
        return False
    words = [word for word in re.split(r"[_.]+", snake) if word]
    if not words or (words[-1] in _ABOUT and len(words) > 1):
        return False
    return any(word in _WORDS for word in words) or bool(_INSIDE.search(snake))


def is_secret(name: str, value: str | None) -> bool:
    """Whether a variable is a secret by its name, or by credentials inside its value (a URL's password)."""
    if is_secret_name(name):
        return True
    return value is not None and holds_credentials(value)


def holds_credentials(value: str) -> bool:
    """Whether a value is a URL with a password, or a private key."""
    return bool(_USERINFO.search(value)) or "-----BEGIN" in value


def redacted(text: str, *, source: bool = False) -> str:
    """A line with the values of secrets masked; `source`: it is code, where only quoted values are texts.

    `ENV SECRET_KEY=abc` becomes `ENV SECRET_KEY=***`, `postgres://u:pw@db` becomes `postgres://u:***@db`.
    """
    text = _USERINFO.sub(lambda m: f"{m['scheme']}{m['user']}:{MASK}@", text)
    text = _DEFAULTED.sub(_mask, text)
    if source:
        return _ASSIGNED.sub(lambda m: _mask(m) if m["value"][0] in "\"'" else m[0], text)
    return _ASSIGNED.sub(_mask, _OLD_ENV.sub(_mask, text))


def redacted_evidence(evidence: Evidence) -> Evidence:
    """The same place with its snippet masked."""
    clean = redacted(evidence.snippet, source=evidence.path.endswith(_SOURCE))
    return evidence if clean == evidence.snippet else replace(evidence, snippet=clean)


def _mask(match: re.Match[str]) -> str:
    value = match["value"]
    bare = value.strip("\"'")
    # A reference to a variable shows nothing.
    if not bare or bare.startswith("$") or not is_secret_name(match["name"]):
        return match[0]
    quote = value[0] if value[0] in "\"'" else ""
    return f"{match['head']}{quote}{MASK}{quote}"

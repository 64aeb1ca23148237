"""Text as Go sees it: what counts as blank, and bytes that are no UTF-8.

A Dockerfile is decoded with `surrogateescape`, so that every byte survives until a word is final;
`clean` then puts U+FFFD in the place of each bad byte, as Go's runes do.
"""

from __future__ import annotations

import re

# Go's unicode.IsSpace. str.isspace() is wider (U+001C to U+001F).
SPACE = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
BLANKS = re.compile(r"[\t\v\f\r ]+")  # what separates words of an instruction

_SURROGATE = re.compile("[\ud800-\udfff]")


def clean(text: str) -> str:
    """`text` with U+FFFD for every byte that was no UTF-8."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def as_bytes(text: str) -> str:
    """One character a byte, for the places where BuildKit walks over bytes instead of characters."""
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("latin-1")


def from_bytes(text: str) -> str:
    """The inverse of `as_bytes`."""
    return text if text.isascii() else text.encode("latin-1").decode("utf-8", "surrogateescape")

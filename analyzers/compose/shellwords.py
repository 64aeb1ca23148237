"""How compose splits a `command` or `entrypoint` that is one text: as go-shellwords does, running nothing."""

from __future__ import annotations


def split(text: str) -> tuple[str, ...]:
    """The words. What follows an unquoted `;`, `&`, `|`, `<` or `>` is left out, as compose leaves it out.

    Raises ValueError where compose refuses the text.
    """
    words: list[str] = []
    word: list[str] = []
    got = escaped = False
    quote = ""  # one of ' " ` and ( for $(...)
    for char in text:
        if escaped:
            word.append(char)
            escaped, got = False, True
            continue
        if char == "\\" and quote != "'":
            escaped = True
            continue
        if char in " \t\r\n" and not quote:
            if got:
                words.append("".join(word))
                word, got = [], False
            continue
        if char in "'\"" and quote in ("", char):
            got = got or bool(quote)
            quote = "" if quote else char
            continue
        if char == "`" and quote in ("", "`"):
            quote = "" if quote else "`"
        elif char == ")" and quote in ("", "("):
            quote = "" if quote else "("
        elif char == "(" and quote in ("", "("):
            if quote or not word or word[-1] != "$":
                raise ValueError(f"{text[:60]!r} is no command line that compose takes")
            quote = "("
        elif char in ";&|<>" and not quote:
            if char == ">" and word and word[0].isascii() and word[0].isdigit():
                got = False  # the number of a file that is redirected
            break
        word.append(char)
        got = True
    if got:
        words.append("".join(word))
    if quote or escaped:
        raise ValueError(f"{text[:60]!r} has a quote that does not end")
    return tuple(words)

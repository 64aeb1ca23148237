"""f-strings of Python 3.12 are read by an older Python as well."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzers.languages.python import fstrings


@pytest.mark.parametrize(
    ("source", "plain"),
    [
        ('x = f"https://a.example/{d["k"]}"\n', 'x = """https://a.example/"""\n'),
        ("x = f'{d['k']!r:>{w}}' + 'f{' # it's\n", 'x = """""" + \'f{\' # it\'s\n'),
        ("x = rf'''a\n{f'{'b'}'}\n'''\ny = 1\n", 'x = """a\n\n"""\ny = 1\n'),
        ('x = f"{"\\n".join(rows)}"\n', 'x = """"""\n'),
        ('x = f"{{{a}}}"\n', 'x = """"""\n'),
        ("x = 'plain \\' f\"'\n", "x = 'plain \\' f\"'\n"),
        ('x = f"{a # why }\n}"\ny = 2\n', 'x = """\n"""\ny = 2\n'),
    ],
)
def test_f_strings_become_plain_text(source: str, plain: str) -> None:
    assert fstrings.plain(source) == plain
    assert ast.parse(plain)
    assert plain.count("\n") == source.count("\n")


@pytest.mark.parametrize("source", ["x = f'{", "x = 'a\n'", 'f"' + "{f'" * 300])
def test_what_does_not_end_is_not_guessed(source: str) -> None:
    assert fstrings.plain(source) is None


@given(st.text(alphabet="f'\"{}\\#\n ab", max_size=60))
def test_any_text_keeps_its_lines(source: str) -> None:
    plain = fstrings.plain(source)
    assert plain is None or plain.count("\n") == source.count("\n")

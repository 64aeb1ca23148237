from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzers.model import Grant
from migrate.component import check, inspect, interface, not_granted
from migrate.errors import ComponentError
from migrate.model import Component
from tests import components
from tests.migrate import made

COUNTER = components.compiled(components.COUNTER)
DECLARED = {
    "wasi:cli/environment",
    "wasi:cli/stderr",
    "wasi:http/types",
    "wasi:io/error",
    "wasi:io/streams",
}

# The kinds of item that a component can import or export at its top.
ALL_SORTS = r"""
(component
  (import "core" (core module (export "f" (func))))
  (import "function" (func (param "x" u32)))
  (import "resource" (type $resource (sub resource)))
  (import "same" (type (eq $resource)))
  (import "a:b/c@1.2.3" (instance $instance (export "f" (func))))
  (import "empty" (instance $empty))
  (core module $module)
  (type $record (record (field "a" u8)))
  (export "module" (core module $module))
  (export "type" (type $record))
  (export "described" (instance $empty) (instance))
  (export "wasi:http/incoming-handler@0.2.0" (instance $empty))
)
"""


def oracle(content: bytes) -> tuple[list[str], list[str]]:
    """Imports and exports as the wasmtime package says them, which compiles the component for that."""
    import wasmtime
    from wasmtime.component import Component as Compiled

    engine = wasmtime.Engine()
    kind = Compiled(engine, content).type
    return sorted(kind.imports(engine)), sorted(kind.exports(engine))


def put(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_what_a_component_imports_and_exports(tmp_path: Path) -> None:
    found = inspect(put(tmp_path / "counter.wasm", COUNTER))
    assert (sorted(found.imports), sorted(found.exports)) == oracle(COUNTER)
    assert found.exports == ("wasi:http/incoming-handler@0.2.0",)
    assert (found.kind, found.wasi) == ("http", "0.2")
    assert found.sha256 == hashlib.sha256(COUNTER).hexdigest()


def test_every_sort_of_item_is_read_as_the_oracle_reads_it(tmp_path: Path) -> None:
    content = components.compiled(ALL_SORTS)
    found = inspect(put(tmp_path / "all.wasm", content))
    assert (sorted(found.imports), sorted(found.exports)) == oracle(content)
    assert found.imports[0] == "core"


def test_imports_of_a_component_of_a_component_do_not_count(tmp_path: Path) -> None:
    content = components.compiled(
        """(component
          (component $inner (import "deep" (func)))
          (import "a:b/c@0.1.0" (instance $i))
          (export "wasi:http/incoming-handler@0.2.3" (instance $i)))"""
    )
    assert inspect(put(tmp_path / "a.wasm", content)).imports == ("a:b/c@0.1.0",)


@pytest.mark.parametrize(
    ("export", "expected"),
    [
        ("wasi:http/incoming-handler@0.2.0", ("http", "0.2")),
        ("wasi:http/incoming-handler@0.2.12", ("http", "0.2")),
        ("wasi:http/handler@0.3.0", ("http", "0.3")),
        ("wasi:http/handler@0.3.0-rc-2026-03-15", ("http", "0.3")),
        ("wasi:cli/run@0.2.9", ("command", "0.2")),
        ("wasi:cli/run@0.3.0", ("command", "0.3")),
    ],
)
def test_kinds(tmp_path: Path, export: str, expected: tuple[str, str]) -> None:
    found = inspect(put(tmp_path / "a.wasm", exporting(export)))
    assert (found.kind, found.wasi) == expected


def exporting(*names: str) -> bytes:
    exports = "".join(f'(export "{name}" (instance $i))' for name in names)
    return components.compiled(f'(component (import "a:b/c@0.2.0" (instance $i)) {exports})')


@pytest.mark.parametrize(
    "names",
    [
        (),
        ("a:b/d",),
        ("wasi:http/incoming-handler@0.1.0",),
        ("wasi:http/incoming-handler@0.2.0", "wasi:http/incoming-handler@0.2.3"),
        ("wasi:http/incoming-handler@0.2.0", "wasi:cli/run@0.2.0"),
    ],
)
def test_one_handler_and_no_other(tmp_path: Path, names: tuple[str, ...]) -> None:
    with pytest.raises(ComponentError, match="handler"):
        inspect(put(tmp_path / "a.wasm", exporting(*names)))


# --- declared and granted ------------------------------------------------------------------


def test_imports_lie_in_what_the_lane_declares(tmp_path: Path) -> None:
    found = inspect(put(tmp_path / "a.wasm", COUNTER))
    check(found, DECLARED)
    with pytest.raises(ComponentError, match=r"wasi:cli/stderr@0\.2\.0") as caught:
        check(found, DECLARED - {"wasi:cli/stderr"})
    assert "wasi:http" not in caught.value.what


def component(*imports: str, exports: tuple[str, ...] = ("wasi:http/incoming-handler@0.2.0",)) -> Component:
    return Component(Path("a.wasm"), "", "http", "0.2", imports, exports)


def test_nothing_else_is_exported() -> None:
    check(component(exports=("exports", "wasi:http/incoming-handler@0.2.0")), ())
    with pytest.raises(ComponentError, match="a:b/c"):
        check(component(exports=("a:b/c@1.0.0", "wasi:http/incoming-handler@0.2.0")), ())


@pytest.mark.parametrize("name", ["wasi:cli/stdout@0.3.0", "spin:redis/redis@3.0.0", "wasi:cli/stdout"])
def test_other_wasi_versions_are_refused(name: str) -> None:
    with pytest.raises(ComponentError, match=r"more than WASI 0\.2"):
        check(component(name), {interface(name)})


@pytest.mark.parametrize(
    ("imported", "grants", "shown"),
    [
        ("wasi:http/outgoing-handler@0.2.9", (), True),
        ("wasi:http/outgoing-handler@0.2.9", (made.outbound("https", "a.example", 443),), False),
        ("wasi:sockets/tcp@0.2.9", (made.outbound("https", "a.example", 443),), True),
        ("wasi:sockets/tcp@0.2.9", (made.outbound("postgres", "db", 5432),), False),
        ("wasi:filesystem/types@0.2.9", (made.env("A", "b"),), True),
        ("wasi:filesystem/types@0.2.9", (made.directory("./a", "/a"),), False),
        ("wasi:cli/environment@0.2.9", (), False),
    ],
)
def test_what_is_imported_and_not_granted_is_shown(
    imported: str, grants: tuple[Grant, ...], shown: bool
) -> None:
    said = not_granted(component(imported), grants)
    assert bool(said) is shown
    assert all(interface(imported).startswith(line.split()[4]) for line in said)


# --- damaged files -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "does not begin"),
        (b"\0asm", "does not begin"),
        (b"MZ" * 100, "does not begin"),
        (b"\0asm\x01\0\0\0", "core module"),
        (b"\0asm\x0e\0\x01\0", "unknown version"),
        (COUNTER[:8] + b"\x0a\xff\xff\xff\xff\x0f", "cut off"),
        (COUNTER[:8] + b"\x0a\xff\xff\xff\xff\xff\xff", "32 bits"),
        (COUNTER[:8] + b"\x0a\xff\xff\xff\xff\x1f", "32 bits"),
        (COUNTER[:8] + b"\x0a", "cut off"),
        (COUNTER[:8] + b"\x63\x00", "unknown section"),
        (COUNTER[:8] + b"\x0a\x02\x01\x00", "cut off"),
        (COUNTER[:8] + b"\x0a\x02\x00\x00", "longer than"),
        (COUNTER[:8] + b"\x0a\x04\x01\x00\xff\x01", "cut off within a name"),
        (COUNTER[:8] + b"\x0a\x06\x01\x00\x01\xff\x05\x00", "not UTF-8"),
        (COUNTER[:8] + b"\x0a\x06\x01\x02\x01a\x05\x00", "not known yet"),
        (COUNTER[:8] + b"\x0a\x06\x01\x00\x01a\x09\x00", "unknown sort"),
        (COUNTER[:8] + b"\x0a\x06\x01\x00\x01a\x00\x12", "no module"),
        (COUNTER[:8] + b"\x0a\x06\x01\x00\x01a\x02\x02", "value bound"),
        (COUNTER[:8] + b"\x0a\x06\x01\x00\x01a\x03\x02", "type bound"),
        (COUNTER[:8] + b"\x0b\x07\x01\x00\x01a\x06\x00\x00", "unknown sort"),
        (COUNTER[:8] + b"\x0b\x07\x01\x00\x01a\x05\x00\x02", "malformed type"),
    ],
)
def test_what_is_no_component_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(ComponentError, match="no component") as caught:
        inspect(put(tmp_path / "a.wasm", content))
    assert said in caught.value.why


def test_a_missing_component(tmp_path: Path) -> None:
    with pytest.raises(ComponentError, match="cannot be read"):
        inspect(tmp_path / "a.wasm")
    with pytest.raises(ComponentError, match="cannot be read"):
        inspect(tmp_path)


@given(st.integers(0, len(COUNTER) - 1))
@settings(max_examples=100, deadline=None)
def test_a_component_that_is_cut_off(length: int) -> None:
    # Inside a custom section at the end nothing of ours is missing, but its length says so.
    with pytest.raises(ComponentError):
        inspected(COUNTER[:length])


@given(st.integers(0, len(COUNTER) - 1), st.integers(0, 255))
@settings(max_examples=200, deadline=None)
def test_a_flipped_byte_is_an_error_or_reads_as_the_oracle_reads_it(position: int, byte: int) -> None:
    content = COUNTER[:position] + bytes([byte]) + COUNTER[position + 1 :]
    import wasmtime

    try:
        expected = oracle(content)
    except wasmtime.WasmtimeError:
        expected = None
    try:
        found = inspected(content)
    except ComponentError:
        # A damaged name of the handler is no handler; the oracle does not ask for one.
        assert expected is None or "wasi:http/incoming-handler@0.2.0" not in expected[1]
        return
    assert expected is None or (sorted(found.imports), sorted(found.exports)) == expected


@given(st.binary(max_size=60))
def test_any_sections_are_an_error_by_name(content: bytes) -> None:
    with pytest.raises(ComponentError):
        inspected(COUNTER[:8] + content)


def inspected(content: bytes) -> Component:
    with tempfile.TemporaryDirectory() as folder:
        return inspect(put(Path(folder) / "a.wasm", content))

"""Key derivation of the component: the C source beside this Python's OpenSSL; the committed library."""

from __future__ import annotations

import hashlib
import importlib.machinery
import importlib.util
import shutil
import subprocess
import sysconfig
from pathlib import Path
from types import ModuleType

import pytest

from migrate.wheels import _module
from tests import needs
from tests.templates.lanes.python.wasi import ROOT, adapter

NATIVE = ROOT / "templates" / "lanes" / "python" / "native"
LIBRARY = NATIVE / "_dock2wasm_kdf.cpython-314-wasm32-wasi.so"
HASHES = ("sha1", "sha224", "sha256", "sha384", "sha512")

kdf = adapter("kdf")


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """kdf.c as an extension of this machine's Python: the same code, another target."""
    compiler = shutil.which("cc")
    if compiler is None:
        needs.missing("C compiler", do="apt-get install gcc")
    out = tmp_path_factory.mktemp("kdf") / f"_dock2wasm_kdf{sysconfig.get_config_var('EXT_SUFFIX')}"
    # Before 3.13 the function that takes sizes as Py_ssize_t has another name.
    argv = [str(compiler), "-shared", "-fPIC", "-O2", "-DPyArg_ParseTuple=_PyArg_ParseTuple_SizeT"]
    subprocess.run([*argv, str(NATIVE / "kdf.c"), "-o", str(out)], check=True, capture_output=True)
    loader = importlib.machinery.ExtensionFileLoader("_dock2wasm_kdf", str(out))
    spec = importlib.util.spec_from_file_location("_dock2wasm_kdf", out, loader=loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.fixture
def with_library(compiled: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kdf, "_dock2wasm_kdf", compiled)


@pytest.mark.usefixtures("with_library")
@pytest.mark.parametrize("name", [*HASHES, "SHA-256", "md5", "sha3_256"])
@pytest.mark.parametrize(
    ("password", "salt", "iterations", "length"),
    [
        (b"password", b"salt", 1, None),
        (b"password", b"salt", 1000, 20),
        (b"", b"", 2, 200),
        (b"p" * 63, b"s" * 51, 3, 64),
        (b"p" * 64, b"s" * 52, 3, 65),
        (b"p" * 65, b"s" * 60, 3, 1),
        (b"p" * 128, b"s" * 107, 3, 129),
        (b"p" * 129, b"s" * 108, 3, 63),
        (b"\0\xff" * 500, bytes(range(256)) * 4, 5, 100),
    ],
)
def test_pbkdf2_is_openssls(
    name: str, password: bytes, salt: bytes, iterations: int, length: int | None
) -> None:
    assert kdf.pbkdf2_hmac(name, password, salt, iterations, length) == hashlib.pbkdf2_hmac(
        name.replace("SHA-", "sha"), password, salt, iterations, length
    )


def test_pbkdf2_without_the_library() -> None:
    assert not kdf.available()
    for name in HASHES:
        assert kdf.pbkdf2_hmac(name, bytearray(b"password"), memoryview(b"salt"), 50, 70) == (
            hashlib.pbkdf2_hmac(name, b"password", b"salt", 50, 70)
        )


@pytest.mark.usefixtures("with_library")
@pytest.mark.parametrize(
    ("n", "r", "p", "length"),
    [(2, 1, 1, 1), (16, 1, 1, 64), (1024, 8, 16, 64), (64, 3, 5, 200), (4096, 8, 1, 32), (32768, 8, 1, 64)],
)
def test_scrypt_is_openssls(n: int, r: int, p: int, length: int) -> None:
    def derive(scrypt: object) -> bytes:
        return scrypt(b"p\xc3\xa4ss", salt=b"NaCl", n=n, r=r, p=p, maxmem=2**28, dklen=length)

    assert derive(kdf.scrypt) == derive(hashlib.scrypt)


@pytest.mark.usefixtures("with_library")
@pytest.mark.parametrize(
    "arguments",
    [
        {"n": 3, "r": 8, "p": 1},
        {"n": 1024, "r": 0, "p": 1},
        {"n": 32768, "r": 8, "p": 1},
        {"n": 1024, "r": 8, "p": 1, "dklen": 0},
        {"n": 1024, "r": 8, "p": 1, "maxmem": -1},
        {"n": 1024, "r": 2**29, "p": 8},
    ],
)
def test_scrypt_refuses_as_openssl_does(arguments: dict[str, int]) -> None:
    with pytest.raises(ValueError) as expected:
        hashlib.scrypt(b"a", salt=b"b", **arguments)
    with pytest.raises(ValueError) as caught:
        kdf.scrypt(b"a", salt=b"b", **arguments)
    assert str(caught.value) == str(expected.value)


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        (("sha256", b"a", b"b", 0), ValueError),
        (("sha256", b"a", b"b", 1, 0), ValueError),
        (("sha256", "text", b"b", 1), TypeError),
        ((b"sha256", b"a", b"b", 1), TypeError),
        (("nonsense", b"a", b"b", 1), ValueError),
    ],
)
def test_pbkdf2_refuses_as_openssl_does(arguments: tuple[object, ...], kind: type[Exception]) -> None:
    with pytest.raises(kind):
        hashlib.pbkdf2_hmac(*arguments)
    with pytest.raises(kind):
        kdf.pbkdf2_hmac(*arguments)


def test_the_committed_libraries_are_those_that_are_named() -> None:
    libraries = sorted(NATIVE.glob("*.so"))
    assert (NATIVE / "SHA256SUMS").read_text().splitlines() == [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}" for path in libraries
    ]


def test_the_committed_library_asks_for_nothing_but_python_and_memory() -> None:
    module = _module.read(Path(LIBRARY))
    assert module.init == ("_dock2wasm_kdf",)
    assert module.foreign() == ()
    wanted = {name for kind, name in module.imports if kind == "env"}
    known = {"memory", "__memory_base", "__table_base", "__stack_pointer", "__indirect_function_table"}
    libc = {"malloc", "free", "aligned_alloc", "memcpy", "memset"}
    python = {n for n in wanted if n.startswith("Py")}
    assert wanted - known - libc - python == set()

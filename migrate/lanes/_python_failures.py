"""A failed build of the Python lane, explained: what is missing, whose it is, what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from analyzers.model import Confidence, Effect, Evidence, Finding, Need, NeedKind, Severity
from migrate import wheels

HELP = "lanes/python.md"
_TOOLS_MISSING = "error: the component tools (componentize-py, spin-sdk) could not be installed"

# Import name -> package, where they differ and the package is often met.
PACKAGES = {
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "Crypto": "pycryptodome",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "fitz": "pymupdf",
    "google.protobuf": "protobuf",
    "grpc": "grpcio",
    "jose": "python-jose",
    "jwt": "pyjwt",
    "magic": "python-magic",
    "MySQLdb": "mysqlclient",
    "OpenSSL": "pyopenssl",
    "PIL": "pillow",
    "psycopg2": "psycopg2",
    "_psycopg": "psycopg2",
    "pydantic_core": "pydantic-core",
    "rpds": "rpds-py",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
    "zmq": "pyzmq",
}
# Standard library without a WASI build -> what stands in its way.
STANDARD_LIBRARY = {
    "ctypes": "it loads native libraries",
    "_ctypes": "it loads native libraries",
    "mmap": "memory cannot be mapped",
    "bz2": "libbz2 is not part of the component's Python",
    "_bz2": "libbz2 is not part of the component's Python",
    "lzma": "liblzma is not part of the component's Python",
    "_lzma": "liblzma is not part of the component's Python",
    "compression.zstd": "libzstd is not part of the component's Python",
    "_zstd": "libzstd is not part of the component's Python",
    "_ssl": "TLS is done by the host",
    "ssl": "TLS is done by the host",
    "curses": "there is no terminal",
    "readline": "there is no terminal",
    "termios": "there is no terminal",
    "tty": "there is no terminal",
    "tkinter": "there is no display",
    "_multiprocessing": "there are no processes",
    "dbm.gnu": "it is a native library",
    "cgi": "Python 3.13 removed it; the package legacy-cgi brings it back",
    "imp": "Python 3.12 removed it",
    "distutils": "Python 3.12 removed it; setuptools carries a copy",
    "telnetlib": "Python 3.13 removed it",
    "pipes": "Python 3.13 removed it",
    "crypt": "Python 3.13 removed it",
    "imghdr": "Python 3.13 removed it",
    "asyncore": "Python 3.12 removed it",
}


def explain(log: str) -> tuple[Finding, ...]:
    """Findings for the end of a build's log. Empty where nothing is recognised."""
    found = list(_findings(log))
    unique: dict[tuple[str, str], Finding] = {}
    for finding in found:
        what = str(finding.needs[0]) if finding.needs else finding.message
        unique.setdefault((finding.rule, what), finding)
    return tuple(unique.values())


def _finding(
    rule: str, message: str, remedy: str, *, evidence: Sequence[Evidence] = (), native: str | None = None
) -> Finding:
    return Finding(
        rule=rule,
        severity=Severity.BLOCKER,
        confidence=Confidence.HIGH,
        effect=Effect.REFACTOR if native else Effect.NONE,
        weight=0,
        message=message,
        evidence=tuple(evidence),
        remedy=remedy,
        needs=(Need(NeedKind.NATIVE, native),) if native else (),
        help=HELP,
    )


def _findings(log: str) -> Iterator[Finding]:
    yield from _network(log)
    yield from _hashes(log)
    yield from _resolution(log)
    yield from _syntax(log)
    yield from _imports(log)
    yield from _tools(log)


def package_of(module: str) -> str:
    """The package that brings a module, as far as names tell."""
    top = module.partition(".")[0]
    return PACKAGES.get(module) or PACKAGES.get(top) or top.replace("_", "-").lower()


def _instead_of(package: str) -> str:
    """What to do about native code that was left out."""
    known = wheels.blocked().get(package)
    if known is not None:
        return f"{known.why} {known.do}"
    if package in wheels.recipes():
        command = f"dock2wasm wheels build {package}==VERSION"
        return f"Build it for WASI from its own source: `--build-wheels`, or `{command}`."
    return (
        f"Replace {package} by a package in pure Python, or keep the service in its container; "
        f"`dock2wasm wheels build {package}==VERSION` tries to build it for WASI."
    )


def _network(log: str) -> Iterator[Finding]:
    signs = (
        "Failed to establish a new connection",
        "Temporary failure in name resolution",
        "NewConnectionError",
        "Could not fetch URL",
        "Connection timed out",
        "ReadTimeoutError",
        "ProxyError",
    )
    if any(sign in log for sign in signs):
        yield _finding(
            "python-build-network",
            "The package index could not be reached.",
            "Check the network and pip's configuration, or put the wheels into a folder, name it in "
            "DOCK2WASM_WHEELS and build with --offline.",
        )


def _hashes(log: str) -> Iterator[Finding]:
    if "THESE PACKAGES DO NOT MATCH THE HASHES" in log or "DO NOT MATCH THE HASHES" in log:
        match = re.search(r"^\s*(\S+==\S+|\S+) from \S+", log, re.MULTILINE)
        what = match[1] if match else "a package"
        yield _finding(
            "python-build-hash",
            f"The file that the index gives for {what} has none of the hashes of the requirements file. "
            "The wheel for CPython 3.14 may be missing from the list.",
            "Make the requirements file again with all hashes (pip-compile --generate-hashes).",
        )


def _resolution(log: str) -> Iterator[Finding]:
    offline = re.search(r"^error: offline: (\S+) is not in DOCK2WASM_WHEELS", log, re.MULTILINE)
    if offline:
        yield _finding(
            "python-build-offline",
            f"The build is offline, and there is no wheel of {offline[1]} for CPython 3.14.",
            f"Put the wheels of {offline[1]} and of what it needs into the folder DOCK2WASM_WHEELS names.",
        )
        return
    if _TOOLS_MISSING in log:
        return  # what could not be found is no requirement of the service
    native = re.search(r"its source builds a native wheel \((\S+?)-([^-\s]+)-", log)
    missing = re.search(r"No matching distribution found for ([^\s(]+)", log)
    if native:
        name = native[1].replace("_", "-").lower()
        yield _finding(
            "python-native-wheel",
            f"{name} {native[2]} needs native code, and there is no build of it for WebAssembly.",
            f"Replace {name} by a package in pure Python, or keep what needs it in its container.",
            native=name,
        )
    elif missing:
        requirement = missing[1]
        match = re.match(r"[A-Za-z0-9._-]+", requirement)
        name = match[0].lower() if match else requirement
        yield _finding(
            "python-no-wheel",
            f"No release of {requirement} can be installed for CPython 3.14 without native code.",
            f"Allow a newer version of {name} that has a wheel for Python 3.14 or is pure Python.",
            native=name,
        )
    if "ResolutionImpossible" in log or "conflicting dependencies" in log:
        conflict = re.search(r"Cannot install (.+?) because these package versions have conflicting", log)
        what = f" ({conflict[1]})" if conflict else ""
        yield _finding(
            "python-resolution-conflict",
            f"The requirements contradict each other on Python 3.14{what}.",
            "Loosen the version that the log names; Python 3.14 may need a newer one.",
        )


def _syntax(log: str) -> Iterator[Finding]:
    for match in re.finditer(r"error: (/\S+?):(\d+): (\w*Error): (.+?) \(.*Python 3\.14\)", log):
        yield _finding(
            "python-syntax",
            f"{match[1]}:{match[2]} is not valid in Python 3.14: {match[3]}: {match[4]}",
            "Correct the line so that Python 3.14 accepts it.",
            evidence=(Evidence(match[1].lstrip("/"), int(match[2])),),
        )


def _imports(log: str) -> Iterator[Finding]:
    importer = re.search(r"dock2wasm: cannot import (\S+) \(imported by (\S+)\)", log)
    where = f" ({importer[2]} imports {importer[1]})" if importer else ""
    removed = set(re.findall(r"native code left out: (\S+) \(\d+ libraries\)", log))
    removed |= set(
        re.findall(r"^\s*([\w.-]+)==\S+: no wheel for .*, without native code$", log, re.MULTILINE)
    )
    for match in re.finditer(r"^\s*(?:ModuleNotFoundError|ImportError): (.+)$", log, re.MULTILINE):
        text = match[1]
        named = re.search(r"No module named '([\w.]+)'", text)
        module = named[1] if named else (importer[1] if importer else "")
        if not module:
            continue
        if module in STANDARD_LIBRARY or module.partition(".")[0] in STANDARD_LIBRARY:
            reason = STANDARD_LIBRARY.get(module) or STANDARD_LIBRARY[module.partition(".")[0]]
            yield _finding(
                "python-stdlib-missing",
                f"The module {module} of the standard library is not available: {reason}{where}.",
                "Import it only where it is used, or do without; a package that needs it cannot run here.",
            )
            continue
        top = module.partition(".")[0]
        package = package_of(module)
        owner = next((p for p in removed if p.lower().replace("-", "_") == top.lower() or p == top), None)
        last = module.rpartition(".")[2]
        if owner or last.startswith("_") or (importer and importer[1].partition(".")[0] in removed):
            owner_package = package_of(owner or (importer[1] if importer else module))
            yield _finding(
                "python-native-module",
                f"{owner_package} cannot do without its native code: {text}{where}.",
                _instead_of(owner_package),
                native=owner_package,
            )
        else:
            yield _finding(
                "python-module-missing",
                f"The module {module} is not installed{where}; the package {package} brings it.",
                f"Add {package} to the requirements, or the file to COPY where it is the service's own.",
            )


def _tools(log: str) -> Iterator[Finding]:
    if "error: no Python 3.9 or later" in log:
        yield _finding(
            "python-build-python",
            "No Python 3.9 or later with venv and pip was found.",
            "Install one (Debian and Ubuntu: apt-get install python3-venv), or set DOCK2WASM_PYTHON to it.",
        )
    if _TOOLS_MISSING in log and not any(_network(log)):
        yield _finding(
            "python-build-tools",
            "componentize-py or spin-sdk could not be installed.",
            "See pip's message in the log. Where there is no package index, put the wheels into a folder and "
            "name it in DOCK2WASM_WHEELS; there are wheels for Linux and macOS on x86-64 and ARM64.",
        )
    if "No space left on device" in log:
        yield _finding(
            "python-build-disk", "The disk is full.", "Free some space; a build needs about 500 MB."
        )
    match = re.search(r"error: (the application's module '[^']+' is not among its files[^\n]*)", log)
    if match:
        yield _finding(
            "python-entry-missing",
            match[1][0].upper() + match[1][1:] + ".",
            "Check the start command, and that COPY takes the module's file.",
        )

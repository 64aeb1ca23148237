"""Behaves like `spin up` of Spin 4.0.2 as far as its source and its documentation tell; runs no Wasm.

Kept from the real one: `spin --version`; strict options; a second process that listens, in a temporary
working directory that the first removes on Ctrl-C; the words at start and on a taken port;
`/.well-known/spin/health`; a component that cannot be loaded. Any other path answers with the arguments after
`up` and the environment, as JSON.
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import tomllib
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

VERSION = "spin 4.0.2 (bfc7543 2026-06-23)"


def main() -> int:
    if sys.argv[1:] == ["--version"]:
        print(VERSION)
        return 0
    parser = argparse.ArgumentParser(prog="spin", allow_abbrev=False)
    up = parser.add_subparsers(dest="command", required=True).add_parser("up", allow_abbrev=False)
    up.add_argument("-f", "--from", dest="manifest", default="spin.toml")
    up.add_argument("-e", "--env", action="append", default=[])
    up.add_argument("--listen", default="127.0.0.1:3000")
    up.add_argument("--log-dir")
    up.add_argument("--state-dir")
    up.add_argument("--quiet", action="store_true")
    options = parser.parse_args()
    for pair in options.env:
        if "=" not in pair:
            print("error: Environment variable must be of the form `key=value`", file=sys.stderr)
            return 2
    if "SPIN_STAND_IN_LISTENS" in os.environ:
        return listen(options)
    return start()


def start() -> int:
    """`spin up`: start the trigger, wait for it, end it on Ctrl-C. SIGTERM is not handled, as in Spin."""
    work = tempfile.mkdtemp(prefix="spinup-")
    print(f"working directory {work}", flush=True)  # not Spin's: for the test
    trigger = subprocess.Popen(
        [sys.executable, __file__, *sys.argv[1:]], env={**os.environ, "SPIN_STAND_IN_LISTENS": "1"}
    )
    signal.signal(signal.SIGINT, lambda *_: trigger.terminate())
    code = trigger.wait()
    shutil.rmtree(work)
    return 0 if code in (0, -signal.SIGTERM) else 1


def listen(options: argparse.Namespace) -> int:
    manifest = tomllib.loads(Path(options.manifest).read_text())
    for component in manifest["component"].values():
        if not Path(component["source"]).read_bytes().startswith(b"\0asm"):
            print("Error: Failed to instantiate component 'api'", file=sys.stderr)
            return 1
    host, _, port = options.listen.rpartition(":")
    signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
    try:
        server = HTTPServer((host, int(port)), Answer)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        print(
            f"Error: {options.listen} is already in use. "
            "To have Spin search for a free port, use the --find-free-port option.",
            file=sys.stderr,
        )
        return 1
    print(f"\nServing http://{options.listen}", flush=True)
    print("Available Routes:", flush=True)
    print(f"  api: http://{options.listen} (wildcard)", flush=True)
    server.serve_forever()
    return 0


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = (
            b"OK"
            if self.path == "/.well-known/spin/health"
            else json.dumps({"arguments": sys.argv[2:], "environment": dict(os.environ)}).encode()
        )
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Spin writes no line a request."""


if __name__ == "__main__":
    sys.exit(main())

#!/bin/sh
# Builds the component build/<service>.wasm from the untouched repository.
#
# Needs a Python (>= 3.9) with venv, and a package index or DOCK2WASM_WHEELS (a folder of wheels).
# Usage: ./build.sh [--offline]
#   --offline (or DOCK2WASM_OFFLINE=1): no network, only DOCK2WASM_WHEELS and what is cached
#   DOCK2WASM_PYTHON names the interpreter to use
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
cd "$here"
offline=
if [ -n "${DOCK2WASM_OFFLINE:-}" ] && [ "$DOCK2WASM_OFFLINE" != 0 ]; then
    offline=--offline
fi
for argument in "$@"; do
    case $argument in
    --offline) offline=--offline ;;
    -h | --help)
        sed -n '2,8s/^# \{0,1\}//p' "$0"
        exit 0
        ;;
    *)
        echo "error: unknown argument $argument (see --help)" >&2
        exit 2
        ;;
    esac
done

phase() {
    echo "==> $1"
}

# --- the host's Python -----------------------------------------------------------------------
python=
for candidate in "${DOCK2WASM_PYTHON:-}" python3 python python3.14 python3.13 python3.12 python3.11 python3.10 python3.9; do
    if [ -n "$candidate" ] &&
        "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 9))' >/dev/null 2>&1; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    echo "error: no Python 3.9 or later with venv and pip was found" >&2
    echo "  do: install one (Debian: apt-get install python3-venv), or set DOCK2WASM_PYTHON" >&2
    exit 1
fi

mkdir -p build/work
phase "component tools"
venv=build/venv
stamp=$("$python" -c 'import hashlib, sys; print(sys.version.split()[0], hashlib.sha256(open("tools/requirements.txt", "rb").read()).hexdigest())')
if [ "$(cat "$venv/stamp" 2>/dev/null || true)" = "$stamp" ] && "$venv/bin/python" -c '' 2>/dev/null; then
    echo "    unchanged"
else
    rm -rf "$venv"
    "$python" -m venv "$venv"
    set -- install --quiet --disable-pip-version-check --no-input --require-hashes --only-binary :all: -r tools/requirements.txt
    if [ -n "${DOCK2WASM_WHEELS:-}" ]; then
        set -- "$@" --find-links "$DOCK2WASM_WHEELS"
    fi
    if [ -n "$offline" ]; then
        set -- "$@" --no-index
    fi
    "$venv/bin/python" -m pip "$@" || {
        echo "error: the component tools (componentize-py, spin-sdk) could not be installed" >&2
        exit 1
    }
    echo "$stamp" >"$venv/stamp"
    echo "    installed in $venv"
fi
run() {
    # -I: nothing of the caller's environment or of the current folder is imported; -B: nothing is written beside.
    script=$here/tools/$1
    shift
    "$here/$venv/bin/python" -I -B -c 'import runpy, sys; sys.path.insert(0, sys.argv[1]); sys.argv = sys.argv[2:]; runpy.run_path(sys.argv[0], run_name="__main__")' "$here/tools" "$script" "$@"
}

phase "application files"
run collect.py
phase "dependencies"
run dependencies.py $offline
phase "compile"
run compile.py
phase "snapshot"
run snapshot.py
phase "done"

"""The files of a repository with a trap in each place where some tool would run something of it.

They are written by the test that needs them: as files of this repository, its own tools would run them.
"""

# ruff: noqa: E501 (each line is a line of the file that it stands for)

from __future__ import annotations

from pathlib import Path

OUTSIDE = "text-of-a-file-outside"  # what stands in ../outside/secret, and may be in no report


def traps(marker: Path) -> dict[str, str]:
    """Files of the repository by name; each runs `touch MARKER` where somebody runs it."""
    touch = f"touch {marker}"
    python = f"import os\nos.system({touch!r})\n"
    script = f"require('child_process').execSync({touch!r});\n"
    return {
        # Python: what pip, pytest and imports run
        "api/setup.py": f"{python}from setuptools import setup\nsetup(name='x', install_requires=['flask'])\n",
        "api/setup.cfg": "[metadata]\nname = x\nversion = attr: trap.VERSION\n",
        "api/pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "trap"\nbackend-path = ["."]\n'
        '[project]\nname = "x"\ndynamic = ["version", "dependencies"]\n'
        '[tool.setuptools.dynamic]\nversion = {attr = "trap.VERSION"}\ndependencies = {file = "../../outside/secret"}\n'
        '[tool.hatch.build.hooks.custom]\npath = "trap.py"\n',
        "api/trap.py": f"{python}VERSION = '1'\n",
        "api/conftest.py": python,
        "api/sitecustomize.py": python,
        "api/usercustomize.py": python,
        "api/noxfile.py": python,
        "api/gunicorn.conf.py": f"{python}bind = '0.0.0.0:8000'\n",
        "api/x.pth": f"import os; os.system({touch!r})\n",
        "api/requirements.txt": "flask\n-r ../../outside/secret\n-e .\n--index-url http://127.0.0.1:9/\n"
        "x @ git+file:///nowhere#egg=x\n",
        "api/app.py": f"{python}from flask import Flask\nimport trap\n\napp = Flask(__name__)\n"
        "@app.get('/')\ndef home():\n    return open('../../outside/secret').read()\n",
        "api/entrypoint.sh": f"#!/bin/sh\n$({touch})\n`{touch}`\n. ./more.sh\nexec gunicorn app:app\n",
        "api/more.sh": f"{touch}\n",
        "api/.envrc": f"{touch}\n",
        "api/Dockerfile": "# syntax=evil/frontend\nFROM python:3.14\nWORKDIR /app\nCOPY . .\n"
        f'ARG X="$({touch})"\nRUN {touch} && pip install -r requirements.txt\nONBUILD RUN {touch}\n'
        f'HEALTHCHECK CMD {touch}\nENTRYPOINT ["./entrypoint.sh"]\n',
        # JavaScript
        "web/package.json": '{"name": "web", "main": "../../outside/secret", "scripts": {"start": "node server.js", '
        + ", ".join(
            f'"{name}": "{touch}"' for name in ("preinstall", "install", "postinstall", "prepare", "prestart")
        )
        + '}, "dependencies": {"express": "4"}}',
        "web/.npmrc": f"script-shell={marker}.sh\nnode-options=--require ./trap.js\nignore-scripts=false\n",
        "web/.yarnrc.yml": "yarnPath: ./trap.js\nplugins:\n  - ./trap.js\n",
        "web/.pnpmfile.cjs": script,
        "web/trap.js": script,
        "web/webpack.config.js": script,
        "web/vite.config.ts": script,
        "web/next.config.js": script,
        "web/tsconfig.json": '{"extends": "../../outside/secret"}',
        "web/server.js": f"{script}const app = require('express')(); app.get('/', (q, s) => s.send('x')); "
        "app.listen(3000);\nrequire('../../outside/secret');\n",
        "web/Dockerfile": 'FROM node:22\nWORKDIR /app\nCOPY . .\nRUN npm ci\nEXPOSE 3000\nCMD ["npm", "start"]\n',
        # Rust
        "rusty/Cargo.toml": '[package]\nname = "rusty"\nversion = "0.1.0"\nbuild = "build.rs"\n[dependencies]\naxum = "0.8"\n'
        'out = { path = "../../outside" }\n',
        "rusty/build.rs": f'fn main() {{ std::process::Command::new("sh").arg("-c").arg("{touch}").status(); }}\n',
        "rusty/.cargo/config.toml": f'[build]\nrustc-wrapper = "{marker}.sh"\n[target.x]\nrunner = "{marker}.sh"\n',
        "rusty/rust-toolchain.toml": f'[toolchain]\npath = "{marker}"\n',
        "rusty/src/main.rs": 'include!("../../../outside/secret");\nfn main() {}\n',
        "rusty/Dockerfile": "FROM rust:1 AS b\nWORKDIR /s\nCOPY . .\nRUN cargo install --path .\nFROM debian\n"
        'COPY --from=b /usr/local/cargo/bin/rusty /rusty\nCMD ["/rusty"]\n',
        # Go
        "goer/go.mod": "module goer\n\ngo 1.25\n\ntoolchain go1.99.9\n\nreplace out => ../../outside\n",
        "goer/main.go": f'package main\n\n//go:generate sh -c "{touch}"\n\nimport "net/http"\n\n'
        "//go:embed ../../outside/secret\nvar s string\n\n"
        'func main() { http.ListenAndServe(":8080", nil) }\n',
        "goer/Makefile": f"X := $(shell {touch})\nY != {touch}\ninclude ../../outside/secret\nrun:\n\t{touch}\n\tgo run .\n",
        "goer/Dockerfile": 'FROM golang:1.25\nWORKDIR /s\nCOPY . .\nCMD ["make", "run"]\n',
        # Static sites and servers' configuration
        "site/nginx.conf": "load_module /nowhere.so;\nevents {}\nhttp { include ../../outside/secret; include *.conf; "
        f"server {{ listen 80; root /usr/share/nginx/html; ssi on; perl_set $x 'sub {{ system(\"{touch}\") }}'; }} }}\n",
        "site/index.html": f'<!--#exec cmd="{touch}" --><script>x</script>\n',
        "site/Dockerfile": "FROM nginx:1.27\nCOPY nginx.conf /etc/nginx/nginx.conf\nCOPY index.html /usr/share/nginx/html/\n",
        "caddy/Caddyfile": ":80\nimport ../../outside/secret\nfile_server\n",
        "caddy/Dockerfile": "FROM caddy\nCOPY Caddyfile /etc/caddy/Caddyfile\n",
        # Languages whose manifests are programs
        "ruby/Gemfile": f"system({touch!r})\neval_gemfile '../../outside/secret'\ngem 'sinatra'\n",
        "ruby/config.ru": f"system({touch!r})\nrun ->(e) {{ [200, {{}}, []] }}\n",
        "ruby/Rakefile": f"system({touch!r})\n",
        "ruby/x.gemspec": f"system({touch!r})\n",
        "ruby/Dockerfile": 'FROM ruby:3\nCOPY . /app\nWORKDIR /app\nCMD ["bundle", "exec", "rackup"]\n',
        "php/composer.json": f'{{"scripts": {{"post-install-cmd": "{touch}"}}, "require": {{"slim/slim": "4"}}}}',
        "php/index.php": f"<?php system({touch!r}); include '../../outside/secret';\n",
        "php/.user.ini": "auto_prepend_file=index.php\n",
        "php/Dockerfile": "FROM php:8-apache\nCOPY . /var/www/html\n",
        "java/build.gradle": f"['sh', '-c', '{touch}'].execute()\napply from: '../../outside/secret'\n",
        "java/settings.gradle": f"['sh', '-c', '{touch}'].execute()\n",
        "java/pom.xml": '<?xml version="1.0"?><!DOCTYPE p [<!ENTITY s SYSTEM "../../outside/secret">'
        '<!ENTITY n SYSTEM "http://127.0.0.1:9/x">]><project><artifactId>x&s;&n;</artifactId></project>\n',
        "java/src/main/java/App.java": "class App { public static void main(String[] a) {} }\n",
        "java/Dockerfile": 'FROM eclipse-temurin:21\nCOPY . /app\nCMD ["java", "-jar", "/app/x.jar"]\n',
        "dot/x.csproj": '<Project Sdk="Microsoft.NET.Sdk.Web"><Import Project="../../outside/secret"/>'
        f'<Target Name="T" BeforeTargets="Build"><Exec Command="{touch}"/></Target></Project>\n',
        "dot/Program.cs": "var app = WebApplication.Create(args); app.Run();\n",
        "dot/Dockerfile": 'FROM mcr.microsoft.com/dotnet/sdk:9.0\nCOPY . /s\nCMD ["dotnet", "run"]\n',
        "elixir/mix.exs": f'System.cmd("sh", ["-c", "{touch}"])\n',
        "elixir/Dockerfile": 'FROM elixir\nCOPY . /s\nCMD ["mix", "phx.server"]\n',
        "c/configure": f"#!/bin/sh\n{touch}\n",
        "c/CMakeLists.txt": f"execute_process(COMMAND {touch})\ninclude(../../outside/secret)\n",
        "c/main.c": '#include "../../outside/secret"\nint main() { return 0; }\n',
        "c/Dockerfile": 'FROM gcc\nCOPY . /s\nRUN make\nCMD ["/s/main"]\n',
        # Compose, Procfile, editors, our own
        "compose.yaml": "services:\n  api:\n    build: api\n    env_file: [api.env, ../outside/secret]\n"
        f"    environment:\n      A: ${{B:-$({touch})}}\n      C: '`{touch}`'\n"
        "  web: {build: web}\n"
        "  tagged:\n    image: !!python/object/apply:os.system ['" + touch + "']\n"
        "  out:\n    extends: {file: ../outside/secret, service: x}\n"
        f"  cmd:\n    image: alpine\n    command: sh -c '{touch}'\n",
        "compose.more.yaml": "include: [../outside/secret]\nservices:\n  named:\n"
        "    image: !!python/name:os.system\n",
        ".env": f"B=$({touch})\nCOMPOSE_FILE_X=`{touch}`\n",
        "api.env": f"D=$({touch})\n",
        "proc/Procfile": f"web: $({touch}) && node x.js\n",
        "proc/Dockerfile": 'FROM node:22\nCOPY . /app\nWORKDIR /app\nCMD ["foreman", "start"]\n',
        ".pre-commit-config.yaml": f"repos: [{{repo: local, hooks: [{{id: x, entry: {touch}, language: system}}]}}]\n",
        ".vscode/tasks.json": f'{{"tasks": [{{"command": "{touch}", "runOptions": {{"runOn": "folderOpen"}}}}]}}',
        ".devcontainer/devcontainer.json": f'{{"initializeCommand": "{touch}"}}',
        ".github/workflows/x.yml": f"on: push\njobs: {{x: {{steps: [{{run: {touch}}}]}}}}\n",
        "dock2wasm.toml": "[assess]\n",
    }

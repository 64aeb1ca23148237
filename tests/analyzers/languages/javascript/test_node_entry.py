"""From the start command to the source that runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from analyzers.model import FactKind, Source
from tests.analyzers.trees import found, only

APP = (
    "const express = require('express')\nconst app = express()\n"
    "app.get('/', (q, r) => r.send('x'))\napp.listen(3000)\n"
)


def package(**fields: object) -> str:
    return json.dumps({"name": "shop", "dependencies": {"express": "4.18.2"}, **fields})


def source(
    root: Path, command: str, files: dict[str, str], head: str = "FROM node:22\nWORKDIR /app\nCOPY . .\n"
) -> Source:
    """The source of the one service of these files, started with `command`."""
    read = only(root, {"Dockerfile": f"{head}CMD {command}\n", "package.json": package(), **files}).source
    assert read is not None
    return read


@pytest.mark.parametrize(
    "command",
    [
        '["node", "server.js"]',
        '["node", "--max-old-space-size=512", "-r", "dotenv/config", "server"]',
        "node server.js",
        "NODE_ENV=production exec node ./server.js",
        '["tini", "--", "node", "/app/server.js"]',
        '["npx", "tsx", "server.js"]',
        '["pm2-runtime", "start", "server.js"]',
        '["pm2-runtime", "ecosystem.config.js"]',
        '["npm", "start"]',
        '["npm", "run", "serve", "--", "--verbose"]',
        '["yarn", "launch"]',
        '["pnpm", "--silent", "run", "serve"]',
        '["npx", "cross-env", "A=1", "node", "server.js"]',
        '["sh", "-c", "npm run serve"]',
    ],
)
def test_what_a_command_starts(tmp_path: Path, command: str) -> None:
    read = source(
        tmp_path,
        command,
        {
            "server.js": APP,
            "ecosystem.config.js": "module.exports = {apps: [{name: 'a', script: './server.js'}]}\n",
            "package.json": package(
                scripts={
                    "serve": "cross-env NODE_ENV=production node server.js",
                    "start": "npm run serve",
                    "launch": "node server.js",
                }
            ),
        },
    )
    assert (read.language, read.entry, read.framework, read.interface) == (
        "node",
        "server.js",
        "express",
        "node:http",
    )
    assert read.files == ("server.js",)
    assert found(read, FactKind.LISTEN)["http"].detail == "3000"


def test_steps_before_a_script_are_programs_of_the_start(tmp_path: Path) -> None:
    scripts = {"prestart": "prisma migrate deploy", "start": "node a.js && node server.js"}
    read = source(tmp_path, '["npm", "start"]', {"server.js": APP, "package.json": package(scripts=scripts)})
    assert list(found(read, FactKind.SUBPROCESS)) == ["prisma migrate deploy", "node a.js"]
    assert read.entry == "server.js"


def test_the_default_of_npm_start(tmp_path: Path) -> None:
    assert source(tmp_path, "npm start", {"server.js": APP}).entry == "server.js"


BUILD = (
    "FROM node:22 AS build\nWORKDIR /src\nCOPY . .\nRUN npm ci && npm run build\n"
    "FROM node:22-slim\nWORKDIR /app\nCOPY --from=build /src/dist ./dist\nCOPY package.json .\n"
)


@pytest.mark.parametrize(
    ("files", "command", "entry"),
    [
        (
            {
                "tsconfig.json": '{"compilerOptions": {"outDir": "dist", "rootDir": "src",},} // x',
                "src/main.ts": APP,
            },
            "dist/main.js",
            "src/main.ts",
        ),
        (
            {
                "tsconfig.json": '{"extends": "./base", "include": ["lib/**/*"]}',
                "base.json": '{"compilerOptions": {"outDir": "dist"}}',
                "lib/main.ts": APP,
            },
            "dist/main",
            "lib/main.ts",
        ),
        ({"nest-cli.json": '{"sourceRoot": "code"}', "code/main.ts": APP}, "dist/main", "code/main.ts"),
        (
            {
                "package.json": package(
                    scripts={"build": "esbuild api/start.ts --bundle --outfile=dist/out.js"}
                ),
                "api/start.ts": APP,
            },
            "dist/out.js",
            "api/start.ts",
        ),
        (
            {
                "webpack.config.js": (
                    "module.exports = {entry: './code/app.js', output: {filename: 'bundle.js'}}"
                ),
                "code/app.js": APP,
            },
            "dist/bundle.js",
            "code/app.js",
        ),
        (
            {"package.json": package(scripts={"build": "babel lib --out-dir dist"}), "lib/a/x.js": APP},
            "dist/a/x.js",
            "lib/a/x.js",
        ),
        ({"src/index.ts": APP}, "dist/index.js", "src/index.ts"),
    ],
)
def test_built_files_are_followed_to_their_sources(
    tmp_path: Path, files: dict[str, str], command: str, entry: str
) -> None:
    assert source(tmp_path, f'["node", "{command}"]', files, BUILD).entry == entry


def test_a_workspace_that_pnpm_deploys(tmp_path: Path) -> None:
    head = (
        "FROM node:22 AS build\nWORKDIR /w\nCOPY . .\nRUN pnpm deploy --filter=@x/api --prod /out\n"
        "FROM node:22\nWORKDIR /app\nCOPY --from=build /out /app\n"
    )
    files = {
        "apps/api/package.json": (
            '{"name": "@x/api", "dependencies": {"express": "4", "@x/lib": "workspace:*"}}'
        ),
        "apps/api/src/main.js": APP + "require('@x/lib')\n",
        "libs/lib/package.json": '{"name": "@x/lib", "main": "dist/lib.js"}',
        "libs/lib/src/lib.ts": "export const a = fetch('http://pay:8080/x')\n",
    }
    read = source(tmp_path, '["node", "src/main"]', files, head)
    assert read.files == ("apps/api/src/main.js", "libs/lib/src/lib.ts")
    assert (read.root, read.entry) == ("apps/api", "src/main.js")
    assert found(read, FactKind.OUTBOUND)["http"].detail == "pay:8080"


@pytest.mark.parametrize(
    "command",
    [
        "nodemon server.js",
        "npx nodemon --exec ts-node server.js",
        "node --watch server.js",
        "npm run dev",
        "tsx watch server.js",
    ],
)
def test_development_servers(tmp_path: Path, command: str) -> None:
    read = source(
        tmp_path,
        command,
        {"server.js": APP, "package.json": package(scripts={"dev": "nodemon -w src server.js"})},
    )
    assert read.entry == "server.js"
    assert len(found(read, FactKind.DEVELOPMENT_SERVER)) == 1


@pytest.mark.parametrize(
    ("command", "port"),
    [("next dev", "3000"), ("vite --port 80 --host", "80"), ("react-scripts start", "3000")],
)
def test_development_servers_of_frameworks(tmp_path: Path, command: str, port: str) -> None:
    read = source(tmp_path, f"npx {command}", {})
    assert list(found(read, FactKind.DEVELOPMENT_SERVER)) == [
        " ".join(command.split()[:2]).replace(" --port", "")
    ]
    assert found(read, FactKind.LISTEN)["http"].detail == port


def test_next_reads_pages_and_is_its_own_server(tmp_path: Path) -> None:
    head = (
        "FROM node:22 AS build\nWORKDIR /src\nCOPY . .\nRUN npm run build\nFROM node:22\nWORKDIR /app\n"
        "COPY --from=build /src/.next/standalone ./\n"
    )
    files = {
        "package.json": '{"dependencies": {"next": "15.0.0"}}',
        "pages/api/pay/[id].ts": "export default (q, r) => fetch('https://api.example.com/v1')\n",
        "app/(shop)/cart/page.tsx": "export default function Page() { return <p/> }\n",
        "app/api/x/route.ts": "export async function POST() {}\n",
    }
    read = source(tmp_path, '["node", "server.js"]', files, head)
    assert (read.framework, read.interface) == ("next", "next")
    assert {(r.method, r.path) for r in read.routes} == {
        ("*", "/api/pay/:id"),
        ("GET", "/cart"),
        ("POST", "/api/x"),
    }
    assert found(read, FactKind.OUTBOUND)["http"].detail == "api.example.com"


def test_a_file_server_is_a_static_site(tmp_path: Path) -> None:
    scripts = {"start": "serve -s public -l 3000"}
    read = source(
        tmp_path, "npm start", {"public/index.html": "<p>", "package.json": package(scripts=scripts)}
    )
    assert (read.language, read.interface) == ("static", "static")


def test_the_base_image_alone_starts_no_service(tmp_path: Path) -> None:
    service = only(
        tmp_path, {"Dockerfile": "FROM node:22\nCOPY . .\n", "package.json": package(), "server.js": APP}
    )
    assert service.source is None


def test_a_bundle_is_not_read_blindly(tmp_path: Path) -> None:
    read = source(tmp_path, "node server.js", {"server.js": "x(" + "1," * 30_000 + "1)\n"})
    assert read.entry is None
    assert any("minified" in one.what for one in read.unknown)


def test_bun_and_deno_are_named(tmp_path: Path) -> None:
    read = source(
        tmp_path,
        "bun run server.ts",
        {"server.ts": "Bun.serve({port: 8080, fetch: () => new Response('x')})\n"},
    )
    assert (read.language, read.interface, found(read, FactKind.LISTEN)["http"].detail) == (
        "bun",
        "bun:serve",
        "8080",
    )
    root = tmp_path / "deno"
    read = source(
        root, "deno run -A server.ts", {"server.ts": "Deno.serve({port: 8000}, () => new Response('x'))\n"}
    )
    assert (read.language, read.interface) == ("deno", "deno:serve")


def test_only_what_the_entry_reaches_is_read(tmp_path: Path) -> None:
    files = {
        "server.js": "import './a.js'\nexport * from './b'\nawait import('./lib')\n" + APP,
        "a.js": "const c = require('./data.json')\n",
        "b.ts": "import {q} from '@app/q'\nimport type {T} from './types'\n",
        "lib/index.js": "",
        "types.ts": "fetch('http://never')",
        "code/q.ts": "export const q = 1",
        "data.json": "{}",
        "tsconfig.json": '{"compilerOptions": {"baseUrl": ".", "paths": {"@app/*": ["code/*"]}}}',
        "a.test.js": "require('child_process').exec('x')",
    }
    assert set(source(tmp_path, "node server.js", files).files) == {
        "server.js",
        "a.js",
        "b.ts",
        "lib/index.js",
        "code/q.ts",
        "data.json",
    }


def test_programs_side_by_side(tmp_path: Path) -> None:
    files = {"server.js": APP, "worker.js": "setInterval(() => fetch('http://hub/x'), 9)\n"}
    read = source(tmp_path, 'npx concurrently -n web,worker "node server.js" "node worker.js"', files)
    assert read.entry == "server.js"
    assert list(found(read, FactKind.SUBPROCESS)) == ["node worker.js"]
    assert list(found(read, FactKind.BACKGROUND)) == ["setInterval"]

"""Routes of the frameworks, with the prefixes under which their routers are mounted."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.analyzers.trees import only


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            {
                "main.js": ("const e = require('express'); const app = e()\n"
                    "app.use('/api', require('./users'))\n")
                "app.route('/book').get(h).post(h)\n"
                "app.get(['/a', '/b'], h)\napp.get('title')\napp.listen(1)\n",
                "users.js": "const {Router} = require('express'); const r = Router()\nconst deep = Router()\n"
                "r.get('/users/:id', h)\nr.use('/deep', auth, deep)\n"
                "deep.delete('/', h)\nmodule.exports = r\n",
            },
            {
                ("GET", "/api/users/:id"),
                ("DELETE", "/api/deep"),
                ("GET", "/book"),
                ("POST", "/book"),
                ("GET", "/a"),
                ("GET", "/b"),
            },
        ),
        (
            {
                "main.js": "const app = require('express')()\nrequire('./routes')(app)\napp.listen(1)\n",
                "routes.js": "module.exports = (app) => { app.post('/x', (q, r) => r.end()) }\n",
            },
            {("POST", "/x")},
        ),
        (
            {
                "main.js": "const f = require('fastify')()\nf.register(require('./v1'), {prefix: '/v1'})\n"
                "f.route({method: ['GET', 'HEAD'], url: '/r', handler})\nf.listen({port: 1})\n",
                "v1.js": ("module.exports = async function (fastify, opts) { "
                    "fastify.get('/items', async () => 1) }\n"),
            },
            {("GET", "/v1/items"), ("GET", "/r"), ("HEAD", "/r")},
        ),
        (
            {
                "main.js": ("const Koa = require('koa'), Router = "
                    "require('@koa/router')\nconst app = new Koa()\n")
                "const r = new Router({prefix: '/p'})\n"
                "r.get('/k', async (ctx) => {})\napp.use(r.routes())\napp.listen(1)\n"
            },
            {("GET", "/p/k")},
        ),
        (
            {
                "main.js": ("import { Hono } from 'hono'\n"
                    "import { serve } from '@hono/node-server'\nconst app = new Hono()\n")
                "const sub = new Hono().get('/s', (c) => c.text('x'))\napp.route('/h', sub)\nserve(app)\n"
            },
            {("GET", "/h/s")},
        ),
    ],
)
def test_routes(tmp_path: Path, files: dict[str, str], expected: set[tuple[str, str]]) -> None:
    dockerfile = 'FROM node:22\nWORKDIR /app\nCOPY . .\nCMD ["node", "main.js"]\n'
    read = only(tmp_path, {"Dockerfile": dockerfile, "package.json": "{}", **files}).source
    assert read is not None
    assert {(route.method, route.path) for route in read.routes} == expected


def test_controllers_of_nest(tmp_path: Path) -> None:
    files = {
        "Dockerfile": 'FROM node:22\nWORKDIR /app\nCOPY . .\nCMD ["node", "dist/main"]\n',
        "package.json": "{}",
        "src/main.ts": ("import { NestFactory } from '@nestjs/core'\n"
            "import { AppModule } from './app.module'\n")
        "async function bootstrap() { const app = await "
        "NestFactory.create(AppModule)\n await app.listen(3000) }\nbootstrap()\n",
        "src/app.module.ts": ("import { Cats } from './cats'\n"
            "@Module({controllers: [Cats]})\nexport class AppModule {}\n"),
        "src/cats.ts": "@Controller('cats')\nexport class Cats {\n  private seen: string[] = []\n"
        "  @Get(':id')\n  one(@Param('id') id: string) { "
        "this.seen.push(id) }\n  @Post()\n  async add() {}\n}\n",
    }
    read = only(tmp_path, files).source
    assert read is not None
    assert (read.framework, read.entry, read.interface) == ("nestjs", "src/main.ts", "node:http")
    assert {(route.method, route.path) for route in read.routes} == {("GET", "/cats/:id"), ("POST", "/cats")}
    assert [f.subject for f in read.facts if f.kind == "memory-state"] == ["cats.Cats.seen"]

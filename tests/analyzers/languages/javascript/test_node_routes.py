"""Routes of the frameworks, with the prefixes under which their routers are mounted."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.analyzers.trees import only

EXPRESS = {
    "main.js": """\
        const e = require('express'); const app = e()
        app.use('/api', require('./users'))
        app.route('/book').get(h).post(h)
        app.get(['/a', '/b'], h)
        app.get('title')
        app.listen(1)
        """,
    "users.js": """\
        const {Router} = require('express'); const r = Router()
        const deep = Router()
        r.get('/users/:id', h)
        r.use('/deep', auth, deep)
        deep.delete('/', h)
        module.exports = r
        """,
}
GIVEN = {
    "main.js": "const app = require('express')()\nrequire('./routes')(app)\napp.listen(1)\n",
    "routes.js": "module.exports = (app) => { app.post('/x', (q, r) => r.end()) }\n",
}
FASTIFY = {
    "main.js": """\
        const f = require('fastify')()
        f.register(require('./v1'), {prefix: '/v1'})
        f.route({method: ['GET', 'HEAD'], url: '/r', handler})
        f.listen({port: 1})
        """,
    "v1.js": "module.exports = async function (f, opts) { f.get('/items', async () => 1) }\n",
}
KOA = {
    "main.js": """\
        const Koa = require('koa'), Router = require('@koa/router')
        const app = new Koa()
        const r = new Router({prefix: '/p'})
        r.get('/k', async (ctx) => {})
        app.use(r.routes())
        app.listen(1)
        """
}
HONO = {
    "main.js": """\
        import { Hono } from 'hono'
        import { serve } from '@hono/node-server'
        const app = new Hono()
        const sub = new Hono().get('/s', (c) => c.text('x'))
        app.route('/h', sub)
        serve(app)
        """
}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (EXPRESS, "DELETE /api/deep, GET /a, GET /api/users/:id, GET /b, GET /book, POST /book"),
        (GIVEN, "POST /x"),
        (FASTIFY, "GET /r, GET /v1/items, HEAD /r"),
        (KOA, "GET /p/k"),
        (HONO, "GET /h/s"),
    ],
)
def test_routes(tmp_path: Path, files: dict[str, str], expected: str) -> None:
    dockerfile = 'FROM node:22\nWORKDIR /app\nCOPY . .\nCMD ["node", "main.js"]\n'
    read = only(tmp_path, {"Dockerfile": dockerfile, "package.json": "{}", **files}).source
    assert read is not None
    assert ", ".join(sorted(f"{route.method} {route.path}" for route in read.routes)) == expected


def test_controllers_of_nest(tmp_path: Path) -> None:
    files = {
        "Dockerfile": 'FROM node:22\nWORKDIR /app\nCOPY . .\nCMD ["node", "dist/main"]\n',
        "package.json": "{}",
        "src/main.ts": """\
            import { NestFactory } from '@nestjs/core'
            import { AppModule } from './app.module'
            async function bootstrap() {
              const app = await NestFactory.create(AppModule)
              await app.listen(3000)
            }
            bootstrap()
            """,
        "src/app.module.ts": """\
            import { Cats } from './cats'
            @Module({controllers: [Cats]})
            export class AppModule {}
            """,
        "src/cats.ts": """\
            @Controller('cats')
            export class Cats {
              private seen: string[] = []
              @Get(':id')
              one(@Param('id') id: string) { this.seen.push(id) }
              @Post()
              async add() {}
            }
            """,
    }
    read = only(tmp_path, files).source
    assert read is not None
    assert (read.framework, read.entry, read.interface) == ("nestjs", "src/main.ts", "node:http")
    assert {(route.method, route.path) for route in read.routes} == {("GET", "/cats/:id"), ("POST", "/cats")}
    assert [f.subject for f in read.facts if f.kind == "memory-state"] == ["cats.Cats.seen"]

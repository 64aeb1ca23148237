"""The routes of Go services."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.analyzers.trees import only

FILES: dict[str, str | bytes] = {
    "Dockerfile": "FROM golang AS b\nWORKDIR /s\nCOPY . .\nRUN go build -o /app .\nFROM scratch\n"
    'COPY --from=b /app /app\nCMD ["/app"]\n',
    "go.mod": "module example.com/shop\n",
}


def routes(root: Path, imports: str, main: str, outside: str = "") -> list[tuple[str, str]]:
    lines = "".join(f'\t"{one}"\n' for one in ("net/http", *imports.split()))
    handler = "func view(w http.ResponseWriter, r *http.Request) {}\n"
    code = f"package main\n\nimport (\n{lines})\n\nfunc main() {{\n{main}\n}}\n\n{handler}\n{outside}\n"
    source = only(root, {**FILES, "main.go": code.encode()}).source
    assert source is not None
    return [(one.method, one.path) for one in source.routes]


@pytest.mark.parametrize(
    ("imports", "main", "expected"),
    [
        ("", 'http.HandleFunc("/x", view)', [("*", "/x")]),
        ("", 'm := http.NewServeMux()\nm.HandleFunc("GET /x/{id}", view)', [("GET", "/x/{id}")]),
        ("", 'm := http.NewServeMux()\nm.Handle("POST example.com/x", h)', [("POST", "/x")]),
        ("", 'http.Get("/x", view)', []),
        ("github.com/gin-gonic/gin", 'r := gin.New()\nr.GET("/x/:id", h)', [("GET", "/x/:id")]),
        (
            "github.com/gin-gonic/gin",
            'r := gin.New()\nv := r.Group("/v1")\nu := v.Group("/users")\nu.POST("", h)\nv.GET("/y", h)',
            [("POST", "/v1/users"), ("GET", "/v1/y")],
        ),
        (
            "github.com/labstack/echo/v4",
            'e := echo.New()\ng := e.Group("/api")\ng.DELETE("/x", h)',
            [("DELETE", "/api/x")],
        ),
        (
            "github.com/go-chi/chi/v5",
            (
                'r := chi.NewRouter()\nr.Get("/", h)\nr.Route("/a", func(r chi.Router) {\n'
                'r.Route("/b", func(r chi.Router) {\nr.Put("/c", h)\n})\n})'
            ),
            [("GET", "/"), ("PUT", "/a/b/c")],
        ),
        ("github.com/go-chi/chi/v5", 'r := chi.NewRouter()\nr.Method("PATCH", "/x", h)', [("PATCH", "/x")]),
        (
            "github.com/gorilla/mux",
            (
                'r := mux.NewRouter()\ns := r.PathPrefix("/api").Subrouter()\n'
                's.HandleFunc("/x", view).Methods("GET")\ns.Handle("/y", h).Methods(http.MethodPost)'
            ),
            [("GET", "/api/x"), ("POST", "/api/y")],
        ),
        (
            "github.com/gofiber/fiber/v2",
            'a := fiber.New()\na.Get("/x", func(c *fiber.Ctx) error { return nil })',
            [("GET", "/x")],
        ),
        ("", 'client.Post("/x", "text/plain", body)', []),
    ],
)
def test_routes_with_their_prefixes(
    tmp_path: Path, imports: str, main: str, expected: list[tuple[str, str]]
) -> None:
    assert routes(tmp_path, imports, main) == expected


def test_a_group_that_is_handed_to_a_function(tmp_path: Path) -> None:
    outside = 'func users(g *gin.RouterGroup) {\n\tg.GET("/:id", h)\n}\n'
    main = 'r := gin.New()\nusers(r.Group("/users"))'
    assert routes(tmp_path, "github.com/gin-gonic/gin", main, outside) == [("GET", "/users/:id")]

"""Elixir services from whole small trees."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzers.model import FactKind
from tests.analyzers import trees

DOCKERFILE = """\
FROM elixir:1.18 AS build
WORKDIR /app
COPY . .
RUN mix release
FROM debian:bookworm-slim
WORKDIR /app
COPY --from=build /app/_build/prod/rel/shop ./
CMD ["/app/bin/server"]
"""
FILES = {
    "Dockerfile": DOCKERFILE,
    "mix.exs": 'defmodule Shop.MixProject do\n  defp deps do\n    [\n      {:phoenix, "~> 1.8"},\n'
    '      {:postgrex, ">= 0.0.0"},\n      {:credo, "~> 1.7", only: [:dev, :test], runtime: false}\n'
    "    ]\n  end\nend\n",
    "mix.lock": '%{\n  "phoenix": {:hex, :phoenix, "1.8.1", "abc"},\n}\n',
    "config/runtime.exs": 'port = String.to_integer(System.get_env("PORT", "4001"))\n',
    "lib/shop/application.ex": "defmodule Shop.Application do\nend\n",
    "lib/shop/repo.ex": "defmodule Shop.Repo do\n  use Ecto.Repo, otp_app: :shop\nend\n",
    "lib/shop_web/router.ex": 'defmodule ShopWeb.Router do\n  get "/items", ItemController, :index\nend\n',
    "lib/shop/tools.ex": 'defmodule T do\n  # System.cmd("ls", [])\n'
    '  def go, do: System.cmd("git", ["log"])\nend\n',
}


def test_phoenix_in_a_release(tmp_path: Path) -> None:
    service = trees.only(tmp_path, FILES)
    source = service.source
    assert source is not None
    assert (source.language, source.framework, source.root) == ("elixir", "phoenix", "")
    assert source.entry == "lib/shop/application.ex"
    assert [(one.name, one.version) for one in source.dependencies] == [
        ("phoenix", "1.8.1"),
        ("postgrex", None),
    ]
    assert trees.found(source, FactKind.LISTEN)["http"].detail == "4001"
    assert set(trees.found(source, FactKind.DATABASE)) == {"postgres"}
    assert [(one.method, one.path) for one in source.routes] == [("GET", "/items")]
    (process,) = [fact for fact in source.facts if fact.kind is FactKind.SUBPROCESS]
    assert (process.detail, str(process.evidence[0])) == ("git", "lib/shop/tools.ex:3")


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(source=st.binary(max_size=300), config=st.binary(max_size=200))
def test_no_bytes_crash_it(tmp_path: Path, source: bytes, config: bytes) -> None:
    broken: dict[str, str | bytes] = {
        "lib/shop/repo.ex": b"use Ecto.Repo\nSystem.cmd(" + source,
        "mix.exs": config,
    }
    trees.services(tmp_path, {**FILES, **broken, "mix.lock": config, "config/runtime.exs": config})

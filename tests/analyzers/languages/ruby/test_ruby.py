"""Ruby services from whole small trees."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzers.model import DependencyClass, FactKind, Reach, Source
from tests.analyzers import trees

DOCKERFILE = """\
FROM ruby:3.4
WORKDIR /app
COPY . .
RUN bundle install
CMD ["bundle", "exec", "puma", "-p", "9393"]
"""
SINATRA = {
    "Gemfile": "source 'https://rubygems.org'\ngem 'sinatra', '~> 4.0'\ngroup :test do\n  gem 'rspec'\nend\n",
    "Gemfile.lock": "GEM\n  specs:\n    sinatra (4.1.1)\n      rack (>= 3)\n",
    "config.ru": "require './app'\nrun App\n",
}


def ruby(root: Path, files: dict[str, str], dockerfile: str = DOCKERFILE) -> Source:
    source = trees.only(root, {"Dockerfile": dockerfile, **files}).source
    assert source is not None
    return source


def test_sinatra(tmp_path: Path) -> None:
    app = """\
    require 'sinatra/base'
    class App < Sinatra::Base
      SEEN = {}
      get '/hits/:id' do
        count(params[:id])
      end
      def count(id)
        SEEN[id] = 1
      end
    end
    # system('ls')
    TEXT = "system('ls')"
    """
    source = ruby(tmp_path, {**SINATRA, "app.rb": app, "spec/a_spec.rb": "system('ls')\n"})
    assert (source.language, source.framework, source.interface) == ("ruby", "sinatra", "rack")
    assert source.entry == "config.ru"
    assert [(one.name, one.version) for one in source.dependencies] == [("sinatra", "4.1.1")]
    assert [(one.method, one.path, str(one.evidence)) for one in source.routes] == [
        ("GET", "/hits/:id", "app.rb:4")
    ]
    assert trees.found(source, FactKind.LISTEN)["http"].detail == "9393"
    assert [str(e) for e in trees.found(source, FactKind.MEMORY_STATE)["App.SEEN"].evidence] == ["app.rb:8"]
    assert not trees.found(source, FactKind.SUBPROCESS)


RAILS = {
    "Gemfile": "gem 'rails', '8.0.1'\ngem 'pg'\ngem 'mysql2'\ngem 'ruby-vips'\n",
    "config.ru": "run Rails.application\n",
    "config/application.rb": "module A; end\n",
    "config/routes.rb": "Rails.application.routes.draw do\n  get '/up', to: 'a#b'\nend\n",
    "config/database.yml": "default: &default\n  adapter: postgresql\nproduction:\n  <<: *default\n",
    "config/environments/production.rb": "Rails.application.configure do\n"
    "  config.active_storage.service = :local\nend\n",
    "config/initializers/git.rb": "VERSION = `git rev-parse HEAD`\n",
    "app/models/user.rb": "class User < ApplicationRecord\n  has_one_attached :photo\nend\n",
    "app/lib/x.rb": "Vips::Image.thumbnail(a)\nget('/not/a/route')\n",
}
SERVER = 'FROM ruby:3.4\nWORKDIR /app\nCOPY . .\nEXPOSE 3000\nCMD ["bin/rails", "server", "-b", "0.0.0.0"]\n'


def test_rails(tmp_path: Path) -> None:
    source = ruby(tmp_path, RAILS, SERVER)
    assert source.framework == "rails"
    assert [(one.method, one.path) for one in source.routes] == [("GET", "/up")]
    assert set(trees.found(source, FactKind.DATABASE)) == {"postgres"}
    assert set(trees.found(source, FactKind.FILE_WRITE)) == {"an attachment of Active Storage"}
    (process,) = [fact for fact in source.facts if fact.kind is FactKind.SUBPROCESS]
    assert process.reach is Reach.IMPORT
    native = {one.name: one.imported for one in source.dependencies if one.kind is DependencyClass.NATIVE}
    assert native == {"pg": True, "mysql2": False, "ruby-vips": True}


def test_attachments_in_an_object_store(tmp_path: Path) -> None:
    production = {"config/environments/production.rb": "config.active_storage.service = :amazon\n"}
    source = ruby(tmp_path, {**RAILS, **production}, SERVER)
    assert set(trees.found(source, FactKind.OUTBOUND)) == {"s3"}
    assert not trees.found(source, FactKind.FILE_WRITE)


def test_a_worker(tmp_path: Path) -> None:
    source = ruby(tmp_path, RAILS, SERVER.replace('"bin/rails", "server"', '"bundle", "exec", "sidekiq"'))
    assert set(trees.found(source, FactKind.WORKER)) == {"sidekiq"}
    assert not trees.found(source, FactKind.LISTEN)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(source=st.binary(max_size=300), config=st.binary(max_size=200))
def test_no_bytes_crash_it(tmp_path: Path, source: bytes, config: bytes) -> None:
    files: dict[str, str | bytes] = {
        "Dockerfile": DOCKERFILE,
        "app.rb": b"class A < ApplicationRecord\nsystem(" + source,
        "config.ru": source,
        "Gemfile": b"gem 'rails'\n" + config,
        "Gemfile.lock": config,
        "config/database.yml": config,
    }
    trees.services(tmp_path, files)

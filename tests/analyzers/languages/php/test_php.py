"""PHP services from whole small trees."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzers.model import DependencyClass, FactKind, Source
from tests.analyzers import trees

APACHE = """\
FROM php:8.3-apache
RUN docker-php-ext-install pdo_mysql && pecl install imagick
COPY . /var/www/html
"""


def php(root: Path, files: dict[str, str], dockerfile: str = APACHE) -> Source:
    source = trees.only(root, {"Dockerfile": dockerfile, **files}).source
    assert source is not None
    return source


def test_pages_behind_apache(tmp_path: Path) -> None:
    source = php(
        tmp_path,
        {
            "index.php": "<?php\n$db = new PDO('mysql:host=db;dbname=x');\n"
            "// exec('rm');\n$x = \"exec('ls')\";\nmove_uploaded_file($a, '/data/' . $b);\n",
            "tests/T.php": "<?php exec('ls');\n",
            "vendor/a/b.php": "<?php exec('ls');\n",
        },
    )
    assert (source.language, source.framework, source.entry) == ("php", None, "index.php")
    assert trees.found(source, FactKind.LISTEN)["http"].detail in ("", "80")
    assert set(trees.found(source, FactKind.DATABASE)) == {"mysql"}
    assert str(trees.found(source, FactKind.DATABASE)["mysql"].evidence[0]) == "index.php:2"
    assert not trees.found(source, FactKind.SUBPROCESS)
    (write,) = trees.found(source, FactKind.FILE_WRITE).values()
    assert str(write.evidence[0]) == "index.php:5"


def test_backticks_start_a_program(tmp_path: Path) -> None:
    source = php(tmp_path, {"index.php": "<?php\n$x = `git log`;\n"})
    assert [str(f.evidence[0]) for f in source.facts if f.kind is FactKind.SUBPROCESS] == ["index.php:2"]


def test_an_extension_counts_where_it_is_used(tmp_path: Path) -> None:
    source = php(tmp_path / "used", {"index.php": "<?php $i = new Imagick('a.png');\n"})
    kinds = {one.name: (one.kind, one.imported) for one in source.dependencies}
    assert kinds["imagick"] == (DependencyClass.NATIVE, True)
    source = php(tmp_path / "unused", {"index.php": "<?php echo 1;\n"})
    assert {one.name: one.imported for one in source.dependencies}["imagick"] is False


LARAVEL = {
    "composer.json": '{"require": {"laravel/framework": "^12.0"}}\n',
    "composer.lock": '{"packages": [{"name": "laravel/framework", "version": "v12.1.0"}]}\n',
    "public/index.php": "<?php\n",
    "artisan": "#!/usr/bin/env php\n<?php\n",
    "routes/web.php": "<?php\nRoute::get('/users/{id}', [C::class, 'show']);\n",
    "app/Models/User.php": "<?php\nuse Illuminate\\Database\\Eloquent\\Model;\nclass User extends Model {}\n",
    "config/database.php": "<?php\nreturn [\n'default' => env('DB_CONNECTION', 'pgsql'),\n];\n",
    "config/cache.php": "<?php\nreturn ['default' => env('CACHE_STORE', 'redis')];\n",
    "config/session.php": "<?php\nreturn ['driver' => env('SESSION_DRIVER', 'file')];\n",
}


def test_laravel_with_its_drivers(tmp_path: Path) -> None:
    source = php(tmp_path, LARAVEL)
    assert (source.framework, source.entry) == ("laravel", "public/index.php")
    assert [(one.name, one.version) for one in source.dependencies if "/" in one.name] == [
        ("laravel/framework", "12.1.0")
    ]
    assert [(route.method, route.path) for route in source.routes] == [("GET", "/users/{id}")]
    assert set(trees.found(source, FactKind.DATABASE)) == {"postgres"}
    assert set(trees.found(source, FactKind.OUTBOUND)) == {"redis"}
    assert set(trees.found(source, FactKind.FILE_WRITE)) == {"storage/framework/sessions"}


def test_the_environment_chooses_the_driver(tmp_path: Path) -> None:
    source = php(tmp_path, LARAVEL, APACHE + "ENV DB_CONNECTION=mysql SESSION_DRIVER=cookie\n")
    assert set(trees.found(source, FactKind.DATABASE)) == {"mysql"}
    assert not trees.found(source, FactKind.FILE_WRITE)


def test_a_queue_worker(tmp_path: Path) -> None:
    dockerfile = 'FROM php:8.3-cli\nWORKDIR /app\nCOPY . .\nCMD ["php", "artisan", "queue:work"]\n'
    source = php(tmp_path, LARAVEL, dockerfile)
    assert set(trees.found(source, FactKind.WORKER)) == {"php queue:work"}
    assert not trees.found(source, FactKind.LISTEN)


def test_the_server_of_its_own(tmp_path: Path) -> None:
    dockerfile = (
        'FROM php:8.3-cli\nWORKDIR /app\nCOPY . .\nCMD ["php", "-S", "0.0.0.0:9000", "-t", "public"]\n'
    )
    source = php(tmp_path, {"public/index.php": "<?php echo 1;\n"}, dockerfile)
    assert source.entry == "public/index.php"
    assert trees.found(source, FactKind.LISTEN)["http"].detail == "9000"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(source=st.binary(max_size=300), config=st.binary(max_size=200))
def test_no_bytes_crash_it(tmp_path: Path, source: bytes, config: bytes) -> None:
    files: dict[str, str | bytes] = {
        "Dockerfile": APACHE,
        "index.php": b"<?php exec(" + source,
        "composer.json": config,
        "composer.lock": config,
        "config/database.php": config,
        ".env": config,
    }
    trees.services(tmp_path, files)

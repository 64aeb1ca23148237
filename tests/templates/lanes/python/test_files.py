"""The in-memory files: what an application does with `open`, `os`, pathlib, tempfile and their friends."""

# ruff: noqa: E501 - guest code in strings, one thought a line

from __future__ import annotations

import pytest

from tests.templates.lanes.python.installed import run


def test_reading() -> None:
    assert run("""
        import os, pathlib
        result([
            open("data/a.txt").read(), open("/app/data/a.txt", encoding="latin-1").readline(),
            list(open(b"data/a.txt")), open("data/b.bin", "rb").read()[250:] == bytes(range(250, 256)),
            pathlib.Path("data", "a.txt").read_text().count("\\n"), os.path.getsize("data/b.bin"),
            os.path.exists("data"), os.path.isdir("data"), os.path.isfile("data/../data/./a.txt"), os.path.exists("nothing"),
        ])
    """) == ["gr\u00fc\u00df\nzwei\n", "gr\u00c3\u00bc\u00c3\u009f\n", ["gr\u00fc\u00df\n", "zwei\n"], True, 2, 256, True,
             True, True, False]  # fmt: skip


def test_seeking_and_small_reads() -> None:
    assert run("""
        f = open("data/b.bin", "rb")
        f.seek(-3, 2); a = list(f.read(2)); f.seek(10); b = list(f.read(2)); t = f.tell()
        buffer = bytearray(4); n = f.readinto(buffer)
        raw = open("data/b.bin", "rb", 0); raw.seek(254)
        result([a, b, t, n, list(buffer), list(raw.read(10)), list(raw.read(10)), list(raw.readall())])
    """) == [[253, 254], [10, 11], 12, 4, [12, 13, 14, 15], [254, 255], [], []]


def test_listing() -> None:
    assert run("""
        import os, glob
        with os.scandir("data") as entries:
            found = [(e.name, e.is_file(), e.is_dir(), e.stat().st_size) for e in entries]
        result([os.listdir(), os.listdir("/app/data"), found, [list(w) for w in os.walk("/app")],
                sorted(glob.glob("**/*.*", recursive=True))])
    """) == [
        ["data", "main.py", "templates"],
        ["a.txt", "b.bin"],
        [["a.txt", True, False, 12], ["b.bin", True, False, 256]],
        [["/app", ["data", "templates"], ["main.py"]], ["/app/data", [], ["a.txt", "b.bin"]],
         ["/app/templates", [], ["page.html"]]],
        ["data/a.txt", "data/b.bin", "main.py", "templates/page.html"],
    ]  # fmt: skip


def test_times_and_modes_are_those_of_the_repositorys_file() -> None:
    assert run("""
        import os, stat
        s = os.stat("main.py")
        result([s.st_mtime, s.st_mtime_ns, stat.filemode(s.st_mode), s.st_ino == os.lstat("/app/main.py").st_ino,
                stat.filemode(os.stat("/tmp").st_mode), os.access("main.py", os.R_OK), os.access("main.py", os.X_OK)])
    """) == [1700000000.5, 1700000000500000000, "-rw-r--r--", True, "drwxrwxrwt", True, False]


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ('open("nothing.txt")', "FileNotFoundError"),
        ('open("data")', "IsADirectoryError"),
        ('open("main.py/x")', "NotADirectoryError"),
        ('open("none/x", "w")', "FileNotFoundError"),
        ('open("main.py", "x")', "FileExistsError"),
        ('open("main.py", "rw")', "ValueError"),
        ('open("main.py", "q")', "ValueError"),
        ('open("main.py", "rb", encoding="utf-8")', "ValueError"),
        ('open("main.py", "r", 0)', "ValueError"),
        ('open("")', "FileNotFoundError"),
        ('open("a\\0b")', "ValueError"),
        ('open("main.py").write("x")', "UnsupportedOperation"),
        ('os.listdir("main.py")', "NotADirectoryError"),
        ('os.mkdir("data")', "FileExistsError"),
        ('os.rmdir("data")', "OSError"),
        ('os.remove("data")', "IsADirectoryError"),
        ('os.remove("nothing")', "FileNotFoundError"),
        ('os.rename("nothing", "x")', "FileNotFoundError"),
        ('os.rename("data", "data/inner")', "OSError"),
        ('os.chdir("nothing")', "FileNotFoundError"),
        ('os.symlink("main.py", "link")', "OSError"),
        ('os.stat("main.py", dir_fd=3)', "NotImplementedError"),
    ],
)
def test_errors_are_cpythons(call: str, error: str) -> None:
    assert (
        run(f"""
        import os
        try:
            {call}
        except Exception as error:
            result([type(error).__name__, getattr(error, "filename", None) is not None or not isinstance(error, OSError)
                    or error.filename == ""])
        else:
            result("no error")
    """)[0]
        == error
    )


def test_the_source_of_a_dependency_says_why_it_cannot_be_read() -> None:
    assert run("""
        import os
        try:
            open("/site/lib/__init__.py")
        except FileNotFoundError as error:
            result([os.path.getsize("/site/lib/__init__.py"), str(error)])
    """) == [77, ("[Errno 2] No such file or directory (dock2wasm: source files of dependencies are not kept in the component, "
             "only their code): '/site/lib/__init__.py'")]  # fmt: skip


def test_writing_changes_the_instance_and_is_noted_outside_scratch_folders() -> None:
    assert run("""
        import os, pathlib, shutil
        with open("data/a.txt", "a") as f: f.write("drei\\n")
        with open("/tmp/scratch", "wb") as f: f.write(b"x" * 10); f.seek(20); f.write(b"y")
        with open("data/a.txt", "r+") as f: f.write("GR"); f.truncate(4)
        os.makedirs("new/deep"); pathlib.Path("new/deep/file").write_text("1"); shutil.copy("main.py", "new/copy.py")
        os.rename("new", "moved"); os.replace("moved/deep/file", "moved/file"); os.remove("moved/copy.py")
        shutil.rmtree("moved")
        first = tree.take_unreported(); again = tree.take_unreported()
        result([open("data/a.txt").read(), os.path.getsize("/tmp/scratch"), os.path.exists("moved"), first, again])
    """) == ["GR\u00fc", 21, False,
             ["/app/data/a.txt", "/app/new", "/app/new/deep", "/app/new/deep/file", "/app/new/copy.py", "/app/moved",
              "/app/moved/deep/file", "/app/moved/file", "/app/moved/copy.py", "/app/moved/deep"], []]  # fmt: skip


def test_tempfile() -> None:
    assert run("""
        import os, tempfile
        with tempfile.NamedTemporaryFile("w+", suffix=".txt") as f:
            f.write("abc"); f.flush(); name = f.name; inside = open(name).read()
        with tempfile.TemporaryFile() as f:
            f.write(b"x" * 100000); f.seek(5); size = len(f.read())
        with tempfile.SpooledTemporaryFile(max_size=10) as f:
            f.write(b"y" * 100); f.seek(0); spooled = len(f.read())
        with tempfile.TemporaryDirectory() as d:
            open(d + "/x", "w").close(); there = os.listdir(d)
        fd, path = tempfile.mkstemp(); os.write(fd, b"12"); os.lseek(fd, 0, 0); read = os.read(fd, 9).decode(); os.close(fd)
        result([inside, os.path.exists(name), size, spooled, there, os.path.exists(d), read, tree.take_unreported()])
    """) == ["abc", False, 99995, 100, ["x"], False, "12", []]


def test_an_unnamed_descriptor_behaves_like_one() -> None:
    assert run("""
        import os
        fd = os.open("data/b.bin", os.O_RDONLY)
        with os.fdopen(fd, "rb") as f:
            same = f.fileno() == fd; first = f.read(1)[0]; size = os.fstat(fd).st_size
        try: os.read(fd, 1)
        except OSError as error: gone = type(error).__name__
        result([same, first, size, gone, len(tree.fds)])
    """) == [True, 0, 256, "OSError", 0]


def test_devices() -> None:
    assert run("""
        import os
        with open(os.devnull, "w") as f: f.write("x")
        result([open("/dev/null").read(), len(open("/dev/urandom", "rb").read(16)), os.path.exists("/dev/null")])
    """) == ["", 16, True]


def test_standard_library_over_the_tree() -> None:
    assert run("""
        import configparser, csv, json, linecache, mimetypes, zipfile, io, shelve, hashlib
        with zipfile.ZipFile("/tmp/z.zip", "w") as z: z.write("data/a.txt")
        with zipfile.ZipFile("/tmp/z.zip") as z: names = z.namelist()
        json.dump({"a": 1}, open("/tmp/j.json", "w"))
        with open("data/b.bin", "rb") as f: digest = hashlib.file_digest(f, "sha256").hexdigest()[:8]
        result([names, linecache.getline("/app/main.py", 1), digest, mimetypes.guess_type("a.css")[0]])
    """) == [["data/a.txt"], "VALUE = 1\n", "40aff2e9", "text/css"]


def test_a_mounted_folder_is_the_real_one(tmp_path) -> None:
    (tmp_path / "real.txt").write_text("real")
    assert run(f"""
        import os
        tree.add({str(tmp_path / "real.txt")!r}, b"memory")
        before = open({str(tmp_path / "real.txt")!r}).read()
        tree.mount([{str(tmp_path)!r}])
        after = open({str(tmp_path / "real.txt")!r}).read()
        os.mkdir({str(tmp_path / "made")!r})
        os.chdir({str(tmp_path)!r})
        open("written", "w").write("x")
        result([before, after, sorted(os.listdir(".")), tree.take_unreported()])
    """) == ["memory", "real", ["made", "real.txt", "written"], []]
    assert (tmp_path / "written").read_text() == "x"


def test_uninstalling_gives_everything_back() -> None:
    assert run("""
        import os, io
        system.uninstall()
        kinds = [os.stat.__class__.__name__, open.__class__.__name__, io.FileIO.__module__, os.path.exists("/app/main.py")]
        system.install()
        result(kinds)
    """) == ["builtin_function_or_method", "builtin_function_or_method", "_io", False]

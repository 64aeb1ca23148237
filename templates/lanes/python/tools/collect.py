"""Copies the application's files from the repository to build/root, at the paths they have in the container.

Also takes the WIT packages out of the installed spin-sdk wheel. The repository is only read.
"""

import json
import os
import shutil
import stat
import sys
import sysconfig
from pathlib import Path

from common import BUILD, TREE, BuildFailed, main, note, settings

PACKAGES = ("http", "cli", "clocks", "filesystem", "io", "random", "sockets")


def collect_files():
    listing = json.loads((TREE / "files.json").read_text(encoding="utf-8"))
    repository = (TREE / listing["repository"]).resolve()
    root = BUILD / "root"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    entries = listing["files"]
    total = 0
    for entry in entries:
        source = repository / entry["source"]
        real = source.resolve()
        if repository != real and repository not in real.parents:
            raise BuildFailed(f"{entry['source']} leads out of the repository")
        target = Path(os.path.normpath(str(root) + "/" + entry["guest"]))
        if root not in target.parents:
            raise BuildFailed(f"files.json puts {entry['source']} outside of the image: {entry['guest']}")
        try:
            status = real.stat()
            if not stat.S_ISREG(status.st_mode):
                raise BuildFailed(f"{entry['source']} is not a regular file")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(str(real), str(target))
        except FileNotFoundError:
            raise BuildFailed(
                f"{entry['source']} is in files.json but not in the repository; run dock2wasm convert again"
            ) from None
        target.chmod(stat.S_IMODE(status.st_mode) | stat.S_IWUSR | stat.S_IRUSR)
        os.utime(str(target), ns=(status.st_atime_ns, status.st_mtime_ns))
        total += status.st_size
    note(f"{len(entries)} files, {total:,} bytes")


def collect_wit():
    target = BUILD / "wit"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(str(TREE / "wit"), str(target))
    deps = Path(sysconfig.get_paths()["purelib"]) / "spin_sdk" / "wit" / "deps"
    for package in PACKAGES:
        source = deps / f"{package}@0.2.0"
        if not source.is_dir():
            raise BuildFailed(f"the spin-sdk package has no WIT package {source.name}")
        shutil.copytree(str(source), str(target / "deps" / source.name))


def collect():
    settings()  # a tree of another kind is refused before anything is copied
    collect_files()
    collect_wit()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    main(collect)

"""What the build's log is told while the snapshot is made. What is printed there reaches nobody."""

_file = None


def open_file(path):
    """Write to this file of the machine; before the files in memory take its place."""
    global _file
    _file = open(path, "wb", 0)  # noqa: SIM115 - closed in close_file()


def note(text):
    """One line; nowhere outside a build."""
    if _file is not None:
        _file.write(f"{' '.join(text.split())}\n".encode())


def close_file():
    global _file
    if _file is not None:
        _file.close()
        _file = None

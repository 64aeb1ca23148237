"""Names of calls that can mean something, by their last part: most calls end at this first look."""

from __future__ import annotations

from functools import cache

from analyzers.languages.python.tables import tables

# Packages every call of which starts a program.
PROCESS_PACKAGES = frozenset({"subprocess", "sh", "pexpect"})
# The last parts of the names that the readers of facts compare calls with, other than those of the tables.
_NAMED_CALLS = frozenset(
    """
    get getenv pop config from_prefixed_env open ZipFile write_text write_bytes mkdir touch unlink rmdir
    read_text read_bytes basicConfig save send_file send_from_directory Thread create_task ensure_future
    signal import_module __import__ run_module run_path post put patch delete head request Client AsyncClient
    ClientSession create_engine create_async_engine engine_from_config Database connect socket TCPServer
    UDPServer start_server create_connection server serve Cache Limiter add_insecure_port build_request init
    """.split()  # noqa: SIM905 - as a list it would take fifty lines
)


@cache
def telling_calls() -> frozenset[str]:
    table = tables()
    names = {*table["write"], *table["connect"], *table["worker"], *table["unsupported-call"]}
    for kind in ("subprocess", "thread", "background", "compute", "cache", "host", "temporary", "http"):
        names |= set(table[kind]["calls"])
    return _NAMED_CALLS | {name.rpartition(".")[2] for name in names}


@cache
def telling_starts() -> tuple[str, ...]:
    """How the last part begins where a prefix of the table says so (`os.exec…`)."""
    starts = (prefix.rpartition(".")[2] for prefix in tables()["subprocess"]["prefixes"])
    return tuple(start for start in starts if start)


# Methods that change what they are called on.
MUTATORS = frozenset(
    {
        "append",
        "appendleft",
        "extend",
        "extendleft",
        "insert",
        "add",
        "update",
        "pop",
        "popleft",
        "popitem",
        "remove",
    }
    | {
        "discard",
        "clear",
        "setdefault",
        "put",
        "put_nowait",
        "get_nowait",
        "move_to_end",
        "subtract",
        "rotate",
    }
    | {"intersection_update", "difference_update", "symmetric_difference_update", "reverse", "sort", "write"}
)

"""The gaps of the standard library on WASI, filled where that is honest, refused by name where it is not.

CPython for WASI has no threads, no processes, no OpenSSL and no user database. What an application
merely imports or asks for gets a plain answer here; what it really needs and cannot have raises an
error that names the feature and dock2wasm. Nothing here waits for something that cannot happen.
"""

import errno
import os
import sys
import types

from dock2wasm_adapter import modules


class UnsupportedError(RuntimeError):
    """Something that does not exist in WebAssembly."""


def refuse(feature, instead=""):
    """A function that raises UnsupportedError naming `feature`."""

    def refused(*args, **kwargs):
        raise UnsupportedError(_text(feature, instead))

    return refused


def _text(feature, instead=""):
    return f"dock2wasm: {feature} is not available in WebAssembly" + (f"; {instead}" if instead else "")


def _refuse_process(*args, **kwargs):
    raise OSError(errno.ENOTSUP, _text("starting another process"))


def _module(name, **contents):
    """A module in place of one that has no WASI build."""
    if name in sys.modules:
        return
    module = types.ModuleType(name, f"{name} on WASI, as far as dock2wasm provides it")
    module.__dict__.update(contents)
    sys.modules[name] = module


def _no_entry(what):
    def lookup(key):
        raise KeyError(f"{what} not found: {key!r} (dock2wasm: there is no user database in WebAssembly)")

    return lookup


def _os(user_id):
    constants = {
        "getuid": user_id, "geteuid": user_id, "getgid": user_id, "getegid": user_id, "getppid": 1,
    }  # fmt: skip
    for name, value in constants.items():
        if not hasattr(os, name):
            setattr(os, name, lambda value=value: value)
    if not hasattr(os, "getgroups"):
        os.getgroups = lambda: [user_id]
    if not hasattr(os, "WNOHANG"):
        os.WNOHANG = 1  # subprocess and multiprocessing read it when imported
    os.system = refuse("os.system", "other programs cannot be started")
    # One processor: pools that size themselves by it must not divide by None.
    os.cpu_count = os.process_cpu_count = lambda: 1


def _user_modules():
    _module(
        "fcntl",
        LOCK_SH=1, LOCK_EX=2, LOCK_NB=4, LOCK_UN=8,
        F_DUPFD=0, F_GETFD=1, F_SETFD=2, F_GETFL=3, F_SETFL=4, FD_CLOEXEC=1,
        # One instance handles one request at a time: a lock on a file is always free.
        flock=lambda fd, operation: None,
        lockf=lambda fd, cmd, len=0, start=0, whence=0: None,
        fcntl=lambda fd, cmd, arg=0: 0,
        ioctl=refuse("fcntl.ioctl"),
    )  # fmt: skip
    _module("pwd", getpwuid=_no_entry("uid"), getpwnam=_no_entry("name"), getpwall=list)
    _module("grp", getgrgid=_no_entry("gid"), getgrnam=_no_entry("name"), getgrall=list)
    _module(
        "resource",
        RLIMIT_CPU=0, RLIMIT_FSIZE=1, RLIMIT_DATA=2, RLIMIT_STACK=3, RLIMIT_CORE=4, RLIMIT_NOFILE=7,
        RLIMIT_AS=9,
        RUSAGE_SELF=0, RUSAGE_CHILDREN=-1, RLIM_INFINITY=-1, error=OSError,
        getrlimit=lambda which: (1024, 1024),
        setrlimit=refuse("resource.setrlimit"),
        getrusage=refuse("resource.getrusage"),
    )  # fmt: skip
    _module(
        "syslog",
        openlog=lambda *args, **kwargs: None,
        closelog=lambda: None,
        syslog=lambda *args: print(args[-1], file=sys.stderr, flush=True),
        setlogmask=lambda mask: 0,
        LOG_EMERG=0, LOG_ALERT=1, LOG_CRIT=2, LOG_ERR=3, LOG_WARNING=4, LOG_NOTICE=5, LOG_INFO=6, LOG_DEBUG=7,
        LOG_PID=1, LOG_CONS=2, LOG_NDELAY=8, LOG_USER=8, LOG_DAEMON=24, LOG_LOCAL0=128,
    )  # fmt: skip


def _sysconfig():
    """What sysconfig reads: zoneinfo asks it for folders of time zones, build tools for a file's ending."""
    _module(
        f"_sysconfigdata_{getattr(sys, 'abiflags', '')}_{sys.platform}_wasm32-wasi",
        build_time_vars={
            "TZPATH": "/usr/share/zoneinfo:/usr/lib/zoneinfo:/usr/share/lib/zoneinfo:/etc/zoneinfo",
            "EXT_SUFFIX": ".cpython-314-wasm32-wasi.so",
            "Py_GIL_DISABLED": 0,
        },
    )


def _interpreters():
    """What concurrent.interpreters (and anyio, which imports it) needs to be imported."""

    class InterpreterError(Exception):
        pass

    class InterpreterNotFoundError(InterpreterError):
        pass

    class NotShareableError(TypeError):
        pass

    class QueueError(RuntimeError):
        pass

    class QueueNotFoundError(QueueError):
        pass

    feature = "concurrent.interpreters (a second interpreter)"
    whence = ("UNKNOWN", "RUNTIME", "LEGACY_CAPI", "CAPI", "XI", "STDLIB")
    _module(
        "_interpreters",
        InterpreterError=InterpreterError,
        InterpreterNotFoundError=InterpreterNotFoundError,
        NotShareableError=NotShareableError,
        is_shareable=lambda value: isinstance(value, (type(None), bool, int, float, str, bytes)),
        create=refuse(feature),
        get_current=refuse(feature),
        get_main=refuse(feature),
        list_all=lambda require_ready=False: [],
        **{f"WHENCE_{name}": number for number, name in enumerate(whence)},
    )
    _module(
        "_interpqueues",
        QueueError=QueueError,
        QueueNotFoundError=QueueNotFoundError,
        create=refuse("a queue between interpreters"),
        list_all=list,
        _register_heap_types=lambda *types: None,
    )


def _hashlib(hashlib):
    """OpenSSL's key derivations."""
    from dock2wasm_adapter import kdf

    if not hasattr(hashlib, "pbkdf2_hmac"):
        hashlib.pbkdf2_hmac = kdf.pbkdf2_hmac
    if not hasattr(hashlib, "scrypt"):
        hashlib.scrypt = (
            kdf.scrypt
            if kdf.available()
            else refuse("hashlib.scrypt (OpenSSL)", 'use "pbkdf2:sha256" for passwords, or keep the service')
        )


def _subprocess(subprocess):
    def init(self, args, *rest, **options):
        raise OSError(errno.ENOTSUP, _text(f"starting another process ({args!r})"))

    subprocess.Popen.__init__ = init
    subprocess.Popen.__del__ = lambda self: None


def _multiprocessing(process):
    process.BaseProcess.start = refuse("multiprocessing", "one instance has one process and one thread")


def _process_pool(module):
    module.ProcessPoolExecutor.__init__ = refuse("concurrent.futures.ProcessPoolExecutor")


def _sqlite3(dbapi2):
    """SQLite opens files in C: it sees the runtime's mounts only, never the files in memory."""
    connect = dbapi2.connect
    tree_of = modules.TREE

    def checked(database, *args, **kwargs):
        text = (
            os.fsdecode(os.fspath(database))
            if not isinstance(database, (bytes, bytearray))
            else os.fsdecode(database)
        )
        if text and not text.startswith((":memory:", "file:")):
            path = tree_of.resolve(text)
            if not tree_of.is_real(path):
                raise dbapi2.OperationalError(
                    f"unable to open database file {path} (dock2wasm: SQLite needs a directory that the"
                    " runtime mounts; files inside the component are out of its reach)"
                )
            database = path
        return connect(database, *args, **kwargs)

    dbapi2.connect = checked
    package = sys.modules.get("sqlite3")
    if package is not None and hasattr(package, "connect"):
        package.connect = checked


def install(tree, user_id=0):
    """Fill the gaps. Call before anything but the bare interpreter is imported."""
    modules.TREE = tree
    _os(user_id)
    _user_modules()
    _interpreters()
    _sysconfig()
    modules.hook("hashlib", _hashlib)
    modules.hook("subprocess", _subprocess)
    modules.hook("multiprocessing.process", _multiprocessing)
    modules.hook("concurrent.futures.process", _process_pool)
    modules.hook("sqlite3.dbapi2", _sqlite3)

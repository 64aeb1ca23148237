"""The application's files, in memory, at the paths that they have in the container.

A component has no file system of its own. The files that the image takes are put into a tree here
while the component is built; `install()` places functions over that tree in `os`, `io` and
`builtins`. Writes change the instance's memory only: they are gone with the instance, and a write
outside `/tmp` is remembered in `written` so that it can be reported. Paths below a directory that
the runtime mounts (`mount()`) go to the real functions.

Code in C that opens a path by itself (sqlite3) does not pass here.
"""

import _io
import builtins
import errno
import io
import os
import posixpath
import stat as _stat
import time

# Fake descriptors start here, far above those that the host hands out.
_FIRST_FD = 1 << 20
_EPHEMERAL = ("/tmp", "/var/tmp", "/dev", "/run", "/var/run")
_BLOCK = 4096


class Node:
    """A file: `data` is bytes as long as nobody writes to it. `data` None: left out of the component."""

    __slots__ = ("data", "mode", "mtime_ns", "size")

    def __init__(self, data, mode=0o644, mtime_ns=0, size=None):
        self.data = data
        self.mode = mode
        self.mtime_ns = mtime_ns
        self.size = size  # of a file that was left out

    def length(self):
        return (self.size or 0) if self.data is None else len(self.data)


def _error(code, path, note=""):
    text = os.strerror(code)
    return OSError(code, f"{text} (dock2wasm: {note})" if note else text, path)


class Tree:
    """Files and folders by absolute, normalised path."""

    def __init__(self, cwd="/"):
        self.files = {}
        self.folders = {"/": set()}
        self.folder_times = {}
        self.cwd = cwd
        self.mounts = ()
        self.written = {}  # paths outside _EPHEMERAL that were written, in order
        self.reported = 0
        self.fds = {}
        self.next_fd = _FIRST_FD
        for path in ("/tmp", "/dev", "/var/tmp"):
            self.add_folder(path)

    # --- building -----------------------------------------------------------------------

    def add_folder(self, path):
        while path not in self.folders:
            self.folders[path] = set()
            parent, name = posixpath.split(path)
            self.add_folder(parent)
            self.folders[parent].add(name)
            path = parent

    def add(self, path, data, mode=0o644, mtime_ns=0, size=None):
        parent, name = posixpath.split(path)
        self.add_folder(parent)
        self.folders[parent].add(name)
        self.files[path] = node = Node(data, mode, mtime_ns, size)
        return node

    def mount(self, guest_paths):
        """Tell which directories the runtime gives: everything below them is real."""
        self.mounts = tuple(
            sorted((p.rstrip("/") for p in guest_paths if p.startswith("/") and p != "/"), key=len)
        )
        for path in self.mounts:
            self.add_folder(posixpath.dirname(path))
            self.folders[posixpath.dirname(path)].add(posixpath.basename(path))

    # --- looking up ---------------------------------------------------------------------

    def resolve(self, path):
        """The absolute, normalised path as text. Raises what CPython raises for a path that is none."""
        path = os.fspath(path)
        if isinstance(path, bytes):
            path = os.fsdecode(path)
        if not path:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        if "\0" in path:
            raise ValueError("embedded null byte")
        if not path.startswith("/"):
            path = posixpath.join(self.cwd, path)
        path = posixpath.normpath(path)
        return path[1:] if path.startswith("//") else path

    def is_real(self, path):
        return any(path == m or path.startswith(m + "/") for m in self.mounts)

    def need_parent(self, path, given):
        parent = posixpath.dirname(path)
        if parent in self.folders:
            return parent
        raise _error(errno.ENOTDIR if parent in self.files else errno.ENOENT, given)

    def note_write(self, path):
        if path not in self.written and not any(path.startswith(p + "/") for p in _EPHEMERAL):
            self.written[path] = None

    def take_unreported(self):
        """Paths written since the last call, outside the folders for scratch files."""
        fresh = list(self.written)[self.reported :]
        self.reported = len(self.written)
        return fresh

    def status(self, path, given):
        node = self.files.get(path)
        if node is not None:
            mode, size, mtime, nlink = _stat.S_IFREG | node.mode, node.length(), node.mtime_ns, 1
        elif path in self.folders:
            mode, size, mtime, nlink = _stat.S_IFDIR | 0o755, _BLOCK, self.folder_times.get(path, 0), 2
            if path == "/tmp" or path == "/var/tmp":
                mode |= 0o1777
        elif path == "/dev/null":
            mode, size, mtime, nlink = _stat.S_IFCHR | 0o666, 0, 0, 1
        else:
            raise _error(errno.ENOTDIR if posixpath.dirname(path) in self.files else errno.ENOENT, given)
        seconds = mtime // 1_000_000_000
        fraction = mtime / 1e9
        return os.stat_result(
            (mode, _inode(path), 1, nlink, 0, 0, size, seconds, seconds, seconds),
            {
                "st_atime": fraction, "st_mtime": fraction, "st_ctime": fraction,
                "st_atime_ns": mtime, "st_mtime_ns": mtime, "st_ctime_ns": mtime,
            },
        )  # fmt: skip

    # --- opening ------------------------------------------------------------------------

    def open_node(self, given, *, write, create, exclusive, truncate, mode=0o666):
        path = self.resolve(given)
        if path in self.folders:
            raise _error(errno.EISDIR, given)
        node = self.files.get(path)
        if node is None:
            parent = self.need_parent(path, given)
            if not create:
                raise _error(errno.ENOENT, given)
            node = self.add(path, bytearray(), mode & ~0o022, time.time_ns())
            self.folder_times[parent] = node.mtime_ns
            self.note_write(path)
        elif exclusive:
            raise _error(errno.EEXIST, given)
        if write:
            self.note_write(path)
            if truncate:
                node.data = bytearray()
                node.mtime_ns = time.time_ns()
        if node.data is None:
            raise _error(
                errno.ENOENT,
                given,
                "source files of dependencies are not kept in the component, only their code",
            )
        return node, path

    def register(self, raw):
        fd = self.next_fd
        self.next_fd += 1
        self.fds[fd] = raw
        return fd


class NullFile(io.RawIOBase):
    """/dev/null."""

    name = "/dev/null"

    def readable(self):
        return True

    def writable(self):
        return True

    def readinto(self, buffer):
        return 0

    def write(self, data):
        return len(data)


class RandomFile(io.RawIOBase):
    """/dev/urandom and /dev/random."""

    name = "/dev/urandom"

    def readable(self):
        return True

    def readinto(self, buffer):
        buffer[:] = os.urandom(len(buffer))
        return len(buffer)


class RawFile(io.RawIOBase):
    """An open file of the tree, with a position of its own."""

    def __init__(self, tree, node, name, *, read, write, append, path=None):
        self._tree = tree
        self._node = node
        self._at = 0
        self._read = read
        self._write = write
        self._append = append
        self._fd = None
        self.path = path
        self.name = name
        self.mode = ("rb+" if write else "rb") if read else ("ab" if append else "wb")
        if append:
            self._at = len(node.data)

    def _check(self):
        if self.closed:
            raise ValueError("I/O operation on closed file.")

    def readable(self):
        self._check()
        return self._read

    def writable(self):
        self._check()
        return self._write

    def seekable(self):
        self._check()
        return True

    def isatty(self):
        return False

    def fileno(self):
        self._check()
        if self._fd is None:
            self._fd = self._tree.register(self)
        return self._fd

    def readinto(self, buffer):
        if not self.readable():
            raise io.UnsupportedOperation("File not open for reading")
        data = self._node.data
        piece = data[self._at : self._at + len(buffer)]
        size = len(piece)
        buffer[:size] = piece
        self._at += size
        return size

    def readall(self):
        if not self.readable():
            raise io.UnsupportedOperation("File not open for reading")
        data = self._node.data
        # An untouched file read as a whole is handed out as it lies in the snapshot, without a copy.
        piece = data if self._at == 0 and isinstance(data, bytes) else bytes(data[self._at :])
        self._at = max(self._at, len(data))
        return piece

    def _own(self):
        """The data as something that can be changed."""
        if isinstance(self._node.data, bytes):
            self._node.data = bytearray(self._node.data)
        return self._node.data

    def write(self, data):
        if not self.writable():
            raise io.UnsupportedOperation("File not open for writing")
        view = memoryview(data).cast("B")
        own = self._own()
        if self._append:
            self._at = len(own)
        if self._at > len(own):
            own.extend(bytes(self._at - len(own)))
        own[self._at : self._at + len(view)] = view
        self._at += len(view)
        self._node.mtime_ns = time.time_ns()
        return len(view)

    def seek(self, offset, whence=0):
        self._check()
        base = {0: 0, 1: self._at, 2: len(self._node.data)}.get(whence)
        if base is None:
            raise ValueError(f"invalid whence ({whence}, should be 0, 1 or 2)")
        if base + offset < 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        self._at = base + offset
        return self._at

    def tell(self):
        self._check()
        return self._at

    def truncate(self, size=None):
        if not self.writable():
            raise io.UnsupportedOperation("truncate")
        size = self._at if size is None else size
        own = self._own()
        if size < len(own):
            del own[size:]
        else:
            own.extend(bytes(size - len(own)))
        self._node.mtime_ns = time.time_ns()
        return size

    def close(self):
        if not self.closed and self._fd is not None:
            self._tree.fds.pop(self._fd, None)
        super().close()

    def status(self):
        return (
            self._tree.status(self.path, self.path)
            if self.path in self._tree.files
            else _anonymous(self._node)
        )


def _inode(path):
    """A number that is the same for the same path in every instance (`hash` is not, from build to build)."""
    number = 5381
    for character in path:
        number = (number * 33 + ord(character)) & 0x7FFFFFFF
    return number or 1


def _anonymous(node):
    """The status of an open file that was removed."""
    seconds = node.mtime_ns // 1_000_000_000
    return os.stat_result(
        (_stat.S_IFREG | node.mode, 1, 1, 0, 0, 0, node.length(), seconds, seconds, seconds)
    )


class Entry:
    """What `os.scandir` yields."""

    __slots__ = ("_tree", "name", "path")

    def __init__(self, tree, folder, name):
        self._tree = tree
        self.name = name
        self.path = os.path.join(folder, name)

    def __repr__(self):
        return f"<DirEntry {self.name!r}>"

    def __fspath__(self):
        return self.path

    def is_dir(self, *, follow_symlinks=True):
        return os.path.isdir(self.path)

    def is_file(self, *, follow_symlinks=True):
        return os.path.isfile(self.path)

    def is_symlink(self):
        return False

    def is_junction(self):
        return False

    def stat(self, *, follow_symlinks=True):
        return os.stat(self.path)

    def inode(self):
        return self.stat().st_ino


class _Scan:
    """The iterator and context manager that `os.scandir` returns."""

    def __init__(self, entries):
        self._entries = iter(entries)

    def __iter__(self):
        return self

    def __next__(self):
        return next(self._entries)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        self._entries = iter(())


class FileSystem:
    """The functions of `os` and `io` over a tree, falling through to the real ones below mounts."""

    # What is replaced in `os`; the real ones stay in `_real`.
    NAMES = (
        "stat", "lstat", "fstat", "listdir", "scandir", "access", "mkdir", "rmdir", "remove", "unlink",
        "rename", "replace", "getcwd", "getcwdb", "chdir", "open", "close", "read", "write", "lseek",
        "ftruncate", "truncate", "fsync", "fdatasync", "isatty", "utime", "chmod", "chown", "link", "symlink",
        "readlink", "umask", "dup", "set_inheritable", "get_inheritable",
    )  # fmt: skip

    def __init__(self, tree):
        self.tree = tree
        self._real = {name: getattr(os, name, None) for name in self.NAMES}
        self._real_open = io.open
        self._umask = 0o022

    def install(self):
        for name in self.NAMES:
            setattr(os, name, getattr(self, name))
        io.open = builtins.open = _io.open = self.io_open
        io.open_code = _io.open_code = self.open_code
        io.FileIO = _io.FileIO = _file_io(self, _io.FileIO)

    def uninstall(self):
        """Put the real functions back (tests)."""
        for name, function in self._real.items():
            if function is None:
                delattr(os, name)
            else:
                setattr(os, name, function)
        io.open = builtins.open = _io.open = self._real_open
        io.FileIO = _io.FileIO = _io.FileIO.__mro__[1]

    def _call_real(self, name, *args, **kwargs):
        function = self._real[name]
        if function is None:
            raise OSError(errno.ENOTSUP, f"os.{name} does not exist on WASI (dock2wasm)")
        return function(*args, **kwargs)

    def _path(self, path):
        """(absolute path, whether it is real)."""
        absolute = self.tree.resolve(path)
        return absolute, self.tree.is_real(absolute)

    @staticmethod
    def _no_dir_fd(dir_fd):
        if dir_fd is not None:
            raise NotImplementedError("dock2wasm: dir_fd is not available in WebAssembly")

    # --- open ---------------------------------------------------------------------------

    def io_open(
        self,
        file,
        mode="r",
        buffering=-1,
        encoding=None,
        errors=None,
        newline=None,
        closefd=True,
        opener=None,
    ):
        if not isinstance(file, int):
            file = os.fspath(file)
        if opener is not None and not isinstance(file, int):
            descriptor = opener(file, _flags(mode))
            if descriptor < 0:
                raise ValueError(f"opener returned {descriptor}")
            if descriptor not in self.tree.fds:
                return self._real_open(descriptor, mode, buffering, encoding, errors, newline, closefd)
            raw = _Borrowed(self, descriptor, file, mode, True)
        elif isinstance(file, int):
            if file not in self.tree.fds:
                return self._real_open(file, mode, buffering, encoding, errors, newline, closefd)
            raw = _Borrowed(self, file, file, mode, closefd)
        else:
            raw = self._raw(file, mode)
            if raw is None:
                return self._real_open(
                    self.tree.resolve(file), mode, buffering, encoding, errors, newline, closefd
                )
        return _wrap(raw, mode, buffering, encoding, errors, newline)

    def _raw(self, file, mode):
        """The open file for a path, None where it is real."""
        reads, writes, appends, creates, exclusive, truncates = _parse(mode)
        path, real = self._path(file)
        if real:
            return None
        if path == "/dev/null":
            return NullFile()
        if path in ("/dev/urandom", "/dev/random"):
            return RandomFile()
        if path in ("/dev/stdout", "/dev/stderr", "/proc/self/fd/1", "/proc/self/fd/2") and writes:
            return self._real_open(1 if path.endswith(("stdout", "1")) else 2, "wb", 0, closefd=False)
        node, path = self.tree.open_node(
            file,
            write=writes,
            create=creates,
            exclusive=exclusive,
            truncate=truncates,
            mode=0o666 & ~self._umask,
        )
        return RawFile(self.tree, node, file, read=reads, write=writes, append=appends, path=path)

    def open_code(self, path):
        return self.io_open(path, "rb")

    def open(self, path, flags, mode=0o777, *, dir_fd=None):
        self._no_dir_fd(dir_fd)
        absolute, real = self._path(path)
        if real:
            return self._call_real("open", absolute, flags, mode)
        if absolute == "/dev/null":
            return self.tree.register(NullFile())
        access = flags & (os.O_RDONLY | os.O_WRONLY | os.O_RDWR)
        writes = access in (os.O_WRONLY, os.O_RDWR)
        if absolute in self.tree.folders and not writes and flags & getattr(os, "O_DIRECTORY", 0):
            raise _error(errno.ENOTSUP, path, "directories cannot be opened")
        node, absolute = self.tree.open_node(
            path,
            write=writes,
            create=bool(flags & os.O_CREAT),
            exclusive=bool(flags & os.O_CREAT and flags & os.O_EXCL),
            truncate=bool(writes and flags & os.O_TRUNC),
            mode=mode & ~self._umask,
        )
        return RawFile(
            self.tree,
            node,
            absolute,
            read=access != os.O_WRONLY,
            write=writes,
            append=bool(flags & os.O_APPEND),
            path=absolute,
        ).fileno()

    def close(self, fd):
        raw = self.tree.fds.pop(fd, None)
        if raw is None:
            self._call_real("close", fd)
        else:
            raw.close()

    def dup(self, fd):
        if fd in self.tree.fds:
            return self.tree.register(self.tree.fds[fd])
        return self._call_real("dup", fd)

    def read(self, fd, n):
        raw = self.tree.fds.get(fd)
        return self._call_real("read", fd, n) if raw is None else raw.read(n)

    def write(self, fd, data):
        raw = self.tree.fds.get(fd)
        return self._call_real("write", fd, data) if raw is None else raw.write(data)

    def lseek(self, fd, position, whence):
        raw = self.tree.fds.get(fd)
        return self._call_real("lseek", fd, position, whence) if raw is None else raw.seek(position, whence)

    def ftruncate(self, fd, length):
        raw = self.tree.fds.get(fd)
        if raw is None:
            self._call_real("ftruncate", fd, length)
        else:
            raw.truncate(length)

    def fsync(self, fd):
        if fd not in self.tree.fds:
            self._call_real("fsync", fd)

    fdatasync = fsync

    def isatty(self, fd):
        return False if fd in self.tree.fds else self._call_real("isatty", fd)

    def fstat(self, fd):
        raw = self.tree.fds.get(fd)
        if raw is None:
            return self._call_real("fstat", fd)
        return raw.status() if isinstance(raw, RawFile) else self.tree.status("/dev/null", fd)

    def set_inheritable(self, fd, inheritable):
        pass

    def get_inheritable(self, fd):
        return False

    # --- asking -------------------------------------------------------------------------

    def stat(self, path, *, dir_fd=None, follow_symlinks=True):
        self._no_dir_fd(dir_fd)
        if isinstance(path, int):
            return self.fstat(path)
        absolute, real = self._path(path)
        if real:
            return self._call_real("stat", absolute, follow_symlinks=follow_symlinks)
        return self.tree.status(absolute, path)

    def lstat(self, path, *, dir_fd=None):
        return self.stat(path, dir_fd=dir_fd, follow_symlinks=False)

    def access(self, path, mode, *, dir_fd=None, effective_ids=False, follow_symlinks=True):
        self._no_dir_fd(dir_fd)
        absolute, real = self._path(path)
        if real:
            return self._call_real("access", absolute, mode)
        node = self.tree.files.get(absolute)
        if node is not None:
            return not (mode & os.X_OK) or bool(node.mode & 0o111)
        return absolute in self.tree.folders

    def _names(self, path):
        absolute, real = self._path(path)
        if real:
            return absolute, None
        if absolute in self.tree.folders:
            return absolute, sorted(self.tree.folders[absolute])
        raise _error(errno.ENOTDIR if absolute in self.tree.files else errno.ENOENT, path)

    def listdir(self, path="."):
        absolute, names = self._names("." if path is None else path)
        if names is None:
            return self._call_real("listdir", absolute)
        return [os.fsencode(n) for n in names] if isinstance(path, bytes) else names

    def scandir(self, path="."):
        path = "." if path is None else os.fspath(path)
        absolute, names = self._names(path)
        if names is None:
            return self._call_real("scandir", absolute)
        return _Scan(Entry(self.tree, os.fsdecode(path), n) for n in names)

    def readlink(self, path, *, dir_fd=None):
        absolute, real = self._path(path)
        if real:
            return self._call_real("readlink", absolute)
        self.tree.status(absolute, path)
        raise _error(errno.EINVAL, path)

    # --- changing -----------------------------------------------------------------------

    def mkdir(self, path, mode=0o777, *, dir_fd=None):
        self._no_dir_fd(dir_fd)
        absolute, real = self._path(path)
        if real:
            self._call_real("mkdir", absolute, mode)
            return
        if absolute in self.tree.folders or absolute in self.tree.files:
            raise _error(errno.EEXIST, path)
        self.tree.need_parent(absolute, path)
        self.tree.add_folder(absolute)
        self.tree.folder_times[absolute] = time.time_ns()
        self.tree.note_write(absolute)

    def rmdir(self, path, *, dir_fd=None):
        self._no_dir_fd(dir_fd)
        absolute, real = self._path(path)
        if real:
            self._call_real("rmdir", absolute)
            return
        names = self.tree.folders.get(absolute)
        if names is None:
            raise _error(errno.ENOTDIR if absolute in self.tree.files else errno.ENOENT, path)
        if names:
            raise _error(errno.ENOTEMPTY, path)
        del self.tree.folders[absolute]
        self.tree.folders[posixpath.dirname(absolute)].discard(posixpath.basename(absolute))
        self.tree.note_write(absolute)

    def remove(self, path, *, dir_fd=None):
        self._no_dir_fd(dir_fd)
        absolute, real = self._path(path)
        if real:
            self._call_real("remove", absolute)
            return
        if absolute in self.tree.folders:
            raise _error(errno.EISDIR, path)
        if absolute not in self.tree.files:
            raise _error(errno.ENOENT, path)
        del self.tree.files[absolute]
        self.tree.folders[posixpath.dirname(absolute)].discard(posixpath.basename(absolute))
        self.tree.note_write(absolute)

    unlink = remove

    def rename(self, src, dst, *, src_dir_fd=None, dst_dir_fd=None):
        self._no_dir_fd(src_dir_fd)
        self._no_dir_fd(dst_dir_fd)
        source, source_real = self._path(src)
        target, target_real = self._path(dst)
        if source_real and target_real:
            self._call_real("rename", source, target)
            return
        if source_real != target_real:
            raise _error(errno.EXDEV, src)
        tree = self.tree
        if source not in tree.files and source not in tree.folders:
            raise _error(errno.ENOENT, src)
        tree.need_parent(target, dst)
        if source in tree.files:
            if target in tree.folders:
                raise _error(errno.EISDIR, dst)
            moved = {source: target}
        else:
            if target in tree.files:
                raise _error(errno.ENOTDIR, dst)
            if tree.folders.get(target):
                raise _error(errno.ENOTEMPTY, dst)
            if target == source or target.startswith(source + "/"):
                raise _error(errno.EINVAL, dst)
            below = [p for p in (*tree.folders, *tree.files) if p == source or p.startswith(source + "/")]
            moved = {p: target + p[len(source) :] for p in below}
        for table in (tree.folders, tree.files):
            for old, new in moved.items():
                if old in table:
                    table[new] = table.pop(old)
        tree.folders[posixpath.dirname(source)].discard(posixpath.basename(source))
        tree.folders[posixpath.dirname(target)].add(posixpath.basename(target))
        tree.note_write(source)
        tree.note_write(target)

    replace = rename

    def truncate(self, path, length):
        if isinstance(path, int):
            self.ftruncate(path, length)
            return
        with self.io_open(path, "rb+") as file:
            file.truncate(length)

    def utime(self, path, times=None, *, ns=None, dir_fd=None, follow_symlinks=True):
        self._no_dir_fd(dir_fd)
        absolute, real = self._path(path)
        if real:
            if ns is not None:
                self._call_real("utime", absolute, ns=ns)
            else:
                self._call_real("utime", absolute, times)
            return
        self.tree.status(absolute, path)
        if ns is None:
            ns = (0, time.time_ns() if times is None else int(times[1] * 1e9))
        value = ns[1]
        if absolute in self.tree.files:
            self.tree.files[absolute].mtime_ns = value
        else:
            self.tree.folder_times[absolute] = value
        self.tree.note_write(absolute)

    def chmod(self, path, mode, *, dir_fd=None, follow_symlinks=True):
        self._no_dir_fd(dir_fd)
        absolute, _ = self._path(path)
        self.tree.status(absolute, path)
        if absolute in self.tree.files:
            self.tree.files[absolute].mode = mode & 0o7777
            self.tree.note_write(absolute)

    def chown(self, path, uid, gid, *, dir_fd=None, follow_symlinks=True):
        raise _error(errno.ENOTSUP, path, "files have no owners in WebAssembly")

    def link(self, src, dst, **kwargs):
        raise _error(errno.ENOTSUP, src, "hard links are not available in WebAssembly")

    def symlink(self, src, dst, **kwargs):
        raise _error(errno.ENOTSUP, src, "symbolic links are not available in WebAssembly")

    def umask(self, mask):
        old, self._umask = self._umask, mask & 0o777
        return old

    # --- where --------------------------------------------------------------------------

    def getcwd(self):
        return self.tree.cwd

    def getcwdb(self):
        return os.fsencode(self.tree.cwd)

    def chdir(self, path):
        absolute, real = self._path(path)
        if not real and absolute not in self.tree.folders:
            raise _error(errno.ENOTDIR if absolute in self.tree.files else errno.ENOENT, path)
        self.tree.cwd = absolute


class _Borrowed(io.RawIOBase):
    """A second file object on a fake descriptor (`os.fdopen`, tempfile's openers)."""

    def __init__(self, system, fd, name, mode, closefd):
        self._system = system
        self._fd = fd
        self._closefd = closefd
        self._raw = system.tree.fds[fd]
        self.name = name
        self.mode = mode
        if "a" in mode:
            self._raw.seek(0, 2)

    def readable(self):
        return self._raw.readable()

    def writable(self):
        return self._raw.writable()

    def seekable(self):
        return self._raw.seekable()

    def isatty(self):
        return False

    def fileno(self):
        return self._fd

    def readinto(self, buffer):
        return self._raw.readinto(buffer)

    def readall(self):
        return self._raw.readall()

    def write(self, data):
        return self._raw.write(data)

    def seek(self, offset, whence=0):
        return self._raw.seek(offset, whence)

    def tell(self):
        return self._raw.tell()

    def truncate(self, size=None):
        return self._raw.truncate(size)

    def close(self):
        if not self.closed and self._closefd and self._fd in self._system.tree.fds:
            self._system.close(self._fd)
        super().close()


def _parse(mode):
    """(reads, writes, appends, creates, exclusive, truncates) of a mode; raises as `open` does."""
    letters = set(mode)
    if letters - set("rwxab+t") or len(mode) > len(letters):
        raise ValueError(f"invalid mode: {mode!r}")
    if len(letters & set("rwxa")) != 1:
        raise ValueError("must have exactly one of create/read/write/append mode")
    if "b" in letters and "t" in letters:
        raise ValueError("can't have text and binary mode at once")
    plus = "+" in letters
    return (
        "r" in letters or plus,
        "r" not in letters or plus,
        "a" in letters,
        "r" not in letters,
        "x" in letters,
        "w" in letters,
    )


def _flags(mode):
    reads, writes, appends, creates, exclusive, truncates = _parse(mode)
    flags = (os.O_RDWR if reads else os.O_WRONLY) if writes else os.O_RDONLY
    for wanted, flag in (
        (creates, os.O_CREAT),
        (exclusive, os.O_EXCL),
        (truncates, os.O_TRUNC),
        (appends, os.O_APPEND),
    ):
        if wanted:
            flags |= flag
    return flags


def _wrap(raw, mode, buffering, encoding, errors, newline):
    """The object that `open` returns for a raw file, as io.open builds it."""
    binary = "b" in mode
    if binary and (encoding is not None or errors is not None or newline is not None):
        raise ValueError("binary mode doesn't take an encoding, errors or newline argument")
    if buffering == 0:
        if not binary:
            raise ValueError("can't have unbuffered text I/O")
        return raw
    size = io.DEFAULT_BUFFER_SIZE if buffering in (-1, 1) else buffering
    if "+" in mode:
        buffered = io.BufferedRandom(raw, size)
    elif "r" in mode:
        buffered = io.BufferedReader(raw, size)
    else:
        buffered = io.BufferedWriter(raw, size)
    if binary:
        return buffered
    # The container's Python reads text as UTF-8 (LANG=C.UTF-8, or UTF-8 mode in the C locale).
    text = io.TextIOWrapper(
        buffered, "utf-8" if encoding in (None, "locale") else encoding, errors, newline, buffering == 1
    )
    text.mode = mode
    return text


def _file_io(system, real):
    class FileIO(real):
        """io.FileIO: a path of the tree opens there, anything else is the real class."""

        def __new__(cls, file, mode="r", closefd=True, opener=None):
            if cls is FileIO:
                if isinstance(file, int) and file in system.tree.fds:
                    return _Borrowed(system, file, file, mode, closefd)
                if not isinstance(file, int) and opener is None:
                    raw = system._raw(file, mode.replace("b", ""))
                    if raw is not None:
                        return raw
            return real.__new__(cls)

    return FileIO

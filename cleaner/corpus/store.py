"""Files on a disk or in a bucket: paths with ``://`` go to fsspec, all others to the operating system."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from cleaner.corpus.streams import InputError

__all__ = [
    "create",
    "discard",
    "exists",
    "is_remote",
    "joined",
    "listing",
    "make_folder",
    "move",
    "named",
    "open_input",
    "open_read",
    "read_bytes",
    "read_small",
    "remote_files",
    "remove",
    "remove_folder",
    "sha256_of",
    "size_of",
    "sync_all",
    "write_small",
    "write_whole",
]

_BINARY: int = getattr(os, "O_BINARY", 0)  # of Windows


def is_remote(path: str) -> bool:
    """Say whether `path` is for fsspec, e.g. ``s3://bucket/folder``."""
    return "://" in path


def file_system(path: str) -> tuple[Any, str]:
    """Return the fsspec file system of a remote path, and the path in it."""
    try:
        import fsspec
    except ImportError:
        raise InputError(f"{path}: remote paths need fsspec: pip install 'cleaner[remote]'") from None
    try:
        system, inner = fsspec.core.url_to_fs(path)
    except (ImportError, ValueError) as error:
        raise InputError(f"{path}: {error}") from None
    return system, inner


def joined(folder: str, *names: str) -> str:
    """Return the path of what is in `folder`."""
    return "/".join([folder.rstrip("/"), *names]) if is_remote(folder) else os.path.join(folder, *names)


def open_read(path: str) -> BinaryIO:
    """Open a file to read its bytes. Raises `OSError`."""
    if is_remote(path):
        system, inner = file_system(path)
        return cast(BinaryIO, system.open(inner, "rb"))
    return open(path, "rb")


@dataclass(slots=True)
class _Reading:
    """A file to read whose errors name it, so that nobody takes them for those of what is written meanwhile."""

    handle: BinaryIO
    path: str

    def __enter__(self) -> _Reading:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    @property
    def closed(self) -> bool:
        return self.handle.closed

    def close(self) -> None:
        self.handle.close()

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.handle.tell()

    def seek(self, at: int, whence: int = os.SEEK_SET) -> int:
        with named(self.path):
            return self.handle.seek(at, whence)

    def read(self, size: int = -1) -> bytes:
        with named(self.path):
            return self.handle.read(size)


@contextmanager
def named(path: str) -> Iterator[None]:
    """Have every failure be an `OSError` with this path: of a bucket they may be any, and name it in other ways."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno or errno.EIO, error.strerror or str(error), path) from None
    except Exception as error:
        if not is_remote(path):
            raise
        raise OSError(errno.EIO, f"{type(error).__name__}: {error}", path) from None


def open_input(path: str) -> BinaryIO:
    """Open a file to read its bytes. Whatever fails is an `OSError` whose `filename` is `path`."""
    with named(path):
        handle = open_read(path)
    return cast(BinaryIO, _Reading(handle, path))


def create(path: str) -> AbstractContextManager[BinaryIO]:
    """Open a file to write, under a name that counts for nothing until it is noted: it needs no other name until then."""
    return write_whole(path) if is_remote(path) else open(path, "wb")


@contextmanager
def discard(path: str) -> Iterator[BinaryIO]:
    """Open what takes bytes and keeps none, whatever the path."""
    with open(os.devnull, "wb") as handle:
        yield handle


def read_bytes(path: str) -> bytes:
    """Return the bytes of a file. Raises `OSError`."""
    with open_read(path) as handle:
        return handle.read()


def read_small(path: str, size: int) -> bytes | None:
    """Return the bytes of a file, None unless they are `size`, few enough to be read at once."""
    if is_remote(path):
        return None
    try:
        # What `open` learns about a file, and the buffer it makes, take longer than reading.
        handle = os.open(path, os.O_RDONLY | _BINARY)
        try:
            data = os.read(handle, size + 1)
        finally:
            os.close(handle)
    except OSError:
        return None
    return data if len(data) == size else None


def write_small(path: str, data: bytes) -> None:
    """Write a file of few bytes at once. Raises `OSError`."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _BINARY, 0o666)
    try:
        while data:
            data = data[os.write(handle, data) :]
    finally:
        os.close(handle)


def size_of(path: str) -> int:
    """Return the size of a file in bytes, -1 where there is none."""
    try:
        if is_remote(path):
            system, inner = file_system(path)
            system.invalidate_cache()
            return int(system.info(inner)["size"])
        return os.stat(path).st_size
    except OSError:
        return -1


def sha256_of(path: str) -> str:
    """Return the digest of a file, empty where it cannot be read."""
    try:
        with open_read(path) as handle:
            hashed = hashlib.sha256()
            while data := handle.read(2**20):
                hashed.update(data)
    except OSError:
        return ""
    return hashed.hexdigest()


def exists(path: str) -> bool:
    """Say whether there is such a file."""
    return size_of(path) >= 0


def make_folder(path: str) -> None:
    """Make a folder, which a bucket does not need."""
    if not is_remote(path):
        os.makedirs(path, exist_ok=True)


def move(path: str, to: str) -> None:
    """Give a file another name, in place of what has it."""
    if is_remote(path):
        system, inner = file_system(path)
        system.mv(inner, file_system(to)[1])
    else:
        os.replace(path, to)


def remove(path: str) -> None:
    """Remove a file that may be there."""
    with suppress(FileNotFoundError):
        if is_remote(path):
            system, inner = file_system(path)
            system.rm_file(inner)
        else:
            os.unlink(path)


def remove_folder(path: str) -> None:
    """Remove a folder that may be there, and what is in it."""
    if is_remote(path):
        system, inner = file_system(path)
        system.invalidate_cache()
        if system.exists(inner):
            system.rm(inner, recursive=True)
    else:
        shutil.rmtree(path, ignore_errors=True)


def listing(path: str) -> Sequence[str]:
    """Return the names of what is in a folder, sorted; nothing where there is none."""
    try:
        if is_remote(path):
            system, inner = file_system(path)
            system.invalidate_cache()
            return sorted(name.rstrip("/").rpartition("/")[2] for name in system.ls(inner, detail=False))
        return sorted(os.listdir(path), key=os.fsencode)
    except FileNotFoundError:
        return []


def remote_files(path: str) -> Iterator[tuple[str, str, int, str]]:
    """Yield the path, name, size and stamp of a remote file, or of all files below a remote folder.

    Raises `InputError` where there is none.
    """
    system, inner = file_system(path)
    system.invalidate_cache()
    scheme = path.partition("://")[0]
    found = False
    try:
        files = sorted(system.find(inner, detail=True).items())
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
    for name, told in files:
        found = True
        stamp = next(
            (str(told[key]) for key in ("ETag", "etag", "md5Hash", "LastModified", "mtime") if told.get(key)), ""
        )
        relative = name.removeprefix(inner).lstrip("/") or name.rpartition("/")[2]
        yield f"{scheme}://{name.lstrip('/') if scheme != 'file' else name}", relative, int(told["size"]), stamp
    if not found:
        raise InputError(f"{path}: there is no such file or folder")


@contextmanager
def write_whole(path: str, *, sync: bool = True) -> Iterator[BinaryIO]:
    """Open a file that appears at `path` when the block ends, whole, or, if it fails, not at all.

    Without `sync`, it may get lost, or be empty, if the machine fails before it is synchronised.
    """
    if is_remote(path):
        system, inner = file_system(path)
        handle = system.open(inner, "wb")
        try:
            yield cast(BinaryIO, handle)
        except BaseException:
            with suppress(Exception):
                handle.discard()
            raise
        handle.close()
        return
    folder = os.path.dirname(path) or "."
    temporary = os.path.join(folder, f".cleaner-{os.getpid()}-{os.urandom(4).hex()}.tmp")
    try:
        with open(temporary, "xb") as local:
            yield local
            if sync:
                local.flush()
                os.fsync(local.fileno())
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def sync_all(folder: str, paths: Sequence[str]) -> None:
    """Make sure that files which were written to `folder` survive a failure of the machine.

    Linux can do that for a file system at once, which for many files is some thirty times as fast.
    """
    if is_remote(folder) or not paths:
        return
    if sys.platform == "linux" and len(paths) > 8:
        opened = os.open(folder, os.O_RDONLY)
        try:
            if ctypes.CDLL(None).syncfs(opened) == 0:
                return
        finally:
            os.close(opened)
    for path in paths:
        opened = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)

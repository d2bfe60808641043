"""Resolved rules kept between processes, so that most need not read YAML.

A cache file is a checksum and MessagePack: what was read, by path and SHA-256, and the configuration that came of it.
It counts only while every one of these files holds the same bytes, and only for the code that wrote it. Whatever is wrong
with the cache, the rules are read from their files, with the same result.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import MISSING, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

import msgspec

from cleaner import __version__
from cleaner.rules.carry import TYPES
from cleaner.rules.clues import openings, widened
from cleaner.rules.model import Configuration, Phrase, Test
from cleaner.rules.packs import LARGEST_FILE_BYTES, pack_paths
from cleaner.rules.problems import Place

if TYPE_CHECKING:
    from cleaner.rules.layers import Resolved

__all__ = ["cache_directory", "cached", "without_examples"]

_CHECKSUM = 32  # bytes
_MOST_FILES = 64  # in the directory; the oldest go
_NAME = re.compile(r"[0-9a-f]{40}\.rules")  # whatever else lies in the directory is not ours to touch


def cache_directory() -> str | None:
    """Return the directory of the cache, which need not exist; None where there is to be none.

    ``CLEANER_CACHE`` names it, and an empty value switches the cache off.
    """
    said = os.environ.get("CLEANER_CACHE")
    if said is not None:
        return os.path.abspath(said) if said else None
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA", "")
    else:
        base = os.environ.get("XDG_CACHE_HOME", "")
        if not os.path.isabs(base):
            base = os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(base, "cleaner") if os.path.isabs(base) else None


def without_examples(configuration: Configuration) -> Configuration:
    """Return a configuration as cleaning needs it: examples are half of all text in packs, and prove rules elsewhere."""
    return replace(configuration, rules=tuple(replace(rule, examples=()) for rule in configuration.rules))


def cached(request: Sequence[str], resolve: Callable[[], Resolved]) -> Configuration:
    """Return the configuration kept for a request, or else what `resolve` makes of it, without examples, and keep that.

    Raises what `resolve` raises, and nothing else.
    """
    place = None
    with suppress(OSError, ValueError):
        place = _place(request)
    if place is not None:
        with suppress(Exception):  # what is wrong with a file that anybody may have written can be of any kind
            read, configuration = _unpacked(_read(place))
            if all(_digest(path) == digest for path, digest in read.items()):
                return configuration
    resolved = resolve()
    try:
        data = _packed(resolved)
    except (TypeError, ValueError):  # a lone surrogate, which MessagePack cannot say
        return without_examples(resolved.configuration)
    if place is not None:
        with suppress(OSError):
            _write(place, data)
    return _unpacked(data)[1]  # not what `resolve` made: the first process is to have the same objects as all others


# ------------------------------------------------------------------ files


def _place(request: Sequence[str]) -> str | None:
    """Return the cache file of a request to this code, with these packs to choose from."""
    directory = cache_directory()
    if directory is None:
        return None
    here = os.path.dirname(__file__)
    # The code itself, because a checkout changes without its version; and `regex`, which says what is a pattern.
    files = sorted(os.path.join(here, name) for name in os.listdir(here) if name.endswith(".py"))
    code = [_digest(path) or "" for path in (*files, os.path.join(os.path.dirname(here), "text.py"))]
    code += [__version__, sys.version, _stamp_of_regex()]
    packs = [f"{name}\0{path}" for name, path in pack_paths().items()]
    key = hashlib.sha256(repr((request, code, packs)).encode("utf-8", "surrogatepass")).hexdigest()
    return os.path.join(directory, f"{key[:40]}.rules")


def _stamp_of_regex() -> str:
    """Return what changes when another version of `regex` is installed; importing it takes longer than all the rest here."""
    from importlib.util import find_spec

    spec = find_spec("regex")
    origin = spec.origin if spec is not None and spec.origin else ""
    return f"{origin} {os.stat(os.path.dirname(origin)).st_mtime_ns}"


def _is_ours(directory: str) -> bool:
    """Tell whether nobody but this user can write in a directory."""
    said = os.stat(directory)
    if sys.platform == "win32":  # a profile's folders are its user's alone
        return stat.S_ISDIR(said.st_mode)
    return (
        stat.S_ISDIR(said.st_mode) and said.st_uid == os.geteuid() and not said.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    )


def _digest(path: str) -> str | None:
    """Return the SHA-256 of a file as it is now; None where it is no file any more."""
    if not os.path.isfile(path):
        return None
    with open(path, "rb") as stream:
        return hashlib.sha256(stream.read(LARGEST_FILE_BYTES + 1)).hexdigest()


def _read(place: str) -> bytes:
    """Return what is in a cache file. Raises an exception of any kind where there is none that is whole."""
    if not _is_ours(os.path.dirname(place)):
        raise PermissionError(place)
    with open(place, "rb") as stream:
        checksum, data = stream.read(_CHECKSUM), stream.read(LARGEST_FILE_BYTES)
    if hashlib.sha256(data).digest() != checksum:
        raise ValueError("damaged")
    return data


def _write(place: str, data: bytes) -> None:
    """Write a cache file, whole or not at all."""
    import tempfile

    directory = os.path.dirname(place)
    os.makedirs(os.path.dirname(directory), exist_ok=True)
    with suppress(FileExistsError):
        os.mkdir(directory, 0o700)
    if not _is_ours(directory):
        return
    handle, temporary = tempfile.mkstemp(".rules", dir=directory)
    try:
        with open(handle, "wb") as stream:
            stream.write(hashlib.sha256(data).digest() + data)
        os.replace(temporary, place)
    except OSError:
        os.unlink(temporary)
        raise
    ours = [entry for entry in os.scandir(directory) if _NAME.fullmatch(entry.name)]
    for entry in sorted(ours, key=lambda entry: entry.stat().st_mtime_ns)[:-_MOST_FILES]:
        os.unlink(entry.path)


# ------------------------------------------------------------------ what is inside


class _Entry(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    files: dict[str, str]  # the SHA-256 of everything that was read, by path
    phrases: list[Phrase]  # each once, and so are places
    names: list[list[int]]  # which phrases stand together, each once too
    places: list[Place]
    configuration: Any


@dataclass(slots=True)
class _Shared:
    """What is written once and named by number."""

    phrases: dict[Phrase, int] = field(default_factory=dict)
    names: dict[tuple[Phrase, ...], int] = field(default_factory=dict)
    places: dict[Place, int] = field(default_factory=dict)


def _packed(resolved: Resolved) -> bytes:
    shared = _Shared()
    written = _written(without_examples(resolved.configuration), shared)
    numbers = shared.phrases
    names = [[numbers.setdefault(phrase, len(numbers)) for phrase in name] for name in shared.names]
    return msgspec.msgpack.encode([dict(resolved.files), list(numbers), names, list(shared.places), written])


def _unpacked(data: bytes) -> tuple[Mapping[str, str], Configuration]:
    """Return what was read and what came of it. Raises an exception of any kind where the data is not of `_packed`."""
    entry = msgspec.msgpack.decode(data, type=_Entry)
    names = [tuple(map(entry.phrases.__getitem__, name)) for name in entry.names]
    configuration = _revived(entry.configuration, names, entry.places)
    if not isinstance(configuration, Configuration):
        raise TypeError("no configuration")
    return entry.files, configuration


_FIELDS = {name: fields(one) for name, one in TYPES.items()}


def _written(value: Any, shared: _Shared) -> Any:
    """Return a value as MessagePack can say it: what is a dataclass tells its name, what is at its default is left out."""
    name = type(value).__name__
    if name in TYPES:
        said: dict[str, Any] = {"": name}
        for item in _FIELDS[name]:
            inner = getattr(value, item.name)
            if item.default is MISSING or inner != item.default:
                said[item.name] = _written(inner, shared)
        if isinstance(value, Test) and value.key == "regex":
            said["widened"], said["openings"] = widened(value) or "", openings(value)
        return said
    if isinstance(value, Place):
        return shared.places.setdefault(value, len(shared.places))
    if isinstance(value, tuple):
        if value and isinstance(value[0], Phrase):
            return {"": "", "of": shared.names.setdefault(value, len(shared.names))}
        return [_written(inner, shared) for inner in value]
    if isinstance(value, Mapping):
        return {key: _written(inner, shared) for key, inner in value.items()}
    return value


def _revived(value: Any, names: Sequence[tuple[Phrase, ...]], places: Sequence[Place]) -> Any:
    """Return the value that was written so. Raises `msgspec.ValidationError` where a field has not its type."""
    if isinstance(value, list):
        return tuple([_revived(inner, names, places) for inner in value])
    if not isinstance(value, dict):
        return value
    name = value.pop("", None)
    if name == "":
        return names[value["of"]]
    for key, inner in value.items():
        if isinstance(inner, (dict, list)):
            value[key] = _revived(inner, names, places)
    if name is None:
        return value
    if "place" in value:
        value["place"] = places[value["place"]]
    if "option_places" in value:
        value["option_places"] = {key: places[place] for key, place in value["option_places"].items()}
    return msgspec.convert(value, TYPES[name])

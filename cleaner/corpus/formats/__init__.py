"""The formats of files: how documents are read from one, and put back with nothing else changed.

A format is an entry of `FORMATS`. It reads records, one at a time, each with what is needed to write it
again, and writes each with another text or as it was. Reading what it wrote gives as many records, in the
same order, so that an audit that follows the order leads back.
"""

from __future__ import annotations

from cleaner.corpus.formats.common import Format
from cleaner.corpus.formats.csv_lines import CSV
from cleaner.corpus.formats.json_lines import JSON_LINES
from cleaner.corpus.formats.parquet import PARQUET
from cleaner.corpus.formats.text import MARKED, TEXT, decode
from cleaner.corpus.formats.wet import WET
from cleaner.corpus.records import Fields, Input, Record, Writer
from cleaner.corpus.streams import CODECS, InputError, split_name

__all__ = [
    "FORMATS",
    "MARKED",
    "Fields",
    "Format",
    "Input",
    "Record",
    "Writer",
    "check_packages",
    "decode",
    "format_of",
    "is_corpus_file",
    "lacks_text",
    "suffixes",
]

FORMATS: dict[str, Format] = {
    ".txt": TEXT,
    ".text": TEXT,
    ".md": TEXT,
    ".jsonl": JSON_LINES,
    ".ndjson": JSON_LINES,
    ".csv": CSV,
    ".tsv": CSV,
    ".parquet": PARQUET,
    ".wet": WET,
}
# Corpora come as .json.gz or .json.zst with an object a line; a plain .json file is something else.
COMPRESSED_FORMATS: dict[str, Format] = {".json": JSON_LINES}


def lacks_text(record: Record, chosen: Format) -> bool:
    """Say whether a record holds no document though it should: it is no blank line, and no head of a file."""
    if record.is_document or (chosen.head and not record.place):
        return False
    return not isinstance(record.raw, bytes) or bool(record.raw.strip())


def suffixes() -> str:
    """Return the suffixes of the files that can be cleaned, as one line."""
    return ", ".join(FORMATS)


def is_corpus_file(name: str) -> bool:
    """Say whether the suffix of `name` is that of a format.

    >>> [is_corpus_file(name) for name in ("a.txt", "a.JSONL.zst", "a.json", "a.json.gz", "a.parquet.gz")]
    [True, True, False, True, False]
    """
    return _look_up(name) is not None


def _look_up(name: str) -> Format | None:
    suffix, codec = split_name(name)
    found = FORMATS.get(suffix)
    if not codec:
        return found
    return found if found is not None and found.compressed else COMPRESSED_FORMATS.get(suffix)


def check_packages(name: str) -> None:
    """Raise `InputError` where the package for a file's format or compression is missing; it says which."""
    try:
        if format_of(name) is PARQUET:
            import cleaner.corpus.parquet  # noqa: F401
        if codec := split_name(name)[1]:
            CODECS[codec].errors()
    except InputError as error:
        raise InputError(f"{name}: {error}") from None


def format_of(name: str) -> Format:
    """Return the format of a file for which `is_corpus_file` holds; raise `InputError` for others."""
    found = _look_up(name)
    if found is None:
        raise InputError(f"{name}: not a file that can be cleaned ({suffixes()}, each also as .gz or .zst)")
    return found

"""Hostile files of every format, made by a generator: the same seed gives the same files."""

import csv
import gzip
import io
import json
import random
from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

# Each has broken some tool: line ends, separators that are none, halves of characters, marks that go unseen.
PIECES = (
    "Share", "Share\n", "\nShare\n", "\n", "\r\n", "\r", "\u2028", "\x85", "\0", "\ufeff", "\x1b[2J", "\\", '"', '""', ",",
    ";", "\t", " -backed", "US -backed force", "é", "e\u0301", "😀", "👩\u200d👩\u200d👧", "\u202e", "ﬁ", "İ", "\uffff", "{", "}",
    "\\ud83d", "\\u0000", "\\n", "null", "WARC/1.0\r\n", "\r\n\r\n", "Content-Length: 3\r\n", "x" * 300, " ", "",
    "The council met on Monday.", "The vote was close",
)  # fmt: skip
SURROGATES = ("\ud800", "\udc00", "\udfff")


def text(rnd: random.Random, *, surrogates: bool = False) -> str:
    pieces = (*PIECES, *SURROGATES) if surrogates else PIECES
    return "".join(rnd.choice(pieces) for _ in range(rnd.randint(0, 12)))


def value(rnd: random.Random) -> object:
    return rnd.choice(
        [1, 1.50, 1e300, -0.0, None, True, [], {}, [1, {"text": "Share"}], {"a": {"b": text(rnd)}}, text(rnd)]
    )


def json_line(rnd: random.Random) -> bytes:
    """A line, mostly an object with a text; the fields' order, spacing and spelling vary."""
    if rnd.random() < 0.1:
        broken = (
            b"{",
            b"[]",
            b'{"text": "a',
            b"Share",
            b'{"text": "a"} x',
            b'{"text": "\xff"}',
            b"\xff",
            b'{"text": "a", "b": %b}' % (b"[" * 1000 + b"]" * 1000),
            b"null",
            b"  ",
            b"",
        )
        return rnd.choice(broken)
    if rnd.random() < 0.05:
        return b'{"text": "Share\\n1", "text": "Share\\n2"}'
    fields: list[tuple[str, object]] = [(f"f{number}", value(rnd)) for number in range(rnd.randint(0, 3))]
    if rnd.random() < 0.95:
        fields.append(("text", text(rnd, surrogates=True) if rnd.random() < 0.95 else value(rnd)))
    if rnd.random() < 0.3:
        fields.append(("url", rnd.choice(["https://news.example.com/a", "http://[", "", 5, None])))
    rnd.shuffle(fields)
    comma, colon = rnd.choice([(",", ":"), (", ", ": "), (" ,\t", " : ")])
    plain = rnd.random() < 0.5
    body = comma.join(json.dumps(name) + colon + json.dumps(what, ensure_ascii=plain) for name, what in fields)
    line = "{" + body + "}" + rnd.choice(["", " ", "\r"])
    try:
        data = line.encode()
    except UnicodeEncodeError:
        data = line.encode("utf-8", "surrogatepass") if rnd.random() < 0.2 else json.dumps(dict(fields)).encode()
    if rnd.random() < 0.2:
        data = data.replace(
            b"1.5", rnd.choice([b"1.50", b"15e-1", b"NaN", b"-Infinity", b"0.1500000000000000000001e1"])
        )
    return data


def json_lines(rnd: random.Random) -> bytes:
    data = b"\n".join(json_line(rnd) for _ in range(rnd.randint(0, 30)))
    mark = b"\xef\xbb\xbf" if rnd.random() < 0.1 else b""
    return mark + data + rnd.choice([b"", b"\n", b"\n\n"])


def plain_text(rnd: random.Random) -> bytes:
    data = text(rnd, surrogates=rnd.random() < 0.1).encode(
        rnd.choice(["utf-8", "utf-8", "utf-16", "utf-32"]), "surrogatepass"
    )
    return data + (rnd.randbytes(rnd.randint(0, 9)) if rnd.random() < 0.2 else b"")


def comma_separated(rnd: random.Random) -> bytes:
    out = io.StringIO()
    writer = csv.writer(
        out,
        quoting=rnd.choice([csv.QUOTE_MINIMAL, csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
        lineterminator=rnd.choice(["\n", "\r\n"]),
        delimiter=rnd.choice(",;\t"),
    )
    names = rnd.sample(["id", "text", "url", "x"], 4) if rnd.random() < 0.8 else ["text"]
    writer.writerow(names)
    for _ in range(rnd.randint(0, 12)):
        if rnd.random() < 0.1:
            writer.writerow([rnd.choice(["\u200b", "\u200b", "\u200b\t"]), *[""] * (len(names) - 1)])
        else:
            writer.writerow([text(rnd).replace("\0", "") for _ in names[: None if rnd.random() < 0.95 else 3]])
    data = out.getvalue().encode("utf-8", "replace")
    return data + (b'"open, never closed\nShare\n' if rnd.random() < 0.1 else b"")


def wet(rnd: random.Random, *, member: Callable[[bytes], bytes] = bytes) -> bytes:
    records = []
    for _ in range(rnd.randint(0, 8)):
        body = text(rnd).encode()
        kind = rnd.choice([b"conversion", b"conversion", b"warcinfo"])
        size = len(body) + (rnd.choice([-1, 7, 10**9]) if rnd.random() < 0.05 else 0)
        header = b"WARC/1.0\r\nWARC-Type: %b\r\nWARC-Target-URI: https://a.example/%d\r\n" % (kind, len(body))
        records.append(member(header + b"Content-Length: %d\r\n\r\n" % size + body + b"\r\n\r\n"))
    return b"".join(records)


def parquet(rnd: random.Random) -> bytes:
    count = rnd.randint(0, 30)
    texts = [text(rnd) if rnd.random() < 0.9 else None for _ in range(count)]
    kind = rnd.choice([pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
    table = pa.table(
        {
            "n": pa.array(range(count), pa.int16()),
            "text": pa.array(texts, pa.string()).cast(kind),
            "meta": pa.array(
                [{"a": number, "text": "Share"} for number in range(count)],
                pa.struct({"a": pa.int8(), "text": pa.string()}),
            ),
        }
    ).replace_schema_metadata({"made by": "a generator"})
    out = io.BytesIO()
    pq.write_table(table, out, row_group_size=rnd.randint(1, 12), compression=rnd.choice(["snappy", "zstd", "none"]))
    return out.getvalue()


def cut(rnd: random.Random, data: bytes) -> bytes:
    """Sometimes damage what was made: cut it short, or change a byte."""
    if not data or rnd.random() < 0.7:
        return data
    at = rnd.randrange(len(data))
    return data[:at] if rnd.random() < 0.5 else data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :]


MAKERS: dict[str, Callable[[random.Random], bytes]] = {
    ".txt": plain_text,
    ".md": plain_text,
    ".txt.gz": lambda rnd: cut(rnd, gzip.compress(plain_text(rnd), mtime=0)),
    ".jsonl": json_lines,
    ".ndjson.gz": lambda rnd: cut(
        rnd, gzip.compress(json_lines(rnd), mtime=0) + gzip.compress(json_lines(rnd), mtime=0)
    ),
    ".json.zst": lambda rnd: cut(rnd, zstandard.compress(json_lines(rnd)) + zstandard.compress(json_lines(rnd))),
    ".csv": comma_separated,
    ".tsv.zst": lambda rnd: cut(rnd, zstandard.compress(comma_separated(rnd))),
    ".parquet": lambda rnd: cut(rnd, parquet(rnd)),
    ".wet": wet,
    ".wet.gz": lambda rnd: cut(rnd, wet(rnd, member=lambda data: gzip.compress(data, mtime=0))),
}


def files(count: int, seed: int = 1) -> dict[str, bytes]:
    """`count` files by name, the formats in turn, in a few folders."""
    rnd = random.Random(seed)
    suffixes = list(MAKERS)
    made = {}
    for number in range(count):
        suffix = suffixes[number % len(suffixes)]
        made[f"d{number % 7}/{number}{suffix}"] = MAKERS[suffix](rnd)
    return made

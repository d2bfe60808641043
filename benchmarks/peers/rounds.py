"""What the peers' scripts share: rounds from JSON Lines to JSON Lines, started by whoever compares.

    python benchmarks/peers/PEER.py IN OUT

Each line on standard input starts a round. It prints, as a line of JSON, the seconds of processor time and the bytes
read. All peers read and write with the same library.
"""

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec


def rounds(clean: Callable[[Iterable[str]], Iterator[str]]) -> None:
    """Do the rounds; `clean` takes the texts of all documents and gives back those that it keeps."""
    source, target = map(Path, sys.argv[1:])
    next(clean(["Once, so that what is imported late is there."]), None)
    print(json.dumps({"ready": True}), flush=True)
    for _ in sys.stdin:
        start = time.process_time()
        size = 0
        with open(source, "rb") as reading, open(target, "wb") as writing:

            def texts(lines: Iterable[bytes] = reading) -> Iterator[str]:
                nonlocal size
                for line in lines:
                    size += len(line)
                    yield msgspec.json.decode(line)["text"]

            for text in clean(texts()):
                writing.write(msgspec.json.encode({"text": text}) + b"\n")
        print(json.dumps({"seconds": time.process_time() - start, "bytes": size}), flush=True)

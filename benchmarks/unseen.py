"""How much of what rules take hangs on what only the measured sites say.

    CLEANER_QUALITY=gold.jsonl.gz python benchmarks/unseen.py [--pack default] [--jobs 2] [--out FOLDER]

Rules are written by people who have read the labelled texts. The sites are in two halves (`cleaner score --by half`). For
each half this drops from the rules every phrase and every pattern that took something there and nothing on the other half, and
measures there what is left: the rules as somebody could have written them who had read the other half alone. Phrases that take
nothing on either stay, and so do the numbers in rules. Prints a table and writes unseen.json to FOLDER (default:
benchmarks/runs/DATE).
"""

import argparse
import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from quality import COLUMNS, percent
from setting import in_one_line, machine, run_folder
from texts import quality_file

from cleaner import Cleaner
from cleaner.quality.counts import rates
from cleaner.quality.labels import decode, read_rows, site_of
from cleaner.quality.score import WHOLE_PAGES, half_of, score
from cleaner.rules.model import TEXT_TESTS, Configuration, Rule, Test, fold_phrase, inner_tests
from cleaner.rules.patterns import compile_pattern

HALVES = ("1", "2")

# What found something: the full name of a rule, and a phrase as it is compared or a pattern.
Finder = tuple[str, str]


def found_in(evidence: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the phrases and the matches of patterns that evidence tells of, each with its test."""
    for key, value in evidence.items():
        if isinstance(value, Mapping):
            yield from found_in(value)
        elif key in TEXT_TESTS and value:
            yield key, value


def patterns_of(rule: Rule) -> list[Test]:
    """Return the patterns by which a rule finds."""
    tests = [*inner_tests(rule.match), *inner_tests(rule.run.then if rule.run else None)]
    return [test for test in tests if test.key == "regex"]


def finders_of(line: bytes, cleaner: Cleaner) -> tuple[str, set[Finder]]:
    """Return the half that a labelled text is of, and what found something in it; nothing for a whole page."""
    row = decode(line)
    half = half_of(site_of(row))
    if row.extractor in WHOLE_PAGES:
        return half, set()
    rules = {rule.name: rule for rule in cleaner.configuration.rules}
    found: set[Finder] = set()
    for edit in cleaner(row.text, url=row.url, language=row.language).edits:
        for cause in edit.causes:
            for key, text in found_in(cause.evidence):
                if key != "regex":
                    found.add((cause.rule, text))
                    continue
                for test in patterns_of(rules[cause.rule]):
                    if compile_pattern(test.value, case=test.case).search(text):
                        found.add((cause.rule, test.value))
    return half, found


def start(pack: str) -> None:
    """Make a worker's cleaner."""
    workers["cleaner"] = Cleaner(pack)


workers: dict[str, Cleaner] = {}  # in a worker: its cleaner


def finders_there(line: bytes) -> tuple[str, set[Finder]]:
    return finders_of(line, workers["cleaner"])


def found_by_half(file: Path, pack: str, jobs: int) -> dict[str, set[Finder]]:
    """Return for each half what found something in its texts."""
    found: dict[str, set[Finder]] = defaultdict(set)
    with ProcessPoolExecutor(jobs, initializer=start, initargs=(pack,)) as pool:
        for half, finders in pool.map(finders_there, read_rows(str(file)), chunksize=50):
            found[half] |= finders
    return found


def without(test: Test, dropped: Callable[[str], bool]) -> Test | None:
    """Return a test without the phrases and patterns that are dropped; None where nothing could pass it any more."""
    match test.key:
        case "regex":
            return None if dropped(test.value) else test
        case "is" | "starts" | "ends" | "has":
            phrases = tuple(phrase for phrase in test.value if not dropped(fold_phrase(phrase)[0]))
            return replace(test, value=phrases) if phrases else None
        case "any":
            parts = [part for part in (without(part, dropped) for part in test.value) if part is not None]
            return replace(test, value=tuple(parts)) if parts else None
        case "all":
            every = [without(part, dropped) for part in test.value]
            return None if None in every else replace(test, value=tuple(every))
        case "use" | "previous" | "next":
            inner = without(test.value, dropped)
            return None if inner is None else replace(test, value=inner)
    return test  # of what is counted, negated or measured nothing is found


def only_in(half: str, found: Mapping[str, set[Finder]]) -> set[Finder]:
    """Return what found something in one half and nothing in the other."""
    return found[half].difference(*(found[other] for other in HALVES if other != half))


def as_if_unseen(configuration: Configuration, only: set[Finder]) -> Configuration:
    """Return a configuration without these phrases and patterns."""
    rules: list[Rule] = []
    for rule in configuration.rules:

        def dropped(text: str, name: str = rule.name) -> bool:
            return (name, text) in only

        match = None if rule.match is None else without(rule.match, dropped)
        if match is not None or rule.match is None:
            rules.append(replace(rule, match=match))
    return replace(configuration, rules=tuple(rules))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pack", default="default")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    file = quality_file()
    if file is None:
        parser.error("CLEANER_QUALITY names no labelled texts")
    here = machine()
    found = found_by_half(file, options.pack, options.jobs)
    cleaner = Cleaner(options.pack)
    seen = score(str(file), cleaner, jobs=options.jobs).groups["half"]
    halves: dict[str, Any] = {}
    for half in HALVES:
        only = only_in(half, found)
        blind = Cleaner.from_configuration(as_if_unseen(cleaner.configuration, only))
        unseen = score(str(file), blind, jobs=options.jobs).groups["half"]
        halves[half] = {
            "finders": len(found[half]),
            "only_here": len(only),
            "seen": rates(seen[half]),
            "unseen": rates(unseen[half]),
        }
    print(f"{in_one_line(here)}\n\n`{options.pack}`, each half with all rules, and as if it had not been seen\n")
    columns = [column for column in COLUMNS if "F1" not in column[0]]  # a rule more or less hardly moves these
    print("| half | rules | phrases and patterns |", " | ".join(head for head, _, _ in columns), "|")
    print("| --- | --- | ---: |", " | ".join("---:" for _ in columns), "|")
    for half, one in halves.items():
        for name in ("seen", "unseen"):
            count = one["finders"] - (one["only_here"] if name == "unseen" else 0)
            cells = [percent(one[name][key], digits) for _, key, digits in columns]
            print(f"| {half} | {name} | {count:,} |", " | ".join(cells), "|")
    out = run_folder(options.out) / "unseen.json"
    out.write_text(
        json.dumps({"machine": here, "pack": options.pack, "halves": halves}, indent=1) + "\n", encoding="utf-8"
    )
    print(f"\nwritten: {out}")


if __name__ == "__main__":
    main()

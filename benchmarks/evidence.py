"""The precision of every shipped rule on labelled texts, kept beside the packs as rules/evidence.json.

    CLEANER_QUALITY=gold.jsonl.gz python benchmarks/evidence.py [--jobs 2]

Rules of the pack `fullpage` are measured on texts of whole pages, all others, with the pack `default`, on the main
content that extractors found. Prints the rules whose declared risk is not the one that they earned.
"""

import argparse
import os
import tempfile
from pathlib import Path

from texts import quality_file

from cleaner import Cleaner
from cleaner.quality.labels import decode, read_rows
from cleaner.quality.score import WHOLE_PAGES, evidence_for, score
from cleaner.rules.evidence import EVIDENCE_FILE, Measurement, write_evidence
from cleaner.rules.packs import pack_folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    gold = quality_file()
    if gold is None:
        parser.error("CLEANER_QUALITY names no labelled texts")
    found: dict[str, Measurement] = {}
    with tempfile.TemporaryDirectory() as folder:
        pages, main_content = Path(folder, "pages.jsonl"), Path(folder, "main.jsonl")
        with open(pages, "wb") as whole, open(main_content, "wb") as rest:
            for row in read_rows(str(gold), None):
                (whole if decode(row).extractor in WHOLE_PAGES else rest).write(row)
        for pack, file in (("default", main_content), ("fullpage", pages)):
            cleaner = Cleaner(pack)
            rules = [rule for rule in cleaner.configuration.rules if (rule.pack == "fullpage") == (pack == "fullpage")]
            measured = evidence_for(score(str(file), cleaner, jobs=options.jobs), rules)
            found |= measured
            for rule in rules:
                one = measured.get(rule.name)
                if one is not None and one.earned not in (None, rule.risk):
                    low, high = one.interval
                    print(f"{rule.name:<32} {rule.risk:<7} {one.earned:<7} {one.lines:>6,} {low:.1%} to {high:.1%}")
    write_evidence(pack_folder() / EVIDENCE_FILE, found)


if __name__ == "__main__":
    main()

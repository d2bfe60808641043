"""Seconds to load, try and lint a pack: what `cleaner rules check` does to a pack of a thousand rules.

python benchmarks/rules_check.py [--rules 1000] [--write FILE]

The pack is made up, with the shapes of real ones: three or four keys a rule, three examples, names, runs.
"""

import argparse
import json
import random
import tempfile
import time
from pathlib import Path
from typing import Any

from cleaner.engine import changes_of, clean_of
from cleaner.rules.examples import check_examples
from cleaner.rules.layers import resolve_file
from cleaner.rules.lint import lint

SENTENCE = "The council met on Monday to talk about the bridge that had been closed since the spring."
CLOSING = "Nobody in the room had a better plan, and so the meeting ended before ten."
CONSONANTS, VOWELS = "bdfgklmnprstvz", "aeiou"


def word(number: int) -> str:
    """A word of its own for each number."""
    letters = [
        CONSONANTS[number % 14],
        VOWELS[number // 14 % 5],
        CONSONANTS[number // 70 % 14],
        VOWELS[number // 980 % 5],
    ]
    return "".join(letters) + "kto"


def rule(number: int, rng: random.Random) -> dict[str, Any]:
    """One rule and three examples; the shape goes by the number."""
    a, b = word(number), word(number + 7)
    made: dict[str, Any] = {
        "id": f"rule-{number}",
        "about": f"A line about {a}",
        "risk": rng.choice(["safe", "likely", "risky"]),
    }
    share = f"{a} {b} now"
    more = [f"{a} {word(rng.randrange(4000))} {extra}" for extra in ("more", "again", "here", "today")]
    match number % 5:
        case 0:
            made |= {"match": {"is": [share, *more], "full_stop": False}}
            made["examples"] = [{"drop": share}, {"drop": more[0].upper()}, {"keep": f"{share}."}]
        case 1:
            made |= {"match": {"starts": [f"{a} {b}:", *more], "words": "3..9", "last": 1}}
            line = f"{a} {b}: a mosque is planned"
            made["examples"] = [
                {"in": f"{SENTENCE}\n\n{line}\n", "out": f"{SENTENCE}\n"},
                {"keep": f"{line}\n{SENTENCE}"},
                {"keep": f"{SENTENCE}\n{a} {b}: a mosque is planned, and a bank, and then a school."},
            ]
        case 2:
            made |= {"match": {"regex": rf"^\W*{a} \d+ (?:of|von|de) \d+\W*$", "words": "..5", "first": 2}}
            made["examples"] = [
                {"drop": f"{a} 3 of 12"},
                {"keep": f"{CLOSING}\n{SENTENCE}\n{a} 3 of 12"},
                {"keep": f"{a} three of 12"},
            ]
        case 3:
            made |= {
                "match": {"is": [f"{a} {b} list"]},
                "run": {"then": {"use": "$headline"}, "count": "2..8"},
            }
            made["examples"] = [
                {
                    "in": f"{SENTENCE}\n{a} {b} list\nFloods hit the coast\nVote is delayed\n{CLOSING}",
                    "out": f"{SENTENCE}\n{CLOSING}",
                },
                {"keep": f"{a} {b} list\nFloods hit the coast\n{CLOSING}"},
                {"keep": f"{a} {b} list of the council\nFloods hit the coast\nVote is delayed"},
            ]
        case _:
            made |= {
                "match": {"has": [f"{a} {b}", *more], "words": "..12", "full_stop": False},
                "unless": {"regex": r"^\d"},
            }
            made["examples"] = [
                {"drop": f"Get the {a} {b} letter"},
                {"keep": f"7 {a} {b} letters"},
                {"keep": f"He wrote the {a} {b} letter."},
            ]
    return made


def pack(rules: int) -> str:
    """Return the YAML text of a pack of this many rules."""
    rng = random.Random(1)
    lines = [
        "pack: made-up",
        "version: 1.0.0",
        "about: Rules made up to measure how long a check takes",
        "define:",
    ]
    lines += ["  headline: {words: 3..18, full_stop: false}", "rules:"]
    for number in range(rules):
        made = rule(number, rng)
        lines.append(f"- id: {made.pop('id')}")
        for key, value in made.items():
            if key == "examples":
                lines.append("  examples:")
                lines += [f"  - {json.dumps(example)}" for example in value]
            else:
                lines.append(f"  {key}: {json.dumps(value)}")
        lines.append("")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rules", type=int, default=1000)
    parser.add_argument("--write", type=Path, help="only write the pack to this file")
    options = parser.parse_args()
    text = pack(options.rules)
    if options.write:
        options.write.write_text(text, encoding="utf-8")
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "made-up.yaml")
        file.write_text(text, encoding="utf-8")
        start = time.perf_counter()
        resolved = resolve_file(file)
    configuration = resolved.configuration
    loaded = time.perf_counter()
    failures = check_examples(configuration, clean_of)
    tried = time.perf_counter()
    warnings = lint(resolved, clean_of, changes_of)
    linted = time.perf_counter()
    examples = sum(len(one.examples) for one in configuration.rules)
    for failure in failures[:5]:
        print(failure.rule, failure.example, repr(failure.found))
    for warning in warnings[:5]:
        print(warning)
    print(f"{options.rules:,} rules, {examples:,} examples: {len(failures)} failures, {len(warnings)} warnings")
    for what, seconds in (
        ("load", loaded - start),
        ("examples", tried - loaded),
        ("lint", linted - tried),
        ("total", linted - start),
    ):
        print(f"{what:>8} {seconds:6.2f} s")


if __name__ == "__main__":
    main()

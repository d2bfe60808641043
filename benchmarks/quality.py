"""Quality: our profiles against doing nothing, published rule sets and exact deduplication, on labelled texts.

    CLEANER_QUALITY=gold.jsonl.gz python benchmarks/quality.py [--jobs 2] [--limit N] [--classes FILE] [--out FOLDER]

Prints a table and writes quality.json, and a plot of precision and recall (quality.svg) where matplotlib is
installed (the extra `bench`), to FOLDER (default: benchmarks/runs/DATE). Everybody cleans the same lines, no document
is dropped, and the labels decide: see docs/quality.md.

`--classes` names boilerplate lines that were sorted into classes by eye, as tab-separated values with the columns `id` (of a
labelled text), `class`, `label_now`, `line`, `prev` and `next` (the filled lines beside it), each cut at 200 characters; with it
recall is told for each class.
"""

import argparse
import csv
import json
import os
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from setting import in_one_line, machine, run_folder
from texts import quality_file

from cleaner import Cleaner
from cleaner.quality.counts import Counts, rates
from cleaner.quality.labels import Labelled, decode, read_rows
from cleaner.quality.score import Report, score
from cleaner.rules import pack_files

NOTHING = """\
rules:
- {id: never, about: A rule that never hits, match: {is: qqqq}, examples: [{drop: qqqq}, {keep: A}]}
"""
DEDUP = """\
guard: 100%
rules:
- id: repeated
  about: Every line that stood earlier
  match: {duplicate: earlier}
  examples: [{in: "A\\nB\\nA", out: "A\\nB"}, {keep: "A\\nB"}]
"""
LONG_DEDUP = """\
guard: 100%
rules:
- id: repeated
  about: Every line of eight words or more that stood earlier
  match: {duplicate: earlier, words: 8..}
  examples: [{in: "a b c d e f g h\\nB\\na b c d e f g h", out: "a b c d e f g h\\nB"}, {keep: "A\\nA"}]
"""
PROFILES = ("default", "conservative", "fullpage")
PRESETS = ("c4", "fineweb-lines", "refinedweb", "gopher-lines")
CONFIGURATIONS = {"nothing": NOTHING, "exact duplicates": DEDUP, "exact duplicates, 8 words": LONG_DEDUP}
COLUMNS = (
    ("prec %", "precision", 1),
    ("rec %", "recall", 1),
    ("lost %", "content_words_lost", 2),
    ("hurt %", "hurt", 1),
    ("F1 before", "word_f1_before", 1),
    ("F1 after", "word_f1_after", 1),
)


def systems() -> dict[str, Cleaner]:
    """Return what is compared, by name."""
    named = {name: Cleaner(name) for name in (*PROFILES, *PRESETS) if name in pack_files()}
    return {**{name: Cleaner.from_text(text) for name, text in CONFIGURATIONS.items()}, **named}


def figures(counts: Counts) -> dict[str, Any]:
    """Return a group's rates with the counts that they rest on."""
    kept = ("texts", "emptied", "boilerplate", "boilerplate_removed", "content", "content_removed")
    return {**{name: getattr(counts, name) for name in kept}, **rates(counts)}


def results(report: Report, seconds: float) -> dict[str, Any]:
    """Return what is written of one system."""
    return {
        "seconds": round(seconds, 1),
        "totals": {name: figures(counts) for name, counts in sorted(report.groups[""].items())},
        "extractor": {name: figures(counts) for name, counts in sorted(report.groups.get("extractor", {}).items())},
        "page_type": {name: figures(counts) for name, counts in sorted(report.groups.get("page_type", {}).items())},
    }


# ------------------------------------------------------------------ classes


def place_of(line: Mapping[str, str], texts: Sequence[str]) -> int | None:
    """Return the index of a classified line among the lines of its text: where its neighbours are the same, if it repeats."""
    filled = [at for at, text in enumerate(texts) if text.strip()]

    def alike(place: int, column: str) -> bool:
        text = texts[filled[place]].strip() if 0 <= place < len(filled) else ""
        return text.startswith(line[column].strip()) and bool(text) is bool(line[column].strip())

    holders = [place for place in range(len(filled)) if alike(place, "line")]
    holders.sort(key=lambda place: alike(place - 1, "prev") + alike(place + 1, "next"), reverse=True)
    return filled[holders[0]] if holders else None


def removed_by_class(
    cleaner: Cleaner, lines: Iterable[Mapping[str, str]], rows: Mapping[str, Labelled]
) -> Counter[str]:
    """Return how many lines of each class a cleaner removes whole."""
    by_text: dict[str, list[Mapping[str, str]]] = defaultdict(list)
    for line in lines:
        by_text[line["id"]].append(line)
    removed: Counter[str] = Counter()
    for name, classified in by_text.items():
        row = rows[name]
        texts = row.text.split("\n")
        result = cleaner(row.text, url=row.url, language=row.language)
        for line in classified:
            place = place_of(line, texts)
            if place is None:
                raise SystemExit(f"{name} holds no such line: {line['line']!r}")
            start = sum(len(text) + 1 for text in texts[:place])
            left = result.text[result.to_clean(start) : result.to_clean(start + len(texts[place]))]
            removed[line["class"]] += not left.strip()
    return removed


def recall_by_class(file: Path, gold: Path) -> dict[str, Any]:
    """Return for each class how many lines it has, and how many of them each system removes."""
    with file.open(encoding="utf-8", newline="") as handle:
        every = list(csv.DictReader(handle, delimiter="\t", quoting=csv.QUOTE_NONE))
    lines = [line for line in every if line["label_now"] in ("b", "d")]
    named = {line["id"] for line in lines}
    rows = {row.id: row for row in map(decode, read_rows(str(gold))) if row.id in named}
    sizes = Counter(line["class"] for line in lines)
    removed = {name: removed_by_class(cleaner, lines, rows) for name, cleaner in systems().items()}
    return {name: {"lines": size, **{of: removed[of][name] for of in removed}} for name, size in sizes.most_common()}


def print_classes(classes: Mapping[str, Mapping[str, int]]) -> None:
    """Print recall by class, as Markdown."""
    names = [name for name in next(iter(classes.values())) if name not in ("lines", "nothing")]
    total = {key: sum(one[key] for one in classes.values()) for key in ("lines", *names)}
    print("\nRecall by class, in %\n")
    print("| class | lines |", " | ".join(names), "|")
    print("| --- | ---: |", " | ".join("---:" for _ in names), "|")
    for name, one in {**classes, "all": total}.items():
        print(f"| {name} | {one['lines']} |", " | ".join(percent(one[of] / one["lines"], 0) for of in names), "|")


# ------------------------------------------------------------------ all of it


def percent(value: float | None, digits: int = 1) -> str:
    return "-" if value is None else f"{100 * value:.{digits}f}"


def print_tables(found: Mapping[str, Any]) -> None:
    """Print the figures of the main extractors, of whole pages, and recall by page type, as Markdown."""
    whole = {name: one["extractor"].get("resiliparse_full") for name, one in found.items()}
    for title, groups in (
        ("Main content", {name: one["totals"]["main"] for name, one in found.items()}),
        ("Whole pages", {name: group for name, group in whole.items() if group}),
    ):
        if not groups:
            continue
        print(f"\n{title}: {next(iter(groups.values()))['texts']:,} texts\n")
        print("| system | empty |", " | ".join(head for head, _, _ in COLUMNS), "|")
        print("| --- | ---: |", " | ".join("---:" for _ in COLUMNS), "|")
        for name, group in groups.items():
            cells = [percent(group[key], digits) for _, key, digits in COLUMNS]
            print(f"| {name} | {group['emptied']:,} |", " | ".join(cells), "|")
    types = sorted({kind for one in found.values() for kind in one["page_type"]})
    if types:
        print("\nRecall and precision by page type, in %\n")
        print("| system |", " | ".join(types), "|")
        print("| --- |", " | ".join("---:" for _ in types), "|")
        for name, one in found.items():
            pairs = [one["page_type"].get(kind, {}) for kind in types]
            cells = [f"{percent(pair.get('recall'))} / {percent(pair.get('precision'))}" for pair in pairs]
            print(f"| {name} |", " | ".join(cells), "|")


def plot(found: Mapping[str, Any], path: Path) -> bool:
    """Draw precision against recall; return whether matplotlib is there to do so."""
    try:
        import matplotlib
    except ImportError:
        return False
    matplotlib.use("svg")
    # The same figures make the same file.
    matplotlib.rcParams["svg.hashsalt"] = "cleaner"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 5))
    groups = {name: one["totals"]["main"] for name, one in found.items()}
    shown = [(name, group) for name, group in groups.items() if group["precision"] is not None]
    for number, (name, group) in enumerate(shown):
        axes.scatter(
            100 * group["recall"],
            100 * group["precision"],
            marker="o" if name in PROFILES else "X",
            color=f"C{number}",
            s=60,
            label=f"{name} ({100 * group['content_words_lost']:.2g} %)",
        )
    axes.legend(fontsize=8, title="content words lost in brackets", title_fontsize=8)
    axes.set(
        xlabel="recall, % of boilerplate lines", ylabel="precision, % of removed lines", ylim=(0, 102), xlim=(0, 100)
    )
    axes.set_title("Lines of extracted main content", fontsize=10)
    axes.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--limit", type=int, help="only the first N texts")
    parser.add_argument("--classes", type=Path, help="lines sorted into classes, tab-separated")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    file = quality_file()
    if file is None:
        parser.error("CLEANER_QUALITY names no labelled texts")
    out = run_folder(options.out)
    here = machine()
    found: dict[str, Any] = {}
    for name, cleaner in systems().items():
        start = time.perf_counter()
        report = score(str(file), cleaner, limit=options.limit, jobs=options.jobs)
        found[name] = results(report, time.perf_counter() - start)
        print(f"{name}: {found[name]['seconds']} s", flush=True)
        content: dict[str, Any] = {"machine": here, "limit": options.limit, "systems": found}
        (out / "quality.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(f"\n{in_one_line(here)}")
    print_tables(found)
    if options.classes is not None:
        content["classes"] = recall_by_class(options.classes, file)
        (out / "quality.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        print_classes(content["classes"])
    drawn = plot(found, out / "quality.svg")
    print(
        f"\nwritten: {out / 'quality.json'}"
        + (f", {out / 'quality.svg'}" if drawn else " (no plot without matplotlib)")
    )


if __name__ == "__main__":
    main()

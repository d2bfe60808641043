"""How speed changes with rules, hits, size and repetition, and some cases that are told in one figure; for speed.py.

Everything that is compared is measured in turn, round after round, in processor time, by library calls.
"""

import dataclasses
import gc
import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import startup
from rules_check import pack, word
from texts import LEFTOVERS

from cleaner import Cleaner
from cleaner.rules import Rule, load
from cleaner.rules.model import Phrase, Test, own_tests

RULES = (10, 30, 100, 300, 1000)
REAL = 100  # rules of the default pack that variations are made of
HITS = (0.0, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0)
MEGABYTES = (1, 3, 10, 30, 100)
PHRASES = ("is", "starts", "ends", "has")
LINES = 100_000  # of the text with repetitions
REPEATED = (0, 100, 1_000, 10_000, 100_000)
LONG = 20  # MB that are gone over twice
NO_GUARD = "extends: [default]\nguard: 100%\nrules: []\n"
DUPLICATES = """\
guard: 100%
rules:
- id: twice
  about: The same line twice in a row
  match: {duplicate: previous}
  examples: [{in: "A\\nA", out: A}, {keep: "A\\nB"}]
- id: earlier
  about: A long line that stood earlier
  match: {duplicate: earlier, chars: 15..}
  examples: [{in: "He gave no details\\nB\\nHe gave no details", out: "He gave no details\\nB"}, {keep: "A\\nB\\nA"}]
- id: near
  about: A long line like an earlier one
  match: {duplicate: {of: earlier, near: 0.9}, words: 8..}
  examples:
  - {in: "a b c d e f g h i j\\nB\\na b c d e f g h i k", out: "a b c d e f g h i j\\nB"}
  - {keep: "a b c\\nB\\na b d"}
"""
Curves = dict[str, dict[str, dict[str, float]]]


def megabytes(texts: Sequence[str]) -> float:
    return sum(len(text.encode("utf-8", "surrogatepass")) for text in texts) / 1e6


def seconds_of(work: Callable[[], object]) -> float:
    gc.collect()
    start = time.process_time()
    work()
    return time.process_time() - start


def over(clean: Cleaner, texts: Sequence[str]) -> float:
    """Return the seconds that cleaning these texts takes."""
    return seconds_of(lambda: [clean(text) for text in texts])


def in_turn(
    wanted: Mapping[str, tuple[Cleaner, Sequence[str]]], rounds: int, size: float | None = None
) -> dict[str, float]:
    """Return MB/s by name, of all or of `size` MB."""
    seconds: dict[str, list[float]] = {name: [] for name in wanted}
    for _ in range(rounds):
        for name, (clean, texts) in wanted.items():
            seconds[name].append(over(clean, texts))
    return {
        name: round((size or megabytes(texts)) / statistics.median(seconds[name]), 3)
        for name, (_, texts) in wanted.items()
    }


# ------------------------------------------------------------------ texts and rules


def made_rules(count: int) -> Cleaner:
    """Return a cleaner with this many made rules, of the shapes of real ones; their words stand in no text."""
    return Cleaner.from_text(pack(count))


def real_rules(count: int) -> Cleaner:
    """Return a cleaner with this many rules: core's, then others of the default pack, and from the 101st on variations.

    Variations want a word more that stands in no text, so that 1,000 rules hit what 100 hit: what more rules cost is
    measured, and not what more hits cost.
    """
    configuration = load(["default"])
    core = [rule for rule in configuration.rules if rule.pack == "core"]
    others = [rule for rule in configuration.rules if rule.pack != "core"]
    random.Random(1).shuffle(others)
    del others[REAL - len(core) :]
    rules = [*core, *others]
    wordy = [rule for rule in others if any(test.key in (*PHRASES, "regex") for test in own_tests(rule.match))]
    while len(rules) < count:
        number = len(rules)
        rules.append(variation(wordy[number % len(wordy)], number))
    return Cleaner.from_configuration(dataclasses.replace(configuration, rules=tuple(rules[:count])))


def variation(rule: Rule, number: int) -> Rule:
    """Return a rule that wants one word more in each phrase and pattern."""
    assert rule.match is not None
    return dataclasses.replace(rule, id=f"{rule.id}-{number}", match=_varied(rule.match, word(number)))


def _varied(test: Test, more: str) -> Test:
    value = test.value
    if test.key in PHRASES:
        value = tuple(Phrase(f"{phrase.text} {more}", phrase.language) for phrase in value)
    elif test.key == "regex":
        tied = value.startswith("^")  # and stays so
        value = f"^(?:{value[1:]}) {more}" if tied else f"(?:{value}) {more}"
    elif isinstance(value, Test):
        value = _varied(value, more)
    elif isinstance(value, tuple):
        value = tuple(_varied(inner, more) for inner in value)
    return dataclasses.replace(test, value=value)


def with_hits(texts: Sequence[str], share: float) -> list[str]:
    """Return the texts with leftovers in place of this share of their lines."""
    rnd = random.Random(1)
    return [
        "\n".join(rnd.choice(LEFTOVERS) if line.strip() and rnd.random() < share else line for line in text.split("\n"))
        for text in texts
    ]


def without_hits(clean: Cleaner, texts: Sequence[str]) -> list[str]:
    """Return the texts as cleaning leaves them, cleaned until nothing is found any more."""
    left = [clean(text).text for text in texts]
    for _ in range(3):
        left = [clean(text).text for text in left]
    return [text for text in left if text and not clean(text).edits]


def one_text(texts: Sequence[str], size: int) -> str:
    """Return one text of `size` MB: the same MB of all sorts of texts, each time with another number in its longer lines."""
    some = texts[:: max(1, int(megabytes(texts)))]
    parts: list[str] = []
    left = size * 1e6
    while left > 0:
        number, text = len(parts) // len(some), some[len(parts) % len(some)]
        parts.append("\n".join(f"{line} {number}" if len(line) > 30 else line for line in text.split("\n")))
        left -= len(parts[-1].encode("utf-8", "surrogatepass")) + 1
    return "\n".join(parts)


def repeating(repeated: int, lines: int) -> str:
    """Return a text of so many lines, of which so many repeat earlier ones."""
    rnd = random.Random(1)
    words = [f"{first}{second}" for first in "bdfgklmnprst" for second in ("a", "e", "ib", "on", "u", "arr")]
    fresh = [" ".join(rnd.choices(words, k=12)) for _ in range(lines - repeated)] or [" ".join(words[:12])]
    return "\n".join([*fresh, *(rnd.choice(fresh) for _ in range(repeated))][:lines])


# ------------------------------------------------------------------ curves


def curves(texts: Sequence[str], *, quick: bool = False) -> Curves:
    """Return the curves: what is measured, by name of the line, by place on the axis."""
    rounds = 1 if quick else 3
    some = texts[:12] if quick else texts[::4]
    few = texts[:6] if quick else texts[::10]
    default, unguarded = Cleaner("default"), Cleaner.from_text(NO_GUARD)
    found: Curves = {}
    counts = RULES[:3] if quick else RULES
    found["MB/s by number of rules"] = {
        name: in_turn({str(count): (rules(count), some) for count in counts}, rounds)
        for name, rules in (("default pack, cut or varied", real_rules), ("made rules, no hits", made_rules))
    }
    shares = HITS[::3] if quick else HITS
    hit = {share: with_hits(few, share) for share in shares}
    pairs = {
        (name, share): (clean, hit[share])
        for share in shares
        for name, clean in (("default pack", default), ("its guard off", unguarded))
    }
    speeds = in_turn({f"{name}|{share}": pair for (name, share), pair in pairs.items()}, rounds)
    lines = sum(text.count("\n") + 1 for text in few)
    found["lines a second by share of lines hit"] = {
        name: {str(share): round(speeds[f"{name}|{share}"] / megabytes(hit[share]) * lines) for share in shares}
        for name in ("default pack", "its guard off")
    }
    sizes = MEGABYTES[:1] if quick else MEGABYTES
    found["seconds by MB of one text"] = {
        "default pack": {str(one): round(over(default, [one_text(texts, one)]), 3) for one in sizes}
    }
    duplicates = Cleaner.from_text(DUPLICATES)
    length = LINES // 50 if quick else LINES
    repeated = [one for one in REPEATED if one <= length]
    found[f"seconds by repeated lines, of {length:,}"] = {
        name: {str(one): round(over(clean, [repeating(one, length)]), 3) for one in repeated}
        for name, clean in (("rules for duplicates", duplicates), ("default pack", default))
    }
    return found


def print_curves(found: Curves) -> None:
    """Print the curves as tables."""
    for title, lines in found.items():
        places = list(next(iter(lines.values())))
        print(f"\n| {title} | {' | '.join(places)} |")
        print(f"| --- |{' ---: |' * len(places)}")
        for name, values in lines.items():
            print(f"| {name} | {' | '.join(f'{values[place]:,.4g}' for place in places)} |")


def plot(found: Curves, folder: Path) -> list[Path]:
    """Draw the curves; return the files, none where matplotlib is missing."""
    try:
        import matplotlib
    except ImportError:
        return []
    matplotlib.use("svg")
    # The same figures make the same file.
    matplotlib.rcParams["svg.hashsalt"] = "cleaner"
    from matplotlib import pyplot

    titles = {title.partition(", of")[0]: title for title in found}
    pictures = {
        "rules": [("MB/s by number of rules", "number of rules", "MB/s", "log", "linear")],
        "hits": [("lines a second by share of lines hit", "share of lines hit", "lines a second", "linear", "linear")],
        "growth": [
            ("seconds by MB of one text", "MB of one text", "seconds", "log", "log"),
            ("seconds by repeated lines", "repeated lines", "seconds", "symlog", "linear"),
        ],
    }
    written = []
    for name, parts in pictures.items():
        figure, all_axes = pyplot.subplots(1, len(parts), figsize=(6 * len(parts), 4), squeeze=False)
        for axes, (title, across, up, x_scale, y_scale) in zip(all_axes[0], parts, strict=True):
            for label, values in found[titles[title]].items():
                places = [float(place) for place in values]
                axes.plot(places, list(values.values()), marker="o", label=label)
                if up == "seconds" and y_scale == "log":
                    line = [values[next(iter(values))] * place / places[0] for place in places]
                    axes.plot(places, line, color="grey", linestyle=":", label="in proportion")
            axes.set(xlabel=across, ylabel=up, xscale=x_scale, yscale=y_scale)
            if y_scale == "linear":
                axes.set_ylim(bottom=0)
            axes.grid(alpha=0.3)
            axes.legend(fontsize=8)
        figure.tight_layout()
        path = folder / f"speed-{name}.svg"
        figure.savefig(path, metadata={"Date": None})
        pyplot.close(figure)
        written.append(path)
    return written


# ------------------------------------------------------------------ cases


def share_of_first(texts: Sequence[str]) -> float:
    """Return the speed of a first pass as a share of a second one's, in a process of its own: this one has seen the rules."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_second_by_first, texts).result()


def _second_by_first(texts: Sequence[str]) -> float:
    fresh = Cleaner("default")
    first = over(fresh, texts)
    return over(fresh, texts) / first


def cases(texts: Sequence[str], *, quick: bool = False) -> dict[str, float]:
    """Return ratios of speeds (over 1: faster), and milliseconds of processor time to start."""
    rounds = 1 if quick else 3
    some = texts[:12] if quick else texts[::4]
    default = Cleaner("default")
    found: dict[str, float] = {}
    for name, rules in (("rules", real_rules), ("made rules", made_rules)):
        speeds = in_turn({str(count): (rules(count), some) for count in (100, 1000)}, rounds)
        found[f"1,000 {name} / 100"] = speeds["1000"] / speeds["100"]

    target = 1 if quick else LONG
    long: list[str] = []
    left = target * 1e6
    while left > 0:
        # Beyond the first time each is a text of its own.
        text = texts[len(long) % len(texts)]
        long.append(f"{text}\n{len(long)}" if len(long) >= len(texts) else text)
        left -= len(text.encode("utf-8", "surrogatepass"))
    found[f"first pass over {target} MB / second pass"] = statistics.median(share_of_first(long) for _ in range(rounds))

    clear, hit = without_hits(default, some), with_hits(some, 1.0)
    broken = ["\n".join(line and f"{line} donâ€™t" for line in text.split("\n")) for text in some]
    unguarded = Cleaner.from_text(NO_GUARD)
    speeds = in_turn(
        {
            "natural": (default, some),
            "nothing to find": (default, clear),
            "every line a leftover": (default, hit),
            "every line a leftover, guard off": (unguarded, hit),
            "mojibake in every line": (default, broken),
        },
        rounds,
    )
    natural = speeds.pop("natural")
    found |= {f"{name} / natural, in MB/s": speed / natural for name, speed in speeds.items()}
    # A leftover is a short line: as many lines are far fewer bytes.
    shorter = megabytes(some) / megabytes(hit)
    for name in ("every line a leftover", "every line a leftover, guard off"):
        found[f"{name} / natural, in lines a second"] = speeds[name] / natural * shorter

    for name, milliseconds in startup.measure(1 if quick else 9).items():
        found[f"{name}, ms" + ("" if name == startup.BARE else " above that")] = milliseconds
    return {name: round(value, 3) for name, value in found.items()}

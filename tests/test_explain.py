"""What `explain` says of each line: the verdicts themselves, and the command as people call it."""

import gzip
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from cleaner import Cleaner
from cleaner.cli.explain import explain as command
from cleaner.cli.explain import split_target
from cleaner.explain import Verdict, explain, explain_line
from cleaner.rules.load import load_text

PACK = r"""
pack: t
version: 1.0.0
about: Rules that the tests can count on
define:
  share: {en: [share, share this]}
  headline: {words: 3..18, full_stop: false}
rules:
- id: share-line
  about: A share button
  risk: safe
  match: {is: $share}
  unless: {previous: {ends: 'press the word'}}
  examples: [{drop: Share}, {keep: Share prices fell}]
- id: short
  about: A short line
  risk: risky
  match: {words: ..2, full_stop: false, last: 60%}
  examples: [{drop: Read on}, {keep: He left.}]
- id: related
  about: A heading of related stories
  match: {is: read next}
  run: {then: {use: $headline}, count: 2..4}
  examples: [{drop: "Read next\nFloods hit the coast\nVote is delayed"}, {keep: Read next week's issue.}]
- id: closing
  about: Links that close the text
  match: {starts: 'more news:'}
  run: {count: 1.., edge: end}
  examples: [{drop: 'More news: A bank'}, {keep: "More news: none.\nThen it ended."}]
- id: repeated
  about: A repeated line
  match: {duplicate: earlier, chars: 15..}
  examples: [{in: "He gave no details\nHe gave no details", out: He gave no details}, {keep: "No.\nNo."}]
- id: verse
  about: Verses stay
  do: keep
  match: {has: 'row, row'}
  examples: [{keep: 'Row, row, row'}]
- id: gap
  about: A gap before a hyphen
  unit: span
  match: {regex: ' (?=-backed)'}
  examples: [{in: US -backed force, out: US-backed force}, {keep: left - backed by none}]
- id: german
  about: Only for German
  for: {language: de}
  match: {is: teilen}
  examples: [{drop: Teilen, language: de}, {keep: Teilen wir}]
"""
CLEANER = Cleaner.from_text(PACK)
# Long enough that no case meets the guard.
TAIL = "\n".join(
    f"The council met on day {day} and agreed the budget for the coming year." for day in "one two three four".split()
)


def verdict(text: str, line: int, rule: str, cleaner: Cleaner = CLEANER) -> Verdict:
    found = [one for one in explain_line(cleaner, text, line) if one.rule.id == rule]
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize(
    ("text", "line", "rule", "outcome", "detail"),
    [
        ("He left.\nShare\n{tail}", 2, "share-line", "changed", "is: 'share'"),
        (
            "He left.\nBuy\n{tail}",
            2,
            "share-line",
            "failed",
            "is: ['share', 'share this'] fails",
        ),
        (
            "Now press the word\nShare\n{tail}",
            2,
            "share-line",
            "unless",
            "is: 'share'; but previous line has ends: 'press the word'",
        ),
        ("{tail}\nHe left the town for good", 5, "short", "failed", "words: ..2 fails: it has 6"),
        ("{tail}\nHe left.", 5, "short", "failed", "full_stop: false fails: it ends like a sentence"),
        ("Read on\n{tail}", 1, "short", "failed", "last: 60% fails: it is line 1 of 5 with text"),
        (
            "{tail}\nShare",
            5,
            "short",
            "lost",
            "words: 1, full_stop: false, last: 1; but t/share-line wins: safe goes before risky",
        ),
        (
            "Read next\nFloods hit the coast\n\nHe left.\n{tail}",
            1,
            "related",
            "run",
            "is: 'read next'; but its run takes 1 of at least 2: line 4 ends it: words: 3..18 fails: it has 2",
        ),
        (
            "Read next\n\n\nFloods hit the coast\n{tail}",
            1,
            "related",
            "run",
            "is: 'read next'; but its run takes 0 of at least 2: more than 1 blank line before line 4",
        ),
        (
            "Read next\nFloods hit the coast\nVote is delayed\n{tail}",
            2,
            "related",
            "changed",
            "is: 'read next', with lines 1 to 3",
        ),
        (
            "More news: A bank\n{tail}",
            1,
            "closing",
            "run",
            "starts: 'more news:'; but its run does not reach the end of the text: "
            "line 2 ends it: starts: 'more news:' fails",
        ),
        (
            "He gave no details\n{tail}\nHe gave no details",
            6,
            "repeated",
            "changed",
            "repeats line 1, chars: 18",
        ),
        ("Row, row, row\n{tail}", 1, "verse", "kept", "has: 'row, row'"),
        (
            "Row, row, row your boat\n{tail}\nRow, row, row your boat",
            6,
            "repeated",
            "lost",
            "repeats line 1, chars: 23; but a rule with `do: keep` protects text of line 6",
        ),
        ("A US -backed force\n{tail}", 1, "gap", "changed", "regex: ' '"),
        ("He left.\n\n{tail}", 2, "share-line", "failed", "no line begins here: the line is blank"),
    ],
)
def test_verdict(text: str, line: int, rule: str, outcome: str, detail: str) -> None:
    found = verdict(text.replace("{tail}", TAIL), line, rule)
    assert (found.outcome, found.detail) == (outcome, detail)


CONTESTS = """
rules:
- {id: spent, about: x, unit: paragraph, budget: 10%, match: {has: vote now}, examples: [{drop: a}, {keep: b}]}
- {id: takes-over, about: x, match: {starts: vote now}, examples: [{drop: a}, {keep: b}]}
- {id: all-three, about: x, unit: span, match: {regex: red blue grey}, examples: [{drop: a}, {keep: b}]}
- {id: in-budget, about: x, unit: span, budget: 90%, match: {regex: blue}, examples: [{drop: a}, {keep: b}]}
- {id: starts-first, about: x, unit: span, match: {regex: one two}, examples: [{drop: a}, {keep: b}]}
- {id: starts-next, about: x, unit: span, match: {regex: two six}, examples: [{drop: a}, {keep: b}]}
- {id: base, about: x, match: {is: twice}, examples: [{drop: a}, {keep: b}]}
- {id: later, about: x, match: {is: twice}, examples: [{drop: a}, {keep: b}]}
- {id: alpha, about: x, match: {is: same}, examples: [{drop: a}, {keep: b}]}
- {id: beta, about: x, match: {is: same}, examples: [{drop: a}, {keep: b}]}
- {id: grave, about: x, risk: risky, match: {is: both}, examples: [{drop: a}, {keep: b}]}
- {id: harmless, about: x, risk: safe, match: {is: both}, examples: [{drop: a}, {keep: b}]}
- {id: two-lines, about: x, unit: paragraph, match: {has: note well}, examples: [{drop: a}, {keep: b}]}
- {id: one-line, about: x, match: {starts: note well}, examples: [{drop: a}, {keep: b}]}
- {id: stays, about: x, do: keep, match: {has: by hand}, examples: [{keep: a}]}
"""


def contestants() -> Cleaner:
    """All of one layer, but for `later`."""
    configuration = load_text(CONTESTS)
    rules = (replace(rule, layer=1) if rule.id == "later" else rule for rule in configuration.rules)
    return Cleaner.from_configuration(replace(configuration, rules=tuple(rules)))


@pytest.mark.parametrize(
    ("text", "line", "loser", "why"),
    [
        # Past its budget, whoever took over; and not, where another has the better claim.
        (
            "Vote now\nThe polls are open until late",
            2,
            "spent",
            "it wants more than its budget of 10% of the document's words",
        ),
        (
            "Let us vote now\nThe polls are open",
            1,
            "spent",
            "it wants more than its budget of 10% of the document's words",
        ),
        ("a red blue grey flag", 1, "in-budget", "local/all-three wins: its stretch is longer"),
        ("Note well\nwhat is here", 1, "one-line", "local/two-lines wins: its stretch is longer"),
        ("a one two six b", 1, "starts-next", "local/starts-first wins: its stretch starts earlier"),
        ("both", 1, "grave", "local/harmless wins: safe goes before risky"),
        ("twice", 1, "base", "local/later wins: it is of a later layer"),
        ("same", 1, "beta", "local/alpha wins: its name comes first"),
        # What is kept is out of the contest.
        ("Note well\nwhat is made by hand", 1, "two-lines", "a rule with `do: keep` protects text of lines 1 to 2"),
        ("a red blue grey flag\nblue by hand", 1, "in-budget", "local/all-three wins: its stretch is longer"),
        ("Vote now\nby hand", 2, "spent", "a rule with `do: keep` protects text of lines 1 to 2"),
    ],
)
def test_why_a_rule_lost(text: str, line: int, loser: str, why: str) -> None:
    found = verdict(f"{text}\n\n{TAIL}", line, loser, contestants())
    assert (found.outcome, found.detail.partition("; but ")[2]) == ("lost", why)


RUNS = """
rules:
- id: links
  about: x
  match: {is: links}
  run: {then: {words: ..3}, count: 2..3, edge: end}
  examples: [{drop: a}, {keep: b}]
- id: top
  about: x
  match: {is: skip}
  run: {count: 2.., gap: 2, edge: start}
  examples: [{drop: a}, {keep: b}]
- id: verses
  about: x
  do: keep
  match: {is: verses}
  run: {then: {words: ..3}, count: 1..2}
  examples: [{keep: a}]
"""


@pytest.mark.parametrize(
    ("text", "line", "rule", "outcome", "why"),
    [
        ("{tail}\nLinks\na", 5, "links", "run", "but its run takes 1 of at least 2: the text ends there"),
        (
            "{tail}\nLinks\na\nb\nc\nd",
            5,
            "links",
            "run",
            "but its run would take 4, more than 3, to reach the end of the text",
        ),
        (
            "Links\na\nb\nc\nd\n{tail}",
            1,
            "links",
            "run",
            "but its run does not reach the end of the text: line 6 ends it: words: ..3 fails: it has 14",
        ),
        (
            "{tail}\nLinks\na\nb\n\n\nc",
            5,
            "links",
            "run",
            "but its run does not reach the end of the text: more than 1 blank line before line 10",
        ),
        ("Skip\n{tail}", 1, "top", "run", "but its run takes 1 of at least 2: the text begins there"),
        (
            "a\n\n\n\nSkip\nSkip\n{tail}",
            6,
            "top",
            "run",
            "but its run does not reach the start of the text: more than 2 blank lines after line 1",
        ),
        (
            "a\nSkip\nSkip\n{tail}",
            3,
            "top",
            "run",
            "but its run does not reach the start of the text: line 1 ends it: is: 'skip' fails",
        ),
        ("Verses\na\n{tail}", 1, "verses", "kept", ""),
        ("Verses\na\nb\nc\n{tail}", 1, "verses", "kept", ""),
    ],
)
def test_where_a_run_stops(text: str, line: int, rule: str, outcome: str, why: str) -> None:
    found = verdict(text.replace("{tail}", TAIL), line, rule, Cleaner.from_text(RUNS))
    assert (found.outcome, found.detail.partition("; ")[2]) == (outcome, why)


def test_tests_that_held_before_the_one_that_failed() -> None:
    assert verdict(f"{TAIL}\nHe left.", 5, "short").passed == ("words: ..2",)
    assert verdict(f"{TAIL}\nHe left the town", 5, "short").passed == ()


FAILURES = """
rules:
- {id: after, about: x, match: {starts: by, previous: {words: ..3}}, examples: [{drop: a}, {keep: b}]}
- {id: before, about: x, match: {starts: more, next: {words: ..3}}, examples: [{drop: a}, {keep: b}]}
- {id: menu, about: x, match: {starts: menu, not: {has: soup}}, examples: [{drop: a}, {keep: b}]}
- {id: either, about: x, match: [{is: tea}, {starts: cup, words: ..2}], examples: [{drop: a}, {keep: b}]}
- {id: single, about: x, match: [{is: coffee}], examples: [{drop: a}, {keep: b}]}
- {id: sentence, about: x, match: {starts: tea, full_stop: true}, examples: [{drop: a}, {keep: b}]}
- {id: entities, about: x, do: fix, with: entities, match: {starts: fish}, examples: [{in: a, out: c}, {keep: b}]}
- {id: spaces, about: x, do: fix, with: trailing_blanks, examples: [{in: a, out: c}, {keep: b}]}
- {id: long, about: x, do: flag, match: {words: 30..}, examples: [{flag: a}, {keep: b}]}
"""


@pytest.mark.parametrize(
    ("text", "line", "rule", "outcome", "detail"),
    [
        ("By Ann\nHe left.", 1, "after", "failed", "there is no previous line"),
        ("He left.\nMore", 2, "before", "failed", "there is no next line"),
        (
            "He left the town.\nBy Ann",
            2,
            "after",
            "failed",
            "previous line 'He left the town.': words: ..3 fails: it has 4",
        ),
        ("Menu with soup", 1, "menu", "failed", "not: {has: 'soup'} fails: the line has that"),
        ("Cup of tea", 1, "either", "failed", "none of 2 alternatives; the nearest: words: ..2 fails: it has 3"),
        ("Cup of tea", 1, "single", "failed", "is: 'coffee' fails"),
        ("Tea for two", 1, "sentence", "failed", "full_stop: true fails: it does not end like a sentence"),
        ("Fish and chips", 1, "entities", "failed", "nothing is left to change"),
        ("Fish &amp; chips", 1, "entities", "changed", "entity: '&amp;'"),
        ("Fish", 1, "spaces", "failed", "nothing to repair here"),
        ("word " * 30, 1, "long", "changed", "words: 30"),
    ],
)
def test_what_failed(text: str, line: int, rule: str, outcome: str, detail: str) -> None:
    found = verdict(text, line, rule, Cleaner.from_text(FAILURES))
    assert (found.outcome, found.detail) == (outcome, detail)


NEARBY = """\
rules:
- id: menu
  about: x
  match:
    below: {match: {words: ..2}, count: 2..}
    around: {within: 2, match: {full_stop: true}, count: 50%..}
  examples: [{drop: a}, {keep: b}]
"""


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("Home\nHe left.\nNews and much more\nNo\nYes", "below: 3, around: 50%"),
        ("Home\nHe left at noon.\nNews and much more\nNo", "below: {match: {words: ..2}, count: 2..} fails: 1 do"),
        (
            "Home\nNews\nHe left\nNo.",
            "around: {within: 2, match: {full_stop: true}, count: 50%..} fails: 0% do",
        ),
    ],
)
def test_what_is_counted_nearby_is_told(text: str, detail: str) -> None:
    (found,) = explain_line(Cleaner.from_text(NEARBY), text, 1)
    assert found.detail == detail


WRAPPED = """\
rules:
- {id: ferry, about: x, match: {has: ferry, wrapped: false}, examples: [{drop: ferry}, {keep: b}]}
"""


@pytest.mark.parametrize(
    ("line", "detail"),
    [
        (2, "wrapped: false fails: it is a line of a wrapped paragraph"),
        (3, "has: 'ferry', wrapped: false"),
    ],
)
def test_wrapping_is_told(line: int, detail: str) -> None:
    text = "The harbour was closed for a week, and the\nferry did not leave.\nferry"
    (found,) = explain_line(Cleaner.from_text(WRAPPED), text, line)
    assert found.detail == detail


def test_rules_for_other_languages_are_named() -> None:
    assert explain(CLEANER, "Teilen").elsewhere == ("t/german",)
    assert explain(CLEANER, "Teilen", language="de").elsewhere == ()


def test_a_rule_has_one_verdict_however_many_turns_it_had() -> None:
    explanation = explain(CLEANER, f"{TAIL}\nMore news: A bank\n{TAIL.splitlines()[0]}")
    assert len(explanation.steps) > 6
    for line in range(1, 7):
        names = [one.rule.name for one in explanation.verdicts(line)]
        assert len(names) == len(set(names))
        assert len(names) + explanation.unseen(line) + len(explanation.elsewhere) == len(explanation.rules)
    assert explanation.fate(5).rules == ("t/closing",)


@pytest.mark.parametrize(
    ("text", "fates"),
    [
        ("He left.\nShare\n{tail}", ["kept", "removed", *["kept"] * 4]),
        ("He left.\n\nShare\n\n{tail}", ["kept", "kept", "removed", "removed", *["kept"] * 4]),
        ("A US -backed force\n{tail}", ["changed", *["kept"] * 4]),
    ],
)
def test_fate(text: str, fates: list[str]) -> None:
    told = explain(CLEANER, text.replace("{tail}", TAIL))
    assert [told.fate(line).kind for line in range(1, len(told.lines.texts) + 1)] == fates


PIECES = [
    "Share",
    "",
    "Read next",
    "Floods hit the coast",
    "More news: A bank",
    "A US -backed force",
    "He left.",
    TAIL,
]


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("\n".join))
def test_fates_tell_the_clean_text(text: str) -> None:
    """What the fates say became of the lines that are not blank is the clean text, and each has its rules, or the guard had."""
    told = explain(CLEANER, text)
    after = []
    for line in range(1, len(told.lines.texts) + 1):
        fate = told.fate(line)
        assert (fate.kind == "kept") is not bool(fate.rules)
        if told.lines.texts[line - 1].strip() and fate.kind != "removed":
            after.append(fate.after)
        if told.lines.texts[line - 1].strip():
            changed = {one.rule.name for one in told.verdicts(line) if one.outcome == "changed"}
            assert changed == {*fate.rules, *told.withheld.get(line, ())}
    assert after == [line for line in told.result.text.split("\n") if line.strip()]


@pytest.mark.parametrize("line", [0, 3, -1])
def test_no_such_line(line: int) -> None:
    with pytest.raises(IndexError, match=r"of a text of 2 lines"):
        explain_line(CLEANER, "a\nb\n", line)


# ------------------------------------------------------------------ the command


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("t.yaml").write_text(PACK.lstrip(), encoding="utf-8")
    Path("a.txt").write_text(f"He left.\nShare\n\n{TAIL}\n", encoding="utf-8")
    return tmp_path


def call(*arguments: str) -> Result:
    return CliRunner().invoke(command, [*arguments, "--config", "t.yaml"])


def test_explain_a_line_that_goes() -> None:
    done = call("a.txt:2")
    assert done.stdout == textwrap.dedent("""\
        a.txt:2: Share
          goes: t/share-line
            t/share-line  removes  is: 'share'
            t/short       failed   last: 60% fails: it is line 2 of 6 with text (held: words: ..2, full_stop: false)
            2 other rules failed at the first test (--all shows them)
            3 rules would have come later and never saw it
        1 rule stood aside: for a language (see --language) or site that this is not known to be of: t/german
        """)
    assert (done.exit_code, done.stderr) == (0, "")


def test_explain_a_line_that_stays() -> None:
    done = call("a.txt:1", "--all")
    lines = done.stdout.splitlines()
    assert lines[:2] == ["a.txt:1: He left.", "  stays"]
    assert "    t/related     failed  is: 'read next' fails" in lines
    assert sum(" failed " in line for line in lines) == 7


def test_many_rules_that_stand_aside_are_named_when_asked() -> None:
    german = "".join(
        f"- {{id: g{n}, about: X, for: {{language: de}}, match: {{is: teilen}}, examples: [{{drop: teilen}}, {{keep: b}}]}}\n"
        for n in range(4)
    )
    Path("t.yaml").write_text(f"rules:\n{german}", encoding="utf-8")
    told = "4 rules stood aside: for a language (see --language) or site that this is not known to be of"
    assert call("a.txt:1").stdout.splitlines()[-1] == f"{told} (--all names them)"
    assert call("a.txt:1", "--all").stdout.splitlines()[-1] == f"{told}: local/g0, local/g1, local/g2, local/g3"


def test_explain_a_file() -> None:
    assert call("a.txt").stdout == textwrap.dedent("""\
        a.txt:2: Share
          goes: t/share-line
            t/share-line  removes  is: 'share'
            t/short       failed   last: 60% fails: it is line 2 of 6 with text (held: words: ..2, full_stop: false)
            2 other rules failed at the first test (--all shows them)
            3 rules would have come later and never saw it

        === 1 of 7 lines of a.txt would change
            rule          lines
            t/share-line      1
        1 rule stood aside: for a language (see --language) or site that this is not known to be of: t/german
        """)


GUARDED = """
pack: g
version: 1.0.0
about: Rules of which most of a text is too much
guard: 10%
rules:
- {id: share, about: x, match: {is: share}, examples: [{drop: a}, {keep: b}]}
- {id: sponsor, about: x, match: {has: bakers}, examples: [{drop: a}, {keep: b}]}
- {id: entities, about: x, do: fix, with: entities, examples: [{in: a, out: c}, {keep: b}]}
- {id: he, about: x, do: flag, match: {starts: he left}, examples: [{flag: a}, {keep: b}]}
"""


def test_explain_says_what_the_guard_did() -> None:
    Path("b.txt").write_text("Share\nHe left.\nBread &amp; jam\nBy Bakers &amp; Sons\n", encoding="utf-8")
    Path("t.yaml").write_text(GUARDED.lstrip(), encoding="utf-8")
    notes = textwrap.dedent("""\
        flag he (g/he): starts: he left
        flag guard: 40.0% of the words would go, more than 10%
        The guard took every removal back; without it, the rules would have done what is shown here.
        """)
    share = textwrap.dedent("""\
        b.txt:1: Share
          stays: the document guard took all removals back
            g/share  removes  is: 'share'
            3 other rules failed at the first test (--all shows them)
        """)
    bread = textwrap.dedent("""\
        b.txt:3: Bread &amp; jam
          becomes: Bread & jam  [g/entities]
            g/entities  repairs  entity: '&amp;'
            3 other rules failed at the first test (--all shows them)
        """)
    bakers = textwrap.dedent("""\
        b.txt:4: By Bakers &amp; Sons
          becomes: By Bakers & Sons  [g/entities]
          and stays: the document guard took all removals back
            g/entities  repairs  entity: '&amp;'
            g/sponsor   removes  has: 'bakers'
            2 other rules failed at the first test (--all shows them)
        """)
    summary = textwrap.dedent("""\
        === 2 of 4 lines of b.txt would change
            rule        lines
            g/entities      2
        """)
    assert call("b.txt:1").stdout == share + notes
    assert call("b.txt:2").stdout.splitlines()[1] == "  stays"  # the guard has no part in what a flag tells
    assert call("b.txt").stdout == "\n".join([share, bread, bakers, summary + notes])


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("a.txt", ("a.txt", None, None)),
        ("a.txt:2", ("a.txt", None, 2)),
        ("b:3", ("b:3", None, None)),
        ("b:3:2", ("b:3", None, 2)),
        ("c:d.txt", ("c:d.txt", None, None)),
        ("c:d.txt:12", ("c:d.txt", None, 12)),
        ("e#f.jsonl", ("e#f.jsonl", None, None)),
        ("e#f.jsonl#https://example.com/#top:7", ("e#f.jsonl", "https://example.com/#top", 7)),
        ("e#f.jsonl#81", ("e#f.jsonl", "81", None)),
    ],
)
def test_names_with_colons(target: str, expected: tuple[str, str | None, int | None]) -> None:
    for name in ("b:3", "c:d.txt", "e#f.jsonl"):
        Path(name).write_text("x", encoding="utf-8")
    assert split_target(target) == expected


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("a.txt:9", "a.txt has no line 9: it has 7 lines."),
        ("a.txt:0", "a.txt has no line 0: it has 7 lines."),
        ("nope.txt", "nope.txt: there is no such file."),
        ("nope.txt:3", "nope.txt: there is no such file."),
        (".", ".: is a folder; name a file in it."),
        ("many.jsonl", "many.jsonl holds many documents: name one of them, such as many.jsonl#ID"),
        ("many.jsonl#b", "many.jsonl has no document `b`."),
        ("other.jsonl#a", "no record has text in `text`; name the field with --text-field"),
    ],
)
def test_wrong_targets(target: str, message: str) -> None:
    Path("other.jsonl").write_text('{"id": "a", "body": "x"}', encoding="utf-8")
    Path("many.jsonl").write_text('{"id": "a", "text": "x"}', encoding="utf-8")
    done = call(target)
    assert (done.exit_code, done.stdout) == (2, "")
    assert message in done.stderr


@pytest.mark.parametrize("name", ["one", "45"])
def test_a_document_of_many(name: str) -> None:
    rows = '{"id": "none", "body": {"text": "He left."}}\n{"id": "one", "body": {"text": "He left.\\nShare"}}\n'
    Path("many.jsonl").write_text(rows, encoding="utf-8")
    done = call(f"many.jsonl#{name}:2", "--text-field", "body.text")
    assert (done.exit_code, done.stdout.splitlines()[:2]) == (
        0,
        ["many.jsonl#one:2: Share", "  goes: t/share-line"],
    )
    done = call("many.jsonl#45")
    assert done.stderr == "many.jsonl#45: no text in `text`; name the field with --text-field\n"


def test_a_text_in_another_encoding() -> None:
    Path("latin.txt").write_bytes("Ça?\nShare\n".encode("latin-1"))
    Path("latin.html").write_bytes("Ça?\nShare\n".encode("latin-1"))
    for name in ("latin.txt", "latin.html"):
        done = call(name)
        assert done.stderr == f"{name}: not UTF-8 at byte 0: invalid continuation byte\n"
        assert call(f"{name}:2", "--encoding", "latin-1").stdout.splitlines()[1] == "  goes: t/share-line"


def test_a_compressed_text() -> None:
    Path("a.txt.gz").write_bytes(gzip.compress(b"He left.\nShare\n"))
    assert call("a.txt.gz:2").stdout.splitlines()[1] == "  goes: t/share-line"

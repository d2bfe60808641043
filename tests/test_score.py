"""Scores on labelled text: the same figures as another implementation, and what each rule is told to have done."""

import gzip
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from cleaner import Cleaner
from cleaner.cli import app
from cleaner.corpus.streams import InputError
from cleaner.quality.align import surviving, words_of
from cleaner.quality.counts import Counts, rates, score_text
from cleaner.quality.hits import hits_of
from cleaner.quality.labels import Labelled, decode, site_of
from cleaner.quality.page import html_page
from cleaner.quality.score import Report, as_json, score
from cleaner.rules import load_text
from cleaner.rules.evidence import earned_risk, wilson

CASES = yaml.safe_load((Path(__file__).parent / "cases" / "score.yaml").read_text(encoding="utf-8"))
FIELDS = Labelled.__struct_encode_fields__


def row_of(case: dict[str, Any]) -> Labelled:
    return decode(msgspec.json.encode({"id": "x", **{key: case[key] for key in FIELDS if key in case}}))


@pytest.mark.parametrize("case", CASES["texts"], ids=lambda case: case["about"])
def test_counts(case: dict[str, Any]) -> None:
    assert score_text(row_of(case), case["clean"]) == Counts(**case["counts"])


def test_rates() -> None:
    total = Counts()
    for case in CASES["texts"]:
        total.add(score_text(row_of(case), case["clean"]))
    found = {name: 100 * value for name, value in rates(total).items() if value is not None}
    assert found == pytest.approx(CASES["percent"], rel=1e-12, abs=0)


def test_rates_of_nothing() -> None:
    assert set(rates(Counts()).values()) == {None}


def test_without_gold_word_measures_are_left_out() -> None:
    counts = score_text(Labelled("x", "The old mill by the river\nShare", "cb"), "The old mill")
    assert (counts.with_gold, counts.content_removed, counts.boilerplate_removed) == (0, 1, 1)
    found = rates(counts)
    assert (found["word_f1_before"], found["precision"]) == (None, 0.5)


@pytest.mark.parametrize("case", CASES["hits"], ids=lambda case: case["about"])
def test_hits(case: dict[str, Any]) -> None:
    rules = [{"about": "A", "examples": [{"keep": "@"}, {"drop": "@"}], **rule} for rule in case["rules"]]
    cleaner = Cleaner.from_configuration(load_text(yaml.safe_dump({"rules": rules, "guard": "100%"})))
    row = row_of(case)
    found = hits_of(row, cleaner(row.text))
    assert [[hit.rule, hit.place, hit.kind, hit.label, hit.words, hit.content_words] for hit in found] == case["hits"]


# Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I, method 3.
@pytest.mark.parametrize(
    ("right", "count", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson(right: int, count: int, low: float, high: float) -> None:
    assert wilson(right, count) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("right", "wrong", "risk"),
    [
        *[(9, 0, None), (0, 9, None), (10, 0, "risky"), (21, 0, "risky"), (22, 0, "likely"), (124, 0, "likely")],
        *[(125, 0, "safe"), (400, 2, "safe"), (400, 9, "likely"), (0, 10, "risky")],
    ],
)
def test_earned_risk(right: int, wrong: int, risk: str | None) -> None:
    assert earned_risk(right, right + wrong) == risk


@pytest.mark.parametrize(
    ("clean", "left"),
    [
        ("a b c d x\ne f g h y", 8),  # of each piece four words in five are the line's
        ("a b c x\nd e f y\ng h i z", None),  # three in four
        ("a b c d\ne f g h", 8),  # all of them, and of the line two words in three
        ("a b c d\ne f g", None),  # of the line seven in twelve
    ],
)
def test_a_line_in_pieces(clean: str, left: int | None) -> None:
    assert surviving(["a b c d e f g h i j k l"], clean) == [left]


@pytest.mark.parametrize(("clean", "left"), [("a b c", 3), ("a b x y", None)])
def test_a_line_of_which_three_words_in_five_are_left(clean: str, left: int | None) -> None:
    assert surviving(["a b c d e"], clean) == [left]


@given(st.lists(st.text("abc .x", min_size=1).filter(str.strip), unique_by=lambda line: tuple(words_of(line))))
def test_what_is_not_touched_survives(lines: list[str]) -> None:
    counts = [len(words_of(line)) for line in lines]
    assert surviving(lines, "\n\n".join(lines)) == counts
    assert surviving(lines, "") == [None] * len(lines)
    assert surviving(lines, "\n".join(lines[1::2])) == [
        count if place % 2 else None for place, count in enumerate(counts)
    ]


# ------------------------------------------------------------------ files

ROWS: list[dict[str, Any]] = [
    {
        "id": f"{number}:{extractor}",
        "url": f"https://www.example.org/{number}",
        "extractor": extractor,
        "page_type": "article" if number % 2 else "forum",
        "language": "en",
        "text": f"The mill in street {number} is closed.\nShare\nRead next {number}\nShare\nIt was sold.",
        "labels": "cbbcc",
        "gold": f"The mill in street {number} is closed.\nShare\nIt was sold.",
    }
    for number in range(40)
    for extractor in ("one", "resiliparse_full")
]
CONFIG = """\
rules:
- {id: share, about: A, risk: safe, match: {is: share}, examples: [{drop: Share}, {keep: A}]}
- {id: never, about: A, match: {is: subscribe}, examples: [{drop: Subscribe}, {keep: A}]}
"""


@pytest.fixture
def gold(tmp_path: Path) -> Path:
    path = tmp_path / "gold.jsonl.gz"
    path.write_bytes(gzip.compress(b"\n".join(map(msgspec.json.encode, ROWS)) + b"\n\n"))
    return path


def told(report: Report) -> dict[str, Any]:
    return as_json(report, (), lost=9, missed=9)


def test_file(gold: Path) -> None:
    report = score(str(gold), Cleaner.from_text(CONFIG), samples=True)
    groups = {grouping: {name: one.texts for name, one in found.items()} for grouping, found in report.groups.items()}
    assert groups == {
        "": {"all": 80, "main": 40},
        "extractor": {"one": 40, "resiliparse_full": 40},
        "page_type": {"article": 20, "forum": 20},
        "language": {"en": 40},
        "half": {"2": 40},
    }
    share = report.rules["local/share"]
    assert (share.lines, share.right, share.wrong, share.content_words) == (160, 80, 80, 80)
    assert (share.sites, len(share.distinct)) == ({"example.org"}, 1)
    assert report.rules["local/never"].sites == set()
    assert [(one.id, one.line, one.text, one.count, one.rule) for one in report.lost] == [
        ("0:one", 4, "Share", 80, "local/share")
    ]
    # Of the lines that stay, each number's is one of its own.
    assert [(one.before, one.text, one.after, one.count) for one in report.missed[:1]] == [
        ("Share", "Read next 0", "Share", 2)
    ]
    assert len(report.missed) == 40


def test_processes_do_not_matter(gold: Path) -> None:
    cleaner = Cleaner.from_text(CONFIG)
    one, two = (told(score(str(gold), cleaner, samples=True, jobs=jobs)) for jobs in (1, 2))
    assert one == two


def test_limit(gold: Path) -> None:
    assert score(str(gold), Cleaner.from_text(CONFIG), limit=3).groups[""]["all"].texts == 3


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"nonsense", "row 2: JSON is malformed"),
        (b'{"id": "a", "text": "b"}', "row 2: Object missing required field `labels`"),
        (b'{"id": "a", "more": ' + b"[" * 1000 + b"]" * 1000 + b"}", "row 2: nested too deeply"),
        (b'{"id": "a", "text": "b", "labels": "cc"}', "row 2: 2 labels for 1 lines"),
        (b'{"id": "a", "text": "b", "labels": "x"}', "row 2: line 1 has the label `x`"),
        (b'{"id": "a", "text": "b\\n ", "labels": "cc"}', "row 2: line 2 is blank, but its label is `c`"),
        (b'{"id": "a", "text": "b", "labels": "-"}', "row 2: line 1 is not blank, but its label is `-`"),
    ],
)
def test_wrong_rows(tmp_path: Path, line: bytes, message: str) -> None:
    path = tmp_path / "gold.jsonl"
    path.write_bytes(msgspec.json.encode(ROWS[0]) + b"\n" + line)
    with pytest.raises(InputError) as error:
        score(str(path), Cleaner.from_text(CONFIG))
    assert message in str(error.value)


def test_file_without_rows(tmp_path: Path) -> None:
    path = tmp_path / "gold.jsonl"
    path.write_bytes(b"\n")
    with pytest.raises(InputError, match=r"gold\.jsonl: holds no row"):
        score(str(path), Cleaner.from_text(CONFIG))


def test_damaged_file(tmp_path: Path, gold: Path) -> None:
    path = tmp_path / "cut.jsonl.gz"
    path.write_bytes(gold.read_bytes()[:-20])
    with pytest.raises(InputError, match=r"cut\.jsonl\.gz"):
        score(str(path), Cleaner.from_text(CONFIG))


@pytest.mark.parametrize(
    ("url", "site"),
    [("https://www.a.example/x", "a.example"), ("http://[broken", "i"), (None, "i"), ("b.example/x", "i")],
)
def test_site(url: str | None, site: str) -> None:
    assert site_of(Labelled("i", "", "-", url=url)) == site


# ------------------------------------------------------------------ the command


def run(*arguments: str | Path) -> str:
    done = CliRunner().invoke(app, ["score", *map(str, arguments), "--jobs", "1"], standalone_mode=False)
    assert done.exception is None, done.output
    return done.output


def test_command(gold: Path, tmp_path: Path) -> None:
    config, told_json, page = tmp_path / "c.yaml", tmp_path / "s.json", tmp_path / "s.html"
    config.write_text(CONFIG, encoding="utf-8")
    output = run(gold, "--config", config, "--lost", "1", "--missed", "2", "--json", told_json, "--html", page)
    assert "0:one, line 4; 1 word, 80 times; local/share\n    Read next 0\n  > Share\n    It was sold." in output
    assert "page forum" in output
    found = json.loads(told_json.read_text(encoding="utf-8"))
    assert found["totals"]["main"]["rates"]["precision"] == 0.5
    rule = found["rules"]["local/share"]
    assert (rule["risk"], rule["earned"], rule["precision"], rule["sites"]) == (
        "safe",
        None,
        0.5,
        1,
    )  # eighty times one line
    assert (len(found["lost"]), len(found["missed"])) == (1, 2)
    assert "<h2>Went wrongly</h2>" in page.read_text(encoding="utf-8")


def test_command_by(gold: Path) -> None:
    output = run(gold, "--by", "language", "--limit", "4")
    assert "language en" in output
    assert "page forum" not in output
    done = CliRunner().invoke(app, ["score", str(gold), "--by", "colour"])
    assert (done.exit_code, "there is no field colour" in done.output) == (2, True)


def test_command_risk(gold: Path, tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(CONFIG, encoding="utf-8")
    rows = [line.split("  ") for line in run(gold, "--config", config, "--risk").splitlines() if "local/" in line]
    assert [[cell.strip() for cell in row if cell.strip()][:4] for row in rows] == [
        ["local/never", "likely", "not enough evidence", "0"],
        ["local/share", "safe", "not enough evidence", "1"],
    ]


def test_page_is_safe() -> None:
    report = Report({"": {"all": Counts()}})
    report.lost = score_of("<script>alert(1)</script>\n& more", "cc")
    page = html_page("<b>", {}, {"Lost": report.lost})
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "<title>&lt;b&gt;" in page


def score_of(text: str, labels: str) -> list[Any]:
    from cleaner.quality.score import _sample

    return [_sample(Labelled("<i>", text, labels), 0, 1)]

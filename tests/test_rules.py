"""Packs that are broken, each with every problem it has; and packs that are layered, as they should be."""

import os
import pickle
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from cleaner.rules import Configuration, Rule, RuleError, load, load_file, load_text, pack_files
from cleaner.rules.layers import PACK_KEYS, resolve_text
from cleaner.rules.packs import LARGEST_FILE_BYTES
from cleaner.rules.parse import RULE_KEYS
from cleaner.rules.problems import Place, Problem, nearest
from cleaner.rules.tests import TESTS

CASES: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "cases" / "broken_packs.yaml").read_text("utf-8"))
HEAD = "pack: p\nversion: 1.0.0\nabout: A pack\n"
SHARE = (
    "- {id: share, about: x, risk: safe, tags: [social], match: {is: $share}, examples: [{drop: share}, {keep: b}]}\n"
)
NEXT = (
    "- {id: next, about: x, risk: risky, match: {is: read next}, run: {then: {words: 3..}, count: 2..12}, "
    "examples: [{in: read next, out: ''}, {keep: b}]}\n"
)
TRIAL = "- {id: trial, about: x, status: experimental, match: {has: trial}, examples: [{drop: trial}, {keep: b}]}\n"
BASE = (
    "pack: base\nversion: 1.2.0\nabout: A pack\n"
    "define:\n  share: {en: [share, share this], fr: [partager], any: [tweet]}\n"
    "  long: {words: 9..}\n  lead: [more]\n"
    "rules:\n" + SHARE + NEXT + TRIAL
)


def problems_of(function: Callable[[], object]) -> list[str]:
    """What is wrong, as `line:column message`, with the file in front where it is not the only one."""
    with pytest.raises(RuleError) as caught:
        function()
    problems = caught.value.problems
    assert problems
    assert str(caught.value) == "\n".join(map(str, problems))
    files = {problem.place.file for problem in problems}
    return [
        (f"{Path(problem.place.file).name}:" if len(files) > 1 else "")
        + f"{problem.place.line}:{problem.place.column} {problem.message}"
        for problem in problems
    ]


# ------------------------------------------------------------------ broken packs


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_broken_pack(case: dict[str, Any]) -> None:
    text = case["file"] if "file" in case else f"{HEAD}rules:\n{case['rules']}"
    expected = [problem.replace("{packs}", ", ".join(pack_files())) for problem in case["problems"]]
    assert problems_of(lambda: load_text(text)) == expected


def test_every_key_has_a_broken_case() -> None:
    told = " ".join(problem for case in CASES for problem in case["problems"])
    text = " ".join(case.get("file", "") + case.get("rules", "") for case in CASES)
    for key in [*RULE_KEYS, *TESTS]:
        assert re.search(rf"\b{key}\b", told + text), key


def test_a_problem_shows_its_line() -> None:
    with pytest.raises(RuleError) as caught:
        load_text(HEAD + "rules:\n- id: a\n  riks: safe\n", "mine.yaml")
    assert str(caught.value.problems[-1]).splitlines() == [
        "mine.yaml:6:3: unknown key `riks` in a rule (did you mean `risk`?)",
        "      riks: safe",
        "      ^",
    ]


def test_a_problem_far_into_a_line_shows_what_is_around_it() -> None:
    with pytest.raises(RuleError) as caught:
        load_text(HEAD + "define: {share: [" + "share, " * 500 + "no]}\n")
    place, shown, caret = str(caught.value).splitlines()
    assert place.startswith("<text>:4:3518: YAML reads `no`")
    assert len(shown) < 250
    assert shown[caret.index("^") :].startswith("no]}")


def test_a_message_cannot_move_the_cursor() -> None:
    with pytest.raises(RuleError) as caught:
        load_text('max_risk: "\\e[2J\\nx\\r"\n')
    assert str(caught.value).splitlines()[0] == ("<text>:1:11: max_risk is one of safe, likely, risky, not `�[2J x `")
    assert "\x1b" not in str(caught.value)


def test_rule_error_can_be_pickled() -> None:
    error = RuleError([Problem(Place("a", 1, 2), "wrong", "line")])
    again = pickle.loads(pickle.dumps(error))
    assert (again.problems, str(again)) == (error.problems, str(error))


def test_all_problems_are_told_at_once_and_in_order() -> None:
    found = problems_of(lambda: load_text(HEAD + "rules:\n- {id: B}\n- {id: A, riks: x}\nguard: 0\nfoo: 1\n"))
    places = [tuple(map(int, problem.split()[0].split(":"))) for problem in found]
    assert places == sorted(places)
    assert {line for line, _ in places} == {5, 6, 7, 8}


@pytest.mark.parametrize(
    ("word", "known", "hint"),
    [
        ("stats", ["starts", "ends"], "starts"),
        ("lang", ["flag", "language"], "language"),
        ("xyz", ["starts"], None),
        ("", ["starts"], None),
        ("s", ["starts"], None),
    ],
)
def test_nearest(word: str, known: list[str], hint: str | None) -> None:
    assert nearest(word, known) == (f" (did you mean `{hint}`?)" if hint else "")


# name: text, and how its only problem begins
LONG = {
    "10,000 lists": ("[" * 10_000, "1:41 nested more than 40 deep"),
    "10,000 maps": ("{a: " * 10_000, "1:161 nested more than 40 deep"),
    "10,000 dashes": ("- " * 10_000, "1:81 nested more than 40 deep"),
    "3,000 steps": ("\n".join(" " * step + "a:" for step in range(3_000)), "41:41 nested more than 40 deep"),
    "a long phrase": (HEAD + f"define: {{a: [{'x' * 501}]}}\n", "4:14 a phrase has at most 500 characters"),
    "a very long phrase": (
        HEAD + f"define: {{a: [{'x' * 2_000_000}]}}\n",
        "4:14 a phrase has at most 500 characters",
    ),
    "a long number": (HEAD + f"define: {{a: [{'9' * 9_000}]}}\n", "4:14 YAML does not read a phrase as text"),
    "a long guard": (f"guard: {'9' * 9_000}\n", "1:8 guard is a share such as `30%` or `0.3`"),
    "a long path": (f"extends: {'x' * 9_000}.yaml\n", "1:10 no file `xxx"),
    "17 million characters": (
        "x" * 17_000_000,
        "1:1 the file has 17,000,000 characters; a pack has at most 16,000,000",
    ),
    "many values": ("[" + "a," * 300_000 + "]", "1:400000 more than 200,000 keys and values in one file"),
    "a half character": (HEAD + "define: {a: [\ud800]}\n", "1:1 not YAML: 'utf-8' codec can't encode"),
    "half a character, escaped": (
        HEAD + 'define: {a: ["\\ud800"]}\n',
        "4:17 not YAML: found invalid Unicode",
    ),
    "names that multiply": (
        HEAD + "define:\n" + "".join(f"  a{n}: [{f'$a{n + 1}, ' * 9}]\n" for n in range(15)) + "  a15: [x]\n",
        "20:9 with all names put in, more than 200,000 phrases and tests",
    ),
    "tests that multiply": (
        HEAD
        + "define:\n"
        + "".join(f"  a{n}: [{f'{{use: $a{n + 1}}}, ' * 9}]\n" for n in range(15))
        + "  a15: {words: 1}\n",
        "20:8 with all names put in, more than 200,000 phrases and tests",
    ),
    "names of names of names": (
        HEAD + "define:\n" + "".join(f"  a{n}: [$a{n + 1}]\n" for n in range(25)) + "  a25: [x]\n",
        "26:9 names nested more than 20 deep",
    ),
}


@pytest.mark.parametrize("name", LONG)
def test_long_pack(name: str) -> None:
    text, expected = LONG[name]
    started = time.process_time()
    found = problems_of(lambda: load_text(text))
    assert [problem for problem in found if problem.startswith(expected)], found[:3]
    assert time.process_time() - started < 8


def test_tests_nested_through_names() -> None:
    nots = "".join(f"  a{n}: {'{not: ' * 20}{{use: $a{n + 1}}}{'}' * 20}\n" for n in range(4))
    found = problems_of(lambda: load_text(f"{HEAD}define:\n{nots}  a4: {{words: 1}}\n"))
    assert found[0].partition(" ")[2] == "tests nested more than 50 deep"


def test_too_many_problems_are_counted() -> None:
    found = problems_of(lambda: load_text(HEAD + "define: {a: [" + "no," * 1_500 + "]}"))
    assert len(found) == 1_001
    assert found[-1].endswith("and 500 more problems from here on")


# ------------------------------------------------------------------ files


def write(folder: Path, **files: str | bytes) -> Path:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"pack: p\nabout: caf\xe9\n", ["2:11 not UTF-8: byte 0xe9; save the file as UTF-8"]),
        ("pack: p\n".encode("utf-16"), ["1:1 not UTF-8: byte 0xff; save the file as UTF-8"]),
        (
            b"",
            [
                "1:1 the file holds nothing; expected a map with `rules` and, in a pack, also `pack`, `version` and `about`"
            ],
        ),
        (
            b"\xef\xbb\xbf",
            [
                "1:1 the file holds nothing; expected a map with `rules` and, in a pack, also `pack`, `version` and `about`"
            ],
        ),
        (b"\xef\xbb\xbffoo: 1\n", ["1:1 unknown key `foo`"]),
        (b"guard: 50%\r\nfoo: 1\r\n", ["2:1 unknown key `foo`"]),
        (b"guard: 50%\rfoo: 1\r", ["2:1 unknown key `foo`"]),
        ("about: a\u2028foo: 1\n".encode(), ["2:1 unknown key `foo`"]),
        ("about: a\x85foo: 1\n".encode(), ["2:1 unknown key `foo`"]),
    ],
)
def test_bytes(tmp_path: Path, data: bytes, expected: list[str]) -> None:
    write(tmp_path, a=data)
    assert problems_of(lambda: load_file(tmp_path / "a.yaml")) == expected


def test_a_file_too_large(tmp_path: Path) -> None:
    with (tmp_path / "a.yaml").open("wb") as stream:
        stream.truncate(LARGEST_FILE_BYTES + 1)  # sparse
    assert problems_of(lambda: load_file(tmp_path / "a.yaml")) == ["1:1 the file has more than 64,000,000 bytes"]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_file(tmp_path / "a.yaml")
    with pytest.raises(OSError, match=r"directory|denied"):
        load_file(tmp_path)


def test_no_such_pack() -> None:
    with pytest.raises(RuleError) as caught:
        load(["newz"])
    assert str(caught.value) == f"no pack `newz` (did you mean `news`?); there are: {', '.join(pack_files())}"


def test_a_file_is_no_pack() -> None:
    with pytest.raises(RuleError, match=r"^no pack is called `mine.yaml`; a file is given by --config, or to Cleaner"):
        load(["mine.yaml"])


def _link(number: int) -> str:
    letter, following = chr(ord("a") + number), chr(ord("b") + number)
    return f"pack: {letter}\nversion: 1.0.0\nabout: x\nextends: {following}.yaml\n"


# files, of which `a` is loaded, and their problems
EXTENDING: dict[str, tuple[dict[str, str | bytes], list[str]]] = {
    "itself": ({"a": "extends: ./a.yaml\n"}, ["1:10 packs that extend each other: a.yaml → a.yaml"]),
    "a circle": (
        {
            "a": HEAD + "extends: ./b.yaml\n",
            "b": "pack: b\nversion: 1.0.0\nabout: x\nextends: c.yaml\n",
            "c": "requires: a.yaml\n",
        },
        ["1:11 packs that extend each other: a.yaml → b.yaml → c.yaml → a.yaml"],
    ),
    "itself by another path": (
        {"a": "extends: ./x/../a.yaml\n"},
        ["1:10 packs that extend each other: a.yaml → a.yaml"],
    ),
    "two of one name": (
        {"a": HEAD + "extends: b.yaml\n", "b": HEAD},
        ["1:7 two packs are called `p`: b.yaml and this one; give this one another name"],
    ),
    "two without a name": (
        {"a": "extends: b.yaml\n", "b": "guard: 40%\n"},
        ["1:1 two packs are called `local`: b.yaml and this one; give this one a name with `pack:`"],
    ),
    "called like one that others need": (
        {"a": "pack: news\nversion: 1.0.0\nabout: x\nextends: default\n"},
        [f"1:7 two packs are called `news`: {pack_files()['news']} and this one; give this one another name"],
    ),
    "two without a name, in a circle": (
        {"a": "extends: b.yaml\n", "b": "extends: a.yaml\n"},
        ["1:10 packs that extend each other: a.yaml → b.yaml → a.yaml"],
    ),
    "a broken one": (
        {"a": HEAD + "extends: b.yaml\nfoo: 1\n", "b": "guard: 0\n"},
        ["a.yaml:5:1 unknown key `foo`", "b.yaml:1:8 guard is a share such as `30%` or `0.3`"],
    ),
    "not UTF-8": ({"a": "extends: b.yaml\n", "b": b"\xe9"}, ["1:1 not UTF-8: byte 0xe9; save the file as UTF-8"]),
    "a folder": ({"a": "extends: ./\n"}, ["1:10 no file `.`"]),
    "a chain": (
        {chr(ord("a") + number): _link(number) for number in range(26)},
        ["4:10 more than 20 packs that extend one another"],
    ),
}


@pytest.mark.parametrize("name", EXTENDING)
def test_extending(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files, expected = EXTENDING[name]
    write(tmp_path, **files)
    monkeypatch.chdir(tmp_path)
    assert problems_of(lambda: load_file("a.yaml")) == expected


@pytest.mark.skipif(os.name != "posix", reason="needs symbolic links")
def test_a_circle_of_links_ends(tmp_path: Path) -> None:
    write(tmp_path, a="extends: b.yaml\n")
    (tmp_path / "b.yaml").symlink_to(tmp_path / "a.yaml")
    assert problems_of(lambda: load_file(tmp_path / "a.yaml"))


# ------------------------------------------------------------------ layering


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the pack `base` in it, as working directory."""
    monkeypatch.chdir(write(tmp_path, base=BASE))
    return tmp_path


def names(configuration: Configuration) -> list[str]:
    return [rule.name for rule in configuration.rules]


def rule_of(configuration: Configuration, name: str) -> Rule:
    return next(rule for rule in configuration.rules if rule.name == name)


def phrases(rule: Rule) -> list[tuple[str, str | None]]:
    assert rule.match is not None
    return [(phrase.text, phrase.language) for phrase in rule.match.value]


# A configuration above `base`, and the rules that run.
CHOOSING = {
    "": ["base/share", "base/next"],
    "disable: [base/share]": ["base/next"],
    "disable: base/next": ["base/share"],
    "disable: ['base/*']": [],
    "disable: ['*/ne?t']": ["base/share"],
    "disable: ['tag:social']": ["base/next"],
    "enable: base/trial": ["base/share", "base/next", "base/trial"],
    "enable: 'base/*'": ["base/share", "base/next", "base/trial"],
    "max_risk: likely": ["base/share"],
    "max_risk: safe": ["base/share"],
    "max_risk: risky": ["base/share", "base/next"],
    "max_risk: safe\nenable: [base/next]": ["base/share", "base/next"],
    "disable: ['base/*']\nenable: [base/next]": ["base/next"],
    "max_risk: safe\noverride: {base/next: {risk: safe}}": ["base/share", "base/next"],
    "override: {base/trial: {status: stable}}": ["base/share", "base/next", "base/trial"],
}


@pytest.mark.parametrize("text", CHOOSING)
@pytest.mark.usefixtures("base")
def test_choosing_rules(text: str) -> None:
    assert names(load_text(f"extends: base.yaml\n{text}\n")) == CHOOSING[text]


# What a configuration adds to a name or takes away, and the phrases of base/share then.
ALL = [("share", "en"), ("share this", "en"), ("partager", "fr"), ("tweet", None)]
PHRASES = {
    "{}": ALL,
    "{base/share+: {de: [teilen]}}": [*ALL, ("teilen", "de")],
    "{base/share+: {en: post}}": [ALL[0], ALL[1], ("post", "en"), ALL[2], ALL[3]],
    "{base/share+: [toot]}": [*ALL, ("toot", None)],
    "{base/share+: toot}": [*ALL, ("toot", None)],
    "{base/share-: [share this]}": [ALL[0], ALL[2], ALL[3]],
    "{base/share-: {fr: partager}}": [ALL[0], ALL[1], ALL[3]],
    "{base/share-: [[share], [share this]]}": [ALL[2], ALL[3]],
    "{base/share-: [share, tweet], base/share+: {fr: tweeter}}": [ALL[1], ALL[2], ("tweeter", "fr")],
    "{base/share+: ['$base/lead']}": [*ALL, ("more", None)],
    "{base/share: {match.is: [aime, '$lead']}}": [("aime", None), ("more", None)],
    "{base/share: {match: {is: x}}}": [("x", None)],
}


@pytest.mark.parametrize("text", PHRASES)
@pytest.mark.usefixtures("base")
def test_changing_phrases(text: str) -> None:
    assert phrases(rule_of(load_text(f"extends: base.yaml\noverride: {text}\n"), "base/share")) == PHRASES[text]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("{base/share-: [shore]}", "2:26 there is no phrase `shore` to take away (did you mean `share`?)"),
        ("{base/shore-: [share]}", "2:12 unknown name `base/shore` (did you mean `base/share`?)"),
        ("{base/share++: [share]}", "2:12 unknown name `base/share+` (did you mean `base/share`?)"),
        ("{base/long+: [share]}", "2:12 `base/long` stands for a test: only to phrases can phrases be added"),
        (
            "{base/lead: [share]}",
            "2:12 `base/lead` is a name: write `base/lead+` to add phrases, `base/lead-` to take some away",
        ),
        ("{base/next: {id: other}}", "2:24 a rule keeps its id"),
        ("{base/next: {run.count: 5..2}}", "2:35 `5..2`: the lower end is above the upper one"),
    ],
)
@pytest.mark.usefixtures("base")
def test_wrong_override_is_told_where_it_stands(override: str, message: str) -> None:
    assert message in problems_of(lambda: load_text(f"extends: base.yaml\noverride: {override}\n"))


@pytest.mark.usefixtures("base")
def test_override_of_one_field_leaves_the_others() -> None:
    before = rule_of(load_file("base.yaml"), "base/next").run
    after = rule_of(
        load_text("extends: base.yaml\noverride: {base/next: {run.count: 2..20, budget: 10%}}\n"), "base/next"
    )
    assert before is not None
    assert after.run is not None
    assert (before.count.high, after.run.count.low, after.run.count.high) == (12, 2, 20)
    assert (after.run.gap, after.run.then, after.budget) == (before.gap, before.then, 0.1)


def test_later_layers_win(base: Path) -> None:
    write(
        base,
        mid="pack: mid\nversion: 1.0.0\nabout: x\nextends: base.yaml\nguard: 30%\ndisable: base/share\n"
        "override: {base/next: {run.count: 1..3}}\n",
        top="extends: [mid.yaml, base.yaml]\nguard: 20%\nenable: base/share\n"
        "override: {base/next: {run.count: 1..4}}\n",
    )
    mid, top = load_file("mid.yaml"), load_file("top.yaml")
    assert [pack.name for pack in top.packs] == ["base", "mid", "local"]
    assert (mid.guard, top.guard, load_file("base.yaml").guard) == (0.3, 0.2, 0.5)
    assert (names(mid), names(top)) == (["base/next"], ["base/share", "base/next"])
    run = rule_of(top, "base/next").run
    assert run is not None
    assert run.count.high == 4
    assert [rule.layer for rule in top.rules] == [0, 0]


def test_names_across_packs(base: Path) -> None:
    write(
        base,
        ours=HEAD + "requires: [base.yaml]\nrules:\n"
        "- {id: a, about: x, match: {is: [$base/share, $share], not: {use: $base/long}}, "
        "examples: [{drop: share}, {keep: b}]}\n",
        own=HEAD + "extends: [base.yaml]\ndefine: {share: [mine]}\nrules:\n"
        "- {id: a, about: x, match: {is: $share}, examples: [{drop: mine}, {keep: b}]}\n"
        "- {id: b, about: x, match: {is: $lead}, examples: [{drop: more}, {keep: b}]}\n",
    )
    own = load_file("own.yaml")
    assert phrases(rule_of(own, "p/a")) == [("mine", None)]  # a pack's own name comes before that of one it extends
    assert phrases(rule_of(own, "p/b")) == [("more", None)]
    assert phrases(rule_of(own, "base/share")) == ALL
    # A required pack lends its names by their full name, and no rules.
    assert problems_of(lambda: load_file("ours.yaml")) == ["6:47 unknown name `$share` (did you mean `$base/share`?)"]
    (base / "ours.yaml").write_text((base / "ours.yaml").read_text().replace(", $share]", "]"))
    assert names(load_file("ours.yaml")) == ["p/a"]


@pytest.mark.parametrize(("pin", "fits"), [("core@1.0.0", True), ("core", True), ("core@1.0", False), ("core@", True)])
def test_version_pins(pin: str, fits: bool) -> None:
    version = load(["core"]).packs[0].version
    text = f"extends: [{pin.replace('1.0.0', version)}]\n"
    if fits:
        assert load_text(text).packs[0].version == version
    else:
        assert problems_of(lambda: load_text(text)) == [f"1:11 pack `core` is there in version {version}, not 1.0"]


def test_a_configuration_without_a_name() -> None:
    configuration = load_text("rules:\n" + NEXT)
    assert names(configuration) == ["local/next"]
    assert configuration.packs[0].file == "<text>"


def test_a_file_is_found_beside_the_one_that_names_it(base: Path) -> None:
    (base / "sub").mkdir()
    write(
        base / "sub",
        a="extends: [../base.yaml, other.yaml]\n",
        other="pack: other\nversion: 1.0.0\nabout: x\n",
    )
    assert [pack.name for pack in load_file("sub/a.yaml").packs] == ["base", "other", "local"]


# Changes of the pack `base`, and whether results can depend on them.
DIGEST = [
    ("about: x, risk: safe", "about: other, risk: safe", False),
    ("tags: [social]", "tags: [other]", False),
    ("{drop: share}", "{drop: share this}", False),
    ("define:", "define: # a comment", False),
    ("lead: [more]", "lead: [less]", False),  # no rule uses it
    ("share this", "share that", True),
    ("fr: [partager]", "de: [partager]", True),
    ("risk: safe", "risk: likely", True),
    ("count: 2..12", "count: 2..13", True),
    ("is: $share", "has: $share", True),
    ("is: $share", "is: $share, case: true", True),
    ("version: 1.2.0", "version: 1.2.1", True),
    ("status: experimental", "status: stable", True),
    ("rules:", "guard: 40%\nrules:", True),
]


@pytest.mark.parametrize(("old", "new", "changes"), DIGEST)
def test_digest(old: str, new: str, changes: bool) -> None:
    assert BASE.count(old) >= 1
    assert (load_text(BASE).digest != load_text(BASE.replace(old, new, 1)).digest) is changes


def test_digest_does_not_depend_on_the_place(base: Path) -> None:
    (base / "deep").mkdir()
    write(base / "deep", base="# moved\n\n" + BASE)
    assert load_file("base.yaml").digest == load_file(base / "deep" / "base.yaml").digest == load_text(BASE).digest


# ------------------------------------------------------------------ what is read


@pytest.mark.parametrize(
    ("written", "low", "high", "share"),
    [
        ("3..18", 3, 18, False),
        ("15..", 15, float("inf"), False),
        ("..5", 0, 5, False),
        ("4", 4, 4, False),
        ("'4'", 4, 4, False),
        ("0", 0, 0, False),
        ("50%..", 0.5, 1, True),
        ("..25%", 0, 0.25, True),
        ("0.5..0.8", 0.5, 0.8, True),
        ("33.3%..66.6%", 0.333, 0.666, True),
        ("100%", 1, 1, True),
    ],
)
def test_ranges(written: str, low: float, high: float, share: bool) -> None:
    text = f"rules:\n- {{id: a, about: x, match: {{links: {written}}}, examples: [{{drop: a}}, {{keep: b}}]}}\n"
    test = load_text(text).rules[0].match
    assert test is not None
    assert (round(test.value.low, 9), round(test.value.high, 9), test.value.share) == (low, high, share)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("{is: [deila], en: [share]}", "phrases"),  # Icelandic, not a test
        ("{en: share}", "phrases"),
        ("{pt-br: [compartilhar], any: x}", "phrases"),
        ("{has: [share]}", "a test"),
        ("{has: [share], case: true}", "a test"),
        ("[share, $other]", "phrases"),
        ("[{is: share}, {words: 3}]", "a test"),
        ("share", "phrases"),
    ],
)
def test_names_are_phrases_or_tests(written: str, meant: str) -> None:
    use = "is: $name" if meant == "phrases" else "use: $name"
    rule = f"- {{id: a, about: x, match: {{{use}}}, examples: [{{drop: a}}, {{keep: b}}]}}\n"
    assert load_text(f"define:\n  other: [x]\n  name: {written}\nrules:\n{rule}").rules


EXAMPLES = """\
define:
  opening: [He left., It rained.]
  text: [$opening, She wrote.]
rules:
- id: share
  about: A button
  match: {is: share}
  examples:
  - {drop: [Share]}
  - {in: [$text, '', Share, $5 off], out: [$text, '', $5 off]}
  - {in: [Share, Share], out: []}
  - {keep: $text}
"""


def test_an_example_may_list_its_lines() -> None:
    (rule,) = resolve_text(EXAMPLES.replace("$5 off", "$"), "cleaner.yaml").configuration.rules
    text = "He left.\nIt rained.\nShe wrote.\n"
    assert [(example.text, example.out) for example in rule.examples] == [
        ("Share", ""),
        (f"{text}\nShare\n$", f"{text}\n$"),
        ("Share\nShare", ""),
        ("$text", "$text"),  # a text of one line says what it says
    ]
    assert problems_of(lambda: load_text(EXAMPLES)) == [
        "10:29 `$5 off` is no name; a text in which a line begins with a dollar is written as one string",
        "10:55 `$5 off` is no name; a text in which a line begins with a dollar is written as one string",
    ]


def test_every_pack_key_is_known_to_the_head() -> None:
    assert {"pack", "version", "about", "rules", "define", "extends"} <= PACK_KEYS.keys()


# ------------------------------------------------------------------ shipped packs


@pytest.mark.parametrize("name", pack_files())
def test_shipped_pack_loads(name: str) -> None:
    configuration = load([name])
    assert configuration.packs[-1].name == name
    assert configuration.digest == load_file(pack_files()[name]).digest
    assert len({rule.name for rule in configuration.rules}) == len(configuration.rules)


SITES = """\
extends: social
sites:
  example.com:
    disable: social/share-label
    override: {social/network-icon: {about: An icon, risk: risky}}
rules:
- id: basket
  about: The button of one site
  for: {site: example.com}
  match: {is: put in basket}
  examples: [{drop: Put in basket}, {keep: Put in basket makers}]
"""


def test_a_site_has_rules_of_its_own() -> None:
    rules = load_text(SITES).rules
    label = next(rule for rule in rules if rule.name == "social/share-label")
    assert (label.sites, label.except_sites) == ((), ("example.com",))
    icons = [rule for rule in rules if rule.name == "social/network-icon"]
    assert [(rule.risk, rule.sites, rule.except_sites) for rule in icons] == [
        (icons[0].risk, (), ("example.com",)),
        ("risky", ("example.com",), ()),
    ]
    assert icons[0].risk != "risky"


def test_a_later_layer_changes_the_rules_of_a_site_anew(tmp_path: Path) -> None:
    below = tmp_path / "below.yaml"
    below.write_text(f"pack: below\nversion: 1.0.0\nabout: Below\n{SITES}", encoding="utf-8")
    again = "sites: {example.com: {override: {social/network-icon: {risk: safe}}}}"
    rules = load_text(f"extends: {below}\n{again}").rules
    icons = [(rule.risk, rule.sites) for rule in rules if rule.name == "social/network-icon"]
    assert icons[1:] == [("safe", ("example.com",))]
    assert icons[0][1] == ()

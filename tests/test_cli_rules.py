"""The commands for people who write rules, called as people call them; output is compared whole."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import cleaner
from cleaner.cli import main
from cleaner.cli.failures import difference
from cleaner.rules import pack_files
from cleaner.rules.layers import resolve_file

BASE = r"""
pack: base
version: 1.0.0
about: Rules that the tests can count on
define:
  share: {any: [tweet], en: [share, share this article], fr: [partager]}
  headline: {words: 3..18, full_stop: false}
rules:
- id: share-line
  about: A share button
  risk: safe
  tags: [social]
  allow: [unproven-condition]
  match: {is: $share}
  examples: [{drop: Share}, {keep: Share prices fell}]
- id: related
  about: A heading of related stories and the headlines under it
  allow: [unproven-condition]
  match: {is: read next}
  run: {then: {use: $headline}, count: 2..12}
  examples:
  - {in: "A.\nRead next\nFloods hit the coast\nVote is delayed\nB.", out: "A.\nB."}
  - {keep: Read next week's issue.}
- id: draft
  about: Not ready
  status: experimental
  match: {starts: 'photo by', words: ..6}
  unit: paragraph
  allow: [unproven-condition, empty-match, unlimited-removal]
  examples: [{drop: Photo by Ann Lee}, {keep: The photo by Ann Lee shows the whole of it.}]
"""
OVERRIDE = """\
extends: ./base.yaml
override:
  base/share-line: {risk: likely}
  base/share+: {de: [teilen jetzt]}
"""
BROKEN = """\
extends: ./base.yaml
override:
  base/related: {run.count: 3..}
"""


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a pack, configurations, and texts."""
    monkeypatch.chdir(tmp_path)
    for name, text in (("base.yaml", BASE.lstrip()), ("my.yaml", OVERRIDE), ("broken.yaml", BROKEN)):
        Path(name).write_text(text, encoding="utf-8")
    Path("in").mkdir()
    Path("in", "a.txt").write_text("The mayor left.\nShare\nHe gave no details.\nTweet\nEnd.\n", encoding="utf-8")
    Path("in", "b.txt").write_text("One (photo: Lee) day\nShare\nNothing else.\n", encoding="utf-8")
    return tmp_path


def call(*arguments: str) -> Result:
    """Call a command in this process; `exit_code` is what a shell would see."""
    import click

    @click.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
    @click.argument("words", nargs=-1)
    def shell(words: tuple[str, ...]) -> None:
        sys.exit(main(list(words)))

    return CliRunner().invoke(shell, ["--", *arguments])


def test_check_tells_every_problem_at_once() -> None:
    Path("bad.yaml").write_text(
        textwrap.dedent("""\
            rules:
            - id: mine
              about: A line
              risk: save
              match: {strats: x}
              unlses: 3
              examples: [{drop: A}, {keep: B}]
            """),
        encoding="utf-8",
    )
    done = call("rules", "check", "bad.yaml")
    assert done.stdout == textwrap.dedent("""\
        bad.yaml:4:9: risk is one of safe, likely, risky, not `save` (did you mean `safe`?)
              risk: save
                    ^
        bad.yaml:5:11: unknown test `strats` (did you mean `starts`?)
              match: {strats: x}
                      ^
        bad.yaml:6:3: unknown key `unlses` in a rule (did you mean `unless`?)
              unlses: 3
              ^
        0 rules, 0 examples: 3 errors, 0 warnings
        """)
    assert (done.exit_code, done.stderr) == (2, "")


def test_check_tells_unknown_operations_with_their_line() -> None:
    Path("fix.yaml").write_text(
        "rules:\n- id: mine\n  about: A fix\n  do: fix\n  with: encodign\n"
        "  examples: [{in: donâ€™t, out: don’t}, {keep: a}]\n",
        encoding="utf-8",
    )
    done = call("rules", "check", "fix.yaml")
    first, line, caret, *_ = done.stdout.splitlines()
    assert first.startswith("fix.yaml:5:9: unknown operation `encodign` (did you mean `encoding`?)")
    assert (line, caret) == ("      with: encodign", "            ^")
    assert done.exit_code == 2


def test_check_tells_what_an_option_wants() -> None:
    rules = [
        f"- {{id: {name}, about: A fix, do: fix, with: {{operation: {operation}}}, examples: [{{in: a, out: b}}, {{keep: c}}]}}"
        for name, operation in (("a", "encoding, uncurl_quotes: 1"), ("b", "blank_lines, keep: -1"))
    ]
    Path("fix.yaml").write_text("rules:\n" + "\n".join(rules), encoding="utf-8")
    told = call("rules", "check", "fix.yaml").stdout.splitlines()
    assert told[::3] == [
        "fix.yaml:2:62: option `uncurl_quotes` is `true` or `false`",
        "fix.yaml:3:65: option `keep` is a whole number, 0 to 100",
        "0 rules, 0 examples: 2 errors, 0 warnings",
    ]


def test_check_tells_of_an_override_where_it_stands() -> None:
    Path("far.yaml").write_text(
        "extends: ./base.yaml\noverride:\n"
        "  base/related: {run.count: 2..3, allow: []}\n"
        "  base/draft: {match.words: ..9, allow: [empty-match, unlimited]}\n",
        encoding="utf-8",
    )
    told = call("rules", "check", "far.yaml").stdout.splitlines()
    assert [line.split(": ")[0] + " " + line.split()[-1] for line in told[:-1:3]] == [
        "base.yaml:26:11 [unproven-condition]",
        "far.yaml:3:29 [unproven-condition]",
        "far.yaml:3:29 [unproven-condition]",
        "far.yaml:4:16 [unproven-condition]",
        "far.yaml:4:55 [unknown-warning]",
    ]
    assert told[4].strip() == "base/related: {run.count: 2..3, allow: []}"


def test_check_of_sound_files() -> None:
    done = call("rules", "check", "base.yaml", "my.yaml")
    assert (done.exit_code, done.stdout) == (0, "3 rules, 6 examples: 0 errors, 0 warnings\n")


def test_check_runs_examples() -> None:
    done = call("rules", "check", "broken.yaml")
    first = done.stdout.splitlines()[0]
    assert first.startswith("base.yaml:21:5: an example of `base/related` fails: expected 'A.\\nB.', found ")
    assert done.stdout.splitlines()[-1].startswith("3 rules, 6 examples: 1 error, ")
    assert done.exit_code == 2


def test_check_examines_files_that_a_configuration_extends() -> None:
    Path("kept.yaml").write_text(
        "pack: kept\nversion: 1.0.0\nabout: Labels\nrules:\n- id: advert\n  about: A label\n  match: {is: advert}\n"
        "  examples: [{drop: Advert}, {keep: Share this article}]\n",
        encoding="utf-8",
    )
    Path("both.yaml").write_text("extends: [social, ./kept.yaml]\n", encoding="utf-8")
    for arguments in (["both.yaml"], ["both.yaml", "kept.yaml"]):
        done = call("rules", "check", *arguments)
        assert "kept.yaml:8:30: `keep: Share this article` is changed by social/share-label" in done.stdout
        assert done.stdout.splitlines()[-1] == "1 rule, 2 examples: 0 errors, 1 warning"
    assert call("rules", "test", "both.yaml").stdout.startswith("2 examples of 1 rule in ")


def test_a_rule_that_fails_alone_is_not_called_shadowed() -> None:
    text = BASE + "- {id: never, about: Cannot hit, match: {is: abc}, examples: [{drop: abcd}, {keep: Rest}]}\n"
    Path("never.yaml").write_text(text.lstrip(), encoding="utf-8")
    done = call("rules", "check", "never.yaml")
    assert "an example of `base/never` fails" in done.output
    assert "shadowed" not in done.output


def test_check_warnings_have_names_and_are_strict_only_on_demand() -> None:
    Path("warned.yaml").write_text(
        "rules:\n- id: mine\n  about: A button\n  match: {is: share, words: ..9}\n"
        "  examples: [{drop: Share}, {keep: Share prices fell}]\n",
        encoding="utf-8",
    )
    done = call("rules", "check", "warned.yaml")
    assert done.stdout == textwrap.dedent("""\
        warned.yaml:4:22: every example holds without `words: ..9`: add a {keep: …} that only it holds back, or delete it [unproven-condition]
              match: {is: share, words: ..9}
                                 ^
        1 rule, 2 examples: 0 errors, 1 warning
        """)  # noqa: E501 - as it is printed
    assert (done.exit_code, call("rules", "check", "--strict", "warned.yaml").exit_code) == (0, 1)


def test_test_shows_differences() -> None:
    done = call("rules", "test", "broken.yaml")
    lines = done.stdout.splitlines()
    assert lines[:8] == [
        "base.yaml:21:5: base/related should make `out` of `in`",
        "    - expected  + found",
        "      A.",
        "    + Read next",
        "    + Floods hit the coast",
        "    + Vote is delayed",
        "      B.",
        "",
    ]
    assert lines[8].startswith("6 examples of 3 rules in ")
    assert lines[8].endswith(" s: 1 failed")
    assert done.exit_code == 1


def test_test_of_one_rule() -> None:
    done = call("rules", "test", "base.yaml", "--rule", "draft")
    assert done.stdout.startswith("2 examples of 1 rule in ")
    assert done.stdout.endswith(" s: all hold\n")
    assert done.exit_code == 0
    done = call("rules", "test", "base.yaml", "--rule", "shareline")
    assert done.exit_code == 2
    assert "there is no rule `shareline` (did you mean `base/share-line`?)" in done.stderr


@pytest.mark.parametrize(
    ("expected", "found", "lines"),
    [
        ("a", "", ["- a", "+ (nothing)"]),
        ("", "a", ["- (nothing)", "+ a"]),
        ("a\nb", "a\nb\n", ["  a", "- b", "+ b⏎"]),
        ("a b", "a  b", ["- a b", "+ a ·b"]),
        ("a b", "a\tb", ["- a·b", "+ a→b"]),
        ("a", "a ", ["- a", "+ a·"]),
        ("a\nb", "a\r\nb", ["- a", "+ a␍", "  b"]),
        ("a\nb", "a", ["- a⏎", "- b", "+ a"]),
        ("a\u200bb", "ab", [r"- a\u200bb", "+ ab"]),
        ("one two", "one three", ["- one two", "+ one three"]),
        ("1\n2\n3\n4\n5\n6\nx", "1\n2\n3\n4\n5\n6\ny", ["  (4 equal lines)", "  5", "  6", "- x", "+ y"]),
    ],
)
def test_difference(expected: str, found: str, lines: list[str]) -> None:
    assert difference(expected, found) == lines


def test_list() -> None:
    rows = call("rules", "list", "--config", "base.yaml").stdout.splitlines()
    assert rows == [
        "id               risk    earned  status             unit       action  about",
        "base/share-line  safe            stable             line       drop    A share button",
        "base/related     likely          stable             line       drop    "
        "A heading of related stories and the headlines under it",
        "base/draft       likely          experimental, off  paragraph  drop    Not ready",
    ]


def test_list_and_show_tell_what_shipped_rules_earned() -> None:
    found = json.loads(call("rules", "list", "--json").stdout)
    measured = {rule["id"]: rule["measured"] for rule in found if rule["measured"]}
    assert measured["social/share-label"].keys() == {"right", "lines", "sites", "earned"}
    lines = measured["social/share-label"]["lines"]
    row = next(one for one in call("rules", "list").stdout.splitlines() if one.startswith("social/share-label "))
    assert f"({lines:,})" in row
    head, file, shown, first, *_ = call("rules", "show", "social/share-label").stdout.splitlines()
    assert head.startswith("# social/share-label, of social ")
    assert file.endswith("social.yaml")
    assert first.partition("# ")[2].startswith("social.yaml:")  # the folder is told once
    assert shown.startswith("# measured: ")
    assert f" {lines:,} lines" in shown


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        (["--tag", "social"], ["share-line"]),
        (["--risk", "safe"], ["share-line"]),
        (["--unit", "paragraph"], ["draft"]),
        (["--action", "keep"], []),
        (["--search", "PARTAGER"], ["share-line"]),
        (["--search", "headlines"], ["related"]),
        (["--language", "fr", "--risk", "safe"], ["share-line"]),
    ],
)
def test_list_filters(options: list[str], ids: list[str]) -> None:
    done = call("rules", "list", "--config", "base.yaml", "--json", *options)
    assert [rule["id"] for rule in json.loads(done.stdout)] == [f"base/{one}" for one in ids]


def test_list_json() -> None:
    done = call("rules", "list", "--config", "base.yaml", "--search", "ready", "--json")
    assert json.loads(done.stdout) == [
        {
            "id": "base/draft",
            "about": "Not ready",
            "risk": "likely",
            "measured": None,
            "status": "experimental",
            "runs": False,
            "unit": "paragraph",
            "action": "drop",
            "tags": [],
            "languages": [],
            "sites": [],
            "file": "base.yaml",
            "line": 23,
        }
    ]


def test_show_names_the_layer_of_each_field() -> None:
    done = call("rules", "show", "share-line", "--config", "my.yaml")
    assert done.stdout == textwrap.dedent("""\
        # base/share-line, of base 1.0.0
        id: share-line                                        # base.yaml:8
        about: A share button                                 # base.yaml:9
        risk: likely                                          # my.yaml:3
        tags: [social]                                        # base.yaml:11
        allow: [unproven-condition]                           # base.yaml:12
        match: {is: $share}                                   # base.yaml:13
        examples: [{drop: Share}, {keep: Share prices fell}]  # base.yaml:14
        #
        # $base/share stands for
        #   any (base.yaml:5): tweet
        #   en (base.yaml:5): share, share this article
        #   fr (base.yaml:5): partager
        #   de (my.yaml:4): teilen jetzt
        """)
    assert call("rules", "show", "base/draft", "--config", "my.yaml").stdout.startswith(
        "# base/draft, of base 1.0.0; it is off\n"
    )


@pytest.mark.parametrize("name", ["related", "draft", "share-line"])
def test_what_show_prints_is_the_rule(name: str) -> None:
    """It can be put into another pack, and is the same rule there."""
    shown = call("rules", "show", name, "--config", "base.yaml").stdout
    head = BASE.lstrip().partition("rules:")[0]
    Path("again.yaml").write_text(f"{head}rules:\n-\n{textwrap.indent(shown, '  ')}", encoding="utf-8")
    again, original = ({rule.id: rule for rule in resolve_file(file).rules} for file in ("again.yaml", "base.yaml"))
    assert again == {name: original[name]}


def test_show_of_an_unknown_rule() -> None:
    done = call("rules", "show", "relatd", "--config", "base.yaml")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "there is no rule `relatd` (did you mean `base/related`?); see `cleaner rules list`." in done.stderr


def test_a_configuration_without_a_name_is_local() -> None:
    Path("mine.yaml").write_text(
        "rules:\n- {id: one, about: x, match: {is: buy}, examples: [{drop: Buy}, {keep: Buy it}]}\n",
        encoding="utf-8",
    )
    done = call("rules", "list", "--config", "mine.yaml")
    assert done.stdout.splitlines()[1].split()[0] == "local/one"


def test_schema_is_json() -> None:
    done = call("rules", "schema")
    schema = json.loads(done.stdout)
    assert (done.exit_code, schema["$schema"]) == (0, "https://json-schema.org/draft/2020-12/schema")
    assert "rules" in schema["properties"]


# ------------------------------------------------------------------ try


def test_try_a_test() -> None:
    done = call("rules", "try", "is: [share, tweet]", "--on", "in", "--samples", "2")
    assert done.stdout == textwrap.dedent("""\
        the pattern would remove: 3 hits in 2 of 2 documents
        15 of 94 characters (16.0%), 2 distinct texts

        === longest
        in/a.txt:2 (and 1 more time)
          The mayor left.
        - Share
          He gave no details.

        === rarest
        in/a.txt:4
          He gave no details.
        - Tweet
          End.
        """)
    assert (done.exit_code, done.stderr) == (0, "")


def test_try_a_regular_expression_on_spans() -> None:
    done = call("rules", "try", r"/\(photo: [^)]*\) /", "--unit", "span", "--on", "in/b.txt")
    assert done.stdout.splitlines()[-3:] == [
        "in/b.txt:1",
        "- One [-(photo: Lee) -]day",
        "  Share",
    ]


def test_try_a_file_shows_each_rule_and_the_rarest() -> None:
    Path("c.txt").write_text("\n".join(["Share", "x"] * 5 + ["Tweet", "y", "Share this article"]), encoding="utf-8")
    done = call("rules", "try", "base.yaml", "--rule", "share-line", "--on", "c.txt", "--samples", "2")
    assert done.stdout == textwrap.dedent("""\
        base/share-line would remove: 7 hits in 1 of 1 document
        48 of 66 characters (72.7%), 3 distinct texts

        === longest
        c.txt:13
          y
        - Share this article

        === rarest
        c.txt:11
          x
        - Tweet
          y
        """)
    done = call("rules", "try", "base.yaml", "--on", "c.txt", "--samples", "0")
    assert [line for line in done.stdout.splitlines() if "would" in line] == [
        "base/share-line would remove: 7 hits in 1 of 1 document",
        "base/related would remove: 0 hits in 0 of 1 document",
        "base/draft would remove: 0 hits in 0 of 1 document",
    ]


@pytest.mark.parametrize(
    ("pattern", "more", "message"),
    [
        ("/ga(ve/", [], "PATTERN:1:7: the pattern does not compile: missing )\n    /ga(ve/\n          ^\n"),
        ("share this", [], "write `is: share this` or `has: share this` for a phrase"),
        ("isx: share", [], "PATTERN:1:1: unknown test `isx` (did you mean `is`?)"),
        ("nope.yaml", [], "nope.yaml: there is no such file."),
        ("is: x", ["--rule", "a"], "--rule goes with a FILE of rules."),
        ("words: 3..", ["--unit", "span"], "--unit span wants exactly one of is, starts, ends, has or regex"),
        ("base.yaml", ["--rule", "relatd"], "there is no rule `relatd`"),
    ],
)
def test_try_explains_what_it_cannot_take(pattern: str, more: list[str], message: str) -> None:
    done = call("rules", "try", pattern, "--on", "in", *more)
    assert (done.exit_code, done.stdout) == (2, "")
    assert message in done.stderr


# ------------------------------------------------------------------ run


def test_run_tests_what_a_configuration_overrides() -> None:
    done = call("run", "in", "-o", "out", "--config", "broken.yaml")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.splitlines()[0] == "base.yaml:21:5: base/related should make `out` of `in`"
    assert done.stderr.splitlines()[-1] == (
        "Error: broken.yaml changes rules so that 1 example no longer holds; nothing was cleaned; where the change is meant, "
        "give the rule `examples` of its own in the same override."
    )
    assert not Path("out").exists()
    assert call("run", "in", "-o", "out", "--config", "my.yaml", "-q").exit_code == 0


def test_run_tests_what_is_overridden_for_a_site() -> None:
    Path("site.yaml").write_text(
        "extends: ./base.yaml\nsites:\n  example.com: {override: {base/related: {run.count: 3..}}}\n",
        encoding="utf-8",
    )
    assert call("run", "in", "-o", "out", "--config", "site.yaml").exit_code == 2
    Path("site.yaml").write_text(
        "extends: ./base.yaml\nsites:\n  example.com: {override: {base/related: {risk: safe}}}\n",
        encoding="utf-8",
    )
    assert call("run", "in", "-o", "out", "--config", "site.yaml", "-q").exit_code == 0


def test_start_up_runs_no_examples() -> None:
    code = (
        "import sys; from cleaner.cli import main\n"
        "code = main(['run', 'in', '-o', 'out', '--config', 'base.yaml', '-q'])\n"
        "print(code, 'cleaner.rules.lint' in sys.modules)"
    )
    path = os.pathsep.join([str(Path(cleaner.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("0 False\n", "")


# ------------------------------------------------------------------ help and shipped packs


@pytest.mark.parametrize(
    "command",
    [
        ["explain"],
        ["rules"],
        *(["rules", name] for name in ("check", "test", "list", "show", "schema", "try")),
    ],
)
def test_help_has_examples(command: list[str]) -> None:
    done = call(*command, "--help")
    assert done.exit_code == 0
    assert f"\n    cleaner {' '.join(command)}" in done.stdout.partition("Example")[2]


def test_shipped_packs_pass_the_check() -> None:
    done = call("rules", "test")
    assert done.exit_code == 0, done.stdout
    assert int(done.stdout.split()[0].replace(",", "")) > len(pack_files())

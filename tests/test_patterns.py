"""Patterns: what a pack may not write, and that the accelerator's pattern misses nothing."""

import re

import pytest
import regex
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cleaner.rules import model
from cleaner.rules.clues import openings
from cleaner.rules.patterns import LONGEST_PATTERN, PatternError, compile_pattern, expand, template_groups
from cleaner.rules.problems import Place
from cleaner.rules.widening import check_pattern, nested_quantifier, widen

# A pattern and where the quantifier stands that repeats what repeats.
NESTED = {
    "(a+)+": 4,
    "(a+)+$": 4,
    "(a*)*": 4,
    "(a+)*?": 4,
    "(a+?)+": 5,
    "(?:a+b)+": 7,
    "(?:ab|c+)*": 9,
    "(?P<x>a+)+": 9,
    "(?<x>a+)+": 8,
    "(?i:a+)+": 7,
    "(?|a+|b)+": 8,
    "((a+))+": 6,
    "((a+)b){10}": 7,
    "(.*?,){11}": 6,
    "(a{2,})+": 7,
    "(a{,})+": 6,
    "(a+){,}": 4,
    "(a{,20})+": 8,
    "(a{2,10})*": 9,
    r"(\w+\s?)*": 8,
    "([a-z]+)+": 8,
    "([+*]+)+": 7,
    "([]+]+)+": 7,
    "([^]+]+)+": 8,
    r"([\]+]+)+": 8,
    r"(\(+)+": 5,
    "x(?=(a+)+)": 8,
    "x(?!(a+)+)": 8,
    "(?<=(a+)+)x": 8,
    "(?>(a+)+)": 7,
    "(?:(?:a+)+)++": 9,
    "(?#:a+)(a+)+": 11,
    r"(?#\)a)(a+)+": 11,
    "(?#(+*)(b+)+": 11,
    "(?x)( a + ) +": 12,
    "(?x)(a+ # (one\n)+": 16,
    "(?x:(a+) +)": 9,
    "(?i)(a+)+": 8,
    "(?(?=a)(b+)+|c)": 11,
    "(a(?(1)(b+)+))": 11,
    r"(\p{L}+)+": 8,
    r"(\N{DIGIT ONE}+)+": 16,
    "((?:a+){2})+": 11,
    "(a+|b){3,}": 6,
    "(*PRUNE)(a+)+": 12,
}
PLAIN = [
    "",
    "a+",
    "a+b*c?",
    "(a)+",
    "(a?)+",
    "(ab){3}",
    "(a+)?",
    "(a+){2}",
    "(a+){2,9}",
    "(a{2})+",
    "(a{10})+",
    "(a{0,9})+",
    "(?>a+)+",
    "(a++)+",
    "(a*+)*",
    "(a{2,}+)+",
    "(?:a++b)+",
    "(?:(?=a+)b)+",
    "(?:(?!a*c)b)+",
    "(?:(?<=a+)b)+",
    "([+*])+",
    "([a+])+",
    "([]+])+",
    "([^+])+",
    r"([\]+])+",
    r"(\+)+",
    r"(\\)+",
    r"\(a+\)+",
    "(a+)(b+)",
    "(a+|b+)",
    "(?#a+)(b)+",
    "(?x)(a #+\n)+",
    "(?x)(a [ ] )+",
    "(?:a|b)+",
    "(a){1,2}b+",
    "a{}+",
    "({)+",
    "(a{,)+",
    "(a{+})",
    r"(\p{L})+",
    r"(\x2b)+",
    r"(\N{PLUS SIGN})+",
    "(?(?=a)b|c)+",
    "x(*FAIL)|y+",
]
# A pattern and where, and with what words, it is refused.
REFUSED = {
    "(a+)+": (4, "nested quantifiers can take for ever"),
    "(a(?R)?b)": (2, "a pattern that calls itself"),
    "(?R)": (0, "a pattern that calls itself"),
    "(?0)?a": (0, "a pattern that calls itself"),
    "(a)(?1)": (3, "a pattern that calls itself"),
    "(a)(?-1)": (3, "a pattern that calls itself"),
    "(?+1)(a)": (0, "a pattern that calls itself"),
    "(?<x>a)(?&x)": (7, "a pattern that calls itself"),
    "(?P<x>a)(?P>x)": (8, "a pattern that calls itself"),
    "(?P<x>a)(?P&x)": (8, "a pattern that calls itself"),
    "x(?:(?<x>a)|(?&x))": (12, "a pattern that calls itself"),
    "(?:abc){e}": (7, "approximate matching"),
    "(?:abc){e<=1}": (7, "approximate matching"),
    "abc{i,d}": (3, "approximate matching"),
    "abc{1<=s<3}": (3, "approximate matching"),
    "abc{2i+3d<=8}": (3, "approximate matching"),
    "abc{e<2:[a-z]}": (3, "approximate matching"),
    "(?:x(?:abc){s<3})": (11, "approximate matching"),
    "(?x)abc {e<=1}": (8, "approximate matching"),
    r"a\L<words>": (1, "named lists"),
    r"\\\L<words>": (2, "named lists"),
    "(": (1, "the pattern does not compile: missing )"),
    "ab)": (2, "the pattern does not compile: unbalanced parenthesis"),
    "[a": (2, "the pattern does not compile: "),
    "a**": (2, "the pattern does not compile: multiple repeat"),
    "*": (0, "the pattern does not compile: nothing to repeat"),
    "a{3,2}": (2, "the pattern does not compile: "),
    r"\p{Nothing}": (11, "the pattern does not compile: unknown property"),
    "\\": (1, "the pattern does not compile: bad escape"),
    r"(a)\2": (5, "the pattern does not compile: "),
    "(?<a>x)(?P=b)": (10, "the pattern does not compile: "),
    "x" * 4001: (4000, "the pattern has 4,001 characters; the most is 4,000"),
    "(" * 1900 + ")" * 1900: (0, "the pattern does not compile: too many groups inside one another"),
}
USABLE = [
    "a{q",
    "a{x}",
    r"a\{e<=1\}",
    "[{e}]",
    r"\\L<x>",
    "(?<x>a)(?P=x)",
    r"(a)\1",
    "(?(?=a)a|b)",
    "(a)?(?(1)b|c)",
    "(?|(a)|(b))",
    r"\K",
    r"\p{Greek}",
    "(?x) a  # a comment\n b",
    "[[:alpha:]]",
]


def openings_of(pattern: str, case: bool) -> list[str]:
    return list(openings(model.Test("regex", pattern, Place("here", 1, 1), case)))


@pytest.mark.parametrize("pattern", NESTED)
def test_nested_quantifier(pattern: str) -> None:
    regex.compile(pattern)
    assert nested_quantifier(pattern) == NESTED[pattern]


@pytest.mark.parametrize("pattern", PLAIN)
def test_no_nested_quantifier(pattern: str) -> None:
    regex.compile(pattern)
    assert nested_quantifier(pattern) is None


@pytest.mark.parametrize("pattern", REFUSED, ids=lambda pattern: pattern[:30])
def test_refused(pattern: str) -> None:
    offset, message = REFUSED[pattern]
    with pytest.raises(PatternError) as caught:
        check_pattern(pattern)
    assert caught.value.offset == offset
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("pattern", USABLE)
def test_usable(pattern: str) -> None:
    check_pattern(pattern)
    assert isinstance(compile_pattern(pattern), regex.Pattern)


@given(st.text("(){}[]|*+?\\^$.,-:<>=!#&~PLRKNXVeisdxfbpwgu01289 \naA\u0130", max_size=14))
@settings(max_examples=1500)
def test_any_text_compiles_or_is_refused(pattern: str) -> None:
    offset = 0
    try:
        check_pattern(pattern)
        widen(pattern)
    except PatternError as error:
        offset = error.offset
    assert 0 <= offset <= len(pattern)


def test_case() -> None:
    assert compile_pattern("é").search("É")
    assert not compile_pattern("é", case=True).search("É")


# ------------------------------------------------------------------ widening

LITERALS = st.sampled_from([" ", *"a b K k s S é É ß σ ς µ Å Ω λ ж Ж ſ x 1 5 _ - : # & ~ @ \" ' 你 か א 😀 𝔞".split()])
ESCAPES = st.sampled_from(
    r"\w \W \d \D \s \S \b \B \m \M \A \Z \p{L} \p{Lu} \p{Ll} \P{L} \p{^L} \pN \PL \p{N} \p{Nd} \p{Greek} "
    r"\p{Alphabetic} \p{Alphabetic=N} \p{gc=Lu} \p{ea=N} \p{Upper} \p{Lower} \p{Latin} "
    r"\X \R \n \t \. \\ \- \* \x41 \x6b \u00e9 "
    r"\U0001F600 \N{ASTERISK} \N \101 \052 \0 \K \G \pl \h".split()
)
SET_ITEMS = st.one_of(
    st.sampled_from("a b k K s é É 5 _ 你 ß ſ - ^ & | ~ . * + ( { ] [".split()),
    st.sampled_from(
        r"\w \W \d \D \s \S \p{L} \P{L} \p{Lu} \p{Ll} \p{N} \pN \n \t \] \[ \- \\ \^ \b \x41 \u00e9 "
        r"\N{ASTERISK} a-z A-Z k-s 0-9 à-ÿ À-ſ \u0100-\u2fff α-ω а-я \x00-\x7f \u0100-\U0010ffff !-~ [:alpha:] "
        r"[:upper:] \d-x a-\d &&a --a".split()
    ),
)
SETS = st.builds(
    "[{}{}]".format, st.sampled_from(["", "", "^"]), st.lists(SET_ITEMS, min_size=1, max_size=4).map("".join)
)
QUANTIFIERS = st.sampled_from(
    "? * + ?? *? +? ?+ *+ ++ {2} {0} {1,} {,2} {,} {0,3} {2,5}? {1,3}+ {0,300} {,999} {1,2000} {x} { {1".split()
)
OPENINGS = st.sampled_from(
    "( (?: (?> (?= (?! (?<= (?<! (?i: (?-i: (?s: (?m: (?x: (?fi: (?a: (?<n> (?P<m> (?| (?w: (?im-s: (?^".split()
)
ASIDES = st.sampled_from(
    [
        "",
        "",
        "",
        "(?i)",
        "(?s)",
        "(?m)",
        "(?-i)",
        "(?x)",
        "(?#c)",
        r"(?#\))",
        "(*PRUNE)",
        "(*FAIL)",
        r"\1",
        r"\g<n>",
        "(?P=n)",
        "#",
        "(?a)",
    ]
)


def grown(patterns: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("{}{}".format, patterns, patterns),
        st.builds("{}|{}".format, patterns, patterns),
        st.builds("{}{})".format, OPENINGS, patterns),
        st.builds("(?:{}){}".format, patterns, QUANTIFIERS),
        st.builds("{}{}".format, patterns, QUANTIFIERS),
        st.builds("{}{}".format, ASIDES, patterns),
    )


PATTERNS = st.recursive(st.one_of(LITERALS, ESCAPES, SETS, st.sampled_from(list(".^$"))), grown, max_leaves=8)
TEXTS = st.one_of(
    st.text("abkKsSéÉßẞσςΣµμÅÅΩΩλжЖſKx15_-:#&~\"' \n\t\r\x85\u2028你かא😀𝔞pl!{},*PRUNE]^|.[(+\\@", max_size=12),
    st.text(max_size=12),
).map(lambda text: re.sub("[\ud800-\udfffİı]", "", text))


def found(pattern: str, text: str, case: bool) -> bool | None:
    """Whether the pattern is found in the text; None if no pack could hold it, or if it takes too long."""
    try:
        return compile_pattern(pattern, case=case).search(text, timeout=1) is not None
    except (PatternError, TimeoutError):
        return None


@settings(max_examples=3000)
@given(PATTERNS, TEXTS, st.booleans())
@example("(*PRUNE)a", "a", False)
@example(r"\101", "A", True)
@example("a{,}b", "b", True)
@example("a{٣}", "a{٣}", True)
@example("(?fi:ß)", "ss", True)
@example(r"\p{Alphabetic=N}", "!", False)
@example(r"\p{ea=N}", "\x01", False)
@example(r"\pl", "pl", False)
@example(r"(?#\)a)b", "b", False)
@example("[A-[:alpha:]]", "b", True)
@example("[^\\w\\W]", "1", False)
@example("a\\N{LATIN|e", "E", False)
@example("a\\p{x|e}", "E}", False)
@example("(?x) a b", "ab", False)
@example("a(?i)b", "aB", True)
@example("$\\W", "\n", False)
@example("(?:a$|b)\\s", "a\n", False)
@example("^[\\dÀ-ſ]+$", "sss1", False)
@example("[\\d\u212a]", "k", False)
@example("[\\Wſ]", "S", False)
@example("(?-i:[^a-z])", "A", False)
@example("(?i:t)[^a-z]+$", "tA", True)
@example("\\d(?s:[^a-z])", "1E", True)
def test_widened_pattern_misses_nothing(pattern: str, text: str, case: bool) -> None:
    re2 = pytest.importorskip("re2")
    hit = found(pattern, text, case)
    if hit is None:
        return
    widened = widen(pattern, case=case)
    if widened is None:
        return
    options = re2.Options()
    options.max_mem = 64 << 20
    options.log_errors = False
    accelerator = re2.compile(widened, options)
    if hit:
        assert accelerator.search(text), widened
        begun = openings_of(pattern, case)
        assert any(re2.compile(one, options).search(text) for one in begun), begun


@settings(max_examples=1000)
@given(PATTERNS, st.data(), st.booleans())
def test_widened_pattern_finds_what_is_written(pattern: str, data: st.DataObject, case: bool) -> None:
    """Texts made of the pattern's own characters hit far more often than random ones."""
    re2 = pytest.importorskip("re2")
    letters = [one for one in pattern if one not in "İı"] + ["A", "a", "s", "1", " "]
    text = "".join(data.draw(st.lists(st.sampled_from(letters), max_size=10)))
    widened = widen(pattern, case=case)
    if widened is not None and found(pattern, text, case):
        assert re2.search(widened, text), (widened, text)
        begun = openings_of(pattern, case)
        assert any(re2.search(one, text) for one in begun), (begun, text)


@pytest.mark.parametrize(
    ("pattern", "case", "widened"),
    [
        ("share", False, "(?is)share"),
        ("share", True, "(?s)share"),
        (r"\bshare\b", False, "(?is)share"),
        ("^a$", False, r"(?is)^a(?:\n?$)"),
        ("(?:a$)|b$|c", True, r"(?s)(?:a)|b(?:\n?$)|c"),
        ("^(?:a|b$)", True, r"(?s)^(?:a|b(?:\n?$))"),
        ("(?m)^a$", False, "(?is)a"),
        ("(?i)a", True, "(?is)a"),
        ("a(?=b)(?!c)(?<=d)(?<!e)", True, "(?s)a"),
        ("a++(?>b)", True, "(?s)(?:a)+(?:b)"),
        ("(?<n>a)b", True, "(?s)(?:a)b"),
        (r"(a)\1", True, "(?s)(?:a).*"),
        ("(?:a{0,50}){0,9}", True, "(?s)(?:(?:(?:a)*))*"),
        ("(?:a{0,500}){2}", True, "(?s)(?:(?:(?:a)*)){2,2}"),
        ("(?:a{0,501}){2}", True, "(?s)(?:(?:(?:a)*)){2,2}"),
        ("(?x) a", True, None),
        ("[[:alpha:]]", True, None),
        ("a(*SKIP)b", True, None),
        ("(a)?(?(1)b|c)", True, None),
    ],
)
def test_widened(pattern: str, case: bool, widened: str | None) -> None:
    assert widen(pattern, case=case) == widened


@pytest.mark.parametrize(
    ("pattern", "openings"),
    [
        ("share", ["(?s)share"]),
        ("^submitted .{1,40} by", [r"(?s)^submitted\x20"]),
        ("^(?:submitted|put) .{1,40} by all of them", [r"(?s)^(?:submitted|put)\x20(?:.)+\x20by\x20all\x20of\x20them"]),
        ("^(?:by )?(?:submission|publication) of", ["(?s)^(?:(?:by\\x20)){0,1}(?:submission|publication)"]),
        ("a{8}b{4}c", ["(?s)(?:a)+(?:b){4,4}"]),
        ("[a-z]{20}c", [r"(?s)(?:[\x{61}-\x{7a}])+c"]),
        ("^submission of|publication", [r"(?s)^submission\x20of", "(?s)publication"]),
        ("submission(?=s)s", ["(?s)submission"]),
        ("a(*SKIP)b", []),
    ],
)
def test_openings(pattern: str, openings: list[str]) -> None:
    assert openings_of(pattern, True) == openings


def test_most_patterns_can_be_widened() -> None:
    """The accelerator would be useless, and the tests above empty, if `widen` gave up too early."""
    for pattern in [
        r"^\W*(?:\d[\d,.]*[kmb]?\s+)?(?:likes|shares)\W*$",
        r"(\p{Lu}[\p{L}.]*) (-(?:backed|led))",
        r"[^\s()]{1,80}\.$",
    ]:
        assert widen(pattern) is not None


# ------------------------------------------------------------------ templates


@pytest.mark.parametrize(
    ("template", "groups", "filled"),
    [
        (r"\1-\2", ["1", "2"], "a-b"),
        (r"\g<n>", ["n"], "b"),
        (r"\3", ["3"], ""),
        (r"\g<1>", ["1"], "a"),
        ("plain", [], "plain"),
        (r"\0 \x \\", [], r"\0 \x \\"),
        (r"\11", ["11"], None),
    ],
)
def test_template(template: str, groups: list[str], filled: str | None) -> None:
    assert template_groups(template) == groups
    if filled is not None:
        assert expand(template, regex.search("(a)(?<n>b)(c)?", "ab")) == filled


def test_template_without_a_match() -> None:
    assert expand(r"<\1>", None) == "<>"


def test_longest_pattern() -> None:
    check_pattern("x" * LONGEST_PATTERN)

"""YAML as nodes that remember where they stand.

Packs use the plain part of YAML: maps, lists, scalars. Anchors, aliases, tags and a second document are
refused, duplicate keys too, and nesting is bounded, so that no file can blow up or surprise. Scalars keep
their text; whether ``no`` was meant as a word is for the reader of the node to ask about.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from cleaner.rules.packs import LARGEST_FILE
from cleaner.rules.problems import Place, Problem, RuleError, printable

if TYPE_CHECKING:
    import yaml  # read only where the cache has nothing, so that most processes need not import it

__all__ = ["Node", "Problems", "read_nodes"]

_DEEPEST = 40  # maps and lists inside one another
_MOST_PROBLEMS = 1_000  # told at once
_MOST_NODES = 200_000  # keys and values of one file


@dataclass(slots=True)
class Problems:
    """Collects problems, so that all are told at once; `sources` holds the lines of each file read, `files` its SHA-256.

    `expanded` counts the phrases and tests that names stood for: names of names multiply, and must not without bound.
    """

    found: list[Problem] = field(default_factory=list)
    sources: dict[str, list[str]] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    expanded: int = 0

    def add(self, place: Place, message: str) -> None:
        """Note a problem at `place`."""
        lines = self.sources.get(place.file, [])
        source = lines[place.line - 1] if 0 < place.line <= len(lines) else ""
        self.found.append(Problem(place, printable(message), source))

    def raise_if_any(self) -> None:
        """Raise `RuleError` if any problem was found, sorted by place."""
        if self.found:
            unique = list(
                dict.fromkeys(
                    sorted(
                        self.found,
                        key=lambda problem: (problem.place.file, problem.place.line, problem.place.column),
                    )
                )
            )
            rest = len(unique) - _MOST_PROBLEMS
            if rest > 0:
                unique[_MOST_PROBLEMS:] = [
                    Problem(unique[_MOST_PROBLEMS].place, f"and {rest:,} more problems from here on")
                ]
            raise RuleError(unique)


@dataclass(frozen=True, slots=True)
class Node:
    """A YAML value: `pairs` of a map, `items` of a list, or the `text` of a scalar.

    `tag` is what YAML 1.1 takes a bare scalar for: str, int, float, bool, null, or another of its types.
    """

    kind: Literal["map", "list", "scalar"]
    place: Place
    pairs: tuple[tuple[Node, Node], ...] = ()
    items: tuple[Node, ...] = ()
    text: str = ""
    tag: str = "str"

    def get(self, key: str) -> Node | None:
        """Return the value of a map's key, or None."""
        return next((value for name, value in self.pairs if name.text == key), None)

    def named(self) -> Iterator[tuple[str, Node, Node]]:
        """Yield the key's text, the key's node and the value of each pair of a map."""
        for key, value in self.pairs:
            yield key.text, key, value


def read_nodes(text: str, file: str, problems: Problems) -> Node | None:
    """Parse the YAML `text` of `file`; return its node, or None where it holds none or cannot be read."""
    import yaml

    if len(text) > LARGEST_FILE:
        problems.add(Place(file, 1, 1), f"the file has {len(text):,} characters; a pack has at most {LARGEST_FILE:,}")
        return None
    text = text.removeprefix("\ufeff")
    # YAML has line ends of its own (NEL, U+2028); its marks count them, and so must we.
    problems.sources[file] = _yaml_lines(text)
    try:
        return _compose(text, file, problems)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        if error.problem in _POINT_AT_START:
            mark = error.context_mark or mark
        place = Place(file, mark.line + 1, mark.column + 1) if mark is not None else Place(file, 1, 1)
        problems.add(
            *_yaml_problem(place, error.problem or error.context or "cannot be parsed", problems.sources[file])
        )
    except yaml.YAMLError as error:
        problems.add(_reader_place(text, file, error), f"not YAML: {str(error).splitlines()[0]}")
    except (ValueError, UnicodeError) as error:
        problems.add(Place(file, 1, 1), f"not YAML: {error}")
    return None


# What the parser says, in words that say what to do.
_HINTS = {
    "found character that cannot start any token": "a value cannot start with this character: put it in quotes",
    "mapping values are not allowed in this context": "a colon and a blank here start a map: put the value in quotes",
    "mapping values are not allowed here": "a colon and a blank here start a map: put the value in quotes",
    "found unexpected ':'": "a colon ends this value: put it in quotes",
    "block sequence entries are not allowed in this context": "a dash and a blank here start a list: put the value in quotes",
    "did not find expected comment or line break": "a value cannot start with `>`, `|`: put it in quotes",
    "did not find expected alphabetic or numeric character": "a value cannot start with `*`, `&`: put it in quotes",
    "found unknown escape character": "unknown escape: in double quotes a backslash starts an escape; use single quotes",
    "found unexpected end of stream": "the quotes that open here are never closed",
    "found unexpected non-alphabetical character": "a line cannot start with `%`: put the value in quotes",
    "did not find expected node content": "a value is missing, or a bracket or brace is not closed",
    "did not find expected key": "expected a key: is the indentation right, and is every quote and bracket closed?",
    "did not find expected ',' or ']'": "the list that opens here is not closed where it should be, or lacks a comma",
    "did not find expected ',' or '}'": "the map that opens here is not closed where it should be, or lacks a comma; "
    "a value with brackets, braces or ` #` wants quotes",
    "did not find expected '-' indicator": "expected `- `: is the indentation of the list right?",
    "could not find expected ':'": "expected a colon after a key: is the indentation right?",
}
_POINT_AT_START = frozenset(
    {"found unexpected end of stream", "did not find expected ',' or ']'", "did not find expected ',' or '}'"}
)
_KEY_EXPECTED = ("mapping values", "could not find expected ':'")
_ONLY_KEY = re.compile(r" +[\w.-]+ *")
_NO_BLANK = re.compile(r" *(?:-(?=[\w.]+:(?: |$))|(?:- )?[\w.-]+:(?=[^\s:/]))")  # up to where one is missing


def _yaml_problem(place: Place, said: str, lines: list[str]) -> tuple[Place, str]:
    """Return where a mistake is and what to do, from what the parser said and where it gave up."""
    line = lines[place.line - 1] if place.line <= len(lines) else ""
    if line[place.column - 1 : place.column] == "\t":
        return place, "not YAML: a tab; indent with spaces"
    # Blanks of other kinds, as web pages have them, look like an indentation and are none.
    for number in (place.line, place.line - 1):
        above = lines[number - 1] if 0 < number <= len(lines) else ""
        start = above[: len(above) - len(above.lstrip())]
        if start.strip(" "):
            column = len(start) - len(start.lstrip(" ")) + 1
            return Place(place.file, number, column), f"not YAML: {_blank(start[column - 1])}; indent with spaces"
    before = next((number for number in range(place.line - 1, 0, -1) if lines[number - 1].strip()), 0)
    if line.strip() and before and (missing := _NO_BLANK.match(lines[before - 1])) and said.startswith(_KEY_EXPECTED):
        what = "dash" if missing[0].endswith("-") else "colon"
        return Place(place.file, before, missing.end()), f"not YAML: a blank is missing after the {what}"
    if said.startswith("mapping values") and _ONLY_KEY.fullmatch(line[: place.column - 1]):
        column = len(line) - len(line.lstrip()) + 1
        return Place(place.file, place.line, column), "not YAML: the indentation is not that of the keys above"
    return place, f"not YAML: {_HINTS.get(said, said)}"


def _blank(character: str) -> str:
    return "a tab" if character == "\t" else f"U+{ord(character):04X} is no blank to YAML"


def _yaml_lines(text: str) -> list[str]:
    for end in ("\r\n", "\r", "\x85", "\u2028", "\u2029"):
        text = text.replace(end, "\n")
    return text.split("\n")


def _reader_place(text: str, file: str, error: yaml.YAMLError) -> Place:
    position = getattr(error, "position", None)
    if not isinstance(position, int):
        return Place(file, 1, 1)
    before = text[:position].split("\n")
    return Place(file, len(before), len(before[-1]) + 1)


@dataclass(slots=True)
class _Open:
    """A map or list whose end has not come yet."""

    kind: Literal["map", "list"]
    place: Place
    children: list[Node] = field(default_factory=list)


def _compose(text: str, file: str, problems: Problems) -> Node | None:
    import yaml

    root: Node | None = None
    documents = nodes = 0
    stack: list[_Open] = []
    events: Iterator[Any] = yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    for event in events:
        place = Place(file, event.start_mark.line + 1, event.start_mark.column + 1)
        node: Node | None = None
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                problems.add(place, "a second YAML document: one file holds one pack")
                return root
            continue
        if isinstance(event, yaml.AliasEvent):
            problems.add(
                place,
                f"alias `*{str(event.anchor)[:60]}`: packs have no anchors and aliases; "
                "write the value out or `define` it, or put it in quotes",
            )
            node = Node("scalar", place, text="", tag="alias")
        elif isinstance(event, yaml.NodeEvent):
            nodes += 1
            if nodes > _MOST_NODES:
                problems.add(place, f"more than {_MOST_NODES:,} keys and values in one file")
                return None
            if event.anchor is not None:
                problems.add(
                    place,
                    f"anchor `&{event.anchor[:60]}`: packs have no anchors and aliases; use `define`, or put the value in quotes",
                )
            tag = getattr(event, "tag", None)
            if tag is not None and tag != "!":
                written = tag.replace("tag:yaml.org,2002:", "!!")
                problems.add(
                    place, f"tag `{written[:60]}`: packs have no YAML tags; take it away, or put the value in quotes"
                )
        if isinstance(event, yaml.ScalarEvent):
            nothing = not event.value and (event.anchor is not None or event.tag is not None)
            node = Node("scalar", place, text=event.value, tag="alias" if nothing else _scalar_tag(event))
        elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            if len(stack) >= _DEEPEST:
                problems.add(place, f"nested more than {_DEEPEST} deep")
                return None
            stack.append(_Open("map" if isinstance(event, yaml.MappingStartEvent) else "list", place))
            continue
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            node = _close(stack.pop(), problems)
        if node is None:
            continue
        if stack:
            stack[-1].children.append(node)
        else:
            root = node
    return root


@cache
def _resolver() -> Any:
    from yaml.resolver import Resolver

    return Resolver()


def _scalar_tag(event: yaml.ScalarEvent) -> str:
    if event.style or event.tag is not None:
        return "str"
    from yaml import ScalarNode

    tag: str = _resolver().resolve(ScalarNode, event.value, (True, False))
    return tag.rpartition(":")[2]


def _close(opened: _Open, problems: Problems) -> Node:
    if opened.kind == "list":
        return Node("list", opened.place, items=tuple(opened.children))
    pairs: list[tuple[Node, Node]] = []
    seen: dict[str, Place] = {}
    for key, value in zip(opened.children[::2], opened.children[1::2], strict=True):
        if key.kind != "scalar":
            problems.add(key.place, "a key must be a word, not a map or list")
        elif key.tag == "merge":
            problems.add(key.place, "merge key `<<`: packs have none; write the keys out or use `define`")
        elif key.text in seen:
            problems.add(key.place, f"duplicate key `{key.text[:60]}`, first on line {seen[key.text].line}")
        else:
            seen[key.text] = key.place
            pairs.append((key, value))
    return Node("map", opened.place, pairs=tuple(pairs))

"""Reading packs, layering them, and resolving all of it into one `Configuration`.

Layers are merged as nodes, before anything is read as a rule: whatever a configuration changes keeps its
place in the file that says it, and so do the problems with it.
"""

from __future__ import annotations

import hashlib
import os.path
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cleaner.rules.carry import digest_of
from cleaner.rules.keys import Key, ref
from cleaner.rules.model import RISKS, Configuration, Pack, Rule, Test
from cleaner.rules.names import Names, Reading
from cleaner.rules.nodes import Node, Problems, read_nodes
from cleaner.rules.overrides import for_sites, override, selected
from cleaner.rules.packs import LARGEST_FILE_BYTES, pack_files
from cleaner.rules.parse import IDENTIFIER, parse_rule
from cleaner.rules.problems import Place, Problem, RuleError, nearest
from cleaner.rules.scalars import read_choice, read_share, read_word
from cleaner.rules.tests import check_name, parse_test

__all__ = [
    "DEFAULT_GUARD",
    "DEFINED",
    "PACK_KEYS",
    "VERSION",
    "Resolved",
    "load_test",
    "resolve",
    "resolve_file",
    "resolve_text",
]

DEFAULT_GUARD = 0.5  # share of a document's words
_TEXT, _SELECTORS = ref("text"), ref("texts")
PACK_KEYS: dict[str, Key] = {
    "pack": Key(
        "the pack's name; a configuration without one is called `local`",
        ref("identifier"),
        "news",
    ),
    "version": Key("MAJOR.MINOR.PATCH", ref("version"), "1.0.0"),
    "about": Key("one line: what the pack is for", _TEXT, "Leftovers of news sites"),
    "requires": Key(
        "packs whose names ($pack/name) are used; their rules are not taken in",
        ref("packs"),
        "[social]",
    ),
    "extends": Key(
        "packs whose rules are taken in, by name, name@version or file path",
        ref("packs"),
        "[default, ./ours.yaml]",
    ),
    "guard": Key(
        "share of a document's words that may be removed before everything is taken back; without it, that of the packs which "
        f"this one extends, else {DEFAULT_GUARD:.0%}",
        ref("share"),
        "40%",
    ),
    "max_risk": Key("the highest risk of the rules that run", {"enum": list(RISKS)}, "safe", "risky"),
    "disable": Key("rules that do not run, by pack/id, glob, or tag:NAME", _SELECTORS, "[news/more-news, 'tag:share']"),
    "enable": Key(
        "rules that run although they are experimental, disabled above, or riskier than max_risk",
        _SELECTORS,
        "legal/affiliate-notice",
    ),
    "override": Key(
        "changes of single fields (pack/id: {run.count: 2..20}) and of names (pack/name+: [phrase])",
        ref("override"),
        "{news/related-block: {run.count: 2..20}, social/share+: {de: [weitersagen]}}",
    ),
    "sites": Key(
        "what is different for documents of one site: rules to disable, enable or override there",
        ref("sites"),
        "{example.com: {disable: news/more-news}}",
    ),
    "define": Key(
        "named phrases and tests",
        ref("define"),
        "{share: {en: [share], fr: [partager]}, headline: {words: 3..18}}",
    ),
    "rules": Key("the rules", ref("rules"), "[]"),
}
VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
DEFINED = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*")
_CIRCLE = "packs that extend each other"
_DEEPEST_PACK = 20  # packs that extend packs


@dataclass(slots=True)
class _Layer:
    """One file, read but not yet resolved."""

    pack: Pack
    root: Node
    extends: list[_Layer] = field(default_factory=list)
    required: list[_Layer] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Resolved:
    """A configuration and what it was made from, for those who write rules.

    `rules` are all rules, also those that do not run; `nodes` holds each one's merged YAML by its full name, `uses` the
    full names of the phrases and tests that it leans on, and `names` the merged YAML of these. `changed` are the rules
    that an `override` changed, in a field or in a name that they use. `files` holds the SHA-256 of every file read.
    """

    configuration: Configuration
    rules: tuple[Rule, ...]
    nodes: Mapping[str, Node]
    uses: Mapping[str, frozenset[str]]
    names: Mapping[str, Node]
    changed: frozenset[str]
    files: Mapping[str, str]


def resolve(names: Sequence[str]) -> Resolved:
    """Return what the named packs make together, in this order, with all that it was made from.

    Raises `RuleError` with every problem found.

    >>> resolve(["core"]).configuration.packs[0].name
    'core'
    """
    problems = Problems()
    loaded: dict[str, _Layer] = {}
    layers: list[_Layer] = []
    for name in names:
        if name not in pack_files():
            problems.found.append(Problem(Place("", 1, 1), _no_pack(name)))
            continue
        layer = _read_file(pack_files()[name], problems, loaded, ())
        if layer is not None:
            layers.append(layer)
    return _resolve(layers, problems)


def resolve_file(path: str | Path) -> Resolved:
    """Return the configuration of a pack or configuration file, with all that it was made from.

    Raises `RuleError` with every problem found, `OSError` where the file cannot be read.
    """
    problems = Problems()
    layer = _read_file(Path(path), problems, {}, ())
    return _resolve([layer] if layer else [], problems)


def resolve_text(text: str, file: str = "<text>") -> Resolved:
    """Return the configuration written in `text` with all that it was made from; `file` names it in messages.

    Paths in it are taken from the working directory. Raises `RuleError` with every problem found.
    """
    problems = Problems()
    layer = _read_layer(text, file, Path(), problems, {}, ())
    return _resolve([layer] if layer else [], problems)


def load_test(text: str, file: str = "<test>") -> Test:
    """Return a test written on its own, such as ``is: share this``; `file` names it in messages.

    It may use the names of the shipped packs: ``has: $social/share``. Raises `RuleError` with every problem found.

    >>> load_test("words: 3..18").key
    'words'
    """
    problems = Problems()
    node = read_nodes(text, file, problems)
    if node is None or node.kind == "scalar":
        if not problems.found:
            word = text.strip()[:40]
            hint = f"; write `is: {word}` or `has: {word}` for a phrase" if node and node.tag == "str" else ""
            problems.add(Place(file, 1, 1), f"expected a test such as `is: share this` or `words: 3..18`{hint}")
        raise RuleError(problems.found)
    defined: dict[str, Mapping[str, Node]] = {}
    if "$" in text:
        loaded: dict[str, _Layer] = {}
        for path in pack_files().values():
            _read_file(path, Problems(), loaded, ())
        defined = {layer.pack.name: _defined(layer, Problems()) for layer in loaded.values()}
    test = parse_test(Reading("", Names(defined, {"": tuple(defined)}), problems), node)
    problems.raise_if_any()
    if test is None:
        raise RuleError([Problem(node.place, "an empty test")])
    return test


def _read_file(path: Path, problems: Problems, loaded: dict[str, _Layer], opening: tuple[str, ...]) -> _Layer | None:
    try:
        with path.open("rb") as stream:
            data = stream.read(LARGEST_FILE_BYTES + 1)
    except OSError as error:
        if opening:
            problems.found.append(Problem(Place(str(path), 1, 1), f"cannot be read: {error.strerror or error}"))
            return None
        raise
    if len(data) > LARGEST_FILE_BYTES:
        problems.found.append(Problem(Place(str(path), 1, 1), f"the file has more than {LARGEST_FILE_BYTES:,} bytes"))
        return None
    problems.files[str(path)] = hashlib.sha256(data).hexdigest()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace").split("\n")
        place = Place(str(path), len(before), len(before[-1]) + 1)
        problems.found.append(Problem(place, f"not UTF-8: byte 0x{data[error.start]:02x}; save the file as UTF-8"))
        return None
    return _read_layer(text, str(path), path.parent, problems, loaded, opening)


def _read_layer(
    text: str,
    file: str,
    folder: Path,
    problems: Problems,
    loaded: dict[str, _Layer],
    opening: tuple[str, ...],
) -> _Layer | None:
    if file in loaded:
        return loaded[file]
    root = read_nodes(text, file, problems)
    if root is None or root.kind != "map":
        if not problems.found:
            what = "the file holds nothing; " if root is None else ""
            problems.add(
                Place(file, 1, 1),
                f"{what}expected a map with `rules` and, in a pack, also `pack`, `version` and `about`",
            )
        return None
    for key, key_node, _ in root.named():
        if key not in PACK_KEYS:
            problems.add(key_node.place, f"unknown key `{key[:60]}`{nearest(key, list(PACK_KEYS))}")
    layer = _Layer(_read_head(root, file, problems), root)
    loaded[file] = layer
    for key, found in (("extends", layer.extends), ("requires", layer.required)):
        node = root.get(key)
        if node is None:
            continue
        for item in node.items if node.kind == "list" else (node,):
            other = _open_other(item, folder, problems, loaded, (*opening, file))
            if other is not None:
                found.append(other)
    return layer


def _open_other(
    item: Node, folder: Path, problems: Problems, loaded: dict[str, _Layer], opening: tuple[str, ...]
) -> _Layer | None:
    """Open a pack that another one names: by name, ``name@version``, or path."""
    word = read_word(problems, item, "a pack's name")
    if word is None:
        return None
    name, _, version = word.partition("@")
    if "://" in word:
        problems.add(item.place, "packs are files: a name or a path, never a URL")
        return None
    path = pack_files().get(name)
    if path is None and (name.endswith((".yaml", ".yml")) or "/" in name):
        path = Path(os.path.normpath(folder / name))
    if path is None:
        problems.add(item.place, _no_pack(name))
        return None
    if str(path) in opening:
        problems.add(
            item.place,
            f"{_CIRCLE}: {' → '.join([*opening[opening.index(str(path)) :], str(path)])}",
        )
        return None
    if len(opening) > _DEEPEST_PACK:
        problems.add(item.place, f"more than {_DEEPEST_PACK} packs that extend one another")
        return None
    try:
        there = path.is_file()
    except (OSError, ValueError):  # a name too long, or one that no file can have
        there = False
    if not there:
        problems.add(item.place, f"no file `{str(path)[:200]}`")
        return None
    layer = _read_file(path, problems, loaded, opening)
    if layer is not None and version and layer.pack.version != version:
        problems.add(item.place, f"pack `{name[:60]}` is there in version {layer.pack.version}, not {version[:60]}")
    return layer


def _no_pack(name: str) -> str:
    if name.endswith((".yaml", ".yml")):
        return f"no pack is called `{name[:60]}`; a file is given by --config, or to Cleaner.from_file"
    return f"no pack `{name[:60]}`{nearest(name, list(pack_files()))}; there are: {', '.join(pack_files())}"


def _read_head(root: Node, file: str, problems: Problems) -> Pack:
    is_pack = root.get("pack") is not None
    words: dict[str, str] = {}
    for key in ("pack", "version", "about"):
        node = root.get(key)
        if node is None:
            if is_pack:
                problems.add(root.place, f"a pack without `{key}`")
            continue
        if key == "version" and node.tag in ("int", "float"):
            problems.add(node.place, f"`{node.text[:60]}` is not a version such as 1.0.0")
            continue
        word = read_word(problems, node, key)
        if word is None:
            continue
        if key == "pack" and not IDENTIFIER.fullmatch(word):
            problems.add(node.place, f"`{word[:60]}`: a pack's name has lower-case letters a to z, digits and hyphens")
        if key == "version" and not VERSION.fullmatch(word):
            problems.add(node.place, f"`{word[:60]}` is not a version such as 1.0.0")
        words[key] = word
    # A configuration without a name is called `local`; its rules are local/ID.
    return Pack(words.get("pack", "local"), words.get("version", "0.0.0"), words.get("about", ""), file)


# ------------------------------------------------------------------ layering


def _in_order(layers: Sequence[_Layer]) -> list[_Layer]:
    """Return the layers and all that they extend, the extended ones first, each once."""
    order: list[_Layer] = []

    def visit(layer: _Layer) -> None:
        if layer not in order:
            for other in layer.extends:
                visit(other)
            order.append(layer)

    for layer in layers:
        visit(layer)
    return order


def _resolve(layers: Sequence[_Layer], problems: Problems) -> Resolved:
    order = _in_order(layers)
    by_name: dict[str, _Layer] = {}
    circle = any(problem.message.startswith(_CIRCLE) for problem in problems.found)
    for layer in order:
        first = by_name.setdefault(layer.pack.name, layer)
        if first is not layer and not circle:
            node = layer.root.get("pack")
            advice = "give this one another name" if node else "give this one a name with `pack:`"
            problems.add(
                (node or layer.root).place,
                f"two packs are called `{layer.pack.name}`: {first.pack.file} and this one; {advice}",
            )
    if circle or len(by_name) < len(order):
        problems.raise_if_any()  # where a name means two packs, much else would seem wrong
    every = {other.pack.name: other for layer in order for other in (*layer.required, layer)}
    defined = {name: _defined(layer, problems) for name, layer in every.items()}
    rules = {layer.pack.name: _rule_nodes(layer, problems) for layer in order}
    written = {id(node) for group in (*defined.values(), *rules.values()) for node in group.values()}
    for layer in order:
        override(layer.root.get("override"), defined, rules, problems)
    sees = {name: tuple(other.pack.name for other in reversed(_in_order([layer]))) for name, layer in every.items()}
    names = Names(defined, sees)
    overridden = {
        f"{pack}/{name}" for pack, group in defined.items() for name, node in group.items() if id(node) not in written
    }
    parsed: list[Rule] = []
    nodes: dict[str, Node] = {}
    uses: dict[str, frozenset[str]] = {}
    changed: set[str] = set()
    for number, layer in enumerate(order):
        for node in rules[layer.pack.name].values():
            used: set[str] = set()
            rule = parse_rule(Reading(layer.pack.name, names, problems, used=used), node, number)
            if rule is not None:
                parsed.append(rule)
                nodes[rule.name], uses[rule.name] = node, frozenset(used)
                if id(node) not in written or used & overridden:
                    changed.add(rule.name)
    used_names = frozenset().union(*uses.values())
    for layer in order:
        for name, node in defined[layer.pack.name].items():
            if f"{layer.pack.name}/{name}" not in used_names:
                check_name(Reading(layer.pack.name, names, problems), node)
    chosen = _choose(order, parsed, problems)
    for number, layer in enumerate(order):
        chosen = for_sites(layer.root.get("sites"), number, rules, names, parsed, chosen, problems)
    guard = _guard(order, problems)
    problems.raise_if_any()
    packs = tuple(layer.pack for layer in order)
    configuration = Configuration(packs, tuple(chosen), guard, digest_of(packs, chosen, guard))
    merged = {f"{pack}/{name}": node for pack, group in defined.items() for name, node in group.items()}
    return Resolved(configuration, tuple(parsed), nodes, uses, merged, frozenset(changed), problems.files)


def _defined(layer: _Layer, problems: Problems) -> dict[str, Node]:
    node = layer.root.get("define")
    if node is None:
        return {}
    if node.kind != "map":
        problems.add(node.place, "`define` must be a map from names to phrases or tests")
        return {}
    for key, key_node, _ in node.named():
        if not DEFINED.fullmatch(key):
            problems.add(
                key_node.place,
                f"`{key[:60]}`: a name has lower-case letters a to z, digits, hyphens and underscores",
            )
    return {key: value for key, _, value in node.named()}


def _rule_nodes(layer: _Layer, problems: Problems) -> dict[str, Node]:
    """Return the pack's rules by id; report duplicates."""
    node = layer.root.get("rules")
    if node is None:
        return {}
    if node.kind != "list":
        problems.add(node.place, "`rules` must be a list of rules")
        return {}
    found: dict[str, Node] = {}
    for number, item in enumerate(node.items):
        id_node = item.get("id") if item.kind == "map" else None
        identifier = id_node.text if id_node is not None and id_node.text else f"rule {number + 1}"
        if identifier in found and id_node is not None:
            first = found[identifier].get("id") or found[identifier]
            problems.add(id_node.place, f"duplicate id `{identifier[:60]}`, first on line {first.place.line}")
            continue
        found[identifier] = item
    return found


def _choose(order: Sequence[_Layer], rules: list[Rule], problems: Problems) -> list[Rule]:
    """Return the rules that run: `enable`, `disable` and `max_risk` of each layer in turn; experimental ones only if enabled."""
    off = {rule.name for rule in rules if rule.status == "experimental"}
    for layer in order:
        limit = layer.root.get("max_risk")
        highest = read_choice(problems, limit, "max_risk", RISKS) if limit is not None else None
        if highest is not None:
            off.update(rule.name for rule in rules if RISKS.index(rule.risk) > RISKS.index(highest))
        off |= selected(layer.root.get("disable"), "disable", rules, problems)
        off -= selected(layer.root.get("enable"), "enable", rules, problems)
    return [rule for rule in rules if rule.name not in off]


def _guard(order: Sequence[_Layer], problems: Problems) -> float:
    guard = DEFAULT_GUARD
    for layer in order:
        node = layer.root.get("guard")
        if node is not None:
            guard = read_share(problems, node, "guard") or guard
    return guard

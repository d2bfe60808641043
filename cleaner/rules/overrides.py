"""What a configuration changes in the rules and names of others: fields, phrases, and what is different for one site."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from cleaner.rules.model import Rule
from cleaner.rules.names import Names, Reading
from cleaner.rules.nodes import Node, Problems
from cleaner.rules.parse import HOST, parse_rule
from cleaner.rules.problems import nearest
from cleaner.rules.scalars import read_word
from cleaner.rules.tests import looks_like_phrases
from cleaner.text import plain_host

__all__ = ["SITE_KEYS", "for_sites", "override", "selected"]

SITE_KEYS = ("disable", "enable", "override")

# The nodes of rules or of names: by pack, then by the id or name there.
_Nodes = dict[str, dict[str, Node]]


def override(node: Node | None, defined: _Nodes | None, rules: _Nodes, problems: Problems) -> None:
    """Carry out an `override`: put what it changes into `rules`, and into the names that are `defined`.

    Where `defined` is None, as for a site, only rules can be changed.
    """
    if node is None:
        return
    if node.kind != "map":
        problems.add(node.place, "`override` must be a map such as {news/related-block: {run.count: 2..20}}")
        return
    for key, key_node, value in node.named():
        if not key.endswith(("+", "-")):
            if _is_rule(key_node, defined or {}, rules, problems):
                _change_rule(key, value, rules, problems)
        elif defined is None:
            message = f"`{key[:60]}`: names are the same for all sites; override the rules that use them"
            problems.add(key_node.place, message)
        elif _is_phrases(key_node, defined, problems):
            _change_phrases(key, value, defined, problems)


def _is_rule(key_node: Node, defined: _Nodes, rules: _Nodes, problems: Problems) -> bool:
    """Tell whether the key of an override is a rule's name; say so where it is not."""
    key = key_node.text
    owner, _, bare = key.partition("/")
    if bare in rules.get(owner, {}):
        return True
    if bare in defined.get(owner, {}):
        message = f"`{key[:60]}` is a name: write `{key[:60]}+` to add phrases, `{key[:60]}-` to take some away"
    else:
        message = f"unknown rule `{key[:60]}`{nearest(key, _full_names(rules))}"
    problems.add(key_node.place, message)
    return False


def _is_phrases(key_node: Node, defined: _Nodes, problems: Problems) -> bool:
    """Tell whether the key of an override, but for its sign, is a name that stands for phrases; say so where it is not."""
    name = key_node.text[:-1]
    owner, _, bare = name.partition("/")
    known = defined.get(owner, {}).get(bare)
    if known is None:
        problems.add(key_node.place, f"unknown name `{name[:60]}`{nearest(name, _full_names(defined))}")
        return False
    if not looks_like_phrases(known):
        problems.add(key_node.place, f"`{name}` stands for a test: only to phrases can phrases be added")
        return False
    return True


def _full_names(nodes: _Nodes) -> list[str]:
    return [f"{pack}/{name}" for pack, names in nodes.items() for name in names]


def _change_rule(name: str, fields: Node, rules: _Nodes, problems: Problems) -> None:
    """Put fields, named by dotted paths, into a rule."""
    if fields.kind != "map":
        problems.add(fields.place, "expected a map from fields to values, such as {run.count: 2..20}")
        return
    owner, _, identifier = name.partition("/")
    for path, path_node, value in fields.named():
        if path == "id":
            problems.add(path_node.place, "a rule keeps its id")
        else:
            rules[owner][identifier] = _set(rules[owner][identifier], path.split("."), path_node, value)


def _change_phrases(key: str, phrases: Node, defined: _Nodes, problems: Problems) -> None:
    """Add phrases to a name, or take them away, as the sign at the key's end says."""
    owner, _, bare = key[:-1].partition("/")
    known = defined[owner]
    if key.endswith("+"):
        known[bare] = _with_phrases(known[bare], phrases)
    else:
        _check_gone(known[bare], phrases, problems)
        known[bare] = _without_phrases(known[bare], phrases)


def _set(node: Node, path: list[str], path_node: Node, value: Node) -> Node:
    """Return a map node with the value at a dotted path replaced or added."""
    key, *rest = path
    old = node.get(key)
    if rest:
        value = _set(
            old if old is not None and old.kind == "map" else Node("map", path_node.place),
            rest,
            path_node,
            value,
        )
    if old is None:
        return replace(node, kind="map", pairs=(*node.pairs, (replace(path_node, text=key), value)))
    # What is said of a field that was replaced is said of the place where it is written now.
    written = replace(path_node, text=key)
    pairs = ((name, former) if name.text != key else (name if rest else written, value) for name, former in node.pairs)
    return replace(node, pairs=tuple(pairs))


def _with_phrases(node: Node, more: Node) -> Node:
    if node.kind == "map" and more.kind == "map":
        languages = {key: value for key, _, value in node.named()}
        pairs = [
            (key, _with_phrases(value, more_value) if (more_value := more.get(key.text)) else value)
            for key, value in node.pairs
        ]
        return replace(node, pairs=(*pairs, *(pair for pair in more.pairs if pair[0].text not in languages)))
    if node.kind == "map":
        anywhere = Node("scalar", more.place, text="any")
        return _with_phrases(node, Node("map", more.place, pairs=((anywhere, more),)))
    return Node(
        "list",
        more.place,
        items=(
            *(node.items if node.kind == "list" else (node,)),
            *(more.items if more.kind == "list" else (more,)),
        ),
    )


def _texts(node: Node) -> list[Node]:
    """Return the scalars of phrases: of a word, a list, or a map from languages."""
    inner = node.items if node.kind == "list" else [value for _, value in node.pairs]
    return [node] if node.kind == "scalar" else [scalar for item in inner for scalar in _texts(item)]


def _check_gone(node: Node, less: Node, problems: Problems) -> None:
    known = [scalar.text for scalar in _texts(node)]
    for scalar in _texts(less):
        if scalar.text not in known:
            problems.add(
                scalar.place,
                f"there is no phrase `{scalar.text[:60]}` to take away{nearest(scalar.text, known)}",
            )


def _without_phrases(node: Node, less: Node) -> Node:
    """Drop phrases from a name, in every language."""
    gone = {scalar.text for scalar in _texts(less)}
    if node.kind == "map":
        return replace(node, pairs=tuple((key, _without_phrases(value, less)) for key, value in node.pairs))
    items = node.items if node.kind == "list" else (node,)
    return Node(
        "list",
        node.place,
        items=tuple(item for item in items if item.kind != "scalar" or item.text not in gone),
    )


# ------------------------------------------------------------------ rules by name, glob or tag


def selected(node: Node | None, key: str, rules: Sequence[Rule], problems: Problems) -> set[str]:
    """Return the names of the rules that a list of names, globs and ``tag:NAME`` means."""
    found: set[str] = set()
    sound = not problems.found  # a rule with problems is not among `rules`, and only seems to be missing
    for item in () if node is None else node.items if node.kind == "list" else (node,):
        pattern = read_word(problems, item, f"an entry of `{key}`")
        if pattern is None:
            continue
        hit = {
            rule.name
            for rule in rules
            if fnmatchcase(rule.name, pattern) or pattern in {f"tag:{tag}" for tag in rule.tags}
        }
        if not hit and sound:
            known = [
                *(rule.name for rule in rules),
                *sorted({f"tag:{tag}" for rule in rules for tag in rule.tags}),
            ]
            what = "no rule has the tag" if pattern.startswith("tag:") else "no rule is called"
            problems.add(item.place, f"{what} `{pattern.removeprefix('tag:')[:60]}`{nearest(pattern, known)}")
        found |= hit
    return found


# ------------------------------------------------------------------ sites


def for_sites(
    node: Node | None,
    layer: int,
    nodes: _Nodes,
    names: Names,
    parsed: Sequence[Rule],
    chosen: Sequence[Rule],
    problems: Problems,
) -> list[Rule]:
    """Carry out the `sites` of the layer of this number; return the rules that run then, of which `chosen` ran before.

    Those that it changes stay away from the site, and variants of them are for it alone. `parsed` are all rules, also
    those that do not run, and `nodes` what they were parsed from.
    """
    result = list(chosen)
    for site, changes in _sites(node, problems):
        off = selected(changes.get("disable"), "disable", parsed, problems)
        on = selected(changes.get("enable"), "enable", parsed, problems)
        overridden = _overridden(changes.get("override"), layer, nodes, names, problems)
        enabled = {rule.name: rule for rule in parsed if rule.name in on and rule.name not in overridden}
        variants = enabled | overridden
        gone = off | variants.keys()
        result = [
            replace(rule, except_sites=(*rule.except_sites, site)) if rule.name in gone else rule
            for rule in result
            if rule.name not in gone or rule.sites != (site,)
        ]
        result += [replace(rule, sites=(site,)) for name, rule in variants.items() if name not in off]
    return result


def _sites(node: Node | None, problems: Problems) -> Iterator[tuple[str, Node]]:
    """Yield each site, in lower case, and the map of what is different there."""
    if node is None:
        return
    if node.kind != "map":
        problems.add(node.place, "`sites` must be a map such as {example.com: {disable: news/more-news}}")
        return
    for host, host_node, changes in node.named():
        if changes.kind != "map":
            problems.add(changes.place, f"expected a map with the keys {', '.join(SITE_KEYS)}")
            continue
        for key, key_node, _ in changes.named():
            if key not in SITE_KEYS:
                problems.add(key_node.place, f"unknown key `{key[:60]}` in `sites`{nearest(key, list(SITE_KEYS))}")
        site = plain_host(host)
        if not HOST.fullmatch(site):
            problems.add(host_node.place, f"`{host[:60]}` is not a site such as example.com")
        yield site, changes


def _overridden(node: Node | None, layer: int, nodes: _Nodes, names: Names, problems: Problems) -> dict[str, Rule]:
    """Return by name the rules that an override changes, as they are then; `nodes` stay as they are."""
    local = {owner: dict(rules) for owner, rules in nodes.items()}
    override(node, None, local, problems)
    variants = [
        parse_rule(Reading(owner, names, problems), changed, layer)
        for owner, rules in local.items()
        for identifier, changed in rules.items()
        if changed is not nodes[owner][identifier]
    ]
    return {rule.name: rule for rule in variants if rule is not None}

"""A report of scores as tables, and as one HTML page that needs nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from cleaner.quality.counts import rates
from cleaner.quality.hits import RuleScore
from cleaner.quality.score import Report, Sample
from cleaner.rules.model import Rule

__all__ = ["Table", "group_table", "html_page", "risk_table", "rule_table", "sample_head"]


@dataclass(frozen=True, slots=True)
class Table:
    """Heads and rows of text, and which columns stand at the right."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: tuple[int, ...]


def _percent(value: float | None, digits: int = 1) -> str:
    return "-" if value is None else f"{100 * value:.{digits}f}"


# Head, name in `rates`, digits.
_RATES = (
    ("prec %", "precision", 1),
    ("rec %", "recall", 1),
    ("rep. %", "repeated_recall", 1),
    ("lost %", "content_words_lost", 2),
    ("P before", "word_precision_before", 1),
    ("after", "word_precision_after", 1),
    ("R before", "word_recall_before", 1),
    ("after", "word_recall_after", 1),
    ("F1 before", "word_f1_before", 1),
    ("after", "word_f1_after", 1),
)


def group_table(report: Report, by: Sequence[str]) -> Table:
    """Return the totals and the groups of the groupings `by`; word measures are left out where no text has gold."""
    chosen = [(grouping, report.groups.get(grouping, {})) for grouping in ("", *by)]
    gold = report.groups[""]["all"].with_gold
    shown = [one for one in _RATES if gold or not one[1].startswith("word_")]
    rows = []
    for grouping, groups in chosen:
        for name, counts in sorted(groups.items()):
            found = rates(counts)
            rows.append(
                (
                    name if not grouping else f"{grouping.partition('_')[0]} {name}",
                    f"{counts.texts:,}",
                    f"{counts.emptied:,}",
                    _percent(found["hurt"]),
                    f"{counts.boilerplate:,}",
                    *(_percent(found[key], digits) for _, key, digits in shown),
                )
            )
    heads = ("group", "texts", "empty", "hurt %", "boilerplate", *(head for head, _, _ in shown))
    return Table(heads, tuple(rows), tuple(range(1, len(heads))))


def _interval(one: RuleScore) -> str:
    if one.interval is None:
        return "-"
    low, high = one.interval
    return f"{100 * low:.1f}–{100 * high:.1f}"


def rule_table(report: Report) -> Table:
    """Return the rules that hit, those with most scored hits first."""
    rows = [
        (
            name,
            *(f"{value:,}" for value in (one.lines, one.spans, one.repairs, one.right, one.wrong, one.unsure)),
            _percent(one.precision),
            _interval(one),
            f"{one.content_words:,}",
            f"{len(one.sites):,}",
        )
        for name, one in sorted(report.rules.items(), key=lambda item: (-item[1].scored, item[0]))
        if one.sites
    ]
    heads = ("rule", "lines", "spans", "repairs", "b, d", "c", "u", "prec %", "95 %", "words lost", "sites")
    return Table(heads, tuple(rows), tuple(range(1, len(heads))))


def risk_table(report: Report, rules: Sequence[Rule]) -> Table:
    """Return every rule that removes, with the risk it declares and the one that its hits earn."""
    rows = []
    for rule in sorted(rules, key=lambda rule: rule.name):
        if rule.action in ("drop", "replace"):
            one = report.rules.get(rule.name, RuleScore())
            earned = one.earned or "not enough evidence"
            remark = "" if earned in (rule.risk, "not enough evidence") else "differs"
            rows.append(
                (rule.name, rule.risk, earned, remark, f"{len(one.distinct):,}", _interval(one), f"{len(one.sites):,}")
            )
    return Table(("rule", "declared", "earned", "", "lines", "95 %", "sites"), tuple(rows), (4, 5, 6))


# ------------------------------------------------------------------ HTML

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 80rem; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums }
th, td { padding: .15rem .7rem .15rem 0; text-align: left; vertical-align: top }
th { border-bottom: 1px solid #888 }
.n { text-align: right }
.scroll { overflow-x: auto }
figure { margin: .8rem 0; border-left: 3px solid #bbb; padding-left: .8rem; overflow-wrap: anywhere }
figcaption, .around { color: #777 }
@media (prefers-color-scheme: dark) { body { background: #181818; color: #ddd } }
"""


def html_page(title: str, tables: Mapping[str, Table], samples: Mapping[str, Iterable[Sample]]) -> str:
    """Return a page of tables and samples, each under its heading."""
    parts = [
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{escape(title)}</title>',
        f"<style>{_STYLE}</style>\n<h1>{escape(title)}</h1>",
    ]
    for heading, table in tables.items():
        parts += [f"<h2>{escape(heading)}</h2>", *_html_table(table)]
    for heading, group in samples.items():
        parts += [f"<h2>{escape(heading)}</h2>", *(_html_sample(one) for one in group)]
    return "\n".join(parts) + "\n</html>\n"


def _html_table(table: Table) -> Iterable[str]:
    yield '<div class="scroll"><table>'
    for tag, row in (("th", table.heads), *(("td", row) for row in table.rows)):
        cells = (
            f"<{tag}{' class=n' if number in table.right else ''}>{escape(cell)}</{tag}>"
            for number, cell in enumerate(row)
        )
        yield f"<tr>{''.join(cells)}</tr>"
    yield "</table></div>"


def _html_sample(one: Sample) -> str:
    around = [f'<div class="around">{escape(text.strip())}</div>' for text in (one.before, one.after)]
    return (
        f"<figure><figcaption>{escape(sample_head(one))}</figcaption>"
        f"{around[0]}<div>{escape(one.text.strip())}</div>{around[1]}</figure>"
    )


def sample_head(one: Sample) -> str:
    """Return where a sample stood, how often, and which rule it is about.

    >>> sample_head(Sample("a", 3, "", "Share", "", 1, "social/share", 2))
    'a, line 3; 1 word, 2 times; social/share'
    """
    words = f"{one.words:,} word{'' if one.words == 1 else 's'}"
    times = f", {one.count:,} times" if one.count > 1 else ""
    return f"{one.id}, line {one.line}; {words}{times}{f'; {one.rule}' if one.rule else ''}"

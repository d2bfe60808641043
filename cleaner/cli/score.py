"""Precision and recall on labelled text: the command `score`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cleaner.cli.common import check_folder, clip, load_cleaner, pack_options, plural, print_table, shown
from cleaner.cli.run import jobs_option

if TYPE_CHECKING:
    from cleaner.quality.page import Table
    from cleaner.quality.score import Sample

__all__ = ["score"]

_WIDEST = 160  # characters of a sample's line


@click.command(short_help="Measure precision and recall on labelled text.")
@click.argument("gold", metavar="GOLD", type=click.Path(exists=True, dir_okay=False))
@pack_options
@click.option("--by", metavar="FIELDS", default="extractor,page_type,language", show_default=True, help="Groups.")
@click.option("--risk", is_flag=True, help="Show the risk that each rule's hits earn beside the one it declares.")
@click.option("--lost", metavar="N", type=click.IntRange(0), default=0, help="Content lines to show that went.")
@click.option("--missed", metavar="N", type=click.IntRange(0), default=0, help="Boilerplate lines to show that stayed.")
@click.option("--json", "json_file", metavar="FILE", type=click.Path(dir_okay=False), help="Write the report as JSON.")
@click.option("--html", "html_file", metavar="FILE", type=click.Path(dir_okay=False), help="Write it as a web page.")
@click.option("--limit", metavar="N", type=click.IntRange(1), help="Take only the first N texts.")
@jobs_option
def score(
    gold: str,
    packs: tuple[str, ...],
    config: str | None,
    by: str,
    risk: bool,
    lost: int,
    missed: int,
    json_file: str | None,
    html_file: str | None,
    limit: int | None,
    jobs: int | None,
) -> int:
    """Clean labelled texts and compare the result with their labels.

    GOLD is JSON Lines (.jsonl or .jsonl.gz): rows with id, text and labels, a letter for each line: c content,
    b boilerplate, d a repetition, u unsure, - blank. docs/quality.md has the other fields, and says how lines
    are compared. Lines that went wrongly (--lost) and stayed wrongly (--missed) are shown worst first: by
    words, times how often they occur.

    \b
    Examples:
      cleaner score gold.jsonl.gz
      cleaner score gold.jsonl.gz --pack news --lost 20 --missed 20
      cleaner score gold.jsonl.gz --config cleaner.yaml --risk --json score.json
    """  # noqa: D301 - click needs the control character
    import msgspec

    from cleaner.corpus.pool import available
    from cleaner.quality.page import group_table, html_page, risk_table, rule_table
    from cleaner.quality.score import GROUPINGS, as_json
    from cleaner.quality.score import score as measure

    check_folder("--json", json_file)
    check_folder("--html", html_file)
    groupings = [name.strip() for name in by.split(",") if name.strip()]
    for name in groupings:
        if name not in GROUPINGS:
            raise click.UsageError(f"--by: there is no field {shown(name)}; there are: {', '.join(GROUPINGS)}")
    cleaner = load_cleaner(config, packs)
    rules = cleaner.configuration.rules
    report = measure(gold, cleaner, limit=limit, samples=bool(lost or missed), jobs=jobs or available())
    groups = group_table(report, groupings)
    hits = risk_table(report, rules) if risk else rule_table(report)
    _print(groups)
    if hits.rows:
        click.echo()
        _print(hits)
    for flag, count in sorted(report.flags.items()):
        click.echo(f"flagged {shown(flag)}: {plural(count, 'text')}")
    for title, samples in (("went wrongly", report.lost[:lost]), ("stayed wrongly", report.missed[:missed])):
        _print_samples(title, samples)
    if json_file:
        content = as_json(report, rules, by=groupings, lost=lost, missed=missed)
        Path(json_file).write_bytes(msgspec.json.format(msgspec.json.encode(content)) + b"\n")
    if html_file:
        tables = {"Totals": groups, "Rules": rule_table(report), "Risk": risk_table(report, rules)}
        shown_samples = {"Went wrongly": report.lost[:lost], "Stayed wrongly": report.missed[:missed]}
        names = ", ".join(f"{pack.name} {pack.version}" for pack in cleaner.configuration.packs)
        page = html_page(f"Scores of {names}", tables, {key: some for key, some in shown_samples.items() if some})
        Path(html_file).write_text(page, encoding="utf-8", newline="\n")
    return 1 if report.failed else 0


def _print(table: Table) -> None:
    print_table(table.heads, [[shown(cell) for cell in row] for row in table.rows], table.right)


def _print_samples(title: str, samples: Sequence[Sample]) -> None:
    from cleaner.quality.page import sample_head

    if samples:
        click.echo(f"\n=== {title}")
    for one in samples:
        click.echo(shown(sample_head(one)))
        for sign, text in ((" ", one.before), (">", one.text), (" ", one.after)):
            if text.strip():
                click.echo(f"  {sign} {shown(clip(text.strip(), _WIDEST))}")

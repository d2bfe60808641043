"""The command line. A command is imported when it is called, and what it needs when it runs."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

import click

from cleaner import __version__

__all__ = ["app", "main"]

EXIT_CODES = """\b
Exit codes:
  0    done
  1    done, but documents failed, or problems were found in what was examined
  2    wrong usage or configuration; nothing was written
  130  interrupted"""

# In the order in which they are used: each is the function of its own name in a module of this package.
COMMANDS = {
    "run": "run",
    "diff": "diff",
    "explain": "explain",
    "restore": "run",
    "verify": "run",
    "rules": "rules",
    "score": "score",
}


class Lazy(click.Group):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"cleaner.cli.{COMMANDS[cmd_name]}")
        command: click.Command = getattr(module, cmd_name)
        return command


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]}, epilog=EXIT_CODES)
@click.version_option(__version__, package_name="cleaner", message="%(prog)s %(version)s")
def app() -> None:
    """Remove the leftovers of web pages from extracted text.

    Share buttons, related links, newsletter prompts, repeated lines, broken characters: whatever is
    removed or repaired stands in an audit, with the rule that did it, and can be put back.

    \b
    Examples:
      cleaner diff articles/              see what would change
      cleaner explain article.txt:12      see why line 12 goes or stays
      cleaner run articles/ -o clean/     clean a folder
      cleaner verify clean/ articles/     prove that nothing else changed
      cleaner restore clean/ -o again/    get the originals back
      cleaner rules --help                write rules of your own
    """  # noqa: D301 - click needs the control character


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line with `arguments` (default: those of the process) and return its exit code."""
    if sys.stderr is None:  # closed: errors still have their exit codes
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - it stays open as long as the process
    if sys.stdout is None:
        click.echo("Error: standard output is closed.", err=True)
        return 2
    for stream in (sys.stdout, sys.stderr):
        # A name or text that the terminal's encoding cannot say must not end the program.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = app.main(arguments, prog_name="cleaner", standalone_mode=False)
    except click.Abort:
        click.echo("interrupted", err=True)
        return 130
    except click.ClickException as error:
        error.show()
        return 2
    except SystemExit:
        return 141  # nobody reads on: what a program gets that a closed pipe stops
    except OSError as error:
        from cleaner.cli.common import shown
        from cleaner.corpus.streams import error_message

        click.echo(f"Error: {shown(error_message(error))}", err=True)
        return 1
    except ValueError as error:
        from cleaner.cli.common import print_problems, shown
        from cleaner.corpus.files import InputError
        from cleaner.rules import RuleError

        if isinstance(error, RuleError):
            print_problems(error.problems)
        elif isinstance(error, InputError):
            click.echo(f"Error: {shown(str(error))}", err=True)
        else:
            raise
        return 2
    return int(code or 0)

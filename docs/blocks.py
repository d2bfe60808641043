"""The code blocks of the documents: read, checked and run.

The words after a block's language say what it is. A word with a dot is a file that the block makes, for the
commands that follow; other words are kinds: see `YAML_KINDS`.
"""

import contextlib
import doctest
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cleaner import Cleaner
from cleaner.rules import RuleError, load_text

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

# Shell commands that are shown but not run here, and why.
NOT_RUN = {
    "pip install cleaner": "needs a package index",
    **{
        f"pip install '.[{extra}]'": "needs a package index"
        for extra in ("arrow", "datasets", "datatrove", "ray", "spark")
    },
    "pip install '.[all]'": "needs a package index",
    "make demo": "makes an environment of its own",
    "make test": "runs these tests",
    "cleaner run data/documents -o clean": "tests/test_dolma.py does",
    "dolma -c mix.json mix": "dolma wants other versions of what is installed here",
}
# What differs from run to run, and what to compare in its place.
VOLATILE = [
    (re.compile(r"\b\d+(?:\.\d+)?(?= (?:ms|seconds?|s)\b)"), "0"),
    (re.compile(r"\b[\d.,]+(?= (?:docs|MB)/s)"), "0"),
    # The audit names the versions of Python, Unicode and packages.
    (re.compile(r"[\d.,]+ (?:bytes|[kM]B) \([\d.]+% of the input, \d+% of the time\)"), "0"),
    # Tables are as wide as what stands in them.
    (re.compile(r" {2,}"), "  "),
    # How many rules are shipped.
    (re.compile(r"\b\d+(?= (?:other )?rules? (?:failed|would have come))"), "0"),
]


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language, the words after it, its text, and where the text starts and ends."""

    language: str
    words: tuple[str, ...]
    text: str
    start: int
    end: int
    line: int

    @property
    def files(self) -> list[str]:
        """The files that the block makes."""
        return [word for word in self.words if "." in word]

    @property
    def kinds(self) -> list[str]:
        """The words that say what the block is."""
        return [word for word in self.words if "." not in word]


_FENCE = re.compile(r"^```(\S+)(?: ([^\n]*))?\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks_of(text: str) -> list[Block]:
    """Return the fenced blocks of a document; each must name its language."""
    found = [
        Block(
            match[1],
            tuple((match[2] or "").split()),
            match[3],
            *match.span(3),
            text[: match.start()].count("\n") + 2,
        )
        for match in _FENCE.finditer(text)
    ]
    if 2 * len(found) != len(re.findall(r"^```", text, re.MULTILINE)):
        raise ValueError("a block without language, or without end")
    return found


# ------------------------------------------------------------------ YAML


def must_load(text: str, folder: Path) -> None:
    """Read and compile a pack or configuration, as if it stood in `folder`."""
    with contextlib.chdir(folder):
        Cleaner.from_configuration(load_text(text))


def must_fail(text: str, folder: Path) -> None:
    """See that a pack or configuration is refused."""
    try:
        must_load(text, folder)
    except RuleError:
        return
    raise ValueError("this is called broken, but can be read")


def indented(text: str) -> str:
    """Indent every line by two blanks."""
    return re.sub(r"(?m)^(?=.)", "  ", text)


YAML_KINDS: dict[str, Callable[[str, Path], None]] = {
    "": must_load,
    "broken": must_fail,
    "rules": lambda text, folder: must_load(f"rules:\n{text}", folder),
    "define": lambda text, folder: must_load(f"define:\n{indented(text)}", folder),
}

# ------------------------------------------------------------------ commands

_CLEANER = [sys.executable, "-c", "import sys; from cleaner.cli import main; sys.exit(main())"]
_HIDDEN = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "PAGER", "TTY_COMPATIBLE", "TTY_INTERACTIVE")


def run(command: str, folder: Path) -> str:
    """Run a command in `folder` and return what it prints, to standard output and error."""
    name, *arguments = shlex.split(command)
    if name == "cat":
        return "".join((folder / argument).read_text(encoding="utf-8") for argument in arguments)
    if name not in ("cleaner", "python"):
        raise ValueError(f"only `cleaner`, `python` and `cat` can be run, not `{command}`")
    environment = {key: value for key, value in os.environ.items() if key not in _HIDDEN}
    more = {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8", "TERM": "xterm"}
    if name == "python":
        more |= {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HF_HOME": str(folder / "hf"),
            "RAY_LOG_TO_DRIVER": "0",  # what its workers say names the machine
        }
    done = subprocess.run(
        [*(_CLEANER if name == "cleaner" else [sys.executable]), *arguments],
        cwd=folder,
        env=environment | more,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if name == "cleaner" else subprocess.PIPE,
        check=False,
        timeout=300,
    )
    output = done.stdout.decode("utf-8")
    if name == "python" and done.returncode:
        raise ValueError(done.stderr.decode("utf-8")[-4000:])  # engines say much else there
    if "Traceback (most recent call last)" in output:
        raise ValueError(output)
    # Shipped packs are told by their place in the checkout.
    return output.replace(f"{ROOT}{os.sep}", "")


def steady(output: str) -> str:
    """Return output without what differs from run to run."""
    for pattern, replacement in VOLATILE:
        output = pattern.sub(replacement, output)
    return output


def console(text: str, folder: Path) -> str:
    """Return a console block with the output that its commands have now."""
    renewed: list[str] = []
    for part in re.split(r"(?m)^(?=\$ )", text):
        command, _, old = part.partition("\n")
        if not part:
            continue
        if not command.startswith("$ "):
            raise ValueError(f"a console block starts with `$ command`, not `{command}`")
        new = "".join(line.rstrip() + "\n" for line in run(command[2:], folder).splitlines())
        renewed.append(f"{command}\n{old if steady(old) == steady(new) else new}")
    return "".join(renewed)


# ------------------------------------------------------------------ documents


def check_python(text: str, folder: Path) -> str:
    """Run a Python block in `folder` as a doctest; return it, or raise `ValueError`."""
    test = doctest.DocTestParser().get_doctest(text, {}, "block", None, None)
    if not test.examples:
        raise ValueError("a Python block shows what it prints: >>>")
    told: list[str] = []
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS)
    with contextlib.chdir(folder):
        failed = runner.run(test, out=told.append).failed
    if failed:
        raise ValueError("".join(told))
    return text


def check_shell(text: str) -> str:
    """See that a shell block holds only commands that are listed as not run."""
    for line in text.splitlines():
        command = line.partition("#")[0].strip()
        if command and command not in NOT_RUN:
            raise ValueError(f"`{command}`: use a console block, or list it in NOT_RUN")
    return text


def check_yaml(block: Block, folder: Path) -> str:
    """See that a YAML block holds what it says it does."""
    kinds = block.kinds or [""]
    if len(kinds) != 1 or kinds[0] not in YAML_KINDS:
        raise ValueError(f"unknown kind of YAML block: {' '.join(kinds)}")
    YAML_KINDS[kinds[0]](block.text, folder)
    return block.text


def renew(block: Block, folder: Path) -> str:
    """Check or run one block in `folder`; return its text as it should be, or raise where it is wrong."""
    for file in block.files:
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, encoding="utf-8", newline="\n")
    if block.language == "yaml":
        return check_yaml(block, folder)
    if block.kinds:
        raise ValueError(f"unknown kind of block: {' '.join(block.kinds)}")
    if block.language == "console":
        return console(block.text, folder)
    if block.language == "python" and block.files:
        return block.text  # a script, for a command that follows
    if block.language == "python":
        return check_python(block.text, folder)
    if block.language == "sh":
        return check_shell(block.text)
    if block.language in ("text", "json", "sql"):  # queries are run where there is an audit to ask
        return block.text
    raise ValueError(f"unknown language `{block.language}`")


def renewed(text: str, folder: Path) -> Iterator[tuple[Block, str]]:
    """Yield the blocks of a document and their text as it should be; files are made in `folder`."""
    for block in blocks_of(text):
        try:
            yield block, renew(block, folder)
        except (ValueError, RuleError, OSError) as error:
            raise ValueError(f"line {block.line}: {error}") from error


def rewritten(text: str, folder: Path) -> str:
    """Return a document with the output that its commands have now."""
    for block, new in reversed(list(renewed(text, folder))):
        text = text[: block.start] + new + text[block.end :]
    return text

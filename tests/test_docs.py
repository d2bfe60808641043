"""What the documents show is true: generated files, YAML, commands with their output, Python."""

import re
from pathlib import Path

import pytest

import cleaner
from docs.blocks import DOCUMENTS, ROOT, Block, blocks_of, renew, renewed, steady
from docs.generate import pages

PAGES = pages()
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(((?!https?:)[^)\s]+)\)")


@pytest.mark.parametrize("path", PAGES)
def test_generated_files_are_up_to_date(path: str) -> None:
    assert (ROOT / path).read_text(encoding="utf-8") == PAGES[path], "run `make docs`"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_blocks_are_true(document: Path, tmp_path: Path) -> None:
    for block, text in renewed(document.read_text(encoding="utf-8"), tmp_path):
        assert block.text == text, f"{document.name}, line {block.line}; `make docs` renews it"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for block in reversed(blocks_of(text)):
        text = text[: block.start] + text[block.end :]
    for target in LINK.findall(text):
        path, _, anchor = target.partition("#")
        file = (document.parent / path).resolve() if path else document
        assert file.exists(), target
        if anchor:
            assert anchor in anchors(file.read_text(encoding="utf-8")), target


def anchors(text: str) -> set[str]:
    """Return the anchors of a document's headings."""
    words = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in re.findall(r"(?m)^#+ (.*)$", text))
    return {word.strip().replace(" ", "-") for word in words}


# ------------------------------------------------------------------ the checks can fail


def block(language: str, text: str, *words: str) -> Block:
    return Block(language, words, text, 0, len(text), 1)


RULE = "- {id: a, about: A, match: {is: a}, examples: [{drop: a}, {keep: b}]}\n"


@pytest.mark.parametrize(
    "wrong",
    [
        block("yaml", "colour: red\n"),
        block("yaml", "define: {a: [b]}\n", "broken"),
        block("yaml", "define: {a: [b]}\n", "recipe"),
        block("yaml", "define: {a: [b]}\n", "rules"),
        block("yaml", "- {id: a}\n", "rules"),
        block("yaml", "a: {words: x}\n", "define"),
        block("console", "cleaner --version\n"),
        block("console", "$ rm -r x\n"),
        block("python", "print(1)\n"),
        block("python", ">>> 1 + 1\n3\n"),
        block("sh", "pip install something\n"),
        block("text", "x\n", "broken"),
        block("toml", "x = 1\n"),
    ],
    ids=lambda wrong: f"{wrong.language}-{wrong.text.strip()}",
)
def test_wrong_blocks_are_found(wrong: Block, tmp_path: Path) -> None:
    with pytest.raises((ValueError, OSError)):
        renew(wrong, tmp_path)


@pytest.mark.parametrize(
    "right",
    [
        block("yaml", "define: {a: [b]}\n"),
        block("yaml", "colour: red\n", "broken"),
        block("yaml", RULE, "rules"),
        block("yaml", "a: [b]\nc: {words: 3}\n", "define"),
        block("console", f"$ cleaner --version\ncleaner {cleaner.__version__}\n"),
        block("python", ">>> 1 + 1\n2\n"),
        block("sh", "pip install cleaner  # the only command\n"),
    ],
    ids=lambda right: f"{right.language}-{right.text.strip()}",
)
def test_right_blocks_stay(right: Block, tmp_path: Path) -> None:
    assert renew(right, tmp_path) == right.text


def test_wrong_output_is_renewed(tmp_path: Path) -> None:
    right = f"$ cleaner --version\ncleaner {cleaner.__version__}\n"
    assert renew(block("console", "$ cleaner --version\ncleaner 0\n"), tmp_path) == right


def test_files_are_there_for_commands(tmp_path: Path) -> None:
    renew(block("text", "He left.\n", "in/a.txt"), tmp_path)
    assert renew(block("console", "$ cat in/a.txt\n"), tmp_path) == "$ cat in/a.txt\nHe left.\n"


def test_blocks_name_their_language() -> None:
    with pytest.raises(ValueError, match="without language"):
        blocks_of("```\nx\n```\n")


def test_times_do_not_count() -> None:
    assert steady("3 rules in 0.2 s") == steady("3 rules in 12 s")
    assert steady("3 rules in 0.2 s") != steady("4 rules in 0.2 s")

"""The rule language: its model, how packs are read and layered, and what their examples prove."""

from cleaner.rules.load import load, load_file, load_text
from cleaner.rules.model import Configuration, Example, Pack, Rule
from cleaner.rules.packs import pack_files
from cleaner.rules.problems import Place, Problem, RuleError

__all__ = [
    "Configuration",
    "Example",
    "Pack",
    "Place",
    "Problem",
    "Rule",
    "RuleError",
    "load",
    "load_file",
    "load_text",
    "pack_files",
]

"""Every example of every shipped rule, one named test each."""

from functools import cache

import pytest

from cleaner import Cleaner
from cleaner.engine import changes_of, clean_of
from cleaner.rules import Example, pack_files
from cleaner.rules.examples import alone, check_example
from cleaner.rules.layers import resolve
from cleaner.rules.lint import lint

CONFIGURATIONS = {name: resolve([name]).configuration for name in pack_files()}
RULES = {rule.name: rule for configuration in CONFIGURATIONS.values() for rule in configuration.rules}
CASES = [
    pytest.param(name, example, id=f"{name}-{example.kind}-{number}")
    for name, rule in RULES.items()
    for number, example in enumerate(rule.examples, 1)
]


@cache
def cleaner_of(name: str) -> Cleaner:
    rule = RULES[name]
    configuration = next(one for one in CONFIGURATIONS.values() if rule in one.rules)
    return Cleaner.from_configuration(alone(configuration, rule))


@pytest.mark.parametrize(("name", "example"), CASES)
def test_example(name: str, example: Example) -> None:
    def clean(text: str, url: str | None, language: str | None) -> tuple[str, frozenset[str]]:
        result = cleaner_of(name)(text, url=url, language=language)
        assert result.restore() == text
        return result.text, frozenset(flag.name for flag in result.flags)

    assert check_example(RULES[name], example, clean) is None


def test_default_takes_in_every_other_pack() -> None:
    names = [pack.name for pack in CONFIGURATIONS["default"].packs]
    assert names == [*"core social news legal comments forum navigation commerce media endings".split(), "default"]


@pytest.mark.parametrize("name", pack_files())
def test_packs_are_free_of_warnings(name: str) -> None:
    assert lint(resolve([name]), clean_of, changes_of) == []

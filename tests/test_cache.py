"""The cache of resolved rules: what is kept is what would be read, and no fault of it is ever seen."""

from __future__ import annotations

import hashlib
import os
import pickle
import shutil
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cleaner import Cleaner
from cleaner.rules import Configuration, RuleError, load, load_file, pack_files
from cleaner.rules.cache import cache_directory, without_examples
from cleaner.rules.clues import openings, widened
from cleaner.rules.layers import resolve, resolve_file
from cleaner.rules.model import Phrase, fold_phrase, folded_phrase, inner_tests
from cleaner.rules.widening import widen

ROOT = Path(__file__).resolve().parents[1]
TEXT = "The mayor left.\n\nShare\n\nNobody cheered.\n\nRead our rules\n"
BASE = """
pack: base
version: 1.0.0
about: A pack to stand on
define:
  ours: {en: [read our rules], fr: [lisez nos règles]}
  headline: {words: 3..18, full_stop: false}
rules:
- id: ours
  about: A pointer to the rules
  match: {is: $ours, last: 50%}
  examples: [{in: "A.\\nRead our rules\\n", out: "A.\\n"}, {keep: They read our rules twice.}]
- id: next
  about: Headlines under a heading
  match: {regex: '^up next:?$', not: {has: [vote]}}
  run: {then: {use: $headline}, count: 1.., gap: 1}
  examples: [{in: "A.\\nUp next\\nFloods hit the coast\\n", out: "A.\\n"}, {keep: Up next is the vote.}]
- id: gap
  about: Two blanks
  unit: document
  do: fix
  with: {operation: trailing_blanks, markdown_breaks: true}
  examples: [{in: "a \\nb", out: "a\\nb"}, {keep: a b}]
"""
OURS = """
extends: [core, ./base.yaml]
guard: 90%
disable: [core/repeated-line]
override: {base/ours: {budget: 80%}}
sites: {example.com: {override: {base/next: {run.gap: 2}}}}
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own, and a configuration on two files beside it."""
    folder = tmp_path / "kept" / "cleaner"
    monkeypatch.setenv("CLEANER_CACHE", str(folder))
    (tmp_path / "base.yaml").write_text(BASE, "utf-8")
    (tmp_path / "ours.yaml").write_text(OURS, "utf-8")
    monkeypatch.chdir(tmp_path)
    return folder


def kept(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def spoil(file: Path, data: bytes) -> None:
    """Write `data` as somebody would who wants it believed: with the right checksum."""
    file.write_bytes(hashlib.sha256(data).digest() + data)


def same(found: Configuration, wanted: Configuration) -> bool:
    """Tell whether two configurations are equal, places in files included."""
    return found == wanted and repr(found) == repr(wanted)


# ------------------------------------------------------------------ what is kept


@pytest.mark.parametrize("name", pack_files())
def test_warm_equals_cold(name: str, cache: Path) -> None:
    wanted = without_examples(resolve([name]).configuration)
    cold = load([name])
    assert len(kept(cache)) == 1
    assert same(cold, wanted)
    assert same(load([name]), wanted)


def test_a_file_with_layers_overrides_and_sites_comes_back(cache: Path) -> None:
    wanted = without_examples(resolve_file("ours.yaml").configuration)
    assert {rule.sites for rule in wanted.rules} > {("example.com",)}
    for _ in range(2):
        found = load_file("ours.yaml")
        assert same(found, wanted)
        assert [rule.place for rule in found.rules] == [rule.place for rule in wanted.rules]
        assert found.rules[-1].option_places == wanted.rules[-1].option_places
        assert not any(rule.examples for rule in found.rules)
    cleaner = Cleaner.from_configuration(resolve_file("ours.yaml").configuration)
    assert Cleaner.from_file("ours.yaml")(TEXT) == cleaner(TEXT)
    assert len(kept(cache)) == 1


def test_the_first_process_has_the_same_objects_as_all_others(cache: Path) -> None:
    """Whoever hashes a pickled cleaner, as data set libraries do, must not see whether the cache was warm."""
    cold = pickle.dumps(load(["default"]))
    assert kept(cache)
    assert pickle.dumps(load(["default"])) == cold


def test_what_is_known_of_a_text_does_not_outlive_it() -> None:
    """The cache keeps what phrases fold to and what RE2 makes of patterns; whoever changes the text must not get that."""
    load(["news"])
    tests = [test for rule in load(["news"]).rules for test in inner_tests(rule.match)]
    phrases = [phrase for test in tests if test.key == "is" for phrase in test.value]
    assert phrases
    for phrase in phrases:
        assert phrase.folded
        assert fold_phrase(phrase) == fold_phrase(Phrase(phrase.text))
        assert fold_phrase(folded_phrase("Read More:", phrase.language)) == ("read more:", 0, 9)
    patterns = [test for test in tests if test.key == "regex"]
    assert patterns
    for test in patterns:
        assert test.widened is not None
        assert widened(test) == widen(test.value, case=test.case)
        assert widened(replace(test, value="a+", case=True)) == widen("a+", case=True)
        assert test.openings == openings(replace(test))
        assert openings(replace(test, value="a+", case=True)) == ("(?s)(?:a)+",)


def test_a_warm_start_reads_no_yaml(cache: Path) -> None:
    program = (
        "import sys; from cleaner import Cleaner; clean = Cleaner(); assert clean('a\\n\\nShare\\n').text == 'a\\n'\n"
        "print(*sorted({'yaml', 'cleaner.rules.parse', 'cleaner.rules.widening', 'tempfile'} & sys.modules.keys()))"
    )
    told = []
    for _ in range(2):
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
        )
        told.append(done.stdout.split())
    assert told == [["cleaner.rules.parse", "cleaner.rules.widening", "tempfile", "yaml"], []]


# ------------------------------------------------------------------ what is read anew


def test_what_changes_in_any_file_is_seen() -> None:
    before = load_file("ours.yaml")
    assert same(load_file("ours.yaml"), before)
    Path("base.yaml").write_text(BASE.replace("read our rules]", "read our rules, see our rules]"), "utf-8")
    after = load_file("ours.yaml")
    assert after.digest != before.digest
    assert same(after, without_examples(resolve_file("ours.yaml").configuration))
    Path("ours.yaml").write_text(OURS.replace("90%", "80%"), "utf-8")
    assert load_file("ours.yaml").guard == 0.8


def test_a_change_that_decides_nothing_moves_places() -> None:
    before = load_file("ours.yaml")
    Path("base.yaml").write_text("# A comment\n" + BASE, "utf-8")
    after = load_file("ours.yaml")
    assert after.digest == before.digest
    assert [rule.place.line for rule in after.rules if rule.pack == "base"] == [
        rule.place.line + 1 for rule in before.rules if rule.pack == "base"
    ]


def test_faults_are_told_however_warm_the_cache_is() -> None:
    load_file("ours.yaml")
    Path("base.yaml").write_text(BASE + "- {id: next, about: again}\n", "utf-8")
    for _ in range(2):
        with pytest.raises(RuleError, match=r"base\.yaml:24:8: duplicate id `next`"):
            load_file("ours.yaml")
    Path("base.yaml").unlink()
    with pytest.raises(RuleError, match=r"no file `base\.yaml`"):
        load_file("ours.yaml")
    Path("ours.yaml").unlink()
    with pytest.raises(FileNotFoundError):
        load_file("ours.yaml")
    with pytest.raises(RuleError, match="no pack `newz`"):
        load(["newz"])


def test_a_renamed_file_is_another_one() -> None:
    load_file("ours.yaml")
    Path("ours.yaml").rename("mine.yaml")
    assert load_file("mine.yaml").packs[-1].file == "mine.yaml"


def test_files_of_one_name_in_two_folders_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load_file("ours.yaml")
    other = tmp_path / "other"
    other.mkdir()
    (other / "base.yaml").write_text(BASE, "utf-8")
    (other / "ours.yaml").write_text(OURS.replace("90%", "70%"), "utf-8")
    monkeypatch.chdir(other)
    assert load_file("ours.yaml").guard == 0.7
    monkeypatch.chdir(tmp_path)
    assert same(load_file("ours.yaml"), first)


def test_other_code_has_other_files(tmp_path: Path, cache: Path) -> None:
    """A copy of the package whose parser was changed does not take what this one kept, nor the other way round."""
    for name in ("cleaner", "rules"):
        shutil.copytree(ROOT / name, tmp_path / "copy" / name)
    program = "from cleaner.rules import load_file; print(load_file('ours.yaml').digest)"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "copy"), "PYTHONDONTWRITEBYTECODE": "1"}
    found = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
        )
        found.append((done.stdout, len(kept(cache))))
        with (tmp_path / "copy/cleaner/rules/parse.py").open("a") as stream:
            stream.write("# changed\n")
    assert [count for _, count in found] == [1, 2]
    assert found[0][0] == found[1][0]


def test_a_pipe_is_read_once() -> None:
    if not os.path.exists("/dev/stdin"):
        return
    program = "from cleaner.rules import load_file; print(len(load_file('/dev/stdin').rules))"
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            input=BASE,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout == "3\n"


# ------------------------------------------------------------------ faults


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_file_is_read_anew(cache: Path, data: st.DataObject) -> None:
    """Wherever bytes are changed, cut or added, and even where the checksum is made to fit."""
    wanted = without_examples(resolve_file("base.yaml").configuration)
    load_file("base.yaml")
    (file,) = kept(cache)
    whole = file.read_bytes()
    believed = data.draw(st.booleans())
    inside = bytearray(whole[32:] if believed else whole)
    how = data.draw(st.sampled_from(["change", "cut", "add", "all"]))
    at = data.draw(st.integers(0, len(inside) - 1))
    if how == "change":
        inside[at] ^= data.draw(st.integers(1, 255))
    elif how == "cut":
        del inside[at:]
    elif how == "add":
        inside[at:at] = data.draw(st.binary(min_size=1, max_size=20))
    else:
        inside[:] = data.draw(st.binary(max_size=200))
    if believed:
        # Somebody who may write here may write other rules: what is promised is rules of the right types, or these.
        spoil(file, bytes(inside))
        assert isinstance(load_file("base.yaml"), Configuration)
        file.unlink()
    else:
        file.write_bytes(bytes(inside))
        assert same(load_file("base.yaml"), wanted)
        assert file.read_bytes() == whole  # and is whole again


@pytest.mark.parametrize(
    "data", [b"", b"\x93\x80\x90\xc0", b"\x93\x80\x90\x81\xa0\xa4Pack", b"\xc1", b"\x90", b"\x00" * 99]
)
def test_what_is_no_configuration_is_read_anew(cache: Path, data: bytes) -> None:
    wanted = load_file("ours.yaml")
    spoil(kept(cache)[0], data)
    assert same(load_file("ours.yaml"), wanted)


def test_a_fault_of_the_place_means_no_cache(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = without_examples(resolve_file("ours.yaml").configuration)
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    for place in (blocked, blocked / "below", tmp_path / ("x" * 300), Path("/proc/none"), Path("/dev/null")):
        monkeypatch.setenv("CLEANER_CACHE", str(place))
        for _ in range(2):
            assert same(load_file("ours.yaml"), wanted)
    assert blocked.read_text() == "in the way"
    monkeypatch.setenv("CLEANER_CACHE", str(cache))
    load_file("ours.yaml")
    (file,) = kept(cache)
    file.unlink()
    file.mkdir()  # in the way of the cache file itself
    assert same(load_file("ours.yaml"), wanted)
    assert kept(cache) == [file]  # and nothing half written beside it


def test_a_read_only_directory_is_read_but_not_written(cache: Path) -> None:
    wanted = load_file("ours.yaml")
    cache.chmod(0o500)
    try:
        assert same(load_file("ours.yaml"), wanted)
        Path("ours.yaml").write_text(OURS.replace("90%", "80%"), "utf-8")
        assert load_file("ours.yaml").guard == 0.8
    finally:
        cache.chmod(0o700)


def test_the_directory_is_this_users_alone(cache: Path) -> None:
    load_file("ours.yaml")
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700
    for mode in (0o720, 0o702, 0o777):
        for file in kept(cache):
            file.unlink()
        cache.chmod(mode)
        load_file("ours.yaml")
        assert kept(cache) == []  # where others may write, nothing is kept
    cache.chmod(0o700)
    wanted = load_file("ours.yaml")
    (file,) = kept(cache)
    other = file.read_bytes()[32:].replace(b"read our rules", b"read our mules")
    spoil(file, other)
    assert "read our mules" in repr(load_file("ours.yaml"))  # or the next line would prove nothing
    cache.chmod(0o777)
    assert same(load_file("ours.yaml"), wanted)


def test_the_directory_of_somebody_else_is_left_alone(cache: Path) -> None:
    if os.name != "posix" or os.geteuid() != 0:
        assert os.stat("/").st_uid == 0
        return
    load_file("ours.yaml")
    (file,) = kept(cache)
    file.unlink()
    os.chown(cache, 12345, -1)
    load_file("ours.yaml")
    assert kept(cache) == []


def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CLEANER_CACHE", "")
    assert cache_directory() is None
    monkeypatch.setenv("CLEANER_CACHE", "here")
    assert cache_directory() == str(tmp_path / "here")
    monkeypatch.delenv("CLEANER_CACHE")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_directory() == str(tmp_path / "cleaner")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # to be ignored, says the specification
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_directory() == str(tmp_path / ".cache/cleaner")
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    assert cache_directory() == str(tmp_path / "cleaner")
    monkeypatch.delenv("LOCALAPPDATA")
    assert cache_directory() is None


def test_an_empty_variable_switches_the_cache_off(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    wanted = load_file("ours.yaml")
    for file in kept(cache):
        file.unlink()
    monkeypatch.setenv("CLEANER_CACHE", "")
    assert same(load_file("ours.yaml"), wanted)
    assert kept(cache) == []


def test_it_does_not_grow_and_touches_nothing_else(cache: Path) -> None:
    cache.mkdir(parents=True, mode=0o700)
    (cache / "mine.txt").write_text("not the cache's")
    for number in range(70):
        (cache / f"{number:040x}.rules").write_bytes(b"old")
        os.utime(cache / f"{number:040x}.rules", (number, number))
    load_file("ours.yaml")
    names = [file.name for file in kept(cache)]
    assert len(names) == 65
    assert "mine.txt" in names
    assert f"{69:040x}.rules" in names
    assert f"{6:040x}.rules" not in names


def test_many_processes_at_once(cache: Path) -> None:
    program = "from cleaner import Cleaner; c = Cleaner.from_file('ours.yaml'); print(c.configuration.digest)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    started = [
        subprocess.Popen([sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE) for _ in range(4)
    ]
    told = {process.communicate()[0] for process in started}
    assert told == {f"{load_file('ours.yaml').digest}\n".encode()}
    assert len(kept(cache)) == 1


def test_what_messagepack_cannot_say_is_not_kept(cache: Path) -> None:
    """The name of a file that is no UTF-8, which Python writes with a lone surrogate."""
    name = os.fsdecode(b"\xff.yaml")
    Path("base.yaml").rename(name)
    for _ in range(2):
        assert load_file(name).rules[0].place.file == name
    assert kept(cache) == []

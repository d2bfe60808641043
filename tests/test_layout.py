"""Who may import whom, checked on the source: no module is imported here."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "cleaner"

# A layer imports from itself and from those before it.
LAYERS = (
    "edits text languages rules matching repair engine explain audit corpus quality integrations cli __main__".split()
)
RANK = {layer: rank for rank, layer in enumerate(LAYERS)}

# Names that reach a file, whoever they are called on.
FILE_NAMES = frozenset(
    "open open_code fdopen listdir scandir iterdir glob rglob read_text read_bytes write_text write_bytes "
    "read_binary open_text open_binary FileIO mmap fromfile tofile "
    "shutil tempfile fileinput linecache pkgutil importlib subprocess socket urlopen urlretrieve".split()
)


def module_names() -> dict[str, Path]:
    """Map every module of the package, by dotted name, to its file."""
    names = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return names


MODULES = module_names()


def imports(source: str, package: str, modules: frozenset[str]) -> Iterator[str]:
    """Yield the modules of ours that `source`, a file in `package`, imports anywhere, lazily or not."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "cleaner":
                    yield alias.name
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")
            base = parents[: len(parents) - node.level + 1] if node.level else []
            origin = ".".join([*base, *filter(None, [node.module])])
            if origin.split(".")[0] != "cleaner":
                continue
            for alias in node.names:
                full = f"{origin}.{alias.name}"
                # The version is set before the package imports anything: whoever needs it may ask for it.
                if full != "cleaner.__version__":
                    yield full if full in modules else origin


def package_of(name: str) -> str:
    return name if MODULES[name].name == "__init__.py" else name.rpartition(".")[0]


def layer_of(name: str) -> str | None:
    """The layer of a module; None for the package itself."""
    return name.split(".")[1] if "." in name else None


IMPORTS = {
    name: sorted(set(imports(path.read_text(encoding="utf-8"), package_of(name), frozenset(MODULES))))
    for name, path in MODULES.items()
}
# `cleaner` offers what it imports, so it stands right behind the last layer that it imports.
ROOT_RANK = max((RANK[layer] for name in IMPORTS["cleaner"] if (layer := layer_of(name))), default=-1)


@pytest.mark.parametrize(
    ("package", "source", "expected"),
    [
        ("cleaner", "import cleaner.text", ["cleaner.text"]),
        ("cleaner", "import os, regex", []),
        ("cleaner", "import cleanerlib", []),
        ("cleaner", "from cleaner.rules.model import Rule", ["cleaner.rules.model"]),
        ("cleaner", "from cleaner.rules import model", ["cleaner.rules.model"]),
        ("cleaner", "from cleaner import Cleaner", ["cleaner"]),
        ("cleaner", "from cleaner import __version__", []),
        ("cleaner", "from .text import Line", ["cleaner.text"]),
        ("cleaner", "from . import text", ["cleaner.text"]),
        ("cleaner.rules", "from . import model", ["cleaner.rules.model"]),
        ("cleaner.rules", "from .. import text", ["cleaner.text"]),
        ("cleaner.rules", "from ..text import Line", ["cleaner.text"]),
        ("cleaner.rules", "def late():\n    from ..text import Line", ["cleaner.text"]),
        ("cleaner", "if TYPE_CHECKING:\n    from .text import Line", ["cleaner.text"]),
    ],
)
def test_imports_are_found(package: str, source: str, expected: list[str]) -> None:
    modules = frozenset({"cleaner", "cleaner.text", "cleaner.rules", "cleaner.rules.model"})
    assert list(imports(source, package, modules)) == expected


@pytest.mark.parametrize("name", MODULES)
def test_imports_point_up_the_list(name: str) -> None:
    layer = layer_of(name)
    if layer is None:
        return  # `cleaner` may offer what it likes; ROOT_RANK says who may then import it
    assert layer in RANK, f"{name} belongs to no layer of tests/test_layout.py"
    for target in IMPORTS[name]:
        above = layer_of(target)
        rank = ROOT_RANK + 0.5 if above is None else RANK.get(above)
        assert rank is not None, f"{name} imports {target}, which belongs to no layer"
        assert rank <= RANK[layer], f"{name} must not import {target}"
        assert layer != "edits" or above == "edits", f"{name} must not import anything of ours"


def test_no_import_goes_in_a_circle() -> None:
    TopologicalSorter(IMPORTS).prepare()  # raises CycleError, which names the circle


def file_names(source: str) -> list[str]:
    """Names in `source` through which it could reach a file."""
    found = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name):
                found.append(name)
            case ast.Import(names=aliases):
                found += [alias.name.split(".")[0] for alias in aliases]
            case ast.ImportFrom(module=module, names=aliases, level=level):
                found += [alias.name for alias in aliases]
                if module and not level:
                    found.append(module.split(".")[0])
            case _:
                pass
    return sorted(FILE_NAMES.intersection(found))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("open('x')", ["open"]),
        ("Path('x').read_text()", ["read_text"]),
        ("from io import open as o", ["open"]),
        ("import importlib.resources", ["importlib"]),
        ("f = path.open", ["open"]),
        ("from .rules.load import load_pack\nopened = load_pack('news')", []),
    ],
)
def test_file_names_are_found(source: str, expected: list[str]) -> None:
    assert file_names(source) == expected


def offered(path: Path) -> set[str]:
    """The names in `__all__` of a module."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and [getattr(target, "id", None) for target in node.targets] == ["__all__"]:
            return set(ast.literal_eval(node.value))
    return set()


def test_modules_take_from_each_other_only_what_they_offer() -> None:
    wrong = []
    for name, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module in MODULES and node.module != "cleaner":
                taken = {alias.name for alias in node.names if f"{node.module}.{alias.name}" not in MODULES}
                wrong += [f"{name}: {node.module}.{one}" for one in sorted(taken - offered(MODULES[node.module]))]
    assert wrong == []


def test_engine_opens_no_file() -> None:
    modules = sorted((PACKAGE / "engine").glob("*.py"))
    assert modules
    assert {module.name: file_names(module.read_text(encoding="utf-8")) for module in modules} == {
        module.name: [] for module in modules
    }


LATE = "click rich ftfy yaml regex html cleaner.rules.parse cleaner.rules.layers cleaner.rules.nodes cleaner.corpus "
LATE += "cleaner.rules.widening cleaner.cli cleaner.integrations pyarrow ray pyspark datasets datatrove dolma polars "
LATE += "pandas duckdb"


@pytest.mark.parametrize(
    ("code", "late"),
    [
        ("import cleaner", f"{LATE} msgspec re2 dataclasses cleaner.engine cleaner.rules"),
        ("from cleaner import Cleaner", f"{LATE} difflib"),
        ("from cleaner import RuleError, Edit, Cause", f"{LATE} re2 cleaner.engine"),
        ("import cleaner.cli.run, cleaner.cli.rules", LATE.replace("click", "re2").replace("cleaner.cli", "msgspec")),
    ],
)
def test_import_is_light(code: str, late: str) -> None:
    """What takes long to import is imported when it is used."""
    code = f"import sys; {code}; print(*sorted({set(late.split())} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")


def test_engines_are_asked_for_by_name() -> None:
    """A module for an engine that is not installed says which extra brings it."""
    for name in ("arrow", "ray", "spark", "datasets", "datatrove"):
        hidden = {"arrow": "pyarrow", "spark": "pyspark"}.get(name, name)
        code = f"import sys; sys.modules[{hidden!r}] = None; import cleaner.integrations.{name}"
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert f"pip install 'cleaner[{name}]'" in done.stderr.splitlines()[-1]


def test_help_imports_no_engine() -> None:
    code = (
        "import sys; from cleaner.cli import main; main(['--help'])\n"
        "print(*sorted({'msgspec', 're2', 'regex', 'rich', 'yaml', 'cleaner.engine', 'cleaner.rules'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == ""


def test_every_public_name_is_there() -> None:
    import cleaner

    assert set(cleaner.__all__) <= set(dir(cleaner))
    assert all(getattr(cleaner, name) is not None for name in cleaner.__all__)
    assert cleaner.Cleaner is sys.modules["cleaner.engine"].Cleaner
    with pytest.raises(AttributeError, match="has no attribute 'Cleanser'"):
        _ = cleaner.Cleanser  # type: ignore[attr-defined]

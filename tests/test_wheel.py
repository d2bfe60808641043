"""What users get: a wheel built by way of the sdist, installed into an empty environment."""

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import cleaner

ROOT = Path(__file__).resolve().parents[1]
BIN = "Scripts" if os.name == "nt" else "bin"
BEFORE = "The council met on Monday and agreed the budget for the coming year."
AFTER = "The vote was close, and the mayor thanked both sides."


def command(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command that sees neither the checkout nor the environment that the tests run in."""
    hidden = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"}
    return subprocess.run(
        [str(argument) for argument in arguments],
        cwd=cwd,
        env={key: value for key, value in os.environ.items() if key not in hidden},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def succeed(*arguments: str | Path, cwd: Path) -> str:
    done = command(*arguments, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_wheel_works_alone(tmp_path: Path) -> None:
    dist, home, empty, inputs = (tmp_path / name for name in ("dist", "venv", "empty", "inputs"))
    empty.mkdir()
    inputs.mkdir()

    # Without --sdist or --wheel, build makes the wheel from the unpacked sdist.
    succeed(sys.executable, "-m", "build", "--outdir", dist, ROOT, cwd=empty)
    (wheel,) = dist.glob("*.whl")
    assert wheel.name == f"cleaner-{cleaner.__version__}-py3-none-any.whl"

    with zipfile.ZipFile(wheel) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    shipped = [*(ROOT / "rules").glob("*.yaml"), ROOT / "rules" / "evidence.json"]
    packs = {f"cleaner/packs/{path.name}": path.read_bytes() for path in shipped}
    assert {name: data for name, data in files.items() if name.startswith("cleaner/packs/")} == packs
    assert "cleaner/py.typed" in files
    assert {name.split("/")[0] for name in files} == {"cleaner", f"cleaner-{cleaner.__version__}.dist-info"}

    venv.create(home, with_pip=True, symlinks=os.name != "nt")
    python, script = home / BIN / "python", home / BIN / "cleaner"
    succeed(python, "-m", "pip", "install", "--quiet", wheel, cwd=empty)
    succeed(python, "-m", "pip", "check", cwd=empty)
    code = "import cleaner, pathlib; print(pathlib.Path(cleaner.__file__).parent)"
    installed = Path(succeed(python, "-c", code, cwd=empty).strip())
    assert installed.is_relative_to(home)

    (inputs / "a.txt").write_bytes(f"{BEFORE}\n\nShare\n\n{AFTER}\n".encode())
    succeed(script, "run", inputs, "-o", tmp_path / "clean", cwd=empty)
    assert (tmp_path / "clean" / "a.txt").read_bytes() == f"{BEFORE}\n\n{AFTER}\n".encode()

    # The packs that it used are the wheel's own: without them it cannot run.
    shutil.rmtree(installed / "packs")
    assert command(script, "run", inputs, "-o", tmp_path / "again", cwd=empty).returncode != 0
    assert list(empty.iterdir()) == []

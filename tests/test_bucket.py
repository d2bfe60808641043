"""The same run in a bucket: a real S3 endpoint, started here."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

import cleaner
from tests.samples import PACK
from tests.test_batch import SCRIPT, make_corpus, tree

KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "us-east-1"}
MAIN = [sys.executable, "-c", "import sys; from cleaner.cli import main; sys.exit(main())"]
COPY = """
import sys, fsspec
system = fsspec.filesystem("s3")
kind, first, second = sys.argv[1:]
if kind == "up":
    system.mkdir("bucket")
    system.put(first, second, recursive=True)
else:
    system.get(first, second, recursive=True)
"""


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, str]]]:
    """A folder with a corpus that is in a bucket, too, and the environment that leads there."""
    folder = tmp_path_factory.mktemp("bucket")
    (folder / "t.yaml").write_text(PACK, encoding="utf-8")
    (folder / "script.py").write_text(SCRIPT, encoding="utf-8")
    make_corpus(folder / "in")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    path = os.pathsep.join([str(Path(cleaner.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = os.environ | KEYS | {"AWS_ENDPOINT_URL": address, "PYTHONPATH": path}
    with open(folder / "server.log", "wb") as log:
        server = subprocess.Popen([sys.executable, "-m", "moto.server", "-p", str(port)], stdout=log, stderr=log)
        try:
            for _ in range(300):
                try:
                    urllib.request.urlopen(f"{address}/moto-api/", timeout=1).close()
                    break
                except OSError:
                    time.sleep(0.1)
            subprocess.run(
                [sys.executable, "-c", COPY, "up", f"{folder}/in/", "bucket/in/"],
                env=environment,
                check=True,
                timeout=120,
            )
            yield folder, environment
        finally:
            server.terminate()
            server.wait()


def test_a_bucket_to_a_bucket_killed_and_continued(work: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    folder, environment = work

    def call(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [*MAIN, *arguments]
        return subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=300
        )

    run = ("run", "s3://bucket/in", "--config", "t.yaml", "-j", "2", "-q", "-o")
    calm = call(*run, str(tmp_path / "calm"))
    assert calm.stderr.count(": malformed: ") == 3, calm.stderr
    process = subprocess.Popen([*MAIN, *run, "s3://bucket/out"], cwd=folder, env=environment, stderr=subprocess.PIPE)
    for _ in range(600):
        time.sleep(0.1)
        if "rows" in (folder / "server.log").read_text() or process.poll() is not None:
            break
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert call("verify", "s3://bucket/out").returncode == 2
    again = call(*run, "s3://bucket/out")
    assert again.returncode == 1, again.stderr
    assert again.stderr.count(": malformed: ") == 3
    assert call("verify", "s3://bucket/out", "s3://bucket/in", "-j", "1").stdout == "every invariant holds\n"
    subprocess.run(
        [sys.executable, "-c", COPY, "down", "bucket/out/", f"{tmp_path}/out/"],
        env=environment,
        check=True,
        timeout=120,
    )
    expected = {name: data for name, data in tree(tmp_path / "calm").items() if not name.startswith("_audit/rejected")}
    found = {name: data for name, data in tree(tmp_path / "out").items() if not name.startswith("_audit/rejected")}
    assert found == expected

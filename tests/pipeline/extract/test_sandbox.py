import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import psutil
import pytest

from gristmill.errors import ShardError
from gristmill.pipeline.cpu import cpu_seconds
from gristmill.pipeline.extract import EXTRACTORS, Reply, Sandbox, shared_sandbox
from gristmill.pipeline.extract.child import CANARY, CANARY_TEXT

PAGE = CANARY.encode()


@pytest.fixture
def box(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    monkeypatch.setenv("GRISTMILL_SELFTEST", "1")
    sandbox = Sandbox()
    yield sandbox
    sandbox.close()


def fault(box: Sandbox, name: str, limit: float = 5.0) -> Reply:
    return box.call("selftest", PAGE, options={"fault": name}, cpu_seconds=limit)


@pytest.mark.parametrize("engine", EXTRACTORS)
def test_same_text_as_inline(box: Sandbox, engine: str) -> None:
    reply = box.call(engine, PAGE, "http://mill.example/", "text/html; charset=utf-8")
    assert reply.status == "ok"
    assert reply.charset == "utf-8"
    assert reply.text == EXTRACTORS[engine](CANARY, "http://mill.example/")
    assert all(sentence in (reply.text or "") for sentence in CANARY_TEXT)


@pytest.mark.parametrize(
    ("name", "status", "detail"),
    [
        ("segfault", "extract_crash", "SIGSEGV"),
        ("killed", "extract_oom", "SIGKILL"),
        ("allocate", "extract_oom", "MemoryError"),
        ("raise", "extract_error", "KeyError"),
    ],
)
def test_faults_become_verdicts_and_the_next_page_is_normal(
    box: Sandbox, name: str, status: str, detail: str
) -> None:
    reply = fault(box, name)
    assert (reply.status, reply.detail, reply.text) == (status, detail, None)
    assert box.call("plain", PAGE).status == "ok"


def test_endless_loop_is_stopped_by_cpu_time_and_charged(box: Sandbox) -> None:
    box.call("plain", PAGE)
    before, first = cpu_seconds(), box.pid
    reply = fault(box, "spin", 0.1)
    assert reply.status == "extract_timeout"
    assert reply.detail == "SIGPROF"
    # One try at the limit and one at three times the limit.
    assert reply.cpu_seconds >= 0.3
    assert cpu_seconds() - before >= 0.3
    assert box.call("plain", PAGE).status == "ok"
    assert box.pid != first
    assert not psutil.pid_exists(first or 0)


def test_child_is_kept_between_pages_and_replaced_when_it_was_killed(box: Sandbox) -> None:
    box.call("plain", PAGE)
    pid = box.pid
    box.call("plain", PAGE)
    assert box.pid == pid
    os.kill(pid or 0, signal.SIGKILL)
    assert box.call("plain", PAGE).status == "ok"
    assert box.pid != pid


def test_child_is_recycled(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gristmill.pipeline.extract.sandbox.MAX_PAGES", 3)
    replies, pids = [], set()
    for _ in range(6):
        replies.append(box.call("plain", PAGE).text)
        pids.add(box.pid)
    assert len(pids - {None}) >= 2
    assert len(set(replies)) == 1


def test_prints_of_libraries_do_not_disturb(box: Sandbox) -> None:
    assert fault(box, "print").text == CANARY
    assert fault(box, "none").text == CANARY


def test_environment_has_no_credentials(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setenv("HF_TOKEN", "x")
    names = (fault(box, "environment").text or "").split("\n")
    assert "PATH" in names
    assert not {"AWS_SECRET_ACCESS_KEY", "HF_TOKEN"} & set(names)


def test_selftest_engine_is_locked_in_production(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GRISTMILL_SELFTEST", raising=False)
    box = Sandbox()
    assert fault(box, "segfault").status == "extract_error"
    box.close()


def test_broken_installation_is_an_error_not_a_drop(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path_factory.mktemp("fake")
    module = fake / "resiliparse/extract/html2text.py"
    module.parent.mkdir(parents=True)
    for folder in (module.parent, module.parent.parent):
        (folder / "__init__.py").touch()
    module.write_text("def extract_plain_text(html, **options): return 'nonsense'\n")
    (fake / "trafilatura.py").write_text("import no_such_module\n")
    monkeypatch.setenv("PYTHONPATH", str(fake))
    box = Sandbox()
    with pytest.raises(ShardError, match=r"plain fails on the test page.*nonsense.*pip"):
        box.call("plain", PAGE)
    shutil.rmtree(fake / "resiliparse")
    with pytest.raises(ShardError, match="no_such_module"):
        box.call("trafilatura", PAGE)
    assert box.call("plain", PAGE).status == "ok"
    box.close()


def test_too_little_memory_is_an_error_with_remedy() -> None:
    with pytest.raises(ShardError, match="memory_mb"):
        Sandbox(memory_mb=8).call("plain", PAGE)


@pytest.mark.parametrize("page", [b"", b"\x00" * 100, b"<p></p>"])
def test_nothing_gives_empty(box: Sandbox, page: bytes) -> None:
    for engine in EXTRACTORS:
        assert box.call(engine, page).status == "extract_empty"


def test_large_page_passes_both_pipes(box: Sandbox) -> None:
    page = b"<html><body>" + b"".join(b"<p>%07d</p>" % i for i in range(150_000))
    reply = box.call("plain", page)
    assert reply.status == "ok"
    assert len((reply.text or "").split()) == 150_000


def test_giant_data_uri_does_not_cost_the_page(box: Sandbox) -> None:
    image = b'<img src="data:image/png;base64,' + b"A" * 11_000_000 + b'">'
    reply = box.call("trafilatura", PAGE.replace(b"<h1>", image + b"<h1>"))
    assert CANARY_TEXT[0] in (reply.text or "")


def test_shared_sandbox_is_one_a_process_and_survives_a_fork() -> None:
    box = shared_sandbox()
    assert shared_sandbox() is box
    box.call("plain", PAGE)
    pid = os.fork()
    if pid == 0:
        mine = shared_sandbox()
        good = mine is not box and mine.call("plain", PAGE).status == "ok" and mine.pid != box.pid
        box.close()  # another process's child: must be left alone
        mine.close()
        os._exit(0 if good else 1)
    assert os.waitpid(pid, 0)[1] == 0
    assert psutil.pid_exists(box.pid or 0)
    assert box.call("plain", PAGE).status == "ok"


PARENT = """
import os, sys, time
from gristmill.pipeline.extract import shared_sandbox
box = shared_sandbox()
box.call("plain", b"<p>one two</p>")
print(box.pid, flush=True)
if sys.argv[1] == "hang":
    time.sleep(60)
if sys.argv[1] == "busy":
    box.call("selftest", b"<p>x</p>", options={"fault": "spin"}, cpu_seconds=60)
"""


@pytest.mark.parametrize("how", ["hang", "busy", "leave"])
def test_no_orphan(how: str) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, how],
        stdout=subprocess.PIPE,
        env=os.environ | {"GRISTMILL_SELFTEST": "1"},
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    if how != "leave":
        parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    for _ in range(500):
        if not psutil.pid_exists(child) or psutil.Process(child).status() == "zombie":
            return
        time.sleep(0.02)
    pytest.fail("the child outlived its parent")


def test_an_interrupted_call_leaves_no_reply_to_the_next_page(box: Sandbox) -> None:
    assert box.call("plain", PAGE).status == "ok"
    with pytest.raises(OverflowError):
        box.call("plain", b"<p>the first page</p>", cpu_seconds=float("inf"))
    for name in ("second", "third"):
        assert f"the {name} page" in (
            box.call("plain", f"<p>the {name} page</p>".encode()).text or ""
        )

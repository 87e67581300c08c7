"""What all tests share: the real data where it is, one Dask cluster for the session."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real pages, or a loud skip."""
    if not SHARED.is_dir():
        pytest.skip(f"no real data: {SHARED} is missing")
    return SHARED


@pytest.fixture(scope="session")
def demo_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the demo recipe on the demo's crawl; tests only read it."""
    import gristmill
    from gristmill.demo.crawl import write_crawl

    folder = tmp_path_factory.mktemp("demo")
    files = write_crawl(folder / "crawl")
    gristmill.run(gristmill.load_recipe("demo", inputs=[str(f) for f in files]), folder / "data")
    return folder / "data"


@pytest.fixture(scope="session")
def dask_runner() -> Iterator[Any]:
    """Two worker processes on this machine."""
    from gristmill.pipeline.dask import open_runner

    with open_runner(workers=2) as runner:
        yield runner

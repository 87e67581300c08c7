"""The sample crawl of ``gristmill demo``: pages we wrote ourselves, in WARC files."""

from gristmill.demo.crawl import write_crawl

__all__ = ["write_crawl"]

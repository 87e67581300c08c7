"""``python -m gristmill.pipeline.extract``: print the text of one page."""

import argparse
import sys
from pathlib import Path

from gristmill.errors import ConfigError, GristmillError
from gristmill.pipeline.extract.engines import EXTRACTORS
from gristmill.pipeline.extract.sandbox import shared_sandbox
from gristmill.pipeline.extract.trafilatura_engine import COMPARES, FAVORS


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m gristmill.pipeline.extract",
        description="Print the text that an engine finds in an HTML page. The page is extracted "
        "in the same sandbox as in a run: a child process with CPU and memory limits.",
        epilog="Exit status: 0 text printed, 1 no text (the reason stands on stderr), 2 bad usage.",
    )
    parser.add_argument("page", help="an HTML file, or - for standard input")
    parser.add_argument(
        "--engine", choices=sorted(EXTRACTORS), default="trafilatura", help="default: trafilatura"
    )
    parser.add_argument("--favor", choices=FAVORS, default="recall", help="of trafilatura")
    parser.add_argument(
        "--compare", choices=COMPARES, default="resiliparse", help="of trafilatura: with whom"
    )
    parser.add_argument("--url", help="address of the page")
    parser.add_argument("--content-type", help="its HTTP header, e.g. 'text/html; charset=euc-kr'")
    parser.add_argument("--cpu-seconds", type=float, default=10.0, help="limit (default: 10)")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    args = _parser().parse_args(arguments)
    options = {"favor": args.favor, "compare": args.compare} if args.engine == "trafilatura" else {}
    try:
        reply = shared_sandbox().call(
            args.engine, _read(args.page), args.url, args.content_type, options, args.cpu_seconds
        )
    except GristmillError as error:
        print(f"gristmill: {error}", file=sys.stderr)
        return error.exit_code
    if reply.text is None:
        detail = f" ({reply.detail})" if reply.detail else ""
        print(f"gristmill: {args.page}: no text: {reply.status}{detail}", file=sys.stderr)
        return 1
    sys.stdout.buffer.write(reply.text.encode() + b"\n")
    return 0


def _read(page: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if page == "-" else Path(page).read_bytes()
    except OSError as error:
        raise ConfigError(f"{page}: cannot be read: {error.strerror or error}") from error


if __name__ == "__main__":
    sys.exit(main())

"""``gristmill``: the commands, their errors and exit codes.

Exit codes: 0 done; 1 failed; 2 bad usage or recipe; 3 incomplete; 4 corrupt; 130 and 143
interrupted, resumable.
"""

import os
import sys
from typing import Annotated

import typer
from typer.exceptions import Abort, TyperException

import gristmill
from gristmill.commands import (
    ablate,
    classifier,
    contamination,
    data,
    demo,
    evaluate,
    export,
    memorise,
    model,
    sample,
    shards,
    tokenizer,
    whatif,
)
from gristmill.commands.options import Terminated
from gristmill.console import stderr
from gristmill.errors import GristmillError
from gristmill.tokenize.visible import plain

_INTERRUPTED = 130

app = typer.Typer(
    name="gristmill",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"gristmill {gristmill.__version__}")
        raise typer.Exit


@app.callback()
def _main(
    debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks of errors.", envvar="GRISTMILL_DEBUG")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Crawl in, tokens and a proven small model out.

    Start with `gristmill demo`: it runs everything on a small crawl of its own, offline.
    """
    del version
    if debug:
        os.environ["GRISTMILL_DEBUG"] = "1"


app.command()(demo.demo)
app.command()(data.run)
app.command()(data.plan)
app.command()(data.stage)
app.command()(data.report)
app.command()(whatif.whatif)
app.command()(contamination.contamination)
app.command()(data.verify)
app.command()(model.train)
app.command()(sample.sample)
app.command("eval")(evaluate.evaluate)
app.command()(memorise.memorise)
app.command()(ablate.ablate)
app.command()(export.export)
app.command("import")(export.import_)
app.add_typer(shards.shards, name="shards")
app.add_typer(classifier.classifier, name="classifier")
app.add_typer(tokenizer.tokenizer, name="tokenizer")


def main() -> None:
    """Entry point of the console script: turns errors into one line and an exit code."""
    sys.exit(run_cli(sys.argv[1:]))


def run_cli(arguments: list[str]) -> int:
    """Run one command line; return its exit code."""
    try:
        result = app(args=arguments, standalone_mode=False, prog_name="gristmill")
    except TyperException as error:
        if not error.format_message():
            return 2  # called without a command: the help is printed already
        return _say(f"{error.format_message()} (gristmill --help)", 2)
    except GristmillError as error:
        return _say(str(error), error.exit_code)
    except (KeyboardInterrupt, Abort):
        return _say("interrupted; run the same command again to resume", _INTERRUPTED)
    except Terminated:
        return _say("terminated; run the same command again to resume", 143)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        remedy = "look at paths, permissions and free space, then run the same command again"
        return _say(f"{where}{error.strerror or error}; {remedy}", 1)
    except Exception as error:  # noqa: BLE001 - the last line of defence against a traceback
        return _say(f"unexpected {type(error).__name__}: {error} (--debug shows where)", 1)
    if result == _INTERRUPTED:  # typer turns Ctrl-C into this
        return _say("interrupted; run the same command again to resume", _INTERRUPTED)
    return result if isinstance(result, int) else 0


def _say(message: str, code: int) -> int:
    if os.environ.get("GRISTMILL_DEBUG"):
        stderr().print_exception()
    # One line, and nothing in it that steers the terminal: it may quote names from others' files.
    line = " ".join(plain(part.strip(), " ") for part in message.splitlines())
    print(f"gristmill: {line}", file=sys.stderr)
    return code

"""``tokenizer``: what can be done with a vocabulary."""

import typer

from gristmill.commands import tokenizer_view

tokenizer = typer.Typer(help="Look into tokenizers.", no_args_is_help=True)
tokenizer.command()(tokenizer_view.inspect)
tokenizer.command()(tokenizer_view.report)

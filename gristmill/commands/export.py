"""``export`` and ``import``: checkpoints to Hugging Face's folders and back."""

from pathlib import Path
from typing import Annotated

import typer

from gristmill.commands.model import need_torch


def export(
    checkpoint: Annotated[Path, typer.Argument(help="Folder that `gristmill train` wrote.")],
    to: Annotated[Path, typer.Option("--to", help="New folder for the model.")],
) -> None:
    """Write a trained model as a Hugging Face folder: same logits, no code of ours needed.

    **Example**

        gristmill export model --to hf
    """
    need_torch()
    from gristmill.train_smoke.checkpoint import load
    from gristmill.train_smoke.export_hf import export_hf

    print(f"results: {export_hf(load(checkpoint), to)}")


def import_(
    folder: Annotated[Path, typer.Argument(help="Local folder with a GPT-2 or Llama-class model.")],
    out: Annotated[Path, typer.Option("--out", help="New folder for the checkpoint.")],
) -> None:
    """Make a checkpoint of a local Hugging Face folder, for `sample` and evaluation.

    Safetensors only; nothing in the folder is run. What gristmill's network cannot represent is
    refused.

    **Example**

        gristmill import gpt2 --out model
    """
    need_torch()
    from gristmill.train_smoke.import_hf import import_hf

    print(f"results: {import_hf(folder, out)}")

"""Token files: one module a format, one entry in ``FORMATS``.

Light on purpose (json and numpy), because the trainer imports it where nothing else of ours is.
"""

from gristmill.tokenize.formats import datatrove_ds, llmc, megatron, nanogpt
from gristmill.tokenize.formats.contract import Header, TokenFormat, TokenWriter

FORMATS: dict[str, TokenFormat] = {
    "llmc": llmc,
    "nanogpt": nanogpt,
    "datatrove": datatrove_ds,
    "megatron": megatron,
}

__all__ = ["FORMATS", "Header", "TokenFormat", "TokenWriter"]

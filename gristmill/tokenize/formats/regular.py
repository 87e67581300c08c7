"""Files are files: a pipe would be waited for, and a device has no end."""

from pathlib import Path

from gristmill.errors import ConfigError
from gristmill.tokenize.formats.contract import StrPath


def check_regular(path: StrPath) -> None:
    """Raise ConfigError where something stands that is neither a regular file nor a folder."""
    file = Path(path)
    if file.exists() and not (file.is_file() or file.is_dir()):
        raise ConfigError(f"{path}: a pipe or a device, not a regular file; copy it to one first")

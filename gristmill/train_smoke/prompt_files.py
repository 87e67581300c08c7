"""Prompts from files: our own few, which come with the package, and anybody's.

A base model simulates the texts it was trained on and is no assistant: a prompt is the beginning of
a document that the model goes on with. The shipped files show four shapes that work.
"""

from importlib import resources
from pathlib import Path

from gristmill.errors import ConfigError

SHIPPED = ("continuation", "conversation", "few-shot", "list")
_SEPARATOR = "---"


def read_prompts(name: str) -> list[str]:
    """Return the prompts of a file, or of a shipped one by its name.

    Prompts are separated by a line ``---``; line feeds at the ends of a prompt, and prompts of
    nothing else, are dropped.

    Raises:
        ConfigError: no such file and no such name, not UTF-8, or no prompts.
    """
    path = Path(name)
    if path.is_file():
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path}: cannot be read ({error}); save it as UTF-8") from error
    elif name in SHIPPED:
        file = resources.files("gristmill.train_smoke") / "prompts" / f"{name}.txt"
        text = file.read_text(encoding="utf-8")
    else:
        raise ConfigError(f"{name}: no such file; shipped prompts are {', '.join(SHIPPED)}")
    prompts: list[list[str]] = [[]]
    for line in text.splitlines():
        if line.rstrip() == _SEPARATOR:
            prompts.append([])
        else:
            prompts[-1].append(line)
    found = ["\n".join(lines).strip("\n") for lines in prompts]
    if not any(found):
        raise ConfigError(f"{name}: no prompts; write some, with a line {_SEPARATOR} between them")
    return [prompt for prompt in found if prompt]

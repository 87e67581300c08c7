"""Plain data to models, with messages that people can act on."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from gristmill.errors import ConfigError
from gristmill.pipeline.inputs import kind_of

M = TypeVar("M", bound=BaseModel)

_BLOCKS = ("inputs", "tokenizer", "shards", "dataset")


def build(model: type[M], values: Any, where: str) -> M:
    """Make a model of a mapping.

    Raises:
        ConfigError: unknown keys, with the nearest known one; values out of range.
    """
    if not isinstance(values, Mapping):
        raise ConfigError(f"{where}: must be a mapping of parameters, not {values!r:.60}")
    for key in values:
        if key not in model.model_fields:
            raise ConfigError(f"{where}: unknown key {key}{nearest(str(key), model.model_fields)}")
    try:
        return model(**values)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        given = f" (got {first['input']!r:.60})" if first["loc"] else ""
        message = str(first["msg"]).removeprefix("Value error, ")
        message = message.replace("Input should be a valid tuple", "must be a list, e.g. [a, b]")
        # "r.yaml: name", "r.yaml: language.threshold", "r.yaml: shards needs …"
        sign = "." if place and ": " in where else ": "
        raise ConfigError(f"{where}{sign}{place}{': ' if place else ''}{message}{given}") from error


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a hint: the nearest known name, or all of them."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else f"; known: {', '.join(names)}"


def override(
    body: Mapping[str, Any], settings: Sequence[str], inputs: Sequence[str] = ()
) -> dict[str, Any]:
    """Apply ``--set a.b=value`` and ``--input`` to a recipe's plain data.

    The first part of a path is a stage name, a block (inputs, tokenizer, shards, dataset) or a
    top-level key; the value is read as YAML.

    Raises:
        ConfigError: no ``=``, or a stage that the recipe does not have.
    """
    out = dict(body)
    if inputs:
        kept = out.get("inputs") if isinstance(out.get("inputs"), Mapping) else {}
        out["inputs"] = {
            k: v for k, v in dict(kept or {}).items() if k not in ("warc", "parquet", "jsonl")
        }
        for pattern in inputs:
            kind = kind_of(pattern)
            out["inputs"][kind] = [*out["inputs"].get(kind, []), pattern]
    for setting in settings:
        path, equals, text = setting.partition("=")
        if not equals or not path:
            raise ConfigError(f"--set {setting}: write it as name.parameter=value")
        try:
            value = yaml.safe_load(text)
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise ConfigError(f"--set {setting}: the value is not YAML") from error
        _put(out, path.removeprefix("stages.").split("."), value, setting)
    return out


def _put(body: dict[str, Any], path: list[str], value: Any, setting: str) -> None:
    """Set one value, copying what is changed."""
    if len(path) == 1:
        body[path[0]] = value
        return
    stages = _as_mappings(body.get("stages") or [], setting)
    named = {n: i for i, s in enumerate(stages) if isinstance(s, Mapping) for n in s}
    if path[0] in named and path[0] not in _BLOCKS:
        at = named[path[0]]
        parameters = _block(stages[at][path[0]], path[0], setting)
        _put_inside(parameters, path[1:], value, setting)
        stages[at] = {**stages[at], path[0]: parameters}
        body["stages"] = stages
    elif path[0] in _BLOCKS:
        block = _block(body.get(path[0]), path[0], setting)
        _put_inside(block, path[1:], value, setting)
        body[path[0]] = block
    else:
        known = [*(str(name) for name in named), *_BLOCKS]
        raise ConfigError(f"--set {setting}: the recipe has no {path[0]}{nearest(path[0], known)}")


def _block(value: Any, name: str, setting: str) -> dict[str, Any]:
    """Return a copy of a block, which may be missing."""
    if value is not None and not isinstance(value, Mapping):
        raise ConfigError(f"--set {setting}: {name} is no block")
    return dict(value or {})


def _put_inside(block: dict[str, Any], path: list[str], value: Any, setting: str) -> None:
    for part in path[:-1]:
        block[part] = _block(block.get(part), part, setting)
        block = block[part]
    block[path[-1]] = value


def _as_mappings(stages: Any, setting: str) -> list[Any]:
    """Write bare stage names as mappings; what is neither is left for the parser to refuse."""
    if not isinstance(stages, list | tuple):
        raise ConfigError(f"--set {setting}: the recipe's stages are no list")
    return [
        {s: {}} if isinstance(s, str) else dict(s) if isinstance(s, Mapping) else s for s in stages
    ]

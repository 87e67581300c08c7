"""The text of a dataset card: ``README.md`` with the header that Hugging Face reads."""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

import yaml

from gristmill.pipeline.dataset import notes
from gristmill.pipeline.dataset.columns import MEANINGS, features
from gristmill.pipeline.dataset.facts import CardFacts
from gristmill.pipeline.dataset.markdown import code, fenced, plain, table

_MOST_INPUTS = 10
_MOST_LANGUAGES = 20
#: Upper bounds of https://huggingface.co/docs/hub/datasets-cards' size categories.
_SIZES = ("1K", "10K", "100K", "1M", "10M", "100M", "1B", "10B", "100B", "1T")
_LOADING = """
from datasets import load_dataset

data = load_dataset("path/to/this/folder")  # or its name on the Hub
stream = load_dataset("path/to/this/folder", split="SPLIT", streaming=True)

import pyarrow.parquet as pq

table = pq.read_table("FIRST", columns=["url", "text"])

import duckdb

duckdb.sql("SELECT url, length(text) FROM 'SPLIT-*.parquet' LIMIT 10")
""".lstrip()
_FIRST = ("name", "inputs", "stages", "keep_rejected", "tokenizer", "shards", "dataset")


def make_card(facts: CardFacts, pretty_name: str | None, licence: str) -> str:
    """Return the card.

    Args:
        facts: of the run.
        pretty_name: title; None = the recipe's name.
        licence: of the collection, as Hugging Face writes it.
    """
    name = pretty_name or facts.plan.name
    parts = [f"---\n{_header(facts, name, licence)}---", f"# {plain(name)}", _summary(facts)]
    for title, body in _sections(facts, name).items():
        parts += [f"## {title}", body]
    return "\n\n".join(parts) + "\n"


def _header(facts: CardFacts, name: str, licence: str) -> str:
    body: dict[str, Any] = {
        "pretty_name": " ".join(name.split()),
        "license": licence,
        "size_categories": [size_category(sum(split.docs for split in facts.splits))],
        "task_categories": ["text-generation"],
        "tags": ["gristmill", "pretraining"],
        "configs": [
            {
                "config_name": "default",
                "data_files": [
                    {"split": split.name, "path": f"{split.name}-*.parquet"}
                    for split in facts.splits
                ],
            }
        ],
        "dataset_info": {
            "features": features(facts.schema),
            "splits": [
                {"name": split.name, "num_bytes": split.nbytes, "num_examples": split.docs}
                for split in facts.splits
            ],
            "download_size": sum(split.size for split in facts.splits),
            "dataset_size": sum(split.nbytes for split in facts.splits),
        },
    }
    if codes := language_codes(facts.languages):
        body = {"language": codes} | body
    return _yaml(body)


def language_codes(languages: Mapping[str, int]) -> list[str]:
    """Return the ISO 639 codes of labels such as ``en`` and ``eng_Latn``, commonest first."""
    parts = (label.replace("-", "_").split("_")[0].lower() for label in languages)
    return [code for code in dict.fromkeys(parts) if code not in ("", "und")]


def size_category(docs: int) -> str:
    """Return the category of a number of documents, as Hugging Face writes it."""
    at = sum(docs >= 1000 * 10**i for i in range(len(_SIZES)))
    if at == 0:
        return f"n<{_SIZES[0]}"
    return f"n>{_SIZES[-1]}" if at == len(_SIZES) else f"{_SIZES[at - 1]}<n<{_SIZES[at]}"


def _summary(facts: CardFacts) -> str:
    docs = sum(split.docs for split in facts.splits)
    kind = "Text of web pages" if facts.plan.inputs[0].kind == "warc" else "Text"
    return (
        f"{kind}, cleaned by the recipe below: {docs:,} documents, "
        f"{_size(sum(split.text_bytes for split in facts.splits))} of text. Made with gristmill "
        f"{code(_version(facts))}, run {code(facts.plan.run_id)}. Everything on this card "
        "comes from the files of that run."
    )


def _sections(facts: CardFacts, name: str) -> dict[str, str]:
    stages = {key: value for entry in facts.plan.recipe.get("stages", ()) for key, value in
              (entry.items() if isinstance(entry, Mapping) else ())}  # fmt: skip
    found = {
        "Splits": _splits(facts),
        "How to load it": _loading(facts),
        "Columns": _columns(facts),
        "Languages": _languages(facts),
        "Funnel": _funnel(facts),
        "Why documents were dropped": _drops(facts),
        "Duplicates": notes.duplicates(stages),
        "Personal data": notes.personal_data(stages),
        "Evaluation sets": notes.evaluation(stages),
        "Licences": notes.LICENCE,
        "Recipe": _recipe(facts),
        "Inputs": _inputs(facts),
        "Versions": _versions(facts),
        "How to cite and make it again": _again(facts, name),
    }
    return {title: body for title, body in found.items() if body}


def _splits(facts: CardFacts) -> str:
    rows = [(code(s.name), s.docs, _size(s.text_bytes), s.files, _size(s.size))
            for s in facts.splits]  # fmt: skip
    return (
        table(("split", "documents #", "text #", "files #", "on disk #"), rows)
        + "\n\nA document is held out for validation by the hash of its text, or of its cluster of "
        "near-duplicates where it has one: copies stand on one side. Documents stand in the order "
        "of the inputs."
    )


def _loading(facts: CardFacts) -> str:
    split = facts.splits[0]
    text = _LOADING.replace("FIRST", f"{split.name}-00000-of-{split.files:05d}.parquet")
    return fenced(text.replace("SPLIT", split.name), "python")


def _columns(facts: CardFacts) -> str:
    unknown = "as the inputs had it, or as a stage of the recipe measured it"
    rows = [(code(f.name), code(str(f.type)), MEANINGS.get(f.name, unknown)) for f in facts.schema]
    return table(("column", "type", "what it holds"), rows)


def _languages(facts: CardFacts) -> str:
    if not facts.languages:
        return ""
    named = [(label, docs) for label, docs in facts.languages.items() if label]
    shown, others = named[:_MOST_LANGUAGES], named[_MOST_LANGUAGES:]
    rows: list[tuple[str, int]] = [(code(label), docs) for label, docs in shown]
    if others:
        rows.append((f"{len(others):,} others", sum(docs for _, docs in others)))
    if rest := facts.languages.get(""):
        rows.append(("none, or no code", rest))
    return table(("language", "documents #"), rows)


def _funnel(facts: CardFacts) -> str:
    rows = [
        (code(s.name), s.docs_in, s.docs_out, f"{s.docs_out / s.docs_in:.1%}" if s.docs_in else "–")
        for s in facts.stages
    ]
    return table(("stage", "documents in #", "documents out #", "kept #"), rows)


def _drops(facts: CardFacts) -> str:
    rows = [
        (code(stage.name), code(reason), n)
        for stage in facts.stages
        for reason, n in sorted(stage.drops.items(), key=lambda item: (-item[1], item[0]))
    ]
    if not rows:
        return "None was."
    by_machine = (
        f"\n\nFor {facts.verdicts:,} documents a limit of CPU time or memory decided; another "
        "machine may decide otherwise."
    )
    return table(("stage", "reason", "documents #"), rows) + by_machine * bool(facts.verdicts)


def _recipe(facts: CardFacts) -> str:
    recipe = facts.plan.recipe
    ordered = [key for key in _FIRST if key in recipe]
    ordered += [key for key in recipe if key not in ordered]
    return fenced(_yaml({key: recipe[key] for key in ordered}), "yaml")


def _inputs(facts: CardFacts) -> str:
    files = facts.plan.inputs
    names = [code(_file_name(file.path)) for file in files[:_MOST_INPUTS]]
    more = len(files) - len(names)
    listed = ", ".join(names) + (f" and {more:,} more" if more else "")
    return (
        f"{len(files):,} {files[0].kind} files, {_size(sum(f.size for f in files))}: {listed}."
        + (" The column `warc` names the file of each document." if _has_warc(facts) else "")
    )


def _has_warc(facts: CardFacts) -> bool:
    return facts.plan.inputs[0].kind == "warc" and "warc" in facts.schema.names


def _file_name(path: str) -> str:
    """Leave out folders and queries: they are nobody's business, and a query may hold a key."""
    return PurePosixPath(path.split("?")[0] if "://" in path else path).name


def _versions(facts: CardFacts) -> str:
    rows = [(code(k), code(v)) for k, v in facts.plan.versions.items() if v != "absent"]
    assets = [(code(k), code(v)) for k, v in facts.plan.assets.items()]
    parts = [table(("package", "version"), rows)] if rows else []
    parts += [table(("model or list", "hash"), assets)] if assets else []
    return "\n\n".join(parts)


def _again(facts: CardFacts, name: str) -> str:
    command = (
        f"gristmill run recipe.yaml --out out --input '*.{_SUFFIX[facts.plan.inputs[0].kind]}'"
    )
    return (
        f"> “{plain(name)}”. Made with gristmill {code(_version(facts))}, run "
        f"{code(facts.plan.run_id)}.\n\n"
        "Save the recipe above as `recipe.yaml` and run it on the same inputs with the versions "
        "above. The Parquet files come out as the same bytes on any number of machines.\n\n"
        + fenced(command, "sh")
    )


_SUFFIX = {"warc": "warc.gz", "parquet": "parquet", "jsonl": "jsonl.gz"}


def _version(facts: CardFacts) -> str:
    return facts.plan.versions.get("gristmill", "of unknown version")


def _size(n: int) -> str:
    size = float(n)
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if size < 1000 or unit == "TB":
            return f"{size:,.0f} {unit}" if unit == "bytes" else f"{size:,.1f} {unit}"
        size /= 1000
    raise AssertionError("unreachable")


class _Dumper(yaml.SafeDumper):
    """YAML in which what ends a line for some readers, or turns one around, is written out."""


#: Marks that turn the direction of writing (Unicode's Bidi_Control).
_TURNING = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def _string(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    odd = _TURNING.search(text) or any(char in text for char in "\x85\u2028\u2029")
    style = '"' if odd else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _string)


def _yaml(body: Any) -> str:
    text = yaml.dump(body, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    return _TURNING.sub(lambda mark: f"\\u{ord(mark.group()):04X}", text)

"""gristmill: crawl in, tokens and a proven small model out.

The public names, imported when first used:

>>> import gristmill
>>> kept, rejected = gristmill.apply(gristmill.GopherQuality(), gristmill.documents(["Short."]))
>>> rejected["reason"].to_pylist()
['gopher_short_doc']
"""

from importlib import import_module
from importlib.metadata import version
from typing import Any

_HOME = {
    "C4": "gristmill.filters.c4",
    "Classifier": "gristmill.filters.classifier",
    "DaskPipelineExecutor": "gristmill.pipeline.datatrove.executor",
    "Datatrove": "gristmill.pipeline.datatrove.stage",
    "Decontaminate": "gristmill.filters.decontaminate",
    "ExactDedup": "gristmill.pipeline.dedup.exact",
    "Extract": "gristmill.pipeline.extract.stage",
    "FinewebQuality": "gristmill.filters.fineweb",
    "GopherQuality": "gristmill.filters.gopher_quality",
    "GopherRepetition": "gristmill.filters.gopher_repetition",
    "GristmillError": "gristmill.errors",
    "Language": "gristmill.filters.language",
    "MinhashDedup": "gristmill.pipeline.dedup.minhash",
    "Pii": "gristmill.filters.pii.stage",
    "Recipe": "gristmill.recipe",
    "SpanDedup": "gristmill.pipeline.dedup.spans",
    "SplitLanguages": "gristmill.pipeline.split_languages",
    "UrlDedup": "gristmill.pipeline.dedup.exact",
    "UrlFilter": "gristmill.filters.url",
    "apply": "gristmill.api",
    "as_step": "gristmill.pipeline.datatrove.step",
    "documents": "gristmill.pipeline.schema",
    "load_recipe": "gristmill.recipe",
    "report": "gristmill.api",
    "run": "gristmill.api",
    "whatif": "gristmill.api",
}

__version__ = version("gristmill")
__all__ = sorted([*_HOME, "__version__"])


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'gristmill' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__

"""HTML to text: engines by name, a sandboxed child around them, the recipe stage ``extract``.

>>> from gristmill.pipeline.extract import EXTRACTORS
>>> sorted(EXTRACTORS)
['plain', 'resiliparse', 'trafilatura']

``python -m gristmill.pipeline.extract FILE.html`` prints what a page gives.
"""

from typing import TYPE_CHECKING, Any

from gristmill.pipeline.extract.engines import EXTRACTORS

if TYPE_CHECKING:
    from gristmill.pipeline.extract.sandbox import Reply, Sandbox, shared_sandbox
    from gristmill.pipeline.extract.stage import Extract, ExtractVerdict

__all__ = ["EXTRACTORS", "Extract", "ExtractVerdict", "Reply", "Sandbox", "shared_sandbox"]


# Lazy, so that the child process starts without Arrow and pydantic.
def __getattr__(name: str) -> Any:
    from importlib import import_module

    module = {"Extract": "stage", "ExtractVerdict": "stage"}.get(name, "sandbox")
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{module}"), name)

"""spaCy without PyTorch."""

import sys
from typing import Any


def import_spacy() -> Any:
    """Return the module ``spacy``.

    Where it is installed, spaCy's library thinc imports PyTorch: two to three seconds for each
    process, for nothing, as blank tokenizers have no networks. So it is made to find none, unless
    the process has one of both already. ``import torch`` elsewhere is not affected; spaCy's own
    models on PyTorch are, in a process where gristmill was first to import spaCy.
    """
    hidden: dict[str, Any] = sys.modules
    if "thinc" not in hidden and "torch" not in hidden:
        hidden["torch"] = None  # makes `import torch` an ImportError
        try:
            import thinc.compat  # noqa: F401 (asks for torch once and remembers)
        finally:
            del hidden["torch"]
    import spacy

    return spacy

"""The extraction engines by name. A new one is a module and a line here."""

from collections.abc import Callable, Mapping

from gristmill.pipeline.extract import plain_engine, resiliparse_engine, trafilatura_engine

#: What an engine is: ``(html, url) -> text``, None where it finds none. The page is decoded and
#: free of NUL and lone surrogates. Engines may take options by keyword; trafilatura does.
Extractor = Callable[..., str | None]

EXTRACTORS: Mapping[str, Extractor] = {
    "trafilatura": trafilatura_engine.extract,
    "resiliparse": resiliparse_engine.extract,
    "plain": plain_engine.extract,
}

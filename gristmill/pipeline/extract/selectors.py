"""trafilatura's own selectors, several times as fast and with the same result.

Half of trafilatura's time goes into XPath expressions such as ``.//*[self::div or self::p][re:test(
@class, 'footer|…')]``: lxml runs each ``re:test`` as a Python call, for every element, on every
page. Yet all these conditions look only at an element's name and a few of its attributes, and the
web repeats those endlessly. So each expression is asked once for each combination, on an element
made up for the purpose, and its answer is remembered. The expressions stay trafilatura's; what
cannot be answered that way goes to them as before.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from importlib import import_module
from typing import Any

#: Lists of expressions that trafilatura prunes by; it wants all matches of all of them.
_PRUNED = (
    "OVERALL_DISCARD_XPATH",
    "TEASER_DISCARD_XPATH",
    "PRECISION_DISCARD_XPATH",
    "DISCARD_IMAGE_ELEMENTS",
    "REMOVE_COMMENTS_XPATH",
    "REMOVE_COMMENTS_AND_LISTS_XPATH",
    "RAW_TREE_PRUNE_XPATH",
)
#: Answers kept for one selector; a site's made-up ids must not fill the memory.
_MEMO = 50_000
_NAMES = re.compile(r"(?:self::|\.//)(\w+)")
_SELF = re.compile(r"self::(\w+)")
_ATTRIBUTES = re.compile(r"@([\w-]+)")
#: Stands for every element name that the expressions do not mention.
_OTHER = "other"


class Selector:
    """The elements that any of some expressions select, in document order.

    Args:
        expressions: compiled XPath expressions whose conditions look at the element itself.
            One that also asks ``not(.//…)`` is asked itself once an element might match.
        first: return the first element only.
    """

    def __init__(self, expressions: Sequence[Any], first: bool = False) -> None:
        self.expressions, self.first = tuple(expressions), first
        paths = [expression.path for expression in expressions]
        named = dict.fromkeys(name for path in paths for name in _SELF.findall(path))
        # Only these elements can match where every expression begins by naming them.
        self._tags = tuple(named) if all(map(_named, paths)) else ("*",)
        self._known = frozenset(name for path in paths for name in _NAMES.findall(path))
        self._attributes = frozenset(name for path in paths for name in _ATTRIBUTES.findall(path))
        self._by_name_alone = any(re.search(r"\.//(?!\*)", path) for path in paths)
        self._looks_below = any("not(.//" in path for path in paths)
        self._memo: dict[tuple[Any, ...], bool] = {}

    def __call__(self, tree: Any) -> list[Any]:
        """Return the selected descendants of an element."""
        found = []
        memo, known, attributes = self._memo, self._known, self._attributes
        for element in tree.iterdescendants(*self._tags):
            pairs = [pair for pair in element.items() if pair[0] in attributes]
            if not pairs and not self._by_name_alone:
                continue
            tag = element.tag
            key = (tag if tag in known else _OTHER, *pairs)
            matches = memo.get(key)
            if matches is None:
                matches = self._ask(key)
            if matches is None or (matches and self._looks_below):
                return [match for expression in self.expressions for match in expression(tree)]
            if matches:
                found.append(element)
                if self.first:
                    break
        return found

    def _ask(self, key: tuple[Any, ...]) -> bool | None:
        """Ask the expressions about an element of this name with these attributes.

        None where lxml refuses to make one: a parser lets more through, control characters say.
        """
        from lxml.etree import Element, SubElement

        root = Element("root")
        element = SubElement(root, key[0])
        try:
            for name, value in key[1:]:
                element.set(name, value)
        except ValueError:
            return None
        if len(self._memo) >= _MEMO:
            self._memo.clear()
        answer = any(expression(root) for expression in self.expressions)
        self._memo[key] = answer
        return answer


def _named(path: str) -> bool:
    return path.strip().lstrip("(").startswith(".//*[self::")


@lru_cache(maxsize=1)
def install() -> None:
    """Put selectors in the place of trafilatura's expressions, for good: in a process of one's own.

    Also spares what changes nothing: lxml's choice of a class for each element (trafilatura uses
    none of the special ones), a copy of the tree that only the comparison of extractors needs, and
    a slow search for links in elements that have none.
    """
    from lxml import etree, html

    # `trafilatura.baseline` as an attribute is a function of that name.
    names = ("core", "baseline", "htmlprocessing", "utils", "xpaths")
    modules: list[Any] = [import_module(f"trafilatura.{name}") for name in names]
    core, baseline, htmlprocessing, utils, xpaths = modules
    for pruned in _PRUNED:
        expressions = getattr(xpaths, pruned)
        expressions[:] = [Selector(expressions)]
    for i, expression in enumerate(xpaths.BODY_XPATH):
        if "re:test" in expression.path:
            xpaths.BODY_XPATH[i] = Selector([expression], first=True)
    baseline.BASIC_CLEAN_XPATH = Selector([baseline.BASIC_CLEAN_XPATH])
    utils.HTML_PARSER.set_element_class_lookup(
        etree.ElementDefaultClassLookup(
            element=html.HtmlElement,
            comment=html.HtmlComment,
            pi=html.HtmlProcessingInstruction,
            entity=html.HtmlEntity,
        )
    )
    test_links = htmlprocessing.link_density_test

    def link_density_test(element: Any, favor_precision: bool = False) -> Any:
        # Most elements hold no link, which this way of asking finds out at once.
        if next(element.iterdescendants("ref"), None) is None:
            return False, False
        return test_links(element, favor_precision)

    htmlprocessing.link_density_test = link_density_test
    prepare = core._prepare_tree

    def prepare_tree(tree: Any, options: Any, url: str | None) -> tuple[Any, Any]:
        if not options.fast:
            both: tuple[Any, Any] = prepare(tree, options, url)
            return both
        cleaned = core.tree_cleaning(core.copy(tree), options)
        return core.convert_tags(cleaned, options, url), None

    core._prepare_tree = prepare_tree

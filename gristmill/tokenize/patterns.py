"""Pre-tokenisation patterns by name: how text is cut into pieces before byte pairs are merged."""

#: GPT-2's pattern (openai/gpt-2, src/encoder.py).
GPT2 = r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""

#: GPT-4's pattern (openai/tiktoken, tiktoken_ext/openai_public.py, cl100k_base), with digits in
#: groups of up to three, as first published and without its possessive quantifiers, which change
#: speed and not matches. Later versions rewrote the end: there, spaces after a last line break are
#: one piece with it, here two. No other text is cut in another way.
GPT4 = (
    r"""'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"""
    r"""|\s*[\r\n]+|\s+(?!\S)|\s+"""
)

PATTERNS = {"gpt2": GPT2, "gpt4": GPT4}

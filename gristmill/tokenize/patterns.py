"""Pre-tokenisation patterns by name: how text is cut into pieces before byte pairs are merged."""

#: GPT-2's pattern (openai/gpt-2, src/encoder.py).
GPT2 = r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""

#: GPT-4's pattern (openai/tiktoken, tiktoken_ext/openai_public.py, cl100k_base), with digits in
#: groups of up to three, as first published and as Llama 3 ships it: without the possessive
#: quantifiers of tiktoken, which change speed and not matches. Later versions of tiktoken rewrote
#: the end: there, spaces after a last line break are one piece with it, here two. No other text
#: is cut in another way.
GPT4 = (
    r"""(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"""
    r"""| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"""
)

#: GPT-4o's pattern (openai/tiktoken, tiktoken_ext/openai_public.py, o200k_base): a word is cut
#: where upper case follows lower case, marks belong to letters, and a contraction stays with its
#: word.
GPT4O = (
    r"""[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"""
    r"""(?i:'s|'t|'re|'ve|'m|'ll|'d)?"""
    r"""|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"""
    r"""(?i:'s|'t|'re|'ve|'m|'ll|'d)?"""
    r"""|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"""
)

PATTERNS = {"gpt2": GPT2, "gpt4": GPT4, "gpt4o": GPT4O}

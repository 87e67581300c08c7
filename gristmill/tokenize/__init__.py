"""Text to tokens: train a BPE tokenizer, encode, shuffle, write shards.

``formats`` needs only numpy; everything else may use the whole toolkit.
"""

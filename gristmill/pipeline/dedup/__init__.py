"""Deduplication of documents.

Exact (``exact``), and near-duplicates by MinHash-LSH (``minhash`` → ``bands`` → ``verify`` →
``components``).
"""

"""Curated text as a Hugging Face dataset: Parquet files, splits and a card that says what it is."""

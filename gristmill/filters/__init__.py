"""One document in; signals, a verdict or cleaner text out."""

"""Documents in, between and together: reading, running, publishing, deduplicating."""

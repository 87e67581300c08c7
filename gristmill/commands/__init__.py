"""The commands behind ``gristmill``: each parses, calls and prints; the work is done elsewhere."""

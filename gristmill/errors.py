"""Errors, by consequence.

::

    GristmillError
    ├── ConfigError      the request is wrong; stop now, nothing was written   (exit 2)
    ├── ShardError       this shard cannot be done; the others go on           (exit 1 or 3)
    ├── TransientError   worth trying again: network, storage, a lost worker
    ├── IncompleteError  some shards are missing or quarantined                (exit 3)
    └── CorruptError     published bytes are not the promised ones             (exit 4)

Every message says three things in one line: what is wrong, where, and what to do about it.
"""


class GristmillError(Exception):
    """Base of all errors that gristmill raises on purpose."""

    exit_code = 1


class ConfigError(GristmillError):
    """The recipe, arguments or inputs are wrong. Raised before any work is done."""

    exit_code = 2


class ShardError(GristmillError):
    """One shard cannot be completed. The runner records it and goes on with the others."""


class TransientError(GristmillError):
    """A fault that may pass: the runner tries the shard again before it gives up."""


class IncompleteError(GristmillError):
    """Some shards have no manifest: quarantined, failed or never run."""

    exit_code = 3


class CorruptError(GristmillError):
    """Published data does not match its manifest."""

    exit_code = 4

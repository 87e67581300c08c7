"""Errors by consequence."""

import pytest

from gristmill import errors


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.GristmillError, 1),
        (errors.ConfigError, 2),
        (errors.ShardError, 1),
        (errors.TransientError, 1),
        (errors.IncompleteError, 3),
        (errors.CorruptError, 4),
    ],
)
def test_exit_codes(kind: type[errors.GristmillError], code: int) -> None:
    assert kind("what, where, remedy").exit_code == code
    assert issubclass(kind, errors.GristmillError)
    assert str(kind("what, where, remedy")) == "what, where, remedy"


def test_no_error_is_taken_for_another() -> None:
    kinds = [errors.ConfigError, errors.ShardError, errors.TransientError]
    kinds += [errors.IncompleteError, errors.CorruptError]
    assert not any(a is not b and issubclass(a, b) for a in kinds for b in kinds)

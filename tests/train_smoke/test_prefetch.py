"""Batches come in order, whatever was read ahead; errors are raised where they are met."""

import threading

import pytest
import torch

from gristmill.train_smoke.prefetch import Prefetch

CPU = torch.device("cpu")


def _numbered(position: int) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.tensor([[position]]), torch.tensor([[-position]])


def test_batches_are_those_asked_for_and_read_once() -> None:
    read: list[int] = []

    def fetch(position: int) -> tuple[torch.Tensor, torch.Tensor]:
        read.append(position)
        return _numbered(position)

    with Prefetch(fetch, 4, CPU) as batches:
        assert [int(batches.take(p)[0]) for p in (0, 4, 8)] == [0, 4, 8]
        assert int(batches.take(40)[1]) == -40
    assert read[:5] == [0, 4, 8, 12, 40]


def test_an_error_is_raised_by_the_step_that_needs_the_batch() -> None:
    def fetch(position: int) -> tuple[torch.Tensor, torch.Tensor]:
        if position:
            raise ValueError("torn page")
        return _numbered(position)

    with Prefetch(fetch, 1, CPU) as batches:
        assert int(batches.take(0)[0]) == 0
        with pytest.raises(ValueError, match="torn page"):
            batches.take(1)


def test_no_thread_is_left() -> None:
    with Prefetch(_numbered, 1, CPU) as batches:
        batches.take(0)
    assert not [t for t in threading.enumerate() if t.name.startswith("gristmill-batches")]

"""The workers of one training among themselves: who is first, waiting, agreeing, gathering.

Everything works in a single process too, where no process group was made.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from alignray.errors import AlignrayError

T = TypeVar("T")


def get_rank() -> int:
    """The number of this worker, from 0."""
    import torch.distributed

    return torch.distributed.get_rank() if torch.distributed.is_initialized() else 0


def wait_for_workers() -> None:
    """Returns once all workers are here."""
    import torch.distributed

    if torch.distributed.is_initialized():
        torch.distributed.barrier()


def ask_first(choose: Callable[[], T]) -> T:
    """What worker 0 chooses, on all workers; `choose` is called there alone.

    What depends on files is asked in this way: workers that look for themselves may see another
    state of a shared disk, and then wait for each other for ever.

    Raises:
        AlignrayError: what `choose` raised on worker 0, on all workers.
    """
    import torch.distributed

    answer: list[Any] = [_try(choose) if get_rank() == 0 else None]
    if torch.distributed.is_initialized():
        torch.distributed.broadcast_object_list(answer, src=0)
    if isinstance(answer[0], AlignrayError):
        raise answer[0]
    return cast(T, answer[0])


def gather(own: T) -> list[T]:
    """What each worker has, in the order of the workers; every worker must call it."""
    import torch.distributed

    if not torch.distributed.is_initialized():
        return [own]
    gathered: list[Any] = [None] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(gathered, own)
    return gathered


def _try(choose: Callable[[], T]) -> T | AlignrayError:
    try:
        return choose()
    except AlignrayError as error:
        return error

"""Two processes that agree on what the first one sees."""

import json

import pytest

from alignray.errors import StorageError
from alignray.training.process_group import ask_first, get_rank, wait_for_workers


def test_a_single_process_asks_itself():
    assert ask_first(lambda: "checkpoint-4") == "checkpoint-4"
    assert ask_first(lambda: None) is None
    assert get_rank() == 0
    wait_for_workers()


def test_an_error_of_a_single_process_is_raised():
    def choose():
        raise StorageError("a", "b")

    with pytest.raises(StorageError, match="a: b"):
        ask_first(choose)


def run_process(rank, directory):
    import torch.distributed as dist

    store = dist.FileStore(str(directory / "store"), 2)
    dist.init_process_group("gloo", rank=rank, world_size=2, store=store)

    def see():
        return f"seen by {get_rank()}"

    def fail():
        raise StorageError(f"worker {get_rank()}", "cannot be read")

    heard = [ask_first(see)]
    try:
        ask_first(fail)
    except StorageError as error:
        heard.append(str(error))
    wait_for_workers()
    (directory / f"{rank}.json").write_text(json.dumps(heard))
    dist.destroy_process_group()


@pytest.mark.heavy
def test_the_first_worker_chooses_and_fails_for_all(tmp_path):
    import torch.multiprocessing

    torch.multiprocessing.spawn(run_process, (tmp_path,), nprocs=2)
    for rank in (0, 1):
        heard = json.loads((tmp_path / f"{rank}.json").read_text())
        assert heard == ["seen by 0", "worker 0: cannot be read"]

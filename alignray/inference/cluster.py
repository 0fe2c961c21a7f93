"""Starting or joining Ray, in one place."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import ray

from alignray.errors import EngineError
from alignray.inference.capacity import Demand, check_places

_OBJECT_STORE_BYTES = 512 * 1024 * 1024
_MIN_LOGICAL_CPUS = 4
_LOOPBACK = ("127.", "localhost", "[::1]", "::1")


@contextlib.contextmanager
def connect(address: str | None = None) -> Iterator[None]:
    """Joins the cluster at `address` (or `$RAY_ADDRESS`), or starts an embedded local Ray.

    Does nothing where Ray is running in this process already. An embedded Ray is ended again;
    a joined cluster is left as it is. Rows travel by files, so the embedded object store is
    small, and logical CPUs are at least four: engines and trainers name what they need, and
    the operating system shares the real cores.

    Raises:
        EngineError: the cluster does not answer.
    """
    if ray.is_initialized():
        yield
        return
    address = address or os.environ.get("RAY_ADDRESS")

    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        if address and address != "local":
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        else:
            _start_local()
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise EngineError(
            address or "local Ray", f"cannot connect ({str(error)[:200]})", "a running Ray cluster"
        ) from error
    _protect_token()
    try:
        yield
    finally:
        ray.shutdown()


def list_node_resources() -> list[dict[str, float]]:
    """Resources of each node that is alive, by Ray's names, whoever holds them now."""
    return [dict(node["Resources"]) for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]


def require_places(demands: Sequence[Demand]) -> None:
    """Refuses engines that find no place; of a cluster that may grow, it says that they wait.

    Args:
        demands: the smallest pools of the stages that run at once.

    Raises:
        EngineError: there is no place, and no node may join.
    """
    try:
        check_places(demands, list_node_resources())
    except EngineError as error:
        if not may_grow():
            raise
        print(f"alignray: {error}; waiting for the cluster to grow", file=sys.stderr, flush=True)


def may_grow() -> bool:
    """Whether nodes may still join: not where Ray was started here, or listens to this host alone.

    Whether an autoscaler is at work is nothing that Ray tells reliably.
    """
    if os.environ.get("RAY_ADDRESS", "local") == "local":
        return False
    return not str(ray.get_runtime_context().gcs_address).startswith(_LOOPBACK)


def _start_local() -> None:
    # Ray's C++ code writes to our stderr, among it an error for every actor pool of Ray Data;
    # RAY_BACKEND_LOG_LEVEL=info brings it back.
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    # Its metrics have no reader here, and collecting them costs half a percent of a core.
    os.environ.setdefault("RAY_enable_metrics_collection", "0")
    ray.init(
        address="local",
        num_cpus=max(os.cpu_count() or 1, _MIN_LOGICAL_CPUS),
        object_store_memory=_OBJECT_STORE_BYTES,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
    )


def _protect_token() -> None:
    """Ray 2.60 writes its token readable by all; it opens the cluster to any code."""
    token = Path.home() / ".ray" / "auth_token"
    with contextlib.suppress(OSError):
        if token.is_file():
            token.chmod(0o600)

"""The executor of a name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from pipelines.errors import ConfigError, ExtraMissing
from vtonctl.executors.base import Executor
from vtonctl.executors.local import LocalExecutor, usable_cores
from vtonctl.executors.names import EXECUTORS, address_of, is_executor


def make_executor(
    name: str,
    jobs: int,
    warm_up: Callable[[int], None],
    resources: Mapping[str, float] | None = None,
) -> Executor:
    """The executor; ``jobs`` 0 = one per usable core, or all workers that a cluster has.

    ``warm_up`` is called first in each worker with the number of threads it may use. Each call
    asks for the ``resources`` of a worker. Raises ``ConfigError`` for an unknown name and for
    resources that nobody hands out, ``ExtraMissing``, ``ClusterError``.
    """
    if not is_executor(name):
        raise ConfigError(f"unknown executor {name!r}", hint=f"Known: {EXECUTORS}.")
    address = address_of(name)
    if resources and not address:
        raise ConfigError(
            f"--dask-resources was given, but the workers of --executor {name} have none",
            code="no_resources",
            hint="Leave it out, or give the address of a cluster: --executor dask:ADDRESS",
        )
    cores = usable_cores()
    threads = max(1, cores // (jobs or cores))
    if address is None:
        return LocalExecutor(jobs or cores, threads=threads, warm_up=partial(warm_up, threads))
    try:
        from vtonctl.executors.dask import DaskExecutor
        from vtonctl.executors.dask_cluster import OthersCluster, OwnCluster
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("dask", "distributed"):
            raise
        raise ExtraMissing(f"--executor {name} needs distributed.", "dask") from None
    if address:
        return DaskExecutor(OthersCluster(address, resources or {}), jobs, warm_up)
    return DaskExecutor(OwnCluster(jobs or cores, threads), jobs or cores, warm_up)

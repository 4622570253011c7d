"""Dask clusters: the workers of this machine, or a scheduler that runs already."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from hyp import stopping
from hyp.errors import HypError

PROGRESS = "hyp-progress"
"""Topic of what workers say of the steps that they make."""

GIVEN_UP = "hyp-given-up"
"""Topic of the sentence that ends a run, from a scheduler whose workers die too often."""

_CONNECT_SECONDS = 10
_VISIBLE = "CUDA_VISIBLE_DEVICES"
_QUEUED_SECONDS = 600


def cores_here() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def remote_client(address: str) -> Iterator[Any]:
    """Connect to a running Dask scheduler, such as ``tcp://host:8786``.

    Raises
    ------
    HypError
        If none answers, or no worker comes within ten minutes, though there is work for it.
    """
    from distributed import Client, wait

    _require_answer(address)
    try:
        client = Client(address, timeout=_CONNECT_SECONDS)
    except (OSError, ValueError) as error:
        raise HypError(_no_answer(address)) from error
    with client:
        if not client.scheduler_info()["workers"]:
            try:  # an adaptive cluster starts a worker where there is something to do
                wait(client.submit(int, pure=False), timeout=_QUEUED_SECONDS)
            except TimeoutError as error:
                raise HypError(
                    f"the scheduler at {address} has no workers; start some with "
                    f"'dask worker {address} --nthreads 1 --nworkers auto'."
                ) from error
        yield client


def _require_answer(address: str) -> None:
    """Check that a Dask scheduler answers; `Client` waits for ever for one that is silent."""
    from distributed.core import rpc
    from distributed.security import Security

    async def ask() -> None:
        arguments = Security().get_connection_args("client")
        async with rpc(address, connection_args=arguments) as scheduler:
            await asyncio.wait_for(scheduler.identity(), _CONNECT_SECONDS)

    try:
        with ThreadPoolExecutor(1) as pool:  # there may be a loop in this thread, as in a notebook
            pool.submit(asyncio.run, ask()).result()
    except Exception as error:  # whatever else speaks at that port, it makes distributed stumble
        if address.startswith("tls://") and isinstance(error, TypeError):
            raise HypError(
                f"{address} needs certificates; name them in Dask's configuration "
                "(distributed.comm.tls), or start a scheduler without TLS."
            ) from error
        raise HypError(_no_answer(address)) from error


def _no_answer(address: str) -> str:
    return (
        f"no Dask scheduler answers at {address}; start one with 'dask scheduler' and name it as "
        "tcp://HOST:PORT, or leave --scheduler away."
    )


def require_shared(client: Any, path: Path, what: str) -> None:
    """Check that every worker sees a path of this machine.

    Raises
    ------
    HypError
        Naming a worker that does not.
    """
    seen = client.run(partial(os.path.exists, str(path)))
    blind = [worker for worker, sees in seen.items() if not sees]
    if blind:
        raise HypError(
            f"worker {blind[0]} does not see {what}; use a folder that all workers share."
        )


def save_when_workers_close(client: Any) -> None:
    """Let training on workers that others started save its state before they close."""
    from distributed import WorkerPlugin

    class SaveWhenClosing(WorkerPlugin):  # type: ignore[misc]
        name = "hyp-save-when-closing"

        def teardown(self, worker: Any) -> None:
            stopping.ask_to_stop()

    client.register_plugin(SaveWhenClosing())


def run_security() -> Any:
    """Return a `distributed.Security` with a certificate of its own, which stays in memory.

    Dask's own `Security.temporary` is valid from this second on: no use to a machine whose clock
    is behind this one's, nor here once the clock was set back. This one is from a day ago.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from distributed.security import Security

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "dask-internal")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365))
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
        .decode()
    )
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    secret = key.private_bytes(serialization.Encoding.PEM, *form).decode()
    roles = ("client", "scheduler", "worker")
    return Security(
        require_encryption=True,
        tls_ca_file=certificate,
        **{f"tls_{role}_cert": certificate for role in roles},
        **{f"tls_{role}_key": secret for role in roles},
    )


GPU, CPU = "GPU", "CPU"
"""Dask resources: a worker that has a GPU to itself, and one that has none."""


def places_of(workers: int, gpus: Sequence[str]) -> list[dict[str, Any]]:
    """Return the environment and the resources of every worker: first one a GPU, then the rest."""
    own = [{"env": {_VISIBLE: gpu}, "resources": {GPU: 1}} for gpu in gpus]
    return own + [{"env": {_VISIBLE: ""}, "resources": {CPU: 1}}] * workers


def declared_resources(client: Any) -> dict[str, set[str]]:
    """Return which of `GPU` and `CPU` each worker declares, by its address."""
    workers = client.scheduler_info(n_workers=-1)["workers"]
    return {address: {GPU, CPU} & set(worker["resources"]) for address, worker in workers.items()}


@contextmanager
def local_client(workers: int, gpus: Sequence[str] = ()) -> Iterator[Any]:
    """Start worker processes on this machine, with one thread each.

    With `gpus`, numbers or names as ``CUDA_VISIBLE_DEVICES`` has them, there is one worker a GPU
    that sees no other one, and `workers` beside them that see none.

    They speak TLS, with a certificate made for them alone and never written to a disk, so
    that no other user of the machine can run code in them.
    """
    import logging
    from multiprocessing import resource_tracker

    import dask
    from distributed import Client, LocalCluster, Nanny

    # Dask's own setting makes glibc return memory after every batch: a quarter of the time.
    settings: dict[str, Any] = {
        "distributed.nanny.pre-spawn-environ": {"OMP_NUM_THREADS": 1},
        # Nobody looks at the pages that schedulers and workers serve to any user.
        "distributed.scheduler.http.routes": [],
        "distributed.worker.http.routes": [],
        # Nor at what they measure of themselves, by default 50 to 100 times a second each.
        "distributed.worker.profile.enabled": False,
        "distributed.admin.tick.interval": "1s",
        "distributed.admin.system-monitor.interval": "10s",
    }
    with stopping.unheard():
        resource_tracker.ensure_running()  # signals to all processes of a job are ours alone
    with (
        tempfile.TemporaryDirectory(prefix="hyp-dask-") as scratch,
        stopping.removed_at_the_latest(Path(scratch)),
        dask.config.set(settings),
    ):
        places = places_of(workers, gpus)

        class PlacedNanny(Nanny):  # type: ignore[misc]
            def __init__(self, *args: Any, name: int, **options: Any) -> None:
                super().__init__(*args, name=name, **{**options, **places[name]})

        cluster = LocalCluster(
            n_workers=len(gpus) + workers,
            worker_class=PlacedNanny if gpus else Nanny,
            threads_per_worker=1,
            processes=True,
            memory_limit=0,
            dashboard_address="127.0.0.1:0",
            local_directory=scratch,
            protocol="tls://",
            security=run_security(),
            silence_logs=logging.CRITICAL,
            preload=[__name__],
        )
        with cluster, Client(cluster, security=cluster.security) as client:
            yield client


def dask_setup(worker: Any) -> None:
    """Dask preload hook: leave signals to the process that started the workers."""
    stopping.ignore_signals()


def dask_teardown(worker: Any) -> None:
    """Dask preload hook: training saves its state before a worker of ours closes."""
    stopping.ask_to_stop()

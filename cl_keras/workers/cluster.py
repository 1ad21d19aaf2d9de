# SPDX-License-Identifier: Apache-2.0
"""Who takes part in a training."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping

from cl_keras.address import split_address

TF_CONFIG = "TF_CONFIG"


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The workers of a training run, and which of them this process is.

    Args:
        workers: Address of each, as `host:port`. All workers must be able to reach
            all of these.
        task: This process's number in the list.

    Raises:
        ValueError: If there is no such worker or an address is none.

    Example:
    >>> Cluster(("a:2222", "b:2222"), task=1).is_chief
    False
    """

    workers: tuple[str, ...]
    task: int = 0

    def __post_init__(self) -> None:
        for address in self.workers:
            if split_address(address) is None:
                raise ValueError(
                    f"Expected workers as host:port. Received: {address!r}"
                )
        if len(set(self.workers)) != len(self.workers):
            raise ValueError(
                "Expected an address of its own for each worker. "
                f"Received: {', '.join(self.workers)}"
            )
        if not 0 <= self.task < len(self.workers):
            raise ValueError(
                f"Expected `task` in 0..{len(self.workers) - 1}, one of the "
                f"{len(self.workers)} workers. Received: task={self.task}"
            )

    @property
    def is_chief(self) -> bool:
        """Whether this is worker 0."""
        return self.task == 0

    @classmethod
    def parse(
        cls,
        workers: str | None = None,
        task: int | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> Cluster | None:
        """Reads who takes part from options, else from `TF_CONFIG`.

        Args:
            workers: Addresses, separated by commas.
            task: This process's number.
            environ: Where `TF_CONFIG` may be, as Kubeflow and others set it. Its
                chief, if there is one, is worker 0.

        Returns:
            The cluster; None for a process by itself.

        Raises:
            ValueError: If one option is missing, or `TF_CONFIG` cannot be used.

        Example:
        >>> Cluster.parse("a:2222,b:2222", 0, {}).workers
        ('a:2222', 'b:2222')
        >>> Cluster.parse(None, None, {}) is None
        True
        """
        if workers is None and task is None:
            return cls._from_tf_config(environ.get(TF_CONFIG, ""))
        if workers is None or task is None:
            raise ValueError(
                "Expected --workers and --task together. Received: "
                f"workers={workers}, task={task}"
            )
        addresses = (address.strip() for address in workers.split(","))
        return cls(tuple(filter(None, addresses)), task)

    @classmethod
    def _from_tf_config(cls, text: str) -> Cluster | None:
        if not text.strip():
            return None
        try:
            config = json.loads(text)
            jobs = {job: tuple(hosts) for job, hosts in config["cluster"].items()}
            kind, index = config["task"]["type"], int(config["task"]["index"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                f"TF_CONFIG is not understood ({type(error).__name__}: {error}). "
                f"Received: {text:.200}"
            ) from error
        unknown = set(jobs) - {"chief", "master", "worker"} or {kind} - set(jobs)
        if unknown:
            raise ValueError(
                "Expected TF_CONFIG with workers only, and a chief at most. "
                f"Received: {', '.join(sorted(unknown))}"
            )
        chiefs = jobs.get("chief", ()) + jobs.get("master", ())
        first = len(chiefs) if kind == "worker" else 0
        return cls(chiefs + jobs.get("worker", ()), first + index)

    def tf_config(self) -> str:
        """This cluster as `TF_CONFIG`.

        Returns:
            JSON.

        Example:
        >>> cluster = Cluster(("a:2222", "b:2222"), task=1)
        >>> Cluster.parse(environ={"TF_CONFIG": cluster.tf_config()}) == cluster
        True
        """
        task = {"type": "worker", "index": self.task}
        return json.dumps({"cluster": {"worker": list(self.workers)}, "task": task})

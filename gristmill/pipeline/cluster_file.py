"""Cluster files: which Dask cluster to start, and how."""

import importlib
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gristmill.errors import ConfigError


class ClusterFile(BaseModel):
    """What ``--cluster FILE`` holds: a cluster class and how to make it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cluster: str = Field(description="import path, e.g. dask_jobqueue.SLURMCluster")
    arguments: dict[str, Any] = {}
    workers: int | None = Field(None, ge=1, description="scale to so many workers")
    adapt: dict[str, Any] | None = Field(None, description="arguments of cluster.adapt()")

    def start(self) -> Any:
        """Import the class, make the cluster and scale it."""
        module, _, name = self.cluster.rpartition(".")
        try:
            kind = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError, ValueError) as error:
            raise ConfigError(
                f"cluster {self.cluster}: cannot be imported ({error}); "
                "pip install 'gristmill[cluster]'"
            ) from error
        try:
            cluster = kind(**self.arguments)
        except (TypeError, ValueError) as error:
            raise ConfigError(
                f"cluster {self.cluster}: {error}; mend `arguments` in the cluster file"
            ) from error
        if self.adapt is not None:
            cluster.adapt(**self.adapt)
        elif self.workers is not None:
            cluster.scale(self.workers)
        return cluster


def read_cluster_file(path: Path) -> ClusterFile:
    """Read a cluster file.

    Raises:
        ConfigError: missing, no YAML, or unknown keys.
    """
    try:
        return ClusterFile.model_validate(yaml.safe_load(path.read_text()))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, ValidationError) as error:
        first = str(error).replace("\n", " ")[:200]
        raise ConfigError(f"{path}: not a cluster file: {first}") from error

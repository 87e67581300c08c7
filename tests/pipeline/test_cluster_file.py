"""Cluster files."""

from pathlib import Path

import pytest

from gristmill.errors import ConfigError
from gristmill.pipeline.cluster_file import read_cluster_file


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            "cluster: nowhere.Cluster",
            r"nowhere\.Cluster: cannot be imported .*gristmill\[cluster\]",
        ),
        ("cluster: distributed.NoCluster", r"distributed\.NoCluster: cannot be imported"),
        ("cluster: LocalCluster", r"cluster LocalCluster: cannot be imported"),
        ("cluster: distributed.LocalCluster\ncolour: red", r"cluster\.yaml: .*colour"),
        ("arguments: {}", r"cluster\.yaml: not a cluster file"),
        ("cluster: [", r"cluster\.yaml: not a cluster file"),
        ("", r"cluster\.yaml: not a cluster file"),
        ("cluster: distributed.SpecCluster\narguments: {wings: 2}", "wings.*mend `arguments`"),
    ],
)
def test_a_bad_cluster_file_is_one_line(tmp_path: Path, body: str, message: str) -> None:
    path = tmp_path / "cluster.yaml"
    path.write_text(body)
    with pytest.raises(ConfigError, match=message) as caught:
        read_cluster_file(path).start()
    assert "\n" not in str(caught.value)


def test_no_cluster_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml: cannot be read: No such file"):
        read_cluster_file(tmp_path / "none.yaml")

from pathlib import Path

import pytest

from gristmill.errors import ConfigError
from gristmill.train_smoke.folder_lock import locked


def test_a_second_training_is_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    with locked(tmp_path / "out"):
        with pytest.raises(ConfigError, match="another training is at work here"):
            with locked(tmp_path / "out"):
                pass
    with locked(tmp_path / "out"):
        pass

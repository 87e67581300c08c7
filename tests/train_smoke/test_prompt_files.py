import pytest

from gristmill.errors import ConfigError
from gristmill.train_smoke.prompt_files import SHIPPED, read_prompts


def test_prompts_are_separated_by_a_line(tmp_path):
    path = tmp_path / "p.txt"
    path.write_text("\nThe mill \n\nturns\n---\n---  \nBread ---\n\n", encoding="utf-8")
    assert read_prompts(str(path)) == ["The mill \n\nturns", "Bread ---"]


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_prompts_leave_something_to_add(name):
    prompts = read_prompts(name)
    assert len(prompts) >= 2
    # A space at the end would be a token that texts have at the start of the next word.
    assert all(prompt == prompt.rstrip() for prompt in prompts)


def test_unknown_names_empty_and_broken_files(tmp_path):
    with pytest.raises(ConfigError, match="shipped prompts are continuation, conversation"):
        read_prompts("haiku")
    (tmp_path / "a").write_text("---\n\n---\n")
    with pytest.raises(ConfigError, match="no prompts"):
        read_prompts(str(tmp_path / "a"))
    (tmp_path / "b").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="save it as UTF-8"):
        read_prompts(str(tmp_path / "b"))

"""Export: transformers must see the same model."""

import json

import pytest
import torch

from gristmill.errors import ConfigError
from gristmill.train_smoke import checkpoint
from gristmill.train_smoke.export_hf import export_hf

SHAPES = [
    {"variant": "gpt2"},
    {"variant": "modern"},
    {"variant": "llama", "kv_heads": 2, "mlp_width": 56, "rope_base": 5e5, "norm_eps": 1e-6},
    {"variant": "llama", "tied": "yes"},
    {"variant": "gpt2", "tied": "no", "mlp_width": 56, "norm_eps": 1e-6},
    {"variant": "modern", "tied": "yes", "kv_heads": 2, "mlp_width": 56, "rope_base": 5e5},
]
IDS = torch.randint(257, (2, 16), generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize("shape", SHAPES)
def test_transformers_computes_the_same_logits(shape, transformers, drawn_checkpoint, tmp_path):
    saved = checkpoint.load(drawn_checkpoint(tmp_path / "model", **shape))
    folder = export_hf(saved, tmp_path / "hf")
    theirs, loading = transformers.AutoModelForCausalLM.from_pretrained(
        folder, output_loading_info=True
    )
    assert (
        type(theirs).__name__
        == json.loads((folder / "config.json").read_text())["architectures"][0]
    )
    assert not any(loading[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    with torch.inference_mode():
        expected, found = saved.model()(IDS), theirs.eval()(IDS).logits
    assert expected.std() > 0.1
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)


def test_transformers_reads_the_tokenizer_and_the_generation_settings(
    transformers, drawn_checkpoint, tmp_path
):
    saved = checkpoint.load(drawn_checkpoint(tmp_path / "m", variant="gpt2"))
    whole = json.loads((saved.path / "tokenizer.json").read_text())
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    whole["added_tokens"] = [token | flags for token in whole["added_tokens"]]
    whole["pre_tokenizer"] = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    (saved.path / "tokenizer.json").write_text(json.dumps(whole))
    folder = export_hf(saved, tmp_path / "hf")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    assert tokenizer("<|endoftext|>mill").input_ids == [0, *(byte + 1 for byte in b"mill")]
    assert tokenizer.eos_token_id == tokenizer.bos_token_id == 0
    model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    assert model.generation_config.eos_token_id == 0
    assert model.generate(torch.tensor([[0, 5]]), max_new_tokens=3).shape[1] <= 5


@pytest.mark.parametrize("shape", SHAPES)
def test_a_folder_holds_all_parts_and_no_row_beyond_the_vocabulary(
    shape, drawn_checkpoint, tmp_path
):
    from safetensors.torch import load_file

    folder = export_hf(checkpoint.load(drawn_checkpoint(tmp_path / "m", **shape)), tmp_path / "hf")
    assert {path.name for path in folder.iterdir()} == {
        "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
        "generation_config.json", "README.md",
    }  # fmt: skip
    assert len({path.stat().st_mode for path in folder.iterdir()}) == 1
    rows = [len(t) for name, t in load_file(folder / "model.safetensors").items()
            if name.endswith(("wte.weight", "embed_tokens.weight", "lm_head.weight"))]  # fmt: skip
    assert set(rows) == {257}
    card = (folder / "README.md").read_text()
    assert card.startswith("---\nlibrary_name: transformers\n")
    assert "7 steps of 16 tokens" in card


def test_a_folder_in_use_is_left_alone(drawn_checkpoint, tmp_path):
    saved = checkpoint.load(drawn_checkpoint(tmp_path / "m", variant="gpt2"))
    (tmp_path / "hf").mkdir()
    (tmp_path / "hf" / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match="is not empty"):
        export_hf(saved, tmp_path / "hf")
    assert [path.name for path in (tmp_path / "hf").iterdir()] == ["mine.txt"]
    (tmp_path / "hf" / "mine.txt").unlink()
    assert export_hf(saved, tmp_path / "hf") == tmp_path / "hf"


def test_grouped_queries_have_no_place_in_gpt2(drawn_checkpoint, tmp_path):
    saved = checkpoint.load(drawn_checkpoint(tmp_path / "m", variant="gpt2", kv_heads=2))
    with pytest.raises(ConfigError, match="kv_heads=2: GPT2LMHeadModel has"):
        export_hf(saved, tmp_path / "hf")
    assert not (tmp_path / "hf").exists()

"""Import: what comes back is what went out, and a hostile or damaged folder is refused."""

import json
import pickle

import pytest
import torch
from safetensors.torch import load_file, save_file

from gristmill.errors import ConfigError, CorruptError
from gristmill.train_smoke import checkpoint
from gristmill.train_smoke.export_hf import export_hf
from gristmill.train_smoke.import_hf import import_hf

VARIANTS = ["gpt2", "modern"]
IDS = torch.randint(257, (2, 16), generator=torch.Generator().manual_seed(5))


@pytest.fixture
def folder(drawn_checkpoint, tmp_path):
    saved = checkpoint.load(drawn_checkpoint(tmp_path / "m", variant="gpt2"))
    return export_hf(saved, tmp_path / "hf")


def change(folder, **settings):
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | settings))


def reweigh(folder, edit):
    tensors = load_file(folder / "model.safetensors")
    edit(tensors)
    save_file(tensors, folder / "model.safetensors")


@pytest.mark.parametrize("variant", VARIANTS)
def test_there_and_back_is_equal_bit_for_bit(variant, drawn_checkpoint, tmp_path):
    before = checkpoint.load(drawn_checkpoint(tmp_path / "m", variant=variant))
    folder = export_hf(before, tmp_path / "hf")
    after = checkpoint.load(import_hf(folder, tmp_path / "back"))
    with torch.inference_mode():
        assert torch.equal(before.model()(IDS), after.model()(IDS))
    for name, weight in before.weights.items():
        rows = 257 if name in ("embed.weight", "head.weight") else len(weight)
        assert torch.equal(weight[:rows], after.weights[name][:rows]), name
    again = export_hf(after, tmp_path / "hf2")
    for name in ("model.safetensors", "config.json", "tokenizer.json"):
        assert (again / name).read_bytes() == (folder / name).read_bytes()


def test_several_files_with_an_index(folder, tmp_path):
    whole = load_file(folder / "model.safetensors")
    names = sorted(whole)
    parts = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
    for file, some in parts.items():
        save_file({name: whole[name] for name in some}, folder / file)
    (folder / "model.safetensors").unlink()
    index = {"weight_map": {name: file for file, some in parts.items() for name in some}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    first = checkpoint.load(import_hf(folder, tmp_path / "back"))
    assert torch.equal(first.weights["norm.layer.weight"], whole["transformer.ln_f.weight"])


@pytest.mark.parametrize("name", ["../a.safetensors", "/etc/passwd", "sub/a.safetensors", "a.bin"])
def test_an_index_cannot_point_elsewhere(name, folder, tmp_path):
    index = {"weight_map": {"transformer.wte.weight": name}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(CorruptError, match="refused, do not trust"):
        import_hf(folder, tmp_path / "back")


def test_openai_names_half_precision_and_mask_buffers(folder, tmp_path):
    def edit(tensors):
        for name in list(tensors):
            tensors[name.removeprefix("transformer.")] = tensors.pop(name).bfloat16()
        tensors["h.0.attn.bias"] = torch.ones(1, 1, 16, 16)

    expected = load_file(folder / "model.safetensors")["transformer.wpe.weight"]
    reweigh(folder, edit)
    back = checkpoint.load(import_hf(folder, tmp_path / "back"))
    assert torch.equal(back.weights["place.weight"], expected.bfloat16().float())


def test_rows_that_the_tokenizer_lacks_are_left_behind(folder, tmp_path):
    reweigh(
        folder,
        lambda t: t.update(
            {"transformer.wte.weight": torch.cat((t["transformer.wte.weight"], torch.ones(7, 32)))}
        ),
    )
    change(folder, vocab_size=264)
    model = checkpoint.load(import_hf(folder, tmp_path / "back")).model()
    assert model(IDS).shape[-1] == 257


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model_type": "bloom"}, "model_type 'bloom' is none that gristmill can read"),
        ({"activation_function": "relu"}, "activation_function is 'relu'"),
        ({"scale_attn_by_inverse_layer_idx": True}, "scale_attn_by_inverse_layer_idx is True"),
        ({"n_inner": 7}, "n_inner is 7"),
        ({"n_head": 5}, "width must be an even multiple of heads"),
        ({"n_layer": "2"}, "n_layer is '2', not a count"),
        ({"quantization_config": {"bits": 4}}, "quantization_config is"),
        ({"vocab_size": 200}, "tokenizer.json has 257 ids"),
        ({"eos_token_id": 5}, "eos_token_id 5 is no special token"),
    ],
)
def test_what_our_network_cannot_be_is_refused(settings, message, folder, tmp_path):
    change(folder, **settings)
    with pytest.raises(ConfigError, match=message):
        import_hf(folder, tmp_path / "back")
    assert not (tmp_path / "back").exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_layer": 10_000_000}, "10,000,000 layers in config.json"),
        ({"n_embd": 1 << 20}, "no tensor of 257 × 1,048,576"),
        ({"n_positions": 32}, r"wpe.weight has shape \[16, 32\], config.json makes it \[32, 32\]"),
    ],
)
def test_settings_that_the_files_contradict(settings, message, folder, tmp_path):
    change(folder, **settings)
    with pytest.raises(CorruptError, match=message):
        import_hf(folder, tmp_path / "back")


@pytest.mark.parametrize(
    ("edit", "error", "message"),
    [
        (lambda t: t.pop("transformer.ln_f.bias"), CorruptError, "no tensor transformer.ln_f.bias"),
        (lambda t: t.update(extra=torch.ones(2)), ConfigError, "no place for, such as extra"),
        (
            lambda t: t.update({"transformer.ln_f.bias": torch.ones(32, dtype=torch.int8)}),
            ConfigError,
            "is torch.int8",
        ),
    ],
)
def test_tensors_that_do_not_belong(edit, error, message, folder, tmp_path):
    reweigh(folder, edit)
    with pytest.raises(error, match=message):
        import_hf(folder, tmp_path / "back")


def test_truncated_missing_and_pickled_weights(folder, tmp_path):
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(CorruptError, match="damaged"):
        import_hf(folder, tmp_path / "back")
    file.unlink()
    with pytest.raises(ConfigError, match=r"model.safetensors: missing; save"):
        import_hf(folder, tmp_path / "back")
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps({}))
    with pytest.raises(ConfigError, match="is a pickle, which is not read"):
        import_hf(folder, tmp_path / "back")


def test_missing_and_damaged_descriptions(folder, tmp_path):
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ConfigError, match=r"tokenizer.json: cannot be read"):
        import_hf(folder, tmp_path / "back")
    (folder / "config.json").write_text("{")
    with pytest.raises(CorruptError, match=r"config.json: not JSON"):
        import_hf(folder, tmp_path / "back")
    (folder / "config.json").unlink()
    with pytest.raises(ConfigError, match=r"config.json: cannot be read"):
        import_hf(folder, tmp_path / "back")


def test_a_folder_with_checkpoints_is_left_alone(folder, tmp_path):
    with pytest.raises(ConfigError, match="has checkpoints already"):
        import_hf(folder, tmp_path / "m")

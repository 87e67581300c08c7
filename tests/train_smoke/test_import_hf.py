"""Import: what comes back is what went out, and a hostile or damaged folder is refused."""

import json
import os
import pickle
from contextlib import suppress

import pytest
import torch
from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from gristmill.errors import ConfigError, CorruptError, GristmillError
from gristmill.train_smoke import checkpoint
from gristmill.train_smoke.export_hf import export_hf
from gristmill.train_smoke.import_hf import import_hf

SHAPES = [
    {"variant": "gpt2"},
    {"variant": "modern"},
    {"variant": "llama", "kv_heads": 2, "mlp_width": 56, "rope_base": 5e5, "norm_eps": 1e-6},
    {"variant": "llama", "tied": "yes"},
    {"variant": "gpt2", "tied": "no", "mlp_width": 56, "norm_eps": 1e-6},
    {"variant": "modern", "tied": "yes", "kv_heads": 2, "mlp_width": 56, "rope_base": 5e5},
]
IDS = torch.randint(257, (2, 16), generator=torch.Generator().manual_seed(5))


@pytest.fixture
def folder(drawn_checkpoint, tmp_path):
    saved = checkpoint.load(drawn_checkpoint(tmp_path / "m", variant="gpt2"))
    return export_hf(saved, tmp_path / "hf")


@pytest.fixture(scope="module")
def whole(drawn_checkpoint, tmp_path_factory):
    root = tmp_path_factory.mktemp("whole")
    saved = checkpoint.load(drawn_checkpoint(root / "m", variant="gpt2"))
    return {path.name: path.read_bytes() for path in export_hf(saved, root / "hf").iterdir()}


def change(folder, **settings):
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | settings))


def reweigh(folder, edit):
    tensors = load_file(folder / "model.safetensors")
    edit(tensors)
    save_file(tensors, folder / "model.safetensors")


@pytest.mark.parametrize("shape", SHAPES)
def test_there_and_back_is_equal_bit_for_bit(shape, drawn_checkpoint, tmp_path):
    before = checkpoint.load(drawn_checkpoint(tmp_path / "m", **shape))
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


def of_transformers(transformers, kind):
    """Build a model of theirs with weights of theirs."""
    torch.manual_seed(4)
    shared = {"vocab_size": 257, "eos_token_id": 0, "bos_token_id": 0, "initializer_range": 0.3}
    if kind == "gpt2":
        config = transformers.GPT2Config(n_layer=2, n_embd=32, n_head=4, n_positions=16, **shared)
        return transformers.GPT2LMHeadModel(config)
    config = transformers.LlamaConfig(
        num_hidden_layers=2, hidden_size=32, num_attention_heads=4, num_key_value_heads=2,
        intermediate_size=56, max_position_embeddings=16, tie_word_embeddings=True,
        rms_norm_eps=1e-6, rope_parameters={"rope_type": "default", "rope_theta": 5e5}, **shared,
    )  # fmt: skip
    return transformers.LlamaForCausalLM(config)


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
@pytest.mark.parametrize("most", ["5GB", "20KB"])
def test_what_transformers_saves_computes_the_same_here(kind, most, drawn_checkpoint, tmp_path):
    transformers = pytest.importorskip(
        "transformers", reason="LOUD SKIP: import is not proven without transformers"
    )
    theirs = of_transformers(transformers, kind)
    theirs.save_pretrained(tmp_path / "hf", max_shard_size=most)
    assert (tmp_path / "hf" / "model.safetensors.index.json").is_file() == (most == "20KB")
    tokenizer = drawn_checkpoint(tmp_path / "m", variant="gpt2") / "tokenizer.json"
    (tmp_path / "hf" / "tokenizer.json").write_bytes(tokenizer.read_bytes())
    back = checkpoint.load(import_hf(tmp_path / "hf", tmp_path / "back"))
    with torch.inference_mode():
        expected, found = theirs.eval()(IDS).logits, back.model()(IDS)
    assert expected.std() > 0.1
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)


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
        ({"n_inner": "7"}, "n_inner is '7'"),
        ({"n_head": 5}, "config.json: width=32, heads=5: width must be an even multiple of heads"),
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


@pytest.fixture
def llama(drawn_checkpoint, tmp_path):
    saved = checkpoint.load(drawn_checkpoint(tmp_path / "l", variant="llama"))
    return export_hf(saved, tmp_path / "llama")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"attention_bias": True}, "attention_bias is True"),
        ({"mlp_bias": True}, "mlp_bias is True"),
        ({"rope_scaling": {"type": "linear", "factor": 2.0}}, "rope_scaling is"),
        ({"rope_parameters": {"rope_type": "llama3", "rope_theta": 5e5}}, "scale rotary positions"),
        ({"rope_parameters": None, "rope_theta": -1}, "rope_theta is -1"),
        ({"model_type": "mistral", "sliding_window": 4096}, "sliding_window is 4096"),
        ({"rms_norm_eps": "1e-6"}, "rms_norm_eps is '1e-6', not a number"),
        ({"hidden_act": "gelu"}, "hidden_act is 'gelu'"),
        ({"head_dim": 64}, "head_dim is 64"),
        ({"model_type": "mistral"}, "sliding_window is not said"),
        ({"model_type": "qwen2"}, "model_type 'qwen2' is none"),
    ],
)
def test_llamas_that_our_network_cannot_be_are_refused(settings, message, llama, tmp_path):
    change(llama, **settings)
    with pytest.raises(ConfigError, match=message):
        import_hf(llama, tmp_path / "back")


def test_an_old_llama_or_a_mistral_without_windows_is_a_llama(llama, tmp_path):
    change(llama, rope_parameters=None, rope_theta=10_000.0, model_type="mistral",
           sliding_window=None)  # fmt: skip
    back = checkpoint.load(import_hf(llama, tmp_path / "back"))
    before = checkpoint.load(tmp_path / "l")
    with torch.inference_mode():
        assert torch.equal(before.model()(IDS), back.model()(IDS))


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


@how(max_examples=40)
@given(st.integers(0, 4000), st.binary(min_size=1, max_size=9))
def test_no_damage_gets_through_as_another_exception(whole, tmp_path_factory, at, bytes_):
    folder = tmp_path_factory.mktemp("damaged")
    for name, content in whole.items():
        (folder / name).write_bytes(content)
    content = bytearray(whole["model.safetensors"])
    content[at : at + len(bytes_)] = bytes_
    (folder / "model.safetensors").write_bytes(content)
    with suppress(GristmillError):  # a changed weight is a weight
        import_hf(folder, folder / "back")


def test_missing_and_damaged_descriptions(folder, tmp_path):
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ConfigError, match=r"tokenizer.json: cannot be read"):
        import_hf(folder, tmp_path / "back")
    (folder / "config.json").write_text("{")
    with pytest.raises(CorruptError, match=r"config.json: not JSON"):
        import_hf(folder, tmp_path / "back")
    (folder / "config.json").write_text("[" * 100_000)
    with pytest.raises(CorruptError, match=r"config.json: not JSON"):
        import_hf(folder, tmp_path / "back")
    (folder / "config.json").unlink()
    with pytest.raises(ConfigError, match=r"config.json: cannot be read"):
        import_hf(folder, tmp_path / "back")


def test_a_folder_with_checkpoints_is_left_alone(folder, tmp_path):
    with pytest.raises(ConfigError, match="has checkpoints already"):
        import_hf(folder, tmp_path / "m")


def test_a_pipe_is_no_file_to_wait_for(folder, tmp_path):
    (folder / "config.json").unlink()
    os.mkfifo(folder / "config.json")
    with pytest.raises(ConfigError, match=r"config\.json"):
        import_hf(folder, tmp_path / "back")

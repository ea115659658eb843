"""Against transformers, on tiny random networks: no file is fetched."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from gpt_exp.model.gpt2 import GPT2
from gpt_exp.model.heads import host
from gpt_exp.model.hugging_face import from_pretrained, save_pretrained
from gpt_exp.model.llama import Llama
from gpt_exp.tokenizer.byte import byte

transformers = pytest.importorskip("transformers")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

VOCAB, CONTEXT = 257, 32
SIZES = {"vocab_size": VOCAB, "context_length": CONTEXT, "num_layers": 2, "num_heads": 4, "embedding_dim": 32}
SCALING = {
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16,
}
MAXIMAL = {"parametrization": "maximal_update", "base_width": 8, "base_head_dim": 2}
OURS = {
    "gpt2": (GPT2, {}),
    "gpt2-no-bias": (GPT2, {"bias": False, "norm_epsilon": 1e-3}),
    "llama-untied": (Llama, {"hidden_dim": 48}),
    "llama-tied-grouped": (Llama, {"tied": True, "num_key_value_heads": 2, "rope_theta": 500.0}),
    "llama-scaled": (Llama, {"num_key_value_heads": 1, "rope_scaling": SCALING, "head_dim": 12}),
    "gpt2-maximal-update": (GPT2, MAXIMAL),
    "gpt2-no-bias-maximal-update": (GPT2, {**MAXIMAL, "bias": False}),
    "llama-maximal-update": (Llama, {**MAXIMAL, "num_key_value_heads": 2}),
    "llama-tied-maximal-update": (Llama, {**MAXIMAL, "tied": True, "base_head_dim": 8}),
    "llama-qk-norm-maximal-update": (Llama, {**MAXIMAL, "tied": True, "qk_norm": True, "head_dim": 16}),
    "llama-qk-norm": (Llama, {"qk_norm": True, "tied": True, "num_key_value_heads": 2, "head_dim": 16}),
}
GPT2_CONFIG = {"vocab_size": VOCAB, "n_positions": CONTEXT, "n_embd": 32, "n_layer": 2, "n_head": 4}
LLAMA_CONFIG = {
    "vocab_size": VOCAB,
    "max_position_embeddings": CONTEXT,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}
ROPE_LLAMA3 = {"rope_type": "llama3", "rope_theta": 500.0, **SCALING}
THEIRS = {
    "gpt2": ("GPT2", GPT2_CONFIG),
    "llama-untied": ("Llama", LLAMA_CONFIG | {"tie_word_embeddings": False}),
    "llama-tied": ("Llama", LLAMA_CONFIG | {"tie_word_embeddings": True}),
    "llama-grouped": ("Llama", LLAMA_CONFIG | {"num_key_value_heads": 2, "rms_norm_eps": 1e-3}),
    "llama-scaled": ("Llama", LLAMA_CONFIG | {"rope_parameters": ROPE_LLAMA3}),
    "qwen3": ("Qwen3", LLAMA_CONFIG | {"num_key_value_heads": 2, "head_dim": 16}),
}


@pytest.fixture
def tokens():
    return torch.randint(VOCAB, (2, CONTEXT), generator=torch.Generator().manual_seed(1))


def shaken(model):
    """Every parameter, biases and norms too, far from where it starts."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)
    return model.eval()


def our_logits(model, tokens):
    with torch.no_grad():
        return model.logits(model.eval()(tokens))


def their_logits(model, tokens):
    with torch.no_grad():
        return model.eval()(tokens).logits


def make_theirs(name, folder, **saving):
    family, kwargs = THEIRS[name]
    config = getattr(transformers, f"{family}Config")(**kwargs)
    model = shaken(
        getattr(transformers, f"{family}LMHeadModel" if family == "GPT2" else f"{family}ForCausalLM")(config)
    )
    model.save_pretrained(folder, **saving)
    return model


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("max_shard_bytes", [10**9, 20_000])
def test_transformers_opens_ours(name, max_shard_bytes, tmp_path, tokens):
    family, options = OURS[name]
    model = shaken(family(**(SIZES | options)))
    save_pretrained(model, tmp_path, max_shard_bytes=max_shard_bytes)
    assert len(list(tmp_path.glob("*.safetensors"))) == 1 or max_shard_bytes < 10**9
    theirs, info = transformers.AutoModelForCausalLM.from_pretrained(tmp_path, output_loading_info=True)
    assert not info["missing_keys"] and not info["unexpected_keys"]
    expected = our_logits(model, tokens)
    torch.testing.assert_close(their_logits(theirs, tokens), expected, rtol=0, atol=1e-4)
    torch.testing.assert_close(
        our_logits(from_pretrained(str(tmp_path)), tokens), expected, rtol=0, atol=1e-5
    )


@pytest.mark.parametrize("name", THEIRS)
@pytest.mark.parametrize("max_shard_size", ["1GB", "20KB"])
def test_ours_opens_transformers(name, max_shard_size, tmp_path, tokens):
    theirs = make_theirs(name, tmp_path, max_shard_size=max_shard_size)
    assert (tmp_path / "model.safetensors.index.json").exists() == (max_shard_size == "20KB")
    ours = from_pretrained(str(tmp_path))
    torch.testing.assert_close(our_logits(ours, tokens), their_logits(theirs, tokens), rtol=0, atol=1e-4)
    assert ours.shape.num_parameters == theirs.num_parameters()


def test_old_names_of_the_hub(tmp_path, tokens):
    theirs = make_theirs("gpt2", tmp_path)
    file = tmp_path / "model.safetensors"
    tensors = {name.removeprefix("transformer."): tensor for name, tensor in load_file(file).items()}
    for layer in range(2):
        tensors[f"h.{layer}.attn.bias"] = torch.ones(1, 1, CONTEXT, CONTEXT).tril()
        tensors[f"h.{layer}.attn.masked_bias"] = torch.tensor(-1e4)
    save_file(tensors, file)
    torch.testing.assert_close(
        our_logits(from_pretrained(str(tmp_path)), tokens), their_logits(theirs, tokens), rtol=0, atol=1e-4
    )


def test_tied_table_stored_twice(tmp_path, tokens):
    theirs = make_theirs("llama-tied", tmp_path)
    file = tmp_path / "model.safetensors"
    tensors = load_file(file)
    save_file(tensors | {"lm_head.weight": tensors["model.embed_tokens.weight"].clone()}, file)
    torch.testing.assert_close(
        our_logits(from_pretrained(str(tmp_path)), tokens), their_logits(theirs, tokens), rtol=0, atol=1e-4
    )


def test_rope_keys_of_older_configs(tmp_path, tokens):
    theirs = make_theirs("llama-scaled", tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    rope = config.pop("rope_parameters")
    config |= {"rope_theta": rope.pop("rope_theta"), "rope_scaling": rope}
    (tmp_path / "config.json").write_text(json.dumps(config))
    torch.testing.assert_close(
        our_logits(from_pretrained(str(tmp_path)), tokens), their_logits(theirs, tokens), rtol=0, atol=1e-4
    )


def test_smaller_context_dtype_and_dropout_are_arguments(tmp_path, tokens):
    theirs = make_theirs("gpt2", tmp_path)
    model = from_pretrained(str(tmp_path), context_length=8, dropout=0.25, dtype="bfloat16")
    assert model.shape.context_length == 8
    assert {parameter.dtype for parameter in model.parameters()} == {torch.bfloat16}
    assert model.training and model.blocks[0].mlp.dropout.p == 0.25
    near, exact = our_logits(model, tokens[:, :8]).float(), their_logits(theirs, tokens[:, :8])
    assert (near - exact).std() < 0.1 * exact.std()


def test_tokenizer_opens_too(tmp_path, tokens):
    tokenizer = byte()
    save_pretrained(GPT2(**SIZES), tmp_path, tokenizer)
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    text = "naïve text, two\nlines\tand 世界"
    assert theirs.encode(text) == tokenizer.encode(text)
    assert theirs.decode(theirs.encode(text)) == text
    assert theirs.eos_token_id == theirs.bos_token_id == tokenizer.end_of_text
    config = transformers.AutoConfig.from_pretrained(tmp_path)
    assert config.eos_token_id == config.bos_token_id == tokenizer.end_of_text


def test_an_export_replaces_a_larger_one(tmp_path, tokens):
    save_pretrained(GPT2(**(SIZES | {"num_layers": 4})), tmp_path, max_shard_bytes=20_000)
    model = shaken(GPT2(**SIZES))
    save_pretrained(model, tmp_path)
    torch.testing.assert_close(our_logits(from_pretrained(str(tmp_path)), tokens), our_logits(model, tokens))
    assert len(list(tmp_path.glob("*.safetensors"))) == 1


@pytest.mark.parametrize(
    "name, changes, words",
    [
        ("gpt2", {"activation_function": "relu"}, "activation_function='relu'.*'gelu_new'"),
        ("gpt2", {"n_inner": 100}, "n_inner=100"),
        ("gpt2", {"scale_attn_by_inverse_layer_idx": True}, "scale_attn_by_inverse_layer_idx"),
        ("llama-tied", {"attention_bias": True}, "attention_bias=True"),
        ("llama-tied", {"hidden_act": "gelu"}, "hidden_act='gelu'"),
        ("llama-tied", {"rope_parameters": {"rope_type": "yarn", "rope_theta": 1e4}}, "rope_type='yarn'"),
        ("llama-tied", {"num_hidden_layers": 3}, "lacks blocks.2"),
        ("llama-tied", {"num_hidden_layers": 1}, "has blocks.1"),
        ("llama-tied", {"vocab_size": 300}, r"token_embedding.weight is \(257, 32\).*\(300, 32\)"),
        ("gpt2", {"model_type": "mamba"}, "model_type='mamba'"),
        ("gpt2", {"model_type": "hugging_face"}, "model_type='hugging_face'"),
        ("gpt2", {"model_type": "../evil"}, "model_type"),
    ],
)
def test_what_cannot_be_followed_is_named(name, changes, words, tmp_path):
    make_theirs(name, tmp_path)
    config = json.loads((tmp_path / "config.json").read_text()) | changes
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=words):
        from_pretrained(str(tmp_path))


def test_missing_files_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"has no config\.json"):
        from_pretrained(str(tmp_path))
    make_theirs("gpt2", tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(ValueError, match=r"no model\.safetensors"):
        from_pretrained(str(tmp_path))
    with pytest.raises(ValueError, match="neither a folder nor the name"):
        from_pretrained(str(tmp_path / "absent"))
    with pytest.raises(ValueError, match="dtype='int8'"):
        from_pretrained(str(tmp_path), dtype="int8")


def test_index_may_not_point_outside_its_folder(tmp_path):
    make_theirs("gpt2", tmp_path)
    index = {"weight_map": {"x": "../model.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(ValueError, match=r"\.\./model\.safetensors"):
        from_pretrained(str(tmp_path))


def test_soft_cap_cannot_be_exported(tmp_path):
    with pytest.raises(ValueError, match="logit_softcap"):
        save_pretrained(Llama(**SIZES, logit_softcap=3.0), tmp_path)


@pytest.mark.parametrize("family", [GPT2, Llama])
def test_heads_of_a_task_lie_beside_the_language_model(family, tokens, tmp_path):
    ours = family(**SIZES)
    host(ours, {"label": lambda shape: torch.nn.Linear(shape.embedding_dim, 3)})
    shaken(ours)
    save_pretrained(ours, tmp_path)
    theirs, report = transformers.AutoModelForCausalLM.from_pretrained(tmp_path, output_loading_info=True)
    assert not report["unexpected_keys"] and not report["missing_keys"]
    torch.testing.assert_close(their_logits(theirs, tokens), our_logits(ours, tokens), rtol=0, atol=1e-4)
    heads = load_file(tmp_path / "heads.safetensors")
    assert set(heads) == {"heads.label.weight", "heads.label.bias"}
    assert torch.equal(heads["heads.label.weight"], ours.heads["label"].weight)
    save_pretrained(family(**SIZES), tmp_path)  # Of a task without heads, into the same folder.
    assert not (tmp_path / "heads.safetensors").exists()

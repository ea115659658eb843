"""Low-rank adapters: what trains, and that they can be merged, kept and put back."""

import copy
import json
from functools import partial

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from gpt_exp.adapter import low_rank
from gpt_exp.adapter.lora import lora
from gpt_exp.adapter.trainable import trainable_parameters
from gpt_exp.model.hugging_face import from_pretrained, save_pretrained
from gpt_exp.optimizer.adamw import adamw
from gpt_exp.optimizer.build import build_optimizer

pytest.importorskip("peft")  # It takes seconds: once for all of these tests.
KINDS = [{"dora": False}, {"dora": True}]


def learn(model: nn.Module, text: Tensor, steps: int = 3) -> torch.optim.Optimizer:
    optimizer = build_optimizer(partial(adamw, lr=0.05), model.train())
    for _ in range(steps):
        optimizer.zero_grad()
        hidden = model(text[:, :-1])
        loss = model.loss(hidden, text[:, 1:]).total / text.numel()
        (loss + model.heads["label"](hidden).square().mean()).backward()
        optimizer.step()
    return optimizer


@torch.no_grad()
def logits(model: nn.Module, text: Tensor) -> Tensor:
    return model.logits(model.eval()(text))


def trained(model: nn.Module) -> set[str]:
    return {name for name, parameter in model.named_parameters() if parameter.requires_grad}


@pytest.mark.parametrize("kind", KINDS)
def test_fresh_adapters_change_nothing_and_learning_changes_only_them(model, text, kind):
    before, weights = logits(model, text), copy.deepcopy(model.state_dict())
    lora(model, rank=2, alpha=4, **kind)
    torch.testing.assert_close(logits(model, text), before)
    optimizer = learn(model, text)
    assert not torch.allclose(logits(model, text), before, atol=1e-2)
    for name, parameter in model.named_parameters():
        frozen = ".lora_" not in name and not name.startswith("heads.")
        assert parameter.requires_grad is not frozen
        if frozen:
            assert parameter.equal(weights[name.replace(".base_layer", "")]), name
    adapters, total = trainable_parameters(model)
    linear = [module for module in model.blocks.modules() if hasattr(module, "base_layer")]
    expected = sum(2 * (layer.in_features + layer.out_features) for layer in linear)
    expected += sum(layer.out_features for layer in linear) if kind["dora"] else 0
    assert adapters == expected + 8 * 3 + 3
    assert total == sum(weight.numel() for weight in weights.values()) + expected
    states = [t for state in optimizer.state.values() for name, t in state.items() if name != "step"]
    assert sum(tensor.numel() for tensor in states) == 2 * adapters


@pytest.mark.parametrize("kind", KINDS)
def test_merged_adapters_say_the_same_under_the_old_names(model, text, kind, tmp_path):
    names = list(model.state_dict())
    lora(model, rank=2, alpha=4, dropout=0.5, **kind)
    learn(model, text)
    assert low_rank.is_adapted(model)
    before = logits(model, text)
    low_rank.merge(model)
    assert not low_rank.is_adapted(model)
    assert list(model.state_dict()) == names
    assert not any("peft" in type(module).__module__ for module in model.modules())
    torch.testing.assert_close(logits(model, text), before, rtol=1e-5, atol=1e-5)
    del model.heads
    save_pretrained(model, tmp_path)
    torch.testing.assert_close(logits(from_pretrained(str(tmp_path)), text), before, rtol=1e-5, atol=1e-5)


def test_broken_adapters_are_not_merged(model):
    lora(model, rank=2)
    model.blocks[2].mlp.up.lora_B["default"].weight.data[0, 0] = float("nan")
    with pytest.raises(ValueError, match="NaN"):
        low_rank.merge(model)


def test_a_half_precision_model_has_adapters_in_full(model, text):
    lora(model.bfloat16(), rank=2, dora=True)
    before = logits(model, text)
    learn(model, text)
    assert not logits(model, text).equal(before)
    assert {p.dtype for name, p in model.named_parameters() if ".lora_" in name} == {torch.float32}
    low_rank.merge(model)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.bfloat16}


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_saved_can_be_loaded(model, text, kind, tmp_path):
    plain = copy.deepcopy(model)
    lora(model, rank=2, alpha=4, targets=["query_key_value", "mlp.up"], train_embeddings=True, **kind)
    learn(model, text)
    low_rank.save(model, tmp_path / "adapters")
    low_rank.load(plain, tmp_path / "adapters")
    torch.testing.assert_close(logits(plain, text), logits(model, text), rtol=0, atol=0)
    torch.testing.assert_close(plain.heads.state_dict(), model.heads.state_dict())
    assert trained(plain) == trained(model)
    learn(model, text, steps=1)
    learn(plain, text, steps=1)
    torch.testing.assert_close(plain.state_dict(), model.state_dict(), rtol=0, atol=0)


def test_the_files_are_those_of_peft_and_small(model, text, tmp_path):
    import peft

    plain = copy.deepcopy(model)
    lora(model, rank=2, targets=["attention.output"])
    learn(model, text)
    low_rank.save(model, tmp_path / "adapters")
    saved = load_file(tmp_path / "adapters" / "adapter_model.safetensors")
    assert len(saved) == 2 * 3 + 2
    theirs = peft.PeftModel.from_pretrained(plain, tmp_path / "adapters").base_model.model
    torch.testing.assert_close(logits(theirs, text), logits(model, text))


def test_a_copy_a_state_and_a_cache_work_as_for_any_model(model, text):
    lora(model, rank=2)
    learn(model, text)
    other = copy.deepcopy(model)
    learn(other, text)
    assert not logits(other, text).equal(logits(model, text))
    other.load_state_dict(model.state_dict())
    assert logits(other, text).equal(logits(model, text))
    cache = model.new_cache(4, 9)
    with torch.no_grad():
        hidden = torch.cat([model(part, cache=cache) for part in text.split(3, dim=1)], dim=1)
    torch.testing.assert_close(model.logits(hidden), logits(model, text))


def test_gradients_reach_adapters_below_recomputed_blocks(family, text):
    """The embeddings are frozen, so a recomputed block's input needs no gradient."""
    sizes = {"vocab_size": 16, "context_length": 12, "num_layers": 2, "num_heads": 2, "embedding_dim": 8}
    gradients = []
    for activation_checkpointing in (False, True):
        torch.manual_seed(0)
        model = family(**sizes, activation_checkpointing=activation_checkpointing)
        lora(model, rank=2)
        model.train().loss(model(text[:, :-1]), text[:, 1:]).total.backward()
        gradients.append({n: p.grad for n, p in model.named_parameters() if "lora_B" in n})
    assert all(gradient.any() for gradient in gradients[0].values())
    torch.testing.assert_close(*gradients)


def test_a_wrong_target_is_answered_with_the_names_there_are(model):
    with pytest.raises(ValueError, match=r"no linear layer 'q_proj'; it has attention.query_key_value, atte"):
        lora(model, targets=["query_key_value", "q_proj"])
    with pytest.raises(ValueError, match="empty; null means all"):
        lora(model, targets=[])
    assert not low_rank.is_adapted(model)


@pytest.mark.parametrize(
    ("setting", "allowed"),
    [({"rank": 0}, "at least 1"), ({"alpha": 0}, "above 0"), ({"dropout": 1}, "below 1")],
)
def test_impossible_settings_are_refused(model, setting, allowed):
    ((name, value),) = setting.items()
    with pytest.raises(ValueError, match=f"adapter.{name}={value} must be .*{allowed}"):
        lora(model, **setting)


def test_files_of_another_model_or_none_are_refused(model, tmp_path):
    other = copy.deepcopy(model)
    with pytest.raises(ValueError, match="no low-rank adapters to save"):
        low_rank.save(model, tmp_path / "adapters")
    with pytest.raises(ValueError, match="holds no low-rank adapters"):
        low_rank.load(model, tmp_path / "adapters")
    lora(model, rank=2)
    low_rank.save(model, tmp_path / "adapters")
    with pytest.raises(ValueError, match="adapters already"):
        low_rank.load(model, tmp_path / "adapters")
    without_head, wider_head = copy.deepcopy(other), copy.deepcopy(other)
    del without_head.heads
    with pytest.raises(ValueError, match=r"has heads.label.(bias|weight), the model not"):
        low_rank.load(without_head, tmp_path / "adapters")
    wider_head.heads["label"] = nn.Linear(8, 5)
    with pytest.raises(ValueError, match=r"of another model: heads.label.* there and \(5,"):
        low_rank.load(wider_head, tmp_path / "adapters")
    config = tmp_path / "adapters" / "adapter_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"peft_type": "IA3"}))
    with pytest.raises(ValueError, match="only peft_type LORA"):
        low_rank.load(other, tmp_path / "adapters")

"""What every decoder must do, whatever its family."""

import math

import pytest
import torch
import torch.nn.functional as F

from gpt_exp.interfaces import IGNORE_INDEX
from gpt_exp.model.gpt2 import GPT2
from gpt_exp.model.llama import Llama

VOCAB, TIME = 31, 12
SIZES = {"vocab_size": VOCAB, "context_length": 16, "num_layers": 3, "num_heads": 4, "embedding_dim": 32}
SCALING = {
    "factor": 4.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8,
}
MAXIMAL = {"parametrization": "maximal_update", "base_width": 16, "base_head_dim": 4}
FAMILIES = {
    "gpt2": (GPT2, {}),
    "gpt2-no-bias": (GPT2, {"bias": False}),
    "llama": (Llama, {}),
    "llama-grouped-qk-norm": (Llama, {"num_key_value_heads": 2, "qk_norm": True, "tied": True}),
    "gpt2-maximal-update": (GPT2, MAXIMAL),
    "llama-maximal-update": (Llama, {**MAXIMAL, "qk_norm": True, "tied": True}),
    "llama-softcap-scaled": (
        Llama,
        {"num_key_value_heads": 1, "logit_softcap": 5.0, "rope_scaling": SCALING},
    ),
}


def make(name, seed=0, **changes):
    torch.manual_seed(seed)
    family, options = FAMILIES[name]
    model = family(**(SIZES | options | changes))
    with torch.no_grad():  # Larger weights than a fresh model's: attention that really tells tokens apart.
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return model


@pytest.fixture(params=FAMILIES)
def name(request):
    return request.param


@pytest.fixture
def model(name):
    return make(name).eval()


@pytest.fixture
def tokens():
    return torch.randint(VOCAB, (2, TIME), generator=torch.Generator().manual_seed(1))


def test_causal(model, tokens):
    before = model.logits(model(tokens))
    for changed in (0, 5, TIME - 1):
        other = tokens.clone()
        other[:, changed] = (other[:, changed] + 1) % VOCAB
        after = model.logits(model(other))
        torch.testing.assert_close(before[:, :changed], after[:, :changed])
        assert (before[:, changed:] - after[:, changed:]).abs().amax(-1).min() > 1e-4


def test_packed_documents_are_as_if_alone(model, tokens):
    documents = torch.tensor([[0] * 5 + [1] * 7, [4] * 1 + [5] * 11])
    packed = model(tokens, documents=documents)
    for row, cut in ((0, 5), (1, 1)):
        for part in (slice(0, cut), slice(cut, None)):
            alone = model(tokens[row : row + 1, part])[0]
            torch.testing.assert_close(packed[row, part], alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("steps", [[TIME], [1] * TIME, [5, 4, 1, 2], [7, 1, 1, 3]])
@torch.inference_mode()
def test_cached_equals_uncached(model, tokens, steps):
    cache = model.new_cache(batch_size=2, max_length=TIME)
    parts = [model(part, cache=cache) for part in tokens.split(steps, dim=1)]
    torch.testing.assert_close(torch.cat(parts, dim=1), model(tokens), rtol=1e-4, atol=1e-5)
    assert cache.length == TIME
    with pytest.raises(ValueError, match=f"{TIME + 1} tokens.*max_length={TIME}"):
        model(tokens[:, :1], cache=cache)


def test_cache_can_be_used_again(model, tokens):
    cache = model.new_cache(batch_size=2, max_length=TIME)
    model(tokens.flip(1), cache=cache)
    cache.length = 0
    torch.testing.assert_close(model(tokens[:, :4], cache=cache), model(tokens[:, :4]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("steps", [[TIME], [6, 1, 1, 1, 3], [2, 5, 5]])
@torch.inference_mode()
def test_cached_documents_are_as_uncached_ones(model, tokens, steps):
    documents = torch.tensor([[0] * 5 + [1] * 7, [4] * 1 + [5] * 11])
    cache = model.new_cache(batch_size=2, max_length=TIME)
    parts = zip(tokens.split(steps, dim=1), documents.split(steps, dim=1), strict=True)
    cached = torch.cat([model(part, documents=own, cache=cache) for part, own in parts], dim=1)
    torch.testing.assert_close(cached, model(tokens, documents=documents), rtol=1e-4, atol=1e-5)


@torch.inference_mode()
def test_a_cache_goes_on_with_the_document_in_which_it_ends(model, tokens):
    """So rows of different lengths are one batch: padded in front by a document of its own."""
    documents = torch.tensor([[0] * 3 + [1] * 3, [1] * 6])
    cache = model.new_cache(batch_size=2, max_length=TIME)
    parts = [model(tokens[:, :6], documents=documents, cache=cache)]
    parts += [model(part, cache=cache) for part in tokens[:, 6:].split([1, 2, 1, 2], dim=1)]
    hidden = torch.cat(parts, dim=1)
    torch.testing.assert_close(hidden[:1, 3:], model(tokens[:1, 3:]), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(hidden[1:], model(tokens[1:]), rtol=1e-4, atol=1e-5)


def test_documents_that_come_late_are_refused(model, tokens):
    cache = model.new_cache(2, TIME)
    model(tokens[:, :3], cache=cache)
    with pytest.raises(ValueError, match="from the first tokens on"):
        model(tokens[:, 3:], documents=torch.zeros_like(tokens[:, 3:]), cache=cache)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("rows", [[1, 0], [0], [1, 1, 0, 1]])
@torch.inference_mode()
def test_rows_of_a_cache_can_be_selected(model, tokens, rows, packed):
    documents = torch.tensor([[0] * 3 + [1] * 3, [1] * 6]) if packed else None
    cache = model.new_cache(batch_size=2, max_length=TIME)
    model(tokens[:, :6], documents=documents, cache=cache)
    cache.select(torch.tensor(rows))
    after = model(tokens[rows, 6:], cache=cache)
    whole = F.pad(documents, (0, TIME - 6), value=1)[rows] if packed else None
    torch.testing.assert_close(after, model(tokens[rows], documents=whole)[:, 6:], rtol=1e-4, atol=1e-5)


def test_loss_is_cross_entropy_of_the_logits(model, tokens):
    targets = tokens.roll(-1, dims=1)
    targets[:, -1] = IGNORE_INDEX
    hidden = model(tokens)
    loss = model.loss(hidden, targets)
    expected = F.cross_entropy(model.logits(hidden).flatten(0, 1), targets.flatten(), reduction="sum")
    torch.testing.assert_close(loss.total, expected)
    assert loss.num_targets == 2 * (TIME - 1)


def gradients(model, tokens, documents=None):
    torch.manual_seed(7)
    model.train().zero_grad()
    model.loss(model(tokens, documents=documents), tokens.roll(-1, dims=1)).total.backward()
    return {name: parameter.grad.clone() for name, parameter in model.named_parameters()}


@pytest.mark.parametrize("packed", [False, True])
def test_activation_checkpointing_changes_no_gradient(name, tokens, packed):
    documents = (torch.arange(TIME) // 5).expand(2, -1) if packed else None
    plain = gradients(make(name, dropout=0.2), tokens, documents)
    again = gradients(make(name, dropout=0.2, activation_checkpointing=True), tokens, documents)
    torch.testing.assert_close(again, plain)
    assert all(gradient.any() for gradient in plain.values())


def test_dropout_acts_in_training_only(name, tokens):
    dropping, plain = make(name, dropout=0.3), make(name)
    torch.testing.assert_close(dropping.eval()(tokens), plain.eval()(tokens))
    dropping.train()
    assert not torch.allclose(dropping(tokens), dropping(tokens))
    plain.train()
    torch.testing.assert_close(plain(tokens), plain(tokens), rtol=0, atol=0)


@pytest.mark.filterwarnings("ignore:.*should not be instantiated")  # What torch does itself in compiling.
@pytest.mark.parametrize("packed", [False, True])
def test_compiles_in_one_graph(name, tokens, packed):
    model = make(name, num_layers=1, dropout=0.1)
    documents = (torch.arange(TIME) // 5).expand(2, -1) if packed else None

    def loss(tokens):
        with torch.autocast("cpu", torch.bfloat16):
            return model.loss(model(tokens, documents=documents), tokens).total

    torch._dynamo.reset()
    compiled = torch.compile(loss, backend="eager", fullgraph=True)(tokens)
    assert math.isfinite(compiled.item()) and compiled.requires_grad


def test_autocast_stays_near_full_precision(model, tokens):
    exact = model.logits(model(tokens))
    with torch.autocast("cpu", torch.bfloat16):
        near = model.logits(model(tokens))
    assert (near - exact).std() < 0.03 * exact.std()


def test_runs_wholly_in_bf16_and_fp64(model, tokens):
    exact = model.double()(tokens)
    assert exact.dtype == torch.float64
    near = model.bfloat16()(tokens)
    assert near.dtype == torch.bfloat16
    assert (near.double() - exact).std() < 0.1 * exact.std()


@pytest.mark.parametrize("own", [{}, {"init_std": 0.1}])
@pytest.mark.parametrize("family", [GPT2, Llama])
def test_first_weights_are_gpt2s_unless_told_otherwise(family, own):
    sizes = {"vocab_size": 500, "context_length": 64, "num_layers": 8, "num_heads": 2, "embedding_dim": 128}
    with torch.device("meta"):
        model = family(**sizes, **own)
    model.to_empty(device="cpu")
    torch.manual_seed(0)
    model.reset_parameters()
    first = own.get("init_std", 0.02)
    for parameter_name, parameter in model.named_parameters():
        if parameter_name.endswith("bias"):
            assert not parameter.any()
        elif parameter.ndim == 1:
            assert (parameter == 1).all()
        else:
            joins = parameter_name.endswith(("attention.output.weight", "mlp.down.weight"))
            std = first / math.sqrt(2 * 8) if joins else first
            assert abs(parameter.std() / std - 1) < 0.03, parameter_name
            assert abs(parameter.mean()) < 5 * std / math.sqrt(parameter.numel()), parameter_name


@pytest.mark.parametrize("family", [GPT2, Llama])
def test_blocks_begin_as_the_identity_if_told_so(family, tokens):
    model = family(**SIZES, zero_init_residual=True).eval()
    x = model.token_embedding(tokens)
    if family is GPT2:
        x = x + model.position_embedding.weight[:TIME]
    torch.testing.assert_close(model(tokens), model.final_norm(x))


@pytest.mark.parametrize("family", [GPT2, Llama])
def test_first_loss_is_that_of_a_guess(family, tokens):
    model = family(**SIZES)
    loss = model.loss(model(tokens), tokens.roll(-1, dims=1))
    assert abs(loss.total / loss.num_targets - math.log(VOCAB)) < 0.1


def test_a_prefix_takes_the_place_of_embeddings(model, tokens):
    prefix = model.token_embedding(tokens[:, :4])
    placeholders = torch.cat([torch.zeros_like(tokens[:, :4]), tokens[:, 4:]], dim=1)
    with torch.no_grad():
        torch.testing.assert_close(model(placeholders, prefix=prefix), model(tokens), rtol=0, atol=0)
        assert not torch.allclose(model(placeholders), model(tokens), atol=1e-2)


def test_gradients_reach_a_prefix_and_not_the_tokens_that_hold_its_place(model, tokens):
    prefix = torch.randn(2, 4, 32, generator=torch.Generator().manual_seed(2)).requires_grad_()
    held = (tokens % 20).index_fill(1, torch.arange(4), VOCAB - 1)  # A token that nothing else reads.
    model(held, prefix=prefix)[:, 6].square().sum().backward()
    assert (prefix.grad.abs().amax(-1) > 0).all()
    assert not model.token_embedding.weight.grad[VOCAB - 1].any()


def test_a_prefix_with_a_cache_is_read_once(model, tokens):
    prefix = torch.randn(2, 4, 32, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        cache = model.new_cache(batch_size=2, max_length=TIME)
        first = model(tokens[:, :6], cache=cache, prefix=prefix)
        rest = model(tokens[:, 6:], cache=cache)
        whole = model(tokens, prefix=prefix)
    torch.testing.assert_close(torch.cat([first, rest], 1), whole, rtol=1e-4, atol=1e-5)


def test_a_prefix_longer_than_the_text_is_refused(model, tokens):
    with pytest.raises(ValueError, match="prefix of 4"):
        model(tokens[:, :3], prefix=torch.zeros(2, 4, 32))

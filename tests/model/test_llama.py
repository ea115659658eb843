import torch

from gpt_exp.model.llama import Llama

SIZES = {"vocab_size": 31, "context_length": 8, "num_layers": 2, "num_heads": 4, "embedding_dim": 16}
TOKENS = torch.tensor([[3, 1, 4, 1, 5, 9, 2, 6]])


def test_grouped_queries_are_repeated_keys_and_values():
    torch.manual_seed(0)
    grouped = Llama(**SIZES, num_key_value_heads=2)
    full = Llama(**SIZES)
    state = grouped.state_dict()
    for name in list(state):
        if name.endswith("query_key_value.weight"):
            query, key, value = state[name].split([16, 8, 8])
            twice = [
                part.unflatten(0, (2, 4)).repeat_interleave(2, dim=0).flatten(0, 1) for part in (key, value)
            ]
            state[name] = torch.cat([query, *twice])
    full.load_state_dict(state)
    torch.testing.assert_close(grouped(TOKENS), full(TOKENS))


def test_qk_norm_bounds_the_attention_scores():
    torch.manual_seed(0)
    model = Llama(**SIZES, qk_norm=True)
    before = model(TOKENS)
    with torch.no_grad():
        for block in model.blocks:
            block.attention.query_key_value.weight[:32] *= 1000  # Queries and keys; values stay.
    torch.testing.assert_close(model(TOKENS), before, rtol=1e-2, atol=1e-3)


def test_soft_cap_bounds_the_logits():
    model = Llama(**SIZES, logit_softcap=2.0)
    assert model.logits(model(TOKENS) * 1000).abs().max() <= 2


def test_z_loss_counts_in_training_only():
    model = Llama(**SIZES, z_loss=1.0)
    hidden, targets = model(TOKENS), TOKENS.roll(-1)
    extra = model.train().loss(hidden, targets).total - model.eval().loss(hidden, targets).total
    torch.testing.assert_close(extra, model.logits(hidden).logsumexp(-1).square().sum())

import pytest
import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from gpt_exp.interfaces import IGNORE_INDEX
from gpt_exp.model.gpt2 import GPT2
from gpt_exp.model.llama import Llama
from gpt_exp.model.loss import chunked_cross_entropy

BATCH, TIME, DIM, VOCAB = 3, 5, 8, 17
MODELS = (GPT2, Llama)
FEW_ROWS = 4 * VOCAB * 4  # Bytes of a chunk of four rows: the fifteen make four chunks, the last one short.


def inputs(dtype=torch.float32):
    torch.manual_seed(0)
    hidden = torch.randn(BATCH, TIME, DIM, dtype=dtype, requires_grad=True)
    weight = torch.randn(VOCAB, DIM, dtype=dtype, requires_grad=True)
    targets = torch.randint(VOCAB, (BATCH, TIME))
    targets[0, 2] = targets[2, 4] = IGNORE_INDEX
    return hidden, weight, targets


def reference(hidden, weight, targets, softcap=None, z_loss=0.0, label_smoothing=0.0):
    logits = (hidden @ weight.T).flatten(0, 1)
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    if softcap is not None:
        logits = softcap * (logits / softcap).tanh()
    targets = targets.flatten()
    z = logits.logsumexp(-1)[targets != IGNORE_INDEX].square().sum()
    smoothed = F.cross_entropy(logits, targets, reduction="sum", label_smoothing=label_smoothing)
    return smoothed + z_loss * z


TERMS = [
    {},
    {"softcap": 3.0},
    {"z_loss": 0.01},
    {"softcap": 2.0, "z_loss": 0.1},
    {"label_smoothing": 0.1},
    {"label_smoothing": 1.0},
    {"softcap": 2.0, "z_loss": 0.1, "label_smoothing": 0.3},
]


@pytest.mark.parametrize("logits_bytes", [1, FEW_ROWS, 2**20])
@pytest.mark.parametrize("terms", TERMS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_value_and_gradients_are_those_of_cross_entropy(logits_bytes, terms, dtype):
    hidden, weight, targets = inputs(dtype)
    loss = chunked_cross_entropy(hidden, weight, targets, logits_bytes=logits_bytes, **terms)
    expected = reference(hidden, weight, targets, **terms)
    tolerance = 1e-6 if dtype == torch.float32 else 1e-13
    torch.testing.assert_close(loss.total, expected, rtol=tolerance, atol=tolerance)
    assert loss.num_targets == BATCH * TIME - 2
    # A scale: the backward pass must pass on the gradient that it gets.
    gradients = torch.autograd.grad(loss.total * 0.3, (hidden, weight))
    expected_gradients = torch.autograd.grad(expected * 0.3, (hidden, weight))
    torch.testing.assert_close(gradients, expected_gradients, rtol=10 * tolerance, atol=tolerance)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_a_models_loss_smooths_its_own_logits(model):
    torch.manual_seed(0)
    model = model(vocab_size=VOCAB, context_length=TIME, num_layers=1, num_heads=2, embedding_dim=DIM)
    tokens, targets = torch.randint(VOCAB, (2, BATCH, TIME))
    hidden = model(tokens)
    expected = F.cross_entropy(
        model.logits(hidden).flatten(0, 1), targets.flatten(), reduction="sum", label_smoothing=0.4
    )
    torch.testing.assert_close(model.loss(hidden, targets, label_smoothing=0.4).total, expected)


@pytest.mark.parametrize("label_smoothing", [-0.1, 1.1])
def test_an_impossible_smoothing_is_refused(label_smoothing):
    with pytest.raises(ValueError, match=rf"label_smoothing={label_smoothing} must lie in \[0, 1\]"):
        chunked_cross_entropy(*inputs(), label_smoothing=label_smoothing)


def test_autocast_stays_near_full_precision():
    hidden, weight, targets = inputs()
    with torch.autocast("cpu", torch.bfloat16):
        loss = chunked_cross_entropy(hidden, weight, targets, logits_bytes=FEW_ROWS).total
    expected = reference(hidden, weight, targets)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, expected, rtol=1e-2, atol=0)
    gradients = torch.autograd.grad(loss, (hidden, weight))
    for ours, theirs in zip(gradients, torch.autograd.grad(expected, (hidden, weight)), strict=True):
        assert ours.dtype == torch.float32
        assert (ours - theirs).norm() < 2e-2 * theirs.norm()


@pytest.mark.parametrize("label_smoothing", [0.0, 0.2])
def test_gradcheck(label_smoothing):
    hidden, weight, targets = inputs(torch.float64)

    def loss(hidden, weight):
        terms = {"softcap": 5.0, "z_loss": 0.1, "label_smoothing": label_smoothing}
        return chunked_cross_entropy(hidden, weight, targets, logits_bytes=FEW_ROWS, **terms).total

    assert torch.autograd.gradcheck(loss, (hidden, weight))


def test_only_wanted_gradients_are_computed():
    hidden, weight, targets = inputs()
    (expected,) = torch.autograd.grad(reference(hidden, weight, targets), hidden)
    loss = chunked_cross_entropy(hidden, weight.detach(), targets).total
    torch.testing.assert_close(torch.autograd.grad(loss, hidden)[0], expected, rtol=1e-5, atol=1e-6)
    with torch.no_grad(), Largest() as without_gradients:
        assert not chunked_cross_entropy(hidden, weight, targets).total.requires_grad
    assert not {(BATCH * TIME, DIM), (VOCAB, DIM)} & without_gradients.made


def test_no_targets_give_no_loss_and_no_gradient():
    hidden, weight, _ = inputs()
    loss = chunked_cross_entropy(hidden, weight, torch.full((BATCH, TIME), IGNORE_INDEX))
    assert loss.total == 0 and loss.num_targets == 0
    assert all(not gradient.any() for gradient in torch.autograd.grad(loss.total, (hidden, weight)))


class Largest(TorchDispatchMode):
    """The largest tensor that any operation makes, and the shapes of those with memory of their own."""

    def __enter__(self):
        self.num_elements, self.made = 0, set()
        return super().__enter__()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor):
                self.num_elements = max(self.num_elements, tensor.numel())
                if not function.is_view:
                    self.made.add(tuple(tensor.shape))
        return result


@pytest.mark.parametrize("autocast", [False, True])
def test_logits_of_the_batch_never_stand_in_memory(autocast):
    hidden, weight = torch.randn(4, 64, 8, requires_grad=True), torch.randn(512, 8, requires_grad=True)
    targets = torch.randint(512, (4, 64))
    with Largest() as largest, torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        loss = chunked_cross_entropy(hidden, weight, targets, logits_bytes=16 * 512 * 4)
        loss.total.backward()
    assert largest.num_elements == 16 * 512


@pytest.mark.filterwarnings("ignore:.*should not be instantiated")  # What torch does itself in compiling.
def test_compiles_in_one_graph():
    hidden, weight, targets = inputs()
    compiled = torch.compile(chunked_cross_entropy, backend="aot_eager", fullgraph=True)
    with torch.autocast("cpu", torch.bfloat16):
        loss = compiled(hidden, weight, targets, logits_bytes=FEW_ROWS).total
        expected = chunked_cross_entropy(hidden, weight, targets, logits_bytes=FEW_ROWS).total
    gradients = torch.autograd.grad(loss, (hidden, weight))
    torch.testing.assert_close(gradients, torch.autograd.grad(expected, (hidden, weight)))

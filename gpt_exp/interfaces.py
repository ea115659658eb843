"""The contracts. Read this first: a part imports this file and no sibling; the config joins the parts.

Shapes are written `(batch, time)`; tokens are int64; losses are in nats.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

if TYPE_CHECKING:  # Sources and tokenizers are imported where torch must not be.
    import numpy as np
    import torch
    from torch import Tensor, nn
    from torchmetrics import Metric

IGNORE_INDEX = -100  # A target that carries no loss: torch's own convention.


class Piece(NamedTuple):
    """Some text of a document; a long document comes as many consecutive pieces with one key."""

    text: str
    document: str  # The same in every run and on every machine: it decides the document's split.


class Source(Protocol):
    """Where text comes from (`gpt_exp/data/`). Imports no torch."""

    def fingerprint(self) -> str:
        """A sha256 over everything that `pieces` will give; equal content, equal fingerprint."""

    def pieces(self) -> Iterator[Piece]:
        """All documents in a fixed order, in bounded memory."""


Record = Mapping[
    str, Any
]  # One item of a task's data by field: {"source": "A dog .", "target": "Ein Hund ."}.


class Records(Protocol):
    """Where a task's items come from (`gpt_exp/data/`). Imports no torch."""

    def fingerprint(self) -> str:
        """A sha256 over everything that `read` will give; equal content, equal fingerprint."""

    def read(self) -> Mapping[str, Sequence[Record]]:
        """All records by split, in a fixed order: "train", and those that the data bring along.

        Where there is no "val" or "test" it is taken from "train" (`gpt_exp/corpus/record_split.py`): records
        with an equal value in the field "group", if they have one, stay together. Raises ValueError.
        """


class Tokenizer(Protocol):
    """Text to tokens and back (`gpt_exp/tokenizer/`). Imports no torch."""

    vocab_size: int
    end_of_text: int  # Stands before every document, and so after every document but the last.

    def encode(self, text: str) -> list[int]: ...
    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]: ...
    def decode(self, tokens: Sequence[int]) -> str: ...
    def save(self, folder: Path) -> None:
        """Write `tokenizer.json` in Hugging Face's format; it opens as `gpt_exp.tokenizer.file`."""


class Example(NamedTuple):
    """One training sequence, as arrays: a token more than the model reads, for the last target."""

    tokens: np.ndarray  # (time + 1,)
    documents: np.ndarray | None = None  # (time,): the number of each token's document in the sequence.
    is_target: np.ndarray | None = None  # (time,): which of tokens[1:] carry loss; None: all.
    extras: Mapping[str, np.ndarray] | None = None  # A task's own: its label, its span, its image.
    task: str | None = None  # Where several tasks are learnt: the name of the one it is of.


class Examples(Protocol):
    """Example i, for any i >= 0, as a pure function of (seed, i)."""

    def __getitem__(self, index: int) -> Example: ...


class FiniteExamples(Examples, Protocol):
    """Every token of a split once as target; the last example is padded (token IGNORE_INDEX)."""

    def __len__(self) -> int: ...


class TokenStream(Protocol):
    """A long stream of tokens, in memory or mapped from files: numpy's arrays are such a stream."""

    def __len__(self) -> int: ...
    def __getitem__(self, window: slice, /) -> np.ndarray: ...


class Sampling(Protocol):
    """How a stream of tokens is cut into sequences (`gpt_exp/sampling/`)."""

    def training(
        self, tokens: TokenStream, *, context_length: int, end_of_text: int, seed: int
    ) -> Examples: ...
    def evaluation(self, tokens: TokenStream, *, context_length: int, end_of_text: int) -> FiniteExamples: ...


class EncodedRecords(Protocol):
    """The examples of a split's records, in the records' order."""

    @property
    def lengths(self) -> np.ndarray:
        """How many tokens the model reads of each, before augmentation, `(records,)`."""

    def __len__(self) -> int: ...
    def example(self, index: int, *, epoch: int | None) -> Example:
        """Record number `index`, as it is augmented in this epoch; None: as it is."""


class RecordExamples(Examples, Protocol):
    """Training examples made of records."""

    tokens_per_example: float  # That the model reads, on average, before augmentation and without padding.


@runtime_checkable
class RecordSampling(Protocol):
    """Which records stand together in a batch or a sequence (`gpt_exp/sampling/`)."""

    def training_records(
        self, records: EncodedRecords, *, context_length: int, batch_size: int, seed: int
    ) -> RecordExamples: ...
    def evaluation_records(self, records: EncodedRecords) -> FiniteExamples: ...


class Batch(NamedTuple):
    """What a model reads and must predict."""

    tokens: Tensor  # (batch, time)
    targets: Tensor  # (batch, time); IGNORE_INDEX carries no loss
    documents: Tensor | None = None  # (batch, time); tokens attend within their own document only
    extras: Mapping[str, Tensor] | None = None  # Of its examples, stacked.


class Loss(NamedTuple):
    """A loss that can be averaged over any set of batches without bias."""

    total: Tensor  # Sum over the targets, in nats.
    num_targets: Tensor


class Goal(NamedTuple):
    """By what the best of a run's checkpoints is chosen."""

    metric: str  # As metrics.jsonl has it: "val/loss".
    mode: str = "min"  # Or max: which values are good.

    def prefers(self, value: float, to: float) -> bool:
        return value < to if self.mode == "min" else value > to


class LanguageModel(Protocol):
    """A decoder (`gpt_exp/model/`): an `nn.Module` that knows no trainer, no config, no data."""

    shape: Any  # gpt_exp.model.shape.Shape: sizes, exact parameter and FLOP counts.
    blocks: nn.ModuleList  # What is sharded, checkpointed and unfrozen piece by piece.

    def __call__(
        self,
        tokens: Tensor,
        *,
        documents: Tensor | None = None,
        cache: Any = None,
        prefix: Tensor | None = None,
    ) -> Tensor:
        """Final hidden states `(batch, time, embedding_dim)`.

        `prefix` `(batch, n, embedding_dim)` stands in place of the embeddings of the first n of these tokens:
        what comes before a text and is none, such as an image. A model may go without it, as without a cache.

        With a cache, `documents` are those of the new tokens; where they are None, each row goes on with the
        document in which its cache ends. Prompts of unequal lengths are one batch so: the padding in front is
        a document of its own. A model that ignores documents reads prompts of each length apart, without a
        cache.
        """

    def logits(self, hidden: Tensor) -> Tensor:
        """`(batch, time, vocab)`"""

    def loss(self, hidden: Tensor, targets: Tensor, *, label_smoothing: float = 0.0) -> Loss:
        """Cross-entropy, in chunks: the whole batch's logits never stand in memory.

        `label_smoothing` of a target is spread over all tokens alike, as in torch's cross_entropy.
        """

    def new_cache(self, batch_size: int, max_length: int) -> Any:
        """An empty key-value cache; passing it to a call appends to it.

        A method `select(rows)`, `rows` int64 `(new batch,)`, keeps those rows in that order. Without it all
        is read again wherever a batch changes (beam search, sequences that end).
        """


@runtime_checkable
class AdaptedToTasks(Protocol):
    """A model in which tasks have matrices of their own (`gpt_exp/adapter/per_task.py`)."""

    def use_adapter_of(self, task: str) -> None:
        """Read with this task's from now on; with the shared ones alone for a task without."""


@runtime_checkable
class WidthScaled(Protocol):
    """A model whose learning rates are those of a narrower one, its base (`gpt_exp/optimizer/width.py`)."""

    def fan_in_ratios(self) -> Mapping[str, float]:
        """How many times the base's inputs a matrix has, by parameter's name; others have as many."""


Model = Any  # A torch module that keeps the contract of LanguageModel: Python can't say "both".


Prompts = Sequence[Sequence[int]]  # Of any lengths, at least a token each.


class Rules(NamedTuple):
    """What every continuation keeps to, however it is decoded; functions see its new tokens alone."""

    max_new_tokens: int
    stop_tokens: Collection[int] = ()  # End a sequence and are no part of it.
    stop: Callable[[Sequence[int]], bool] | None = None  # Whether these end it: the last one is kept.
    allowed: Callable[[Sequence[int]], Collection[int]] | None = None  # What may follow; nothing: the end.


class Decoding(Protocol):
    """How a model continues prompts (`gpt_exp/decoding/`), each as if it were alone in the batch.

    When a sequence fills the context, the model reads its last half again and goes on.
    """

    draws: bool  # Whether other seeds may give other continuations.

    def __call__(
        self, model: Model, prompts: Prompts, rules: Rules, *, seeds: Sequence[int] | None = None
    ) -> list[list[int]]:
        """Each prompt's new tokens. `seeds`, one a prompt, decide what is drawn; None: anew each time."""


@runtime_checkable
class Streaming(Decoding, Protocol):
    """A decoding that knows a token at a time."""

    def stream(
        self, model: Model, prompts: Prompts, rules: Rules, *, seeds: Sequence[int] | None = None
    ) -> Iterator[list[int | None]]:
        """The next token of each sequence, None for one that has ended; ends with the last of them."""


class Hypothesis(NamedTuple):
    """A continuation and how good the search thinks it is."""

    tokens: list[int]
    score: float  # In nats; higher is better.


@runtime_checkable
class Searching(Decoding, Protocol):
    """A decoding that weighs several continuations."""

    def search(
        self, model: Model, prompts: Prompts, rules: Rules, *, num_best: int = 1
    ) -> list[list[Hypothesis]]:
        """The best continuations of each prompt, best first, at most `num_best`."""


class Task(Protocol):
    """What a model is trained to do (`gpt_exp/task/`): batches and their loss."""

    name: str

    def collate(self, examples: Sequence[Example]) -> Batch: ...
    def loss(self, model: LanguageModel, batch: Batch) -> Loss: ...


class TextTask(Task, Protocol):
    """A task whose data are a stream of text."""

    def metric(self, *, bytes_per_target: float | None) -> Metric:
        """A fresh metric: `update(loss)`, then `compute()` gives a dict of plain names to scalars."""


class Prediction(NamedTuple):
    """What a model made of one record, and what it should have made; both are plain JSON."""

    output: Any  # A text, a label, a ranking ...
    reference: Any
    input: Any = None  # What a reader of predictions should see of the record.


class PredictionMetric(Protocol):
    """A torchmetrics Metric over predictions that is a function of sums over them.

    So it adds up over batches and devices, and a bootstrap draws rows of `statistics` (gpt_exp/task/metric/).
    """

    main: str  # The name of the figure that is told first.
    higher_is_better: bool  # Whether more of `main` is better.
    best: float  # What `main` is where all is right: 100, 1.

    def update(self, predictions: Sequence[Prediction]) -> None: ...
    def score(self, prediction: Prediction) -> float:
        """How good one prediction is, by which the best and the worst are found."""

    def compute(self) -> dict[str, Tensor]: ...
    def reset(self) -> None: ...
    def statistics(self, prediction: Prediction) -> np.ndarray:
        """What one prediction adds to the sums, `(num_statistics,)` float64."""

    def values(self, sums: np.ndarray) -> dict[str, float]:
        """The figures by name, from sums over any number of predictions."""


@runtime_checkable
class RecordTask(Task, Protocol):
    """A task whose data are records: how one is read, answered and judged."""

    heads: Mapping[str, Callable[[Any], nn.Module]]  # What it asks the model to host, made from its shape.

    def example(self, record: Record, tokenizer: Tokenizer, *, context_length: int) -> Example:
        """What is learnt from a record, at most `context_length + 1` tokens; ValueError for a bad record."""

    def num_targets(self, example: Example) -> int:
        """How many targets `loss` counts of an example."""

    def predict(
        self,
        model: Model,
        records: Sequence[Record],
        tokenizer: Tokenizer,
        decoding: Decoding,
        *,
        shots: Sequence[Record] = (),
    ) -> list[Prediction]:
        """The answers to a batch of records, after the solved records `shots` where there are any."""

    def metric(self) -> PredictionMetric: ...


@runtime_checkable
class Answering(RecordTask, Protocol):
    """A record task that can be asked in words and answers in words."""

    max_new_tokens: int
    stop: Sequence[str]  # Strings that end an answer.

    def ask(self, text: str) -> Record:
        """A record without its answer: its fields as a JSON object, or a text as the main field."""

    def generate(
        self,
        model: Model,
        records: Sequence[Record],
        tokenizer: Tokenizer,
        decoding: Decoding,
        *,
        seeds: Sequence[int] | None = None,
    ) -> list[str]:
        """The answers to records; `seeds`, one each, decide what is drawn. ValueError for a missing field."""


@runtime_checkable
class OfItems(RecordTask, Protocol):
    """A record task about items that are no text: beside text each has a token of its own."""

    def items(self, record: Record) -> Sequence[str]: ...


@runtime_checkable
class Choosing(RecordTask, Protocol):
    """A record task whose loss is cross-entropy over choices: tokens, or labels."""

    label_smoothing: float

    def scores(self, model: Model, batch: Batch) -> tuple[Tensor, Tensor]:
        """Logits `(targets, choices)` and targets `(targets,)`, some of which may be IGNORE_INDEX."""


@runtime_checkable
class Labelling(RecordTask, Protocol):
    """A record task that can answer records without their answer, and tell how sure it is."""

    target: str  # The field that holds the answer.

    def sure_answers(
        self, model: Model, records: Sequence[Record], tokenizer: Tokenizer, decoding: Decoding
    ) -> list[tuple[str, float]]:
        """Each record's answer with its probability: a label's, or the geometric mean of a text's tokens."""


class Augmentation(Protocol):
    """Another training record from a training record (`gpt_exp/augmentation/`). Imports no torch."""

    def __call__(self, record: Record, random: np.random.Generator) -> Record:
        """A changed copy; all chance comes from `random`."""


OptimizerFactory = Callable[["nn.Module"], "torch.optim.Optimizer"]
Schedule = Callable[[int], float]  # Optimizer step, from 0, to a factor of the learning rate.


class Mixture(Protocol):
    """How often each task of several is trained (`gpt_exp/mixture/`). Imports no torch.

    Made with `sizes`, the training records of each task by its name, whose order is that of all arrays.
    """

    def shares(self, step: int) -> np.ndarray:
        """Each task's share of a step's examples, `(tasks,)`, adding up to 1."""


@runtime_checkable
class AdaptiveMixture(Mixture, Protocol):
    """A mixture that learns from validation; its state is part of a checkpoint."""

    def adapt(self, step: int, losses: np.ndarray) -> None:
        """Take each task's validation loss `(tasks,)` into account from this step on."""

    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state: Mapping[str, Any]) -> None: ...


class Balancing(Protocol):
    """How much each of several tasks counts (`gpt_exp/balance/`): an `nn.Module` made with the tasks' names.

    `(tasks,)` stands in the order of `names`. What is learnt lies in buffers, none in parameters, and changes
    between steps only: all devices, told the same, keep the same, and a checkpoint goes on with the same.
    """

    names: tuple[str, ...]

    def loss(self, losses: Tensor) -> Tensor:
        """The scalar to differentiate in a micro-batch: linear in `losses`, so it adds up over a step.

        `losses` `(tasks,)` are what this micro-batch adds to each task's mean over the targets of the whole
        step: its sum in nats by the step's number of targets, and 0 for a task that it has no targets of.
        """

    def weights(self) -> dict[str, float]:
        """What each task's loss is multiplied with in the next step, by name, for the log."""


@runtime_checkable
class Adapting(Balancing, Protocol):
    """A balancing that learns from the losses."""

    def after_step(self, losses: Tensor) -> None:
        """Told once a step: its mean losses `(tasks,)`, unweighted.

        A loss that is not finite is passed over: NaN stands for a task without targets in this step.
        """


@runtime_checkable
class NormBalancing(Balancing, Protocol):
    """A balancing that learns from how hard each task pulls at the weights that all share."""

    def after_norms(self, losses: Tensor, norms: Tensor) -> None:
        """Told once a step: its mean losses and the norms of their gradients `(tasks,)`, both unweighted.

        The gradients are by weights that all tasks share, such as the last block's. A task that has no loss
        or norm above 0 is passed over: NaN stands for one without targets in this step.
        """


@runtime_checkable
class GradientBalancing(Balancing, Protocol):
    """A balancing that combines the tasks' gradients, instead of taking that of `loss`."""

    def combine(self, gradients: Tensor, generator: torch.Generator) -> Tensor:
        """The gradient to step with `(num_parameters,)` from each task's `(tasks, num_parameters)`.

        They are those of the whole step's mean losses, unweighted; zeros for a task without targets in it.
        All chance comes from `generator`, on the CPU: a function of (seed, step), equal on all devices.
        """


BalancingFactory = Callable[[Sequence[str]], Balancing]  # From the tasks' names.

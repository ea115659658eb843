"""Several sources as one: divided one by one, read in their shares."""

import numpy as np
import pytest
from lightning.pytorch import Callback
from made_runs import ASSETS, TINY, create

from gpt_exp import job
from gpt_exp.config.jobs import composed
from gpt_exp.corpus.blended import TrainingTexts, prepare_blend
from gpt_exp.corpus.prepare import prepare
from gpt_exp.corpus.split import Split
from gpt_exp.data.blend import Blend
from gpt_exp.data.text import TextFiles
from gpt_exp.errors import UserError
from gpt_exp.mixture.quotas import Quotas
from gpt_exp.tokenizer.byte import byte

SPLIT = Split(val_fraction=0.1, test_fraction=0.1)
STEPS = 12
RUN = [
    *(each for each in TINY if not each.startswith("data")),
    "data=blend",
    "+data@data.sources.prose=text",
    f"data.sources.prose.paths=[{ASSETS / 'public_domain.txt'}]",
    "+data@data.sources.numbers=text",
    "batch_size=8",
    f"trainer.max_steps={STEPS}",
    "trainer.limit_val_batches=1",
    "callback.checkpoint.every_n_steps=4",
    "mixture=annealed",
    "mixture@mixture.begin=explicit",
    "mixture.begin.weights={prose: 3, numbers: 1}",
    "mixture@mixture.end=explicit",
    "mixture.end.weights={prose: 1, numbers: 7}",
    "mixture.begin_step=2",
    "mixture.end_step=9",
]


class Crash(BaseException):
    """What no code of the run catches: stands for SIGKILL."""


@pytest.fixture
def numbers(tmp_path):
    path = tmp_path / "numbers.txt"
    path.write_text("\n".join(str(number) for number in range(1000, 3000)))
    return path


@pytest.fixture
def new_blend(tmp_path, numbers):
    given = [*RUN, f"data.sources.numbers.paths=[{numbers}]"]
    return lambda *overrides, name="run": create(tmp_path, name, [*given, *overrides])


def text_of(source, split):
    return "".join(piece.text for part, piece in split.plan(source).divide(source) if part == "train")


def test_a_source_is_divided_as_if_it_were_alone(tmp_path, numbers):
    sources = {"a": TextFiles(paths=str(ASSETS / "public_domain.txt")), "b": TextFiles(paths=str(numbers))}
    blended = prepare_blend(sources, byte(), SPLIT, cache=tmp_path)
    alone = {name: prepare(each, byte(), SPLIT, cache=tmp_path / name) for name, each in sources.items()}
    for part in ("train", "val", "test"):
        whole = np.concatenate([each.tokens(part)[:] for each in alone.values()])
        assert np.array_equal(blended.tokens(part)[:], whole)
        counts = [each.meta["parts"][part] for each in alone.values()]
        assert blended.meta["parts"][part] == {key: sum(each[key] for each in counts) for key in counts[0]}
    assert blended.bytes_per_target("val") == blended.meta["parts"]["val"]["num_bytes"] / (
        len(blended.tokens("val")) - 1
    )


def test_a_tokenizer_learns_from_training_parts_alone(numbers):
    sources = {"a": TextFiles(paths=str(ASSETS / "public_domain.txt")), "b": TextFiles(paths=str(numbers))}
    texts = TrainingTexts(sources, SPLIT)
    assert "".join(piece.text for piece in texts.pieces()) == "".join(
        text_of(each, SPLIT) for each in sources.values()
    )
    assert texts.fingerprint() != TrainingTexts(sources, Split(val_fraction=0.2)).fingerprint()
    other_way = dict(reversed(sources.items()))
    assert Blend(sources=sources).fingerprint() == Blend(sources=other_way).fingerprint()
    assert list(Blend(sources=other_way).sources) == sorted(sources)
    assert Blend(sources=sources).fingerprint() != Blend(sources=sources | {"b": sources["a"]}).fingerprint()


def test_each_step_reads_as_much_of_a_source_as_the_mixture_says(new_blend, keep_process_state, monkeypatch):
    from gpt_exp.module.pretraining import Pretraining

    compute_loss, read = Pretraining.compute_loss, []

    def counted(self, batch):
        if self.training:
            is_number = ((batch.tokens >= 48) & (batch.tokens < 58)).float().mean(1) > 0.5
            read.append(int(is_number.sum()))
        return compute_loss(self, batch)

    monkeypatch.setattr(Pretraining, "compute_loss", counted)
    assert job.run(new_blend()) == 0
    parts = [min(1.0, max(0.0, (step - 2) / 7)) for step in range(STEPS)]
    shares = [np.array([0.25, 0.75]) * (1 - part) + np.array([0.875, 0.125]) * part for part in parts]
    quotas = Quotas(lambda step: shares[step], 8)
    assert read == [quotas.counts(step)[0] for step in range(STEPS)]
    assert read[0] == 2 and read[-1] == 7


def test_a_run_that_was_broken_off_goes_on_with_the_same_bits(new_blend, keep_process_state, monkeypatch):
    monkeypatch.setattr(job, "finish", lambda *args: None)
    whole, broken = new_blend(name="whole"), new_blend("trainer.accumulate_grad_batches=1", name="broken")

    def crash(self, trainer, *args):
        if trainer.global_step == 6:
            raise Crash

    assert job.run(whole) == 0
    with monkeypatch.context() as patched, pytest.raises(Crash):
        patched.setattr(Callback, "on_train_batch_start", crash)
        job.run(broken)
    assert job.run(broken) == 0
    weights = [(run.checkpoint(STEPS) / "model.safetensors").read_bytes() for run in (whole, broken)]
    assert weights[0] == weights[1]
    assert whole.metrics.read_bytes() == broken.metrics.read_bytes()


def test_a_source_that_is_too_short_is_named(numbers, tmp_path):
    (tmp_path / "one.txt").write_text("1")
    sources = {"numbers": TextFiles(paths=str(numbers)), "one": TextFiles(paths=str(tmp_path / "one.txt"))}
    with pytest.raises(ValueError, match=r"^data\.sources\.one: .*empty"):
        prepare_blend(sources, byte(), SPLIT, cache=tmp_path)
    with pytest.raises(ValueError, match=r"^data\.sources\.one: .*empty"):
        list(TrainingTexts(sources, SPLIT).pieces())


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (
            ["mixture.end.weights={proze: 2}"],
            "mixture.end.weights.proze: no such name; there is prose,",
        ),
        (["growth=batch"], "growth.batch_size: data=blend mixes its sources in batches of one size"),
        (["data.sources.prose=5"], "data.sources.prose: is no source of text"),
        (["data.sources.prose.paths=[/no/such.txt]"], "data.sources.prose.paths: /no/such.txt matches no"),
        (["data.sources.prose.paths=[no/such.txt]"], "data.sources.prose.paths: no/such.txt matches no file"),
    ],
)
def test_a_mistake_is_a_line(overrides, line, numbers):
    given = (*RUN, f"data.sources.numbers.paths=[{numbers}]", *overrides)
    (problem,) = composed("train", given, None, "train").problems
    assert str(problem).startswith(line)


def test_a_mixture_that_learns_from_validation_is_refused():
    library = "+data@data.sources.library=standard_library"
    (problem,) = composed("train", ("data=blend", library, "mixture=adaptive"), None, "train").problems
    assert str(problem).startswith(
        "mixture: adapts to each task's own validation, and the sources of a blend"
    )


def test_a_blend_needs_sources_of_text(new_blend):
    for given in ((), ("data.sources={}",)):
        (problem,) = composed("train", ("data=blend", *given), None, "train").problems
        assert str(problem).startswith("data.sources: needs ")
    records = f"{{_target_: gpt_exp.data.delimited.Delimited, train: {ASSETS / 'pairs.tsv'}}}"
    folder = new_blend("~data.sources.prose", f"+data.sources.prose={records}")
    with pytest.raises(UserError, match="gives records, and no text"):
        job.run(folder)

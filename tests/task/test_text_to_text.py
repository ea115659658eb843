import pytest
import torch

from gpt_exp.decoding.beam import Beam
from gpt_exp.decoding.greedy import Greedy
from gpt_exp.decoding.sampling import Sampling
from gpt_exp.interfaces import IGNORE_INDEX
from gpt_exp.model.llama import Llama
from gpt_exp.task import text_to_text
from gpt_exp.task.prompt import value
from gpt_exp.task.translation import Translation
from gpt_exp.tokenizer.byte import byte

TOKENIZER = byte()
END = TOKENIZER.end_of_text
PAIRS = [  # From the catalogs of free software.
    {"source": "Air quality day 2", "target": "Luftqualität Tag 2"},
    {"source": "Save and continue editing", "target": "Sichern und weiter bearbeiten"},
    {"source": "Log out", "target": "Abmelden"},
]


@pytest.fixture
def task():
    return Translation(template="{source} =>", max_new_tokens=32)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Llama(vocab_size=257, context_length=80, num_layers=2, num_heads=2, embedding_dim=32)


def test_the_target_and_its_end_alone_are_learnt(task):
    example = task.example(PAIRS[0], TOKENIZER, context_length=80)
    tokens = example.tokens.tolist()
    assert TOKENIZER.decode(tokens[1:-1]) == "Air quality day 2 => Luftqualität Tag 2"
    assert tokens[0] == tokens[-1] == END
    learnt = [token for token, is_target in zip(tokens[1:], example.is_target, strict=True) if is_target]
    assert TOKENIZER.decode(learnt[:-1]) == " Luftqualität Tag 2"
    assert learnt[-1] == END


def test_the_prompt_of_training_is_that_of_answering(task):
    example = task.example(PAIRS[1], TOKENIZER, context_length=80)
    prompt = task.prompt(PAIRS[1], TOKENIZER, room=60)
    assert example.tokens[: len(prompt)].tolist() == prompt
    assert not example.is_target[: len(prompt) - 1].any()
    assert example.is_target[len(prompt) - 1 :].all()


def test_padding_changes_no_loss(task, model):
    examples = [task.example(pair, TOKENIZER, context_length=80) for pair in PAIRS]
    together = task.loss(model, task.collate(examples))
    alone = [task.loss(model, task.collate([example])) for example in examples]
    assert together.total.item() == pytest.approx(sum(loss.total.item() for loss in alone), rel=1e-5)
    assert int(together.num_targets) == sum(int(loss.num_targets) for loss in alone)
    targets = task.collate(examples).targets
    assert int((targets != IGNORE_INDEX).sum()) == int(together.num_targets)


def test_labels_are_smoothed_in_training_alone(model):
    batch = Translation(template="{source}").collate(
        [Translation(template="{source}").example(pair, TOKENIZER, context_length=80) for pair in PAIRS]
    )
    plain, smooth = (Translation(template="{source}", label_smoothing=e) for e in (0.0, 0.2))
    assert plain.loss(model, batch).total.item() != pytest.approx(smooth.loss(model, batch).total.item())
    model.eval()
    assert plain.loss(model, batch).total.item() == smooth.loss(model, batch).total.item()


def test_a_long_source_gives_way_and_the_rest_of_the_prompt_stays(task):
    record = {"source": "x" * 500, "target": "kurz"}
    tokens = task.example(record, TOKENIZER, context_length=80).tokens
    assert len(tokens) == 81
    assert TOKENIZER.decode(tokens[1:-1].tolist()).endswith("xxx => kurz")


def test_a_long_target_takes_half_of_the_context(task):
    record = {"source": "kurz", "target": "y" * 500}
    example = task.example(record, TOKENIZER, context_length=80)
    assert len(example.tokens) <= 81
    assert example.is_target.sum() == 40
    assert example.tokens[-1] == ord("y")  # That it ends there would be wrong.
    assert TOKENIZER.decode(example.tokens[1:9].tolist()) == "kurz => "


def test_shots_stand_solved_before_the_question_as_far_as_there_is_room(task, caplog):
    text_to_text._warn_of_room.cache_clear()
    for _ in range(2):
        prompt = TOKENIZER.decode(task.prompt(PAIRS[2], TOKENIZER, room=70, shots=PAIRS[:2])[1:])
        assert prompt == "Air quality day 2 => Luftqualität Tag 2\n\nLog out =>"
    assert caplog.messages == ["some prompts have room for 1 of the 2 shots"]  # Once.


@pytest.mark.parametrize("decoding", [Greedy(), Beam(num_beams=3)])
def test_a_model_that_learnt_the_pairs_gives_their_targets(task, model, decoding):
    batch = task.collate([task.example(pair, TOKENIZER, context_length=80) for pair in PAIRS])
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for _ in range(120):
        optimizer.zero_grad()
        loss = task.loss(model, batch)
        (loss.total / loss.num_targets).backward()
        optimizer.step()
    found = task.predict(model, PAIRS, TOKENIZER, decoding)
    assert [p.output for p in found] == [p.reference for p in found] == [pair["target"] for pair in PAIRS]
    assert [p.input for p in found] == [pair["source"] for pair in PAIRS]


def test_a_field_that_is_not_there_is_told_with_those_that_are(task):
    with pytest.raises(ValueError, match=r"no field 'source', only text, target: data.fields.source=NAME"):
        task.example({"text": "a", "target": "b"}, TOKENIZER, context_length=80)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"template": "Translate:"}, "has no field"),
        ({"template": "{source}", "label_smoothing": 1.0}, r"label_smoothing=1.0 is outside \[0, 1\)"),
        ({"template": "{source}", "max_new_tokens": 0}, "max_new_tokens=0 must be at least 1"),
    ],
)
def test_a_setting_out_of_its_range_is_told(settings, message):
    with pytest.raises(ValueError, match=message):
        Translation(**settings)


def test_a_prompt_is_seen_whatever_the_number_of_new_tokens(model):
    seen = []

    def decoding(model, prompts, rules, *, seeds=None):
        seen.extend(prompts)
        return [[] for _ in prompts]

    Translation(template="{source} =>", max_new_tokens=500).generate(model, PAIRS[:1], TOKENIZER, decoding)
    assert TOKENIZER.decode(seen[0][1:]) == "Air quality day 2 =>"


def test_predictions_that_are_drawn_are_the_same_in_every_run_and_batch(task, model):
    together = task.predict(model, PAIRS, TOKENIZER, Sampling())
    assert together == [task.predict(model, [pair], TOKENIZER, Sampling())[0] for pair in PAIRS]
    assert len({prediction.output for prediction in together}) == len(PAIRS)


def test_nothing_stands_for_no_reference_and_null_is_refused() -> None:
    """Else "[]" and "None" would be learnt."""
    assert value({"answers": []}, "answers") == ""
    assert value({"answers": ["one", "two"]}, "answers") == "one"
    with pytest.raises(ValueError, match="field 'target' is null"):
        value({"source": "A dog .", "target": None}, "target")

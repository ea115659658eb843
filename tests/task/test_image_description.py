"""Flags of 8 x 8 pixels and their descriptions."""

import numpy as np
import pytest
import torch

from gpt_exp.decoding.beam import Beam
from gpt_exp.decoding.greedy import Greedy
from gpt_exp.model.gpt2 import GPT2
from gpt_exp.model.heads import host
from gpt_exp.model.llama import Llama
from gpt_exp.task.image_description import ImageDescription
from gpt_exp.tokenizer import character

COLOURS = {"red": (206, 17, 38), "white": (255, 255, 255), "blue": (0, 35, 149), "green": (0, 122, 61)}
STRIPES = [("blue", "white", "red"), ("green", "white", "red"), ("red", "white"), ("white", "red"), ("blue",)]


def flag(stripes, *, upright):
    image = np.empty((8, 8, 3), np.uint8)
    for number, colour in enumerate(np.array_split(np.arange(8), len(stripes))):
        image[:, colour] = COLOURS[stripes[number]]
    return image if upright else image.transpose(1, 0, 2).copy()


RECORDS = [
    {"image": flag(stripes, upright=upright), "target": f"{' '.join(stripes)} {'up' if upright else 'flat'}"}
    for stripes in STRIPES
    for upright in (True, False)
]
TOKENIZER = character.train(record["target"] for record in RECORDS)
TASK = ImageDescription(size=8, patch=4)
DECODINGS = [Greedy(), Greedy(use_cache=False), Beam(num_beams=3), Beam(num_beams=2, use_cache=False)]


def model_for(task, family=Llama):
    torch.manual_seed(0)
    model = family(
        vocab_size=TOKENIZER.vocab_size, context_length=36, num_layers=2, num_heads=2, embedding_dim=32
    )
    host(model, task.heads)
    return model


def batch_of(task, records=RECORDS):
    return task.collate([task.example(record, TOKENIZER, context_length=36) for record in records])


@pytest.fixture(scope="module", params=[Llama, GPT2])
def trained(request):
    """Not to the end: what it writes ends early and late, and is right and wrong."""
    model, batch = model_for(TASK, request.param), batch_of(TASK)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(80):
        loss = TASK.loss(model, batch)
        (loss.total / loss.num_targets).backward()
        optimizer.step()
        optimizer.zero_grad()
    return model


def outputs(model, records, decoding):
    return [each.output for each in TASK.predict(model, records, TOKENIZER, decoding)]


def test_the_text_and_its_end_are_learnt_after_the_patches():
    record = RECORDS[0]
    example = TASK.example(record, TOKENIZER, context_length=36)
    text = TOKENIZER.encode(record["target"])
    assert example.tokens.tolist() == [TOKENIZER.end_of_text] * 4 + [*text, TOKENIZER.end_of_text]
    assert example.is_target.tolist() == [False] * 3 + [True] * (len(text) + 1)
    assert (example.extras["image"] == record["image"]).all()
    assert len(TASK.example(record, TOKENIZER, context_length=7).tokens) == 4 + 3 + 1


def test_of_a_text_that_does_not_fit_the_beginning_is_learnt_and_not_that_it_ends():
    task = ImageDescription(size=8, patch=4)
    example = task.example({**RECORDS[0], "target": "x" * 50}, TOKENIZER, context_length=20)
    assert len(example.tokens) == 21
    assert example.tokens[example.is_target.argmax() + 1 :].tolist() == TOKENIZER.encode("x" * 50)[:17]


@pytest.mark.parametrize("decoding", DECODINGS, ids=lambda each: f"{type(each).__name__}-{each.use_cache}")
def test_a_batch_is_described_as_each_image_alone(trained, decoding):
    alone = [outputs(trained, [record], decoding)[0] for record in RECORDS]
    assert outputs(trained, RECORDS, decoding) == alone
    assert len({len(text) for text in alone}) > 1


def test_a_description_is_the_most_probable_one_step_by_step(trained):
    record, written = RECORDS[0], outputs(trained, RECORDS[:1], Greedy())[0]
    example = TASK.example({**record, "target": written}, TOKENIZER, context_length=36)
    prefix = trained.heads["image_prefix"](torch.from_numpy(record["image"])[None])
    with torch.no_grad():
        hidden = trained.eval()(torch.from_numpy(example.tokens[:-1])[None], prefix=prefix)
        best = trained.logits(hidden)[0].argmax(-1)
    assert best[example.is_target].tolist() == example.tokens[1:][example.is_target].tolist()


def test_what_is_written_depends_on_the_image(trained):
    right = [record["target"] for record in RECORDS]
    written = outputs(trained, RECORDS, Greedy())
    blank = [{**record, "image": np.full((8, 8, 3), 128, np.uint8)} for record in RECORDS]
    same = sum(a == b for a, b in zip(written, right, strict=True))
    assert same >= 5 and len(set(outputs(trained, blank, Greedy()))) == 1


def test_a_loss_teaches_the_projector_and_is_each_images_own():
    for task in (TASK, ImageDescription(size=8, patch=2, hidden_dim=16)):
        model = model_for(task)
        loss = task.loss(model, batch_of(task))
        loss.total.backward()
        assert all(parameter.grad.abs().sum() > 0 for parameter in model.heads.parameters())
        with torch.no_grad():
            alone = [task.loss(model, batch_of(task, [record])) for record in RECORDS]
        torch.testing.assert_close(loss.total.detach(), sum(each.total for each in alone))
        assert loss.num_targets == sum(len(record["target"]) + 1 for record in RECORDS)


@pytest.mark.parametrize(
    ("image", "told"),
    [
        (np.zeros((9, 8, 3), np.uint8), r"\(9, 8, 3\)"),
        (np.zeros((8, 8, 3)), "float64"),
        ([[0]], "list"),
        (None, "NoneType"),
    ],
)
def test_what_is_no_image_is_told(image, told):
    with pytest.raises(ValueError, match=told):
        TASK.example({"image": image, "target": "red"}, TOKENIZER, context_length=36)


@pytest.mark.parametrize(
    "setting", [{"patch": 5}, {"patch": 0}, {"max_new_tokens": 0}, {"label_smoothing": 1}]
)
def test_settings_out_of_range_are_told(setting):
    with pytest.raises(ValueError, match=next(iter(setting))):
        ImageDescription(**{"size": 8, "patch": 4, **setting})


def test_no_room_for_a_text_is_told():
    with pytest.raises(ValueError, match=r"larger task\.patch"):
        TASK.example(RECORDS[0], TOKENIZER, context_length=4)

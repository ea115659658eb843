"""The assistant's words alone are learnt and measured, and a long conversation keeps its end."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from gpt_exp.decoding.greedy import Greedy
from gpt_exp.interfaces import IGNORE_INDEX
from gpt_exp.model.gpt2 import GPT2
from gpt_exp.task.dialogue import Dialogue
from gpt_exp.tokenizer.byte import byte

ROLES = {"system": "System:", "user": "User:", "assistant": "Assistant:"}
# From The Importance of Being Earnest (public domain).
MESSAGES = [
    {"role": "user", "content": "Did you hear what I was playing, Lane?"},
    {"role": "assistant", "content": "I didn't think it polite to listen, sir."},
    {"role": "user", "content": "I'm sorry for that, for your sake."},
    {"role": "assistant", "content": "Yes, sir."},
]
RECORD = {"messages": MESSAGES}
TOKENIZER = byte()
END = TOKENIZER.end_of_text


@pytest.fixture(scope="module")
def model() -> GPT2:
    torch.manual_seed(0)
    return GPT2(vocab_size=257, context_length=256, num_layers=1, num_heads=2, embedding_dim=16)


def pieces(tokens: list[int]) -> list[str]:
    """What stands between ends of text."""
    places = [place for place, token in enumerate(tokens) if token == END]
    return [TOKENIZER.decode(tokens[a + 1 : b]) for a, b in pairwise(places)]


def learnt(task: Dialogue, record: dict, context_length: int = 256) -> list[int]:
    example = task.example(record, TOKENIZER, context_length=context_length)
    return example.tokens[1:][example.is_target].tolist()


def test_tokens_say_what_the_messages_say():
    tokens = Dialogue(roles=ROLES).example(RECORD, TOKENIZER, context_length=256).tokens.tolist()
    said = [text.split(": ", 1) for text in pieces(tokens)]
    roles = {prefix.rstrip(":"): role for role, prefix in ROLES.items()}
    assert [{"role": roles[who], "content": content} for who, content in said] == MESSAGES


def test_the_assistants_words_and_their_end_are_learnt_and_nothing_else():
    tokens = learnt(Dialogue(roles=ROLES), RECORD)
    assert pieces([END, *tokens]) == [f" {m['content']}" for m in MESSAGES if m["role"] == "assistant"]
    assert tokens[-1] == END


def test_what_users_say_does_not_count_in_the_loss(model: GPT2):
    task = Dialogue(roles=ROLES)
    batch = task.collate([task.example(RECORD, TOKENIZER, context_length=256)])
    has_target = batch.targets != IGNORE_INDEX
    assert int(has_target.sum()) == len(learnt(task, RECORD))
    logits = model.logits(model(batch.tokens))
    expected = F.cross_entropy(logits[has_target], batch.targets[has_target], reduction="sum")
    assert task.loss(model, batch).total.item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("context_length", [60, 75, 120, 256])
def test_of_a_long_conversation_the_newest_turns_are_kept(context_length: int):
    tokens = Dialogue(roles=ROLES).example(RECORD, TOKENIZER, context_length=context_length).tokens.tolist()
    whole = Dialogue(roles=ROLES).example(RECORD, TOKENIZER, context_length=256).tokens.tolist()
    assert len(tokens) <= context_length + 1
    assert tokens[1:] == whole[len(whole) - len(tokens) + 1 :]
    kept = len(pieces(tokens))
    longer = sum(len(text) + 1 for text in pieces(whole)[-kept - 1 :])
    assert kept == len(MESSAGES) or longer > context_length


def test_what_the_system_says_stays():
    system = {"role": "system", "content": "Be brief."}
    record = {"messages": [system, *MESSAGES]}
    tokens = Dialogue(roles=ROLES).example(record, TOKENIZER, context_length=80).tokens.tolist()
    first, *_, last = pieces(tokens)
    assert (first, last) == ("System: Be brief.", "Assistant: Yes, sir.")
    assert len(tokens) <= 81


def test_of_one_long_answer_the_beginning_is_learnt():
    long = {"messages": [{"role": "assistant", "content": "The truth is rarely pure and never simple."}]}
    tokens = learnt(Dialogue(roles=ROLES), long, context_length=20)
    assert TOKENIZER.decode(tokens) == " The truth"


def test_turns_can_end_in_a_text():
    task = Dialogue(roles=ROLES, end_of_turn="\n")
    tokens = task.example(RECORD, TOKENIZER, context_length=256).tokens.tolist()
    assert tokens.count(END) == 1
    assert TOKENIZER.decode(tokens[1:]) == task.template.text(MESSAGES) + "\n"
    assert TOKENIZER.decode(learnt(task, RECORD)) == " I didn't think it polite to listen, sir.\n Yes, sir.\n"


def test_surprise_by_turn_adds_up_to_the_loss(model: GPT2):
    task = Dialogue(roles=ROLES, max_turns=3, max_new_tokens=4)
    short = {"messages": MESSAGES[:2]}
    predictions = task.predict(model, [RECORD, short], TOKENIZER, Greedy())
    batch = task.collate([task.example(record, TOKENIZER, context_length=256) for record in (RECORD, short)])
    loss = task.loss(model, batch)
    assert sum(sum(p.output["nats"]) for p in predictions) == pytest.approx(loss.total.item(), rel=1e-5)
    first, second = (len(m["content"]) + 2 for m in MESSAGES[1::2])  # A space before, an end behind.
    assert [p.output["num_targets"] for p in predictions] == [[first, second, 0], [first, 0, 0]]
    values = task.metric().values(np.sum([task.metric().statistics(p) for p in predictions], axis=0))
    mean = (loss.total / loss.num_targets).item()
    assert values["perplexity"] == pytest.approx(math.exp(mean), rel=1e-5)
    assert math.isnan(values["perplexity_turn_3"])


def test_later_turns_share_the_last_figure(model: GPT2):
    task = Dialogue(roles=ROLES, max_turns=1, max_new_tokens=4)
    (prediction,) = task.predict(model, [RECORD], TOKENIZER, Greedy())
    assert prediction.output["num_targets"] == [len(learnt(task, RECORD))]


def test_the_last_answer_is_written_from_what_stands_before_it(model: GPT2):
    task = Dialogue(roles=ROLES, max_new_tokens=8)
    (prediction,) = task.predict(model, [RECORD], TOKENIZER, Greedy())
    before = {"messages": MESSAGES[:3]}
    assert prediction.output["text"] == task.generate(model, [before], TOKENIZER, Greedy())[0]
    assert prediction.reference == "Yes, sir."
    assert "Yes, sir" not in prediction.input


def test_a_question_is_what_the_user_says_or_a_conversation():
    task = Dialogue(roles=ROLES)
    assert task.ask("Hello?") == {"messages": [{"role": "user", "content": "Hello?"}]}
    assert task.ask('{"messages": [{"role": "user", "content": "Hi"}]}')["messages"][0]["content"] == "Hi"


def test_roles_are_told(model: GPT2):
    with pytest.raises(ValueError, match="must have assistant"):
        Dialogue(roles={"user": "User:"})
    with pytest.raises(ValueError, match="different texts"):
        Dialogue(roles={"user": "A:", "assistant": "A:"})
    strange = {"messages": [{"role": "narrator", "content": "Enter Lane."}]}
    with pytest.raises(ValueError, match=r"'narrator', none of task\.roles: system, user, assistant"):
        Dialogue(roles=ROLES).example(strange, TOKENIZER, context_length=64)
    with pytest.raises(ValueError, match="shots"):
        Dialogue(roles=ROLES).predict(model, [RECORD], TOKENIZER, Greedy(), shots=[RECORD])


def test_other_stop_strings_leave_the_end_of_a_turn(model: GPT2, monkeypatch: pytest.MonkeyPatch):
    task = Dialogue(roles=ROLES, end_of_turn="<end>")
    task.stop = ["!"]
    seen = {}
    monkeypatch.setattr(
        "gpt_exp.task.dialogue.continued", lambda *given, **how: seen.update(how) or ["Hello."]
    )
    task.generate(model, [{"messages": MESSAGES[:1]}], TOKENIZER, Greedy())
    assert seen["stop"] == ["!", "<end>"]

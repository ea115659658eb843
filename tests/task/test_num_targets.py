"""`num_targets` counts an example as the loss does."""

import pytest

from gpt_exp.model.heads import host
from gpt_exp.model.llama import Llama
from gpt_exp.task.classification import HeadClassification, VerbalizerClassification
from gpt_exp.task.dialogue import Dialogue
from gpt_exp.task.recommendation import Recommendation
from gpt_exp.task.span_question_answering import SpanQuestionAnswering
from gpt_exp.task.translation import Translation
from gpt_exp.tokenizer.byte import byte
from gpt_exp.tokenizer.items import train

PAIR = {"source": "A dog .", "target": "Ein Hund ."}
LABELLED = {"text": "A fine film", "label": "good"}
ASKED = {"question": "Who?", "context": "It was Ann.", "answers": ["Ann"], "answer_start": 7}
SAID = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}
ROLES = {"user": "User:", "assistant": "Assistant:"}
LABELS = ["good", "bad"]
CASES = {  # With the number that is known without a model; None: whatever the loss says.
    "translation": (Translation(template="{source} =>"), PAIR, len(" Ein Hund .") + 1),
    "head": (HeadClassification(labels=LABELS), LABELLED, 1),
    "verbalizer": (VerbalizerClassification(labels=LABELS, template="{text}:"), LABELLED, len(" good") + 1),
    "span": (SpanQuestionAnswering(), ASKED, 2),
    "no_span": (SpanQuestionAnswering(), {**ASKED, "answers": [], "answer_start": None}, 0),
    "recommendation": (Recommendation(), {"items": ["a", "b", "c"]}, 2),
    "dialogue": (Dialogue(roles=ROLES), SAID, None),
}


@pytest.mark.parametrize("case", CASES)
def test_it_is_what_the_loss_counts(case):
    task, record, known = CASES[case]
    tokenizer = train(["a b c"]) if case == "recommendation" else byte()
    model = Llama(vocab_size=260, num_layers=1, num_heads=2, embedding_dim=8, context_length=64)
    host(model, task.heads)
    example = task.example(record, tokenizer, context_length=64)
    counted = int(task.loss(model, task.collate([example])).num_targets)
    assert task.num_targets(example) == counted
    assert known is None or counted == known

"""Do our metrics of tasks agree with their reference implementations, on 500 real pairs?

    python benchmarks/metric_agreement.py [--data FOLDER]

FOLDER holds `dialogsum/val.jsonl` (each summary against the dialogue's two others), `xquad/xquad.en.json`
(the sentence that holds the answer as output) and `sst2/train.tsv`, `sst2/dev.tsv` (a naive Bayes classifier
that abstains where it is unsure). Without it the pairs are docstrings of Python's library: first paragraphs
against their first lines, and what kind of thing it is that they describe. Exits with 1 where any figure
differs by more than 1e-6.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import string
import sys
import sysconfig
import tokenize
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import sacrebleu
from rouge_score.rouge_scorer import RougeScorer
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef
from sklearn.naive_bayes import MultinomialNB

from gpt_exp.interfaces import Prediction
from gpt_exp.task.metric.base import SumMetric
from gpt_exp.task.metric.classification import ClassificationMetric
from gpt_exp.task.metric.description import DescriptionMetric
from gpt_exp.task.metric.question_answering import ExactMatchF1
from gpt_exp.task.metric.rouge import Rouge
from gpt_exp.task.metric.translation import TranslationMetric

NUM_PAIRS, TOLERANCE = 500, 1e-6
SURE = 0.7  # Below this probability the classifier gives no label.

Predictions = list[Prediction]
Reference = Callable[[Predictions], dict[str, float]]
Labelled = list[tuple[str, str]]  # A text and its label.


class Data(NamedTuple):
    summaries: Predictions
    answers: Predictions
    labels: Predictions


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, help="a folder of real data")
    folder = parser.parse_args().data
    data = of_folder(folder) if folder else of_docstrings()
    print(f"{'metric':<28}{'figure':<12}{'pairs':>6}{'ours':>16}{'reference':>16}{'difference':>14}")
    differences = [each for row in comparisons(data) for each in table(*row)]
    print(f"largest difference: {max(differences):.1e} (at most {TOLERANCE:.0e} allowed)")
    return int(max(differences) > TOLERANCE)


def comparisons(data: Data) -> Iterator[tuple[str, SumMetric, Predictions, Reference]]:
    names = sorted({each.reference for each in data.labels})
    yield "translation", TranslationMetric(), data.summaries, by_sacrebleu
    yield "description", DescriptionMetric(), data.summaries, by_corpus_bleu
    yield "rouge", Rouge(), data.summaries, by_rouge_score
    yield "rouge, stemmer", Rouge(stemmer=True), data.summaries, partial(by_rouge_score, stemmer=True)
    yield "question answering", ExactMatchF1(), data.answers, by_squad
    yield "question answering, longer", ExactMatchF1(), data.summaries, by_squad
    yield "classification", ClassificationMetric(names), data.labels, by_scikit_learn


def table(title: str, metric: SumMetric, pairs: Predictions, reference: Reference) -> Iterator[float]:
    for start in range(0, len(pairs), 32):  # In batches, as in an evaluation.
        metric.update(pairs[start : start + 32])
    ours = metric.compute()
    for name, theirs in reference(pairs).items():
        mine = ours[name].item()
        difference = abs(mine - theirs)
        row = f"{title:<28}{name:<12}{len(pairs):>6}{mine:>16.9f}{theirs:>16.9f}{difference:>14.1e}"
        print(row, flush=True)
        yield difference


def by_corpus_bleu(pairs: Predictions) -> dict[str, float]:
    return {"bleu": sacrebleu.corpus_bleu(*corpus(pairs)).score}


def by_sacrebleu(pairs: Predictions) -> dict[str, float]:
    outputs, streams = corpus(pairs)
    return {
        **by_corpus_bleu(pairs),
        "chrf": sacrebleu.corpus_chrf(outputs, streams).score,
        "ter": sacrebleu.corpus_ter(outputs, streams).score,
    }


def corpus(pairs: Predictions) -> tuple[list[str], list[list[str]]]:
    """The outputs, and the references in sacreBLEU's order: all first ones, all second ones ..."""
    streams = zip(*(each.reference for each in pairs), strict=True)
    return [each.output for each in pairs], [list(stream) for stream in streams]


def by_rouge_score(pairs: Predictions, *, stemmer: bool = False) -> dict[str, float]:
    names = ["rouge1", "rouge2", "rougeL"]
    scorer = RougeScorer(names, use_stemmer=stemmer)
    scores = [scorer.score_multi(each.reference, each.output) for each in pairs]
    return {name: 100 * sum(score[name].fmeasure for score in scores) / len(scores) for name in names}


def by_scikit_learn(pairs: Predictions) -> dict[str, float]:
    truth, outputs = [each.reference for each in pairs], [each.output for each in pairs]
    names = sorted(set(truth))
    return {
        "accuracy": accuracy_score(truth, outputs),
        "macro_f1": f1_score(truth, outputs, labels=names, average="macro", zero_division=0),
        "matthews": matthews_corrcoef(truth, outputs),
    }


def by_squad(pairs: Predictions) -> dict[str, float]:
    """As the evaluation script of SQuAD 1.1 is defined, step by step."""

    def normalize_answer(text: str) -> str:
        kept = "".join(letter for letter in text.lower() if letter not in set(string.punctuation))
        return " ".join(re.sub(r"\b(a|an|the)\b", " ", kept).split())

    def f1_score(prediction: str, ground_truth: str) -> float:
        prediction_tokens = normalize_answer(prediction).split()
        ground_truth_tokens = normalize_answer(ground_truth).split()
        num_same = sum((Counter(prediction_tokens) & Counter(ground_truth_tokens)).values())
        if num_same == 0:
            return 0
        precision, recall = num_same / len(prediction_tokens), num_same / len(ground_truth_tokens)
        return 2 * precision * recall / (precision + recall)

    def exact_match_score(prediction: str, ground_truth: str) -> float:
        return normalize_answer(prediction) == normalize_answer(ground_truth)

    def metric_max_over_ground_truths(score: Callable[[str, str], float], pair: Prediction) -> float:
        return max(score(pair.output, ground_truth) for ground_truth in pair.reference)

    exact_match = f1 = 0.0
    for pair in pairs:
        exact_match += metric_max_over_ground_truths(exact_match_score, pair)
        f1 += metric_max_over_ground_truths(f1_score, pair)
    return {"exact_match": 100 * exact_match / len(pairs), "f1": 100 * f1 / len(pairs)}


def of_folder(folder: Path) -> Data:
    sst2 = [labelled(folder / "sst2" / name) for name in ("train.tsv", "dev.tsv")]
    summaries = [pair for row in json_lines(folder / "dialogsum/val.jsonl") for pair in of_dialogue(row)]
    answers = list(of_squad(json.loads((folder / "xquad/xquad.en.json").read_text())))
    return Data(summaries[:NUM_PAIRS], answers[:NUM_PAIRS], classified(*sst2)[:NUM_PAIRS])


def json_lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def labelled(path: Path) -> Labelled:
    return [(text, label) for text, label in (line.split("\t") for line in path.read_text().splitlines())]


def of_dialogue(row: dict) -> Predictions:
    first, second, third = (row[f"summary{number}"] for number in (1, 2, 3))
    return [Prediction(first, [second, third]), Prediction(second, [first, third])]


def of_squad(content: dict) -> Iterator[Prediction]:
    """The sentence of the paragraph in which the answer begins; every tenth time the answer itself."""
    paragraphs = [paragraph for article in content["data"] for paragraph in article["paragraphs"]]
    for paragraph in paragraphs:
        for number, question in enumerate(paragraph["qas"]):
            answers = [each["text"] for each in question["answers"]]
            before = paragraph["context"][: question["answers"][0]["answer_start"]]
            sentence = paragraph["context"][before.rfind(". ") + 1 :].split(". ")[0]
            yield Prediction(answers[0] if number == 0 else sentence, answers)


def of_docstrings() -> Data:
    found = [(kind, text) for kind, text in docstrings() if len(text.split()) > 5]
    folded = [(" ".join(text.split("\n\n")[0].split()), text.split("\n")[0]) for _, text in found]
    pairs = [Prediction(paragraph, [line]) for paragraph, line in folded if paragraph != line][:NUM_PAIRS]
    kinds = [(text, kind) for kind, text in found]
    return Data(pairs, pairs, classified(kinds[::2], kinds[1::2])[:NUM_PAIRS])


def docstrings() -> Iterator[tuple[str, str]]:
    documented = ast.Module, ast.ClassDef, ast.FunctionDef
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("[a-z]*.py")):
        with tokenize.open(path) as file:
            tree = ast.parse(file.read())
        for node in ast.walk(tree):
            if isinstance(node, documented) and (text := ast.get_docstring(node)):
                yield type(node).__name__, text


def classified(train: Labelled, test: Labelled) -> Predictions:
    """What a naive Bayes classifier makes of the texts; "" where it is not sure."""
    words = CountVectorizer()
    model = MultinomialNB().fit(words.fit_transform(text for text, _ in train), [label for _, label in train])
    chances = model.predict_proba(words.transform(text for text, _ in test))
    outputs = [str(model.classes_[row.argmax()]) if row.max() >= SURE else "" for row in chances]
    return [Prediction(output, label) for output, (_, label) in zip(outputs, test, strict=True)]


if __name__ == "__main__":
    sys.exit(main())

"""Translation: a sentence in another language (sacreBLEU, chrF, TER)."""

from __future__ import annotations

from gpt_exp.task.metric.translation import TranslationMetric
from gpt_exp.task.text_to_text import TextToText


class Translation(TextToText):
    """Learns `target` after the prompt made of `source`."""

    name = "translation"

    def metric(self) -> TranslationMetric:
        return TranslationMetric()

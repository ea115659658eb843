"""The model options by size, found without building a model."""

from gpt_exp.config.compose import compose
from gpt_exp.config.feasibility import shape
from gpt_exp.scaling.options import nearest_option, sizes


def test_sizes_are_those_that_the_config_composes_to():
    found = {option.name: option.N for option in sizes(4096, "total")}
    for name in ("gpt_nano", "llama_mini", "llama_scaling_m"):
        config = compose("train", [f"model={name}", "tokenizer.vocab_size=4096"])
        assert found[name] == shape({"model": dict(config.model)}, 4096).num_parameters
    assert "hugging_face" not in found


def test_the_nearest_option_is_near():
    assert nearest_option(500e3, 1024, "total").name == "llama_scaling_m"
    assert nearest_option(1e3, 1024, "total") is None
    assert nearest_option(1e12, 1024, "total") is None

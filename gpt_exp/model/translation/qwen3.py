"""Qwen3 (arXiv 2505.09388): Llama whose queries and keys are normalised, head by head."""

from gpt_exp.model.translation.llama import SUPPORTED, from_config, from_tensors, to_config, to_tensors

__all__ = ["SUPPORTED", "from_config", "from_tensors", "to_config", "to_tensors"]

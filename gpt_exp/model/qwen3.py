"""Qwen3's checkpoints (arXiv 2505.09388): Llama whose queries and keys are normalised, head by head."""

from gpt_exp.model.llama import (
    HUGGING_FACE_SUPPORTED,
    from_hugging_face,
    from_hugging_face_config,
    hugging_face_config,
    to_hugging_face,
)

__all__ = [
    "HUGGING_FACE_SUPPORTED",
    "from_hugging_face",
    "from_hugging_face_config",
    "hugging_face_config",
    "to_hugging_face",
]

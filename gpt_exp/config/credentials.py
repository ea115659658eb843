"""Secrets have no place in a config: it is saved, shown on pages and sent to trackers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from gpt_exp.config.problem import Problem

USER_INFO = re.compile(r"://[^/\s]*@")


def problems(config: dict[str, Any]) -> Iterable[Problem]:
    """Addresses of trackers that have a user's name or a password in them."""
    for name, node in (config.get("logger") or {}).items():
        for key, value in node.items() if isinstance(node, dict) else ():
            if isinstance(value, str) and USER_INFO.search(value):
                yield Problem(
                    f"logger.{name}.{key}",
                    "a password in an address would be saved with the run; "
                    "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD in the environment",
                )

"""A secret is refused before it is written anywhere."""

from gpt_exp.config import feasibility
from gpt_exp.config.compose import composition


def problems(uri):
    job = composition("train", ["logger=[mlflow]", f"logger.mlflow.tracking_uri={uri}"])
    return list(map(str, feasibility.problems(job.resolved.config)))


def test_a_password_in_an_address_is_refused_and_not_repeated():
    (told,) = problems("https://me:canary@example.org")
    assert told.startswith("logger.mlflow.tracking_uri: ") and "MLFLOW_TRACKING_PASSWORD" in told
    assert "canary" not in told


def test_an_address_without_one_is_not():
    assert not problems("https://example.org/a@b")

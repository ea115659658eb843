"""What a job does differently after it ran out of memory."""

from __future__ import annotations

from gpt_exp.config.growing import growth_of
from gpt_exp.run.folder import RunFolder
from gpt_exp.sweep.folder import Job


def halve_micro_batch(job: Job, run: RunFolder) -> str | None:
    """Let the run accumulate twice as often at the same batch; None where it did so before, or can't."""
    config = run.config()
    if job.was_halved or "trainer" not in config:
        return None
    devices = config.trainer.devices if isinstance(config.trainer.devices, int) else 1
    accumulate = 2 * config.trainer.accumulate_grad_batches
    sizes = growth_of(config).batch_sizes(config.batch_size).values
    if any(size % (max(1, devices) * config.trainer.num_nodes * accumulate) for size in sizes):
        return None
    config.trainer.accumulate_grad_batches = accumulate
    run.save_config(config)
    return f"half the micro-batch: trainer.accumulate_grad_batches={accumulate}"

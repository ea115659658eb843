"""Saves the run so that it can go on exactly: regularly, at the best validation, at the end, on a signal."""

from __future__ import annotations

import logging
import signal
from collections.abc import Mapping
from time import monotonic
from typing import Any, Literal

from lightning.pytorch import LightningModule, Trainer, callbacks

from gpt_exp.callback.bests import Bests, goals
from gpt_exp.callback.stop_signal import StopSignal
from gpt_exp.run import durable, stop_request
from gpt_exp.run.folder import RunFolder, step_of
from gpt_exp.run.stop_request import StopRequest

LOOK_SECONDS = 1.0
log = logging.getLogger(__name__)


class Checkpoint(callbacks.Checkpoint):
    """Keeps the newest `keep_last` checkpoints and the best in the run folder (`trainer.default_root_dir`).

    The best is that by `monitor`. `best_of` names more of them: {"perplexity": {"metric": "val/perplexity"}}
    is that of checkpoint=best_perplexity, of mode min where it says no other. With `per_task` the best of
    each of several tasks is kept by its main figure: best_translation.

    A step is saved when the next one starts, after its validation and its line of metrics, at most once. So a
    checkpoint of step s stands for everything up to s, and a resumed run first drops what was logged after s.
    """

    def __init__(
        self,
        *,
        every_n_steps: int,
        monitor: str = "val/loss",
        mode: Literal["min", "max"] = "min",
        keep_last: int = 2,
        best_of: Mapping[str, Mapping[str, str]] | None = None,
        per_task: bool = True,
    ) -> None:
        if every_n_steps < 1:
            raise ValueError(f"every_n_steps must be at least 1, not {every_n_steps}")
        if keep_last < 2:
            raise ValueError(f"keep_last must be at least 2 (the newest may get damaged), not {keep_last}")
        self.every_n_steps = every_n_steps
        self.keep_last = keep_last
        self.per_task = per_task
        self.stopped_by: str | None = None  # The signal that ended training before its time.
        self._signal = StopSignal()
        self._request: StopRequest | None = None  # In the run folder.
        self._look_at = 0.0  # When to look for that file again, by the monotonic clock.
        self._bests = Bests(goals(monitor, mode, best_of or {}))
        self._logged: dict[str, int] = {}  # The sizes of the metrics files at the step that was loaded.
        self._ended_early = False
        self._step = 0  # The optimizer step that was last looked at,
        self._saved_step = 0  # and the one that was last saved or loaded.

    def state_dict(self) -> dict[str, Any]:
        return {"bests": self._bests.found, "ended_early": self._ended_early}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._bests.found = state_dict["bests"]
        self._ended_early = state_dict["ended_early"]

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        if trainer.is_global_zero:
            _folder(trainer).sync()
        checkpoint["logged"] = _folder(trainer).logged()

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        self._logged = checkpoint["logged"]

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if self.per_task:
            self._bests.follow(getattr(pl_module, "best_of", {}))
        if stage == "fit":  # Before the data workers are forked.
            self._signal.listen()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._step = self._saved_step = trainer.global_step
        _align_loop(trainer)
        self._bests.drop_others()
        if trainer.is_global_zero:
            _folder(trainer).cut_back(self._logged)
            self._write_best(_folder(trainer))
        trainer.strategy.barrier("Checkpoint.on_train_start")
        trainer.should_stop = self._ended_early  # Lightning forgets that early stopping had ended the run.
        self._signal.listen()  # Lightning took SIGTERM in between, and would end the run without saving.

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if trainer.global_step == self._step:  # Within an accumulation.
            return
        self._step = trainer.global_step
        stop = trainer.strategy.reduce_boolean_decision(self._is_to_stop(trainer), all=False)
        if stop or self._step % self.every_n_steps == 0 or self._step in self._bests.steps():
            self._save(trainer)
        if stop:
            self._stop(trainer)
            raise StopIteration  # It ends the epoch here; should_stop alone would train one batch more.

    def _is_to_stop(self, trainer: Trainer) -> bool:
        """Whether this process got a signal, or somebody left a request in the run folder."""
        if trainer.is_global_zero and monotonic() > self._look_at:
            self._look_at = monotonic() + LOOK_SECONDS
            self._request = stop_request.asked(_folder(trainer))
        return self._signal.received is not None or self._request is not None

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.sanity_checking or trainer.state.fn != "fit":
            return
        values = self._bests.values(trainer.callback_metrics)
        self._bests.compare(trainer.global_step, trainer.strategy.broadcast(values))

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        is_through = trainer.global_step == trainer.max_steps
        self._ended_early = trainer.should_stop and not is_through and self.stopped_by is None
        if trainer.global_step != self._saved_step:
            self._save(trainer)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._signal.release()
        if trainer.is_global_zero:  # Killed right after its last checkpoint, a run comes only here.
            self._write_best(_folder(trainer))
            self._remove_old(trainer, _folder(trainer))

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self._signal.release()

    def _save(self, trainer: Trainer) -> None:
        """A full or failing disk costs this checkpoint, not the run and not the older ones."""
        step, folder = trainer.global_step, _folder(trainer)
        if (error := trainer.strategy.broadcast(self._write(trainer, folder))) is not None:
            self._bests.take_back(step)
            if trainer.is_global_zero:
                log.warning("Step %d could not be saved; training goes on: %s", step, error)
            return
        self._saved_step = step
        if trainer.is_global_zero:
            self._write_best(folder)
            self._remove_old(trainer, folder)

    def _write(self, trainer: Trainer, folder: RunFolder) -> str | None:
        """Write this step and read it back; what went wrong, in which case nothing of it stays."""
        path = folder.checkpoint(trainer.global_step)
        try:
            trainer.save_checkpoint(path, weights_only=False)
        except OSError as failure:  # Only the process that writes gets here.
            trainer.strategy.barrier("Trainer.save_checkpoint")  # Where the others wait.
            return str(failure)
        damage = durable.damage(path) if trainer.is_global_zero else None
        if damage is not None:
            trainer.strategy.remove_checkpoint(path)
        return damage

    def _remove_old(self, trainer: Trainer, folder: RunFolder) -> None:
        saved = [path for path in folder.checkpoints() if step_of(path) <= trainer.global_step]
        told = {each.get("step") for each in folder.bests().values()}  # A full disk leaves old ones told.
        for path in saved[self.keep_last :]:
            if step_of(path) not in told | self._bests.steps():
                trainer.strategy.remove_checkpoint(path)

    def _write_best(self, folder: RunFolder) -> None:
        """The files follow the state that was saved or loaded: a crash between the two is mended here."""
        try:
            self._bests.write(folder)
        except OSError as error:
            log.warning("Which checkpoints are the best could not be written: %s", error)

    def _stop(self, trainer: Trainer) -> None:
        received = self._signal.received or signal.SIGTERM  # Another process may have got it.
        self.stopped_by = trainer.strategy.broadcast(received.name)
        trainer.should_stop = True
        if trainer.is_global_zero:
            folder = _folder(trainer)
            request = stop_request.asked(folder) or StopRequest(self.stopped_by)
            folder.set_status(request.state, step=trainer.global_step, reason=request.reason)
            log.warning("Stopped by %s at step %d.", request.reason, trainer.global_step)
            print(f"to go on: gpt-exp train resume={folder.path}")


def _folder(trainer: Trainer) -> RunFolder:
    return RunFolder(trainer.default_root_dir)


def _align_loop(trainer: Trainer) -> None:
    """Put Lightning's counters of batches where an uninterrupted run has them: a function of the step alone.

    Lightning restores them as they stood in the middle of a batch, and then skips or repeats a validation.
    """
    loop = trainer.fit_loop.epoch_loop
    loop.restarting = False
    loop._batches_that_stepped = trainer.global_step
    loop.batch_progress.total.ready = trainer.global_step * trainer.accumulate_grad_batches

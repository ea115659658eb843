"""TensorBoard: curves, and a row in the HPARAMS table; no step is shown twice after a continuation."""

from __future__ import annotations

from pathlib import Path
from time import time
from typing import Any

from gpt_exp.logger.description import hyperparameters
from gpt_exp.logger.tracker import Tracker, Values

END = ".end"  # Of the file with the state in which a run ended: gone as soon as it goes on.


class RunTensorBoardLogger(Tracker):
    """Event files in the run folder's `tensorboard/`.

    No list of columns is written, as torch's `add_hparams` does: TensorBoard would take one run's for all. So
    it shows the settings and metrics that any run has.
    """

    def __init__(self, *, path: str | Path) -> None:
        super().__init__(path)
        self._events = self.folder.path / "tensorboard"
        self._known_up_to = 0

    def _open(self, step: int) -> Any:
        from tensorboard.plugins.hparams.summary_v2 import hparams_pb
        from torch.utils.tensorboard import SummaryWriter

        went_on = any(self._events.glob("events.*"))
        self._known_up_to = step if went_on else 0
        for old in self._events.glob(f"*{END}"):
            old.unlink()
        writer = SummaryWriter(self._events, purge_step=step + 1 if went_on else None)
        trial = "/".join(self.folder.path.absolute().parts[-3:])  # Runs of one name would be averaged.
        settings = hparams_pb(hyperparameters(self.folder.config()), trial_id=trial)
        writer._get_file_writer().add_summary(settings)
        return writer

    def _has(self, name: str, step: int) -> bool:
        return step <= self._known_up_to

    def _write(self, metrics: Values, step: int) -> None:
        for name, value in metrics.items():
            self.experiment.add_scalar(name, value, step)
        self.experiment.flush()  # A killed process loses nothing.

    def _summarize(self, values: Values) -> None:
        self._write({name: value for name, value in values.items() if not isinstance(value, str)}, self._step)

    def _end(self, state: str) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.experiment.close()
        with SummaryWriter(self._events, filename_suffix=END) as writer:
            writer._get_file_writer().add_summary(_session_end(state))


def _session_end(state: str) -> Any:
    """As `tensorboard.plugins.hparams.summary.session_end_pb`, which imports TensorFlow."""
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2

    statuses = {"finished": api_pb2.STATUS_SUCCESS, "failed": api_pb2.STATUS_FAILURE}
    info = plugin_data_pb2.SessionEndInfo(
        status=statuses.get(state, api_pb2.STATUS_UNKNOWN), end_time_secs=time()
    )
    data = plugin_data_pb2.HParamsPluginData(session_end_info=info)
    value = Summary.Value(
        tag=metadata.SESSION_END_INFO_TAG,
        metadata=metadata.create_summary_metadata(data),
        tensor=metadata.NULL_TENSOR,
    )
    return Summary(value=[value])

"""What TensorBoard's HPARAMS plugin shows of the runs in a folder."""


def table(outputs):
    """The HPARAMS plugin's rows: {run: (status, settings, metrics)}, and its columns."""
    from tensorboard import context
    from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer
    from tensorboard.plugins import base_plugin
    from tensorboard.plugins.hparams import api_pb2, backend_context, list_session_groups

    events = plugin_event_multiplexer.EventMultiplexer().AddRunsFromDirectory(str(outputs))
    events.Reload()
    provider = data_provider.MultiplexerDataProvider(events, str(outputs))
    plugin = backend_context.Context(base_plugin.TBContext(data_provider=provider, logdir=str(outputs)))
    about = plugin.hparams_metadata(context.RequestContext(), "")
    none = plugin.hparams_from_data_provider(context.RequestContext(), "", 0)
    experiment = plugin.experiment_from_metadata(context.RequestContext(), "", True, about, none)
    request = api_pb2.ListSessionGroupsRequest(slice_size=100, allowed_statuses=api_pb2.Status.values())
    handler = list_session_groups.Handler(context.RequestContext(), plugin, "", request)
    rows = {}
    for group in handler.run().session_groups:
        (session,) = group.sessions
        settings = {name: getattr(value, value.WhichOneof("kind")) for name, value in group.hparams.items()}
        metrics = {value.name.tag: value.value for value in session.metric_values}
        rows[session.name] = (api_pb2.Status.Name(session.status), settings, metrics)
    return rows, {info.name: info.differs for info in experiment.hparam_infos}

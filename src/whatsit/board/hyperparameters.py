"""How a run was asked for, and what came out: the tab "HParams", and the charts of the tab "Custom scalars".

TensorBoard takes the columns from whichever run it finds first. So every run names all of them, of all methods, and
gives values to its own.
"""

import time
from collections.abc import Mapping

from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.compat.proto.types_pb2 import DT_STRING
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar import metadata as custom_scalars
from tensorboard.plugins.hparams import api_pb2, metadata
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo, SessionStartInfo

from whatsit.board.events import Events
from whatsit.board.tags import CHARTS, FINAL_TEST_ACCURACY, FINAL_VALID_ACCURACY, FINAL_VALID_LOSS

Value = str | float | bool

COLUMNS: dict[str, type[Value]] = {
    "method": str,
    "network": str,
    "image_size": str,
    "fit": str,
    "head": str,
    "strength": float,
    "balance": bool,
    "epochs": float,
    "batch_size": float,
    "optimizer": str,
    "learning_rate": float,
    "weight_decay": float,
    "layer_decay": float,
    "label_smoothing": float,
    "augment": str,
    "averaging": bool,
    "unfreeze": str,
    "seed": float,
}
FIRST = ("method", "network", "image_size", "epochs", "learning_rate")  # TensorBoard shows five until asked for more
FIGURES = {  # and of these the first
    FINAL_VALID_ACCURACY: "valid accuracy",
    FINAL_VALID_LOSS: "valid loss",
    FINAL_TEST_ACCURACY: "test accuracy",
}
TYPES = {str: api_pb2.DATA_TYPE_STRING, float: api_pb2.DATA_TYPE_FLOAT64, bool: api_pb2.DATA_TYPE_BOOL}


def begin(events: Events, values: Mapping[str, Value]) -> None:
    """Writes the columns, this run's values, and the charts. values: of `COLUMNS`, not necessarily all."""
    experiment = api_pb2.Experiment(
        hparam_infos=[
            api_pb2.HParamInfo(name=name, type=TYPES[kind], differs=name in FIRST) for name, kind in COLUMNS.items()
        ],
        metric_infos=[
            api_pb2.MetricInfo(name=api_pb2.MetricName(tag=tag), display_name=shown) for tag, shown in FIGURES.items()
        ],
    )
    start = SessionStartInfo(start_time_secs=time.time())
    for name, value in values.items():
        _set(start, name, value)
    _add(events, metadata.EXPERIMENT_TAG, HParamsPluginData(experiment=experiment))
    _add(events, metadata.SESSION_START_INFO_TAG, HParamsPluginData(session_start_info=start))
    _add_charts(events)


def end(events: Events) -> None:
    """Says that the run came to its end."""
    done = SessionEndInfo(status=api_pb2.STATUS_SUCCESS, end_time_secs=time.time())
    _add(events, metadata.SESSION_END_INFO_TAG, HParamsPluginData(session_end_info=done))


def _set(start: SessionStartInfo, name: str, value: Value) -> None:
    kind = COLUMNS[name]
    if kind is bool:
        start.hparams[name].bool_value = bool(value)
    elif kind is float:
        start.hparams[name].number_value = float(value)
    else:
        start.hparams[name].string_value = str(value)


def _add(events: Events, tag: str, content: HParamsPluginData) -> None:
    described = metadata.create_summary_metadata(content)
    events.add(Summary.Value(tag=tag, metadata=described, tensor=metadata.NULL_TENSOR), 0)


def _add_charts(events: Events) -> None:
    charts = [
        layout_pb2.Chart(title=title, multiline=layout_pb2.MultilineChartContent(tag=[f"^{tag}$" for tag in tags]))
        for title, tags in CHARTS.items()
    ]
    layout = layout_pb2.Layout(category=[layout_pb2.Category(title="train and valid", chart=charts)])
    tensor = TensorProto(dtype=DT_STRING, string_val=[layout.SerializeToString()], tensor_shape=TensorShapeProto())
    described = custom_scalars.create_summary_metadata()
    events.add(Summary.Value(tag=custom_scalars.CONFIG_SUMMARY_TAG, metadata=described, tensor=tensor), 0)

"""Tries a user's wrapped graph on two images of noise, before anything relies on it.

A user's own ONNX feature extractor `my.onnx`, as the `my.json` beside it describes it.

Once wrapped (`wrap.py`) it is one in form with the backbones of the table. What a file cannot tell, such as
whether it takes several images at a time, is tried (`trial.py`).
"""

import json
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto

from whatsit.embedding.backbones.extractor import FeatureExtractor
from whatsit.embedding.backbones.registry import BackboneRequest, BackboneSource
from whatsit.embedding.backbones.wrap import Description, Ends, read_description, wrap
from whatsit.embedding.engines.registry import Session
from whatsit.embedding.session import open_session, run
from whatsit.errors import BackboneError
from whatsit.images.preprocessing import Preprocessing, ResizeMode, sides

TOLERANCE = 1e-3  # of the largest number: admits another order of summation, not another network
Float32 = NDArray[np.float32]


def try_on_noise(model: onnx.ModelProto, outputs: list[str], sides: tuple[int, int]) -> list[Float32]:
    """The named outputs, (2, …) each, of images of (height, width). One by one and together they must come to the same.

    Raises BackboneError where they do not, and where the graph fails or its numbers are not finite.
    """
    noise = np.random.default_rng(0).integers(0, 256, (2, *sides, 3)).astype(np.uint8)
    session = open_session(model.SerializeToString())
    try:
        singles = [run(session, outputs, noise[i : i + 1]) for i in range(2)]
    except Exception as error:  # ONNX Runtime's own errors share no base class but Exception
        reason = str(error).partition("\n")[0]
        raise BackboneError(f"fails on an image of {sides[0]} x {sides[1]} pixels: {reason}") from error
    one_by_one = [np.concatenate(arrays) for arrays in zip(*singles, strict=True)]
    if not all(np.isfinite(array).all() for array in one_by_one):
        raise BackboneError("gives numbers that are not finite. Check mean, std and scale in its JSON")
    if not all(map(_close, _together(session, outputs, noise), one_by_one)):
        raise BackboneError("takes one image at a time only. Export it with a batch of any size")
    return one_by_one


def _together(session: Session, outputs: list[str], noise: NDArray[np.uint8]) -> list[Float32]:
    try:
        return run(session, outputs, noise)
    except Exception:  # as above; whatever the reason, it is the second image
        return [np.empty(0, np.float32) for _ in outputs]


def _close(a: Float32, b: Float32) -> bool:
    if a.shape != b.shape:
        return False
    return bool(np.abs(a - b).max(initial=0) <= TOLERANCE * np.abs(b).max(initial=1e-6))


def check_features(features: Float32, embedding: Float32) -> None:
    """features: (n, dim, h, w). Raises BackboneError where the embedding is not their mean over places."""
    if features.ndim != 4 or not _close(features.mean(axis=(2, 3)), embedding):
        raise BackboneError(
            f"the output {embedding.shape} is not the mean of 'features' {features.shape} over its places. "
            "Leave 'features' out of its JSON: explanations then come from covering patches"
        )


OLDEST_OPSET = 13  # from then on the nodes of `wrap.py`, and those of a head, mean what they mean today


def custom_extractor(path: Path, resize_mode: ResizeMode) -> FeatureExtractor:
    """Raises BackboneError where either file cannot be read, or they do not fit each other."""
    try:
        model = _load(path)
        description = read_description(path.with_suffix(".json"))
        graph, dim = made_ready(model, description)
    except BackboneError as error:
        raise BackboneError(f"{path}: {error}") from error
    return FeatureExtractor(
        name=description.name or path.stem,
        precision="float32",
        preprocessing=Preprocessing(description.size, resize_mode, description.interpolation),
        dim=dim,
        licence=description.licence,
        source=description.source,
        graph=graph,
        has_features=description.features is not None,
    )


def _load(path: Path) -> onnx.ModelProto:
    try:
        model = onnx.load(path, load_external_data=False)
    except FileNotFoundError:
        raise BackboneError("no such file. Name an ONNX file that has a JSON beside it") from None
    except OSError as error:
        raise BackboneError(f"cannot be read ({error.strerror})") from error
    except Exception:  # protobuf's own, which has no stubs
        raise BackboneError("not an ONNX file. Export the network anew, to one file") from None
    if any(tensor.data_location == TensorProto.EXTERNAL for tensor in model.graph.initializer):
        raise BackboneError("its weights lie in another file. Save it as one: onnx.save(onnx.load(a), b)")
    opset = max((one.version for one in model.opset_import if one.domain in ("", "ai.onnx")), default=0)
    if opset < OLDEST_OPSET:
        raise BackboneError(f"has opset {opset}, expected {OLDEST_OPSET} or newer. Export it with opset 17")
    return model


def made_ready(model: onnx.ModelProto, description: Description) -> tuple[bytes, int]:
    """The wrapped graph, and the length of its embedding."""
    ends = _ends(model.graph, description)
    height_width = sides(description.size)
    raw = try_on_noise(wrap(model, description, ends, None, ["raw"]), ["raw"], height_width)[0]
    if raw.ndim not in (2, 4):
        raise BackboneError(f"its output is {raw.ndim}-D, expected 2-D or 4-D. Name another one as 'output'")
    names = ["embedding", "features"] if ends.features else ["embedding"]
    embedding, *features = try_on_noise(wrap(model, description, ends, raw.ndim, names), names, height_width)
    if features:
        check_features(features[0], embedding)
    graph = wrap(model, description, ends, raw.ndim, ["embedding"], embedding.shape[1])
    try:
        onnx.checker.check_model(graph)
    except onnx.checker.ValidationError as error:
        raise BackboneError(f"not valid ONNX: {str(error).partition(chr(10))[0]}") from error
    ready: bytes = graph.SerializeToString(deterministic=True)
    return ready, embedding.shape[1]


def _ends(graph: onnx.GraphProto, description: Description) -> Ends:
    """The tensors between which the user's network lies. Checks that they are there, and the input's form."""
    constants = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in constants]
    if len(inputs) != 1:
        names = ", ".join(value.name for value in inputs) or "none"
        raise BackboneError(f"expected one input, got {names}. Cut it: onnx.utils.extract_model")
    outputs = [value.name for value in graph.output]
    if description.output is None and len(outputs) != 1:
        raise BackboneError(f"has several outputs: {', '.join(outputs)}. Name one as 'output' in its JSON")
    _check_input(inputs[0], description)
    computed = [name for node in graph.node for name in node.output]
    return Ends(
        _named("input", description.input or inputs[0].name, [inputs[0].name]),
        _named("output", description.output or outputs[0], computed),
        description.features and _named("features", description.features, computed),
    )


def _named(key: str, name: str, known: list[str]) -> str:
    if name not in known:
        raise BackboneError(f"has no tensor {name!r}, which its JSON names as {key!r}. The last: {known[-3:]}")
    return name


def _check_input(value: onnx.ValueInfoProto, description: Description) -> None:
    tensor, (height, width) = value.type.tensor_type, sides(description.size)
    if tensor.elem_type != TensorProto.FLOAT:
        got = TensorProto.DataType.Name(tensor.elem_type).lower()
        raise BackboneError(f"its input {value.name!r} is {got}, expected float. Export it in float32")
    if not tensor.HasField("shape"):
        return
    got = [one.dim_value or one.dim_param or "?" for one in tensor.shape.dim]
    said: list[int | str] = [3, height, width] if description.layout == "nchw" else [height, width, 3]
    fixed = [one for one in zip(got[1:], said, strict=False) if isinstance(one[0], int)]
    if len(got) != 4 or any(one != other for one, other in fixed):
        raise BackboneError(
            f"its input is {_shape(got)}, but its JSON says {_shape(['n', *said])} "
            f"(layout {description.layout}, size {json.dumps(description.size)}). Mend the JSON"
        )


def _shape(numbers: list[int | str]) -> str:
    return f"({', '.join(map(str, numbers))})"


def _make(request: BackboneRequest) -> FeatureExtractor:
    if request.size is not None:
        raise BackboneError(
            f"--image-size has no effect on {request.name}: the file beside it says its size. Leave it out"
        )
    return custom_extractor(Path(request.name), request.resize_mode)


SOURCE = BackboneSource(_make, is_file=True)

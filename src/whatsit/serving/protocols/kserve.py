"""The Open Inference Protocol, version 2, as KServe and Triton speak it: health, metadata, inference.

By https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol, with Triton's extensions for
binary tensors and classification. The classes are named by the output "probabilities", as parameters of its metadata.
Whether an answer is unsure, why, and what else should be known of it are outputs, too: each has a value an image.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray
from starlette.routing import Route

from whatsit import __version__
from whatsit.model.prediction import Classified
from whatsit.serving.context import ServerContext
from whatsit.serving.http import HTTPError, Response, json_response
from whatsit.serving.manager import Version
from whatsit.serving.pool import ImageData
from whatsit.serving.protocols.tensors import INPUT, Tensor, images_of, parameters, split
from whatsit.serving.request import Request, get, post

BINARY = "application/octet-stream"
HEADER_LENGTH = "inference-header-content-length"
PROBABILITIES, SIMILARITY, EMBEDDING, UNSURE, REASON, NOTE = OUTPUTS = (
    *("probabilities", "similarity", "embedding"),
    *("unsure", "reason", "note"),
)
KINDS = {UNSURE: "BOOL", REASON: "BYTES", NOTE: "BYTES"}  # of the outputs that are not FP32
LONGEST_ID = 200  # characters


class OpenInference:
    """The handlers."""

    openapi: Mapping[str, Any] = {}  # openapi.json has it

    def __init__(self, context: ServerContext) -> None:
        self._context = context

    def routes(self) -> list[Route]:
        routes: list[Route] = [
            get("/v2", self.server),
            get("/v2/health/live", self.live),
            get("/v2/health/ready", self.ready),
        ]
        for path in ("/v2/models/{model}", "/v2/models/{model}/versions/{version}"):
            routes += [
                get(path, self.metadata),
                get(f"{path}/ready", self.model_ready),
                post(f"{path}/infer", self.infer),
            ]
        return routes

    async def server(self, request: Request) -> Response:
        return json_response(
            {"name": "whatsit", "version": __version__, "extensions": ["binary_tensor_data", "classification"]}
        )

    async def live(self, request: Request) -> Response:
        return json_response({"live": True})

    async def ready(self, request: Request) -> Response:
        self._context.check_ready()
        return json_response({"ready": True})

    async def model_ready(self, request: Request) -> Response:
        version = self._context.find(request, **request.path)
        return json_response({"name": version.model, "ready": True})

    async def metadata(self, request: Request) -> Response:
        version = self._context.find(request, **request.path)
        facts = version.facts
        widths = {PROBABILITIES: [len(facts.labels)], EMBEDDING: [facts.backbone["dim"]]}
        model = self._context.catalogue().model(version.model)
        outputs: list[dict[str, Any]] = [
            {"name": name, "datatype": KINDS.get(name, "FP32"), "shape": [-1, *widths.get(name, [])]}
            for name in OUTPUTS
        ]
        outputs[0]["parameters"] = {"labels": facts.labels}
        return json_response(
            {
                "name": version.model,
                "versions": [str(number) for number in model.versions],
                "platform": "onnxruntime_onnx",
                "inputs": [{"name": INPUT, "datatype": "UINT8", "shape": [-1, -1, -1, 3]}],
                "outputs": outputs,
            }
        )

    async def infer(self, request: Request) -> Response:
        version = self._context.find(request, **request.path)
        length = request.headers.get(HEADER_LENGTH)
        identity, requested, images = await self._context.read(request, lambda body: _parse(body, length))
        answers = await self._context.classify_all_or_none(request, images)
        tensors = [_tensor(one, answers, version) for one in requested]
        head: dict[str, Any] = {"model_name": version.model, "model_version": str(version.number)}
        if identity:
            head["id"] = identity
        return _response(head, tensors, [one.binary for one in requested])


@dataclass(frozen=True)
class RequestedOutput:
    """An output that the request names."""

    name: str
    classes: int  # as text, so many of the most probable; 0: all, as numbers
    binary: bool


def _parse(body: bytes, length: str | None) -> tuple[str, list[RequestedOutput], list[ImageData]]:
    """(id, outputs, images) of a request. The rest of the JSON is freed before the images are queued."""
    request = split(body, length)
    identity = request.header.get("id")
    if identity is None:
        identity = ""
    if not isinstance(identity, str) or len(identity) > LONGEST_ID:
        raise HTTPError("bad_input", f"id: expected a text of up to {LONGEST_ID} characters")
    return identity, _requested_outputs(request.header), images_of(request)


def _requested_outputs(header: dict[str, Any]) -> list[RequestedOutput]:
    """The outputs that the request names; all where it names none."""
    outputs, of_all = header.get("outputs"), parameters(header)
    if outputs is None or outputs == []:
        outputs = [{"name": name, "parameters": of_all} for name in OUTPUTS]
    if not isinstance(outputs, list) or not all(isinstance(one, dict) for one in outputs):
        raise HTTPError("bad_input", "outputs: expected a list of objects")
    for one in outputs:
        if one.get("name") not in OUTPUTS:
            raise HTTPError("bad_input", f"outputs: there are {', '.join(OUTPUTS)}")
    all_binary = of_all.get("binary_data_output") is True
    return list({one["name"]: _output(one["name"], parameters(one), all_binary) for one in outputs}.values())


def _output(name: str, options: dict[str, Any], all_binary: bool) -> RequestedOutput:
    classes = options.get("classification", 0)
    if type(classes) is not int or classes < 0:
        raise HTTPError("bad_input", "classification: expected a number of classes")
    return RequestedOutput(name, classes, options.get("binary_data", all_binary) is True)


def _tensor(requested: RequestedOutput, answers: list[Classified], version: Version) -> Tensor:
    name, shape = requested.name, (len(answers),)
    if name == NOTE:
        return Tensor(name, [answer.note or "" for answer in answers], shape)
    if name in (UNSURE, REASON):
        reasons = [answer.reason(version.facts.unsure) for answer in answers]
        return Tensor(name, reasons if name == REASON else np.array([reason != "" for reason in reasons]), shape)
    rows = np.stack([np.asarray(getattr(answer, name), np.float32) for answer in answers])
    if not requested.classes or name != PROBABILITIES:
        return Tensor(name, rows, rows.shape)
    top = min(requested.classes, rows.shape[1])
    return Tensor(name, _classes(rows, top, version.facts.labels), (len(rows), top))


def _classes(rows: NDArray[np.float32], top: int, labels: tuple[str, ...]) -> list[str]:
    """`score:index:label`, the most probable first."""
    order = np.argsort(-rows, axis=1, kind="stable")[:, :top]
    return [f"{row[k]:f}:{k}:{labels[k]}" for row, best in zip(rows, order, strict=True) for k in best]


def _response(head: dict[str, Any], tensors: list[Tensor], binary: list[bool]) -> Response:
    outputs, behind = [], []
    for tensor, is_binary in zip(tensors, binary, strict=True):
        if is_binary:
            raw = tensor.raw()
            behind.append(raw)
            outputs.append({**tensor.described(), "parameters": {"binary_data_size": len(raw)}})
        else:
            outputs.append(tensor.as_json())
    if not behind:
        return json_response({**head, "outputs": outputs})
    front = orjson.dumps({**head, "outputs": outputs}, option=orjson.OPT_SERIALIZE_NUMPY)
    return Response(b"".join([front, *behind]), BINARY, headers=((HEADER_LENGTH, str(len(front))),))

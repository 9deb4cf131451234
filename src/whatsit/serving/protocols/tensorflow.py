"""The REST interface of TensorFlow Serving, and the request of the old Cloud ML samples: their clients go on working.

    POST /v1/models/{model}[/versions/{version}|/labels/{alias}]:predict
    GET  /v1/models/{model}[/versions/{version}|/labels/{alias}][/metadata]

By https://www.tensorflow.org/tfx/serving/api_rest. As there, one bad instance fails the request, and what is asked by
rows ("instances") is answered by rows ("predictions"), by columns ("inputs") by columns ("outputs").
"""

from collections.abc import Mapping
from typing import Any

from starlette.routing import Route

from whatsit.decide import Rule
from whatsit.model.prediction import Classified
from whatsit.serving.context import ServerContext
from whatsit.serving.http import HTTPError, Response, json_response, parse_json
from whatsit.serving.manager import ServedModel
from whatsit.serving.request import Request, get, post
from whatsit.serving.uploads import decoded

LONGEST_KEY = 200  # characters
SIGNATURE = "serving_default"
INPUT = "image_bytes"
MOST_NAMES = 5  # of inputs, that a refusal repeats
OUTPUTS = {"prediction": "DT_INT64", "scores": "DT_FLOAT", "unsure": "DT_BOOL", "reason": "DT_STRING"}


class TensorFlowServing:
    """The handlers."""

    openapi: Mapping[str, Any] = {}  # openapi.json has it

    def __init__(self, context: ServerContext) -> None:
        self._context = context

    def routes(self) -> list[Route]:
        """With a version, with an alias (a label, in TensorFlow Serving's words), and with neither."""
        routes: list[Route] = []
        for choice in ("", "/versions/{version}", "/labels/{alias}"):
            path = f"/v1/models/{{model}}{choice}"
            routes += [
                post(f"{path}:predict", self.predict),
                get(f"{path}/metadata", self.metadata),
            ]
            routes.append(get(path, self.status))
        return routes

    async def predict(self, request: Request) -> Response:
        rule = self._context.find(request, **request.path).facts.unsure
        keys, images = await self._context.read(request, self._parse)
        rows = [_outputs_of(answer, rule) for answer in await self._context.classify_all_or_none(request, images)]
        if keys is None:
            return json_response({"outputs": {name: [row[name] for row in rows] for name in OUTPUTS}})
        return json_response({"predictions": [{**key, **row} for key, row in zip(keys, rows, strict=True)]})

    def _parse(self, body: bytes) -> tuple[list[dict[str, Any]] | None, list[bytes]]:
        """(keys, images); keys are None for a request by columns.

        The rest of the JSON is freed before the images are queued, because it may take 35 times its bytes in memory.
        """
        request_json = parse_json(body)
        if request_json.get("signature_name", SIGNATURE) not in (SIGNATURE, ""):
            raise HTTPError("bad_input", f"signature_name: expected {SIGNATURE!r} or none")
        if "inputs" in request_json:
            if "instances" in request_json:
                raise HTTPError("bad_input", 'expected "instances" or "inputs", not both')
            column = _column(request_json["inputs"])
            self._context.check_count(len(column))
            return None, [_encoded(one, f"input {place}") for place, one in enumerate(column)]
        instances = request_json.get("instances")
        if not isinstance(instances, list):
            raise HTTPError("bad_input", 'expected {"instances": [{"b64": …}, …]}')
        self._context.check_count(len(instances))
        images = [_image(instance, place) for place, instance in enumerate(instances)]
        return [_key(instance, place) for place, instance in enumerate(instances)], images

    async def status(self, request: Request) -> Response:
        """Of one version, or of all that answer or should."""
        model = self._context.catalogue().model(request.path["model"])
        return json_response({"model_version_status": _states(model, request.path)})

    async def metadata(self, request: Request) -> Response:
        version = self._context.find(request, **request.path)
        classes = len(version.facts.labels)
        inputs = {INPUT: _tensor("DT_STRING", -1)}
        outputs = {name: _tensor(kind, -1, *([classes] if name == "scores" else [])) for name, kind in OUTPUTS.items()}
        signature = {"inputs": inputs, "outputs": outputs, "method_name": "tensorflow/serving/predict"}
        return json_response(
            {
                "model_spec": {"name": version.model, "signature_name": "", "version": str(version.number)},
                "metadata": {"signature_def": {"signature_def": {SIGNATURE: signature}}},
            }
        )


def _states(model: ServedModel, chosen: dict[str, str]) -> list[dict[str, Any]]:
    if "version" in chosen or "alias" in chosen:
        return [_state(model.find(chosen.get("version"), chosen.get("alias")).number, "")]
    states = [_state(number, "") for number in model.versions]
    states += [_state(number, "did not pass its checks") for number in model.failures]
    return sorted(states, key=lambda state: -int(state["version"]))


def _state(number: int, problem: str) -> dict[str, Any]:
    status = {"error_code": "UNKNOWN" if problem else "OK", "error_message": problem}
    return {"version": str(number), "state": "END" if problem else "AVAILABLE", "status": status}


def _tensor(kind: str, *sizes: int) -> dict[str, Any]:
    dimensions = [{"size": str(size), "name": ""} for size in sizes]
    return {"dtype": kind, "tensor_shape": {"dim": dimensions, "unknown_rank": False}, "name": ""}


def _column(inputs: Any) -> list[Any]:
    """`{"image_bytes": [{"b64": …}, …]}`, `[{"b64": …}, …]`, or one `{"b64": …}` in place of a list."""
    if isinstance(inputs, dict) and not isinstance(inputs.get("b64"), str):
        if list(inputs) != [INPUT]:
            names = ", ".join(repr(name[:LONGEST_KEY]) for name in list(inputs)[:MOST_NAMES]) or "none"
            raise HTTPError("bad_input", f"inputs: expected one, named {INPUT!r}, not {names}")
        inputs = inputs[INPUT]
    if isinstance(inputs, dict):
        return [inputs]
    if not isinstance(inputs, list):
        raise HTTPError("bad_input", f'expected {{"inputs": {{"{INPUT}": [{{"b64": …}}, …]}}}}')
    return inputs


def _image(instance: Any, place: int) -> bytes:
    """`{"b64": …}`, or `{"key": …, "image_bytes": {"b64": …}}`."""
    encoded = instance.get(INPUT, instance) if isinstance(instance, dict) else instance
    return _encoded(encoded, f"instance {place}")


def _encoded(encoded: Any, where: str) -> bytes:
    text = encoded.get("b64") if isinstance(encoded, dict) else None
    if not isinstance(text, str):
        raise HTTPError(
            "bad_input", f'{where}: expected {{"b64": …}} or {{"{INPUT}": {{"b64": …}}}}{_instead(encoded)}'
        )
    return decoded(text, where)


def _instead(encoded: Any) -> str:
    if isinstance(encoded, str):
        return ", not bare text"
    return ". Pixels are for /v2/models/…/infer" if isinstance(encoded, list) else ""


def _key(instance: dict[str, Any], place: int) -> dict[str, Any]:
    """The client's own, to be given back; {} where there is none."""
    if "key" not in instance:
        return {}
    key = instance["key"]
    if isinstance(key, bool) or not isinstance(key, str | int) or len(str(key)) > LONGEST_KEY:
        raise HTTPError("bad_input", f"instance {place}: its key must be a text of up to {LONGEST_KEY} characters")
    return {"key": key}


def _outputs_of(answer: Classified, rule: Rule) -> dict[str, Any]:
    """Of each output."""
    reason = answer.reason(rule)
    number = int(answer.probabilities.argmax())
    return {"prediction": number, "scores": answer.probabilities, "unsure": reason != "", "reason": reason}

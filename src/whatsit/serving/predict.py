"""`POST /predict`, whatsit's own way to ask, and what the page asks besides: heat maps, and which models there are."""

import base64
import io
import re
import uuid
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from whatsit import __version__
from whatsit.errors import ImageError, WhatsitError
from whatsit.model.prediction import Classified
from whatsit.serving.call import Call, call_of
from whatsit.serving.catalogue import Model
from whatsit.serving.desk import Desk
from whatsit.serving.feedback import Asked, Keepsakes
from whatsit.serving.parts import MULTIPART, Part, files_of
from whatsit.serving.refusal import Refused
from whatsit.serving.reply import json_reply, parse_json
from whatsit.serving.version import Version
from whatsit.serving.words import in_words

MOST_SIMILAR = 12
OVERLAY_SIDE = 800  # pixels of a heat map's longer side
JPEG_QUALITY = 85
LONGEST_NAME = 200  # characters of a file's name that an answer repeats


class Predict:
    """The handlers. keepsakes: where questions and answers are kept; None where they are not."""

    def __init__(self, desk: Desk, keepsakes: Keepsakes | None) -> None:
        self._desk = desk
        self._keepsakes = keepsakes

    async def predict(self, request: Request) -> Response:
        call = call_of(request.scope)
        top = _number(call, "top", 5, 1, 1_000_000)
        similar = _number(call, "similar", 0, 0, MOST_SIMILAR)
        version = self._find(call)
        parts = await self._images(call)
        answers = await self._desk.classify(call, [part.data for part in parts])
        items = [self._item(call, version, *pair, top, similar) for pair in zip(parts, answers, strict=True)]
        if self._keepsakes:
            self._keep(self._keepsakes, version, parts, items)
        status = 400 if all("error" in item for item in items) else 200
        call.reason = "bad_input" if status == 400 else None
        whole = {"id": call.id, "model": version.model, "version": version.number, "predictions": items}
        if status == 400:
            whole["error"] = items[0]["error"] if len(items) == 1 else "no image of the request can be read"
        return json_reply(whole, status)

    async def explain(self, request: Request) -> Response:
        """The photo, reddened where the evidence for a class lies (JPEG)."""
        call = call_of(request.scope)
        version = self._find(call)
        label = call.query.get("label")
        if label is not None and label not in version.facts.labels:
            raise Refused("bad_input", "no such class in this model")
        parts = await self._images(call)
        if len(parts) != 1:
            raise Refused("bad_input", "one image at a time")

        def draw() -> bytes:
            file = io.BytesIO()
            explained = label if label is not None else _answer(version, parts[0].data)
            explanation = version.classifier.explain(parts[0].data, explained, side=OVERLAY_SIDE)
            explanation.overlay().save(file, "JPEG", quality=JPEG_QUALITY)
            return file.getvalue()

        try:
            picture = await self._desk.pool.call(version, draw, call.deadline)
        except ImageError as error:
            raise Refused("bad_input", str(error)) from None
        return Response(picture, media_type="image/jpeg")

    async def models(self, request: Request) -> Response:
        models = [_described(model) for model in self._desk.catalogue().models.values()]
        options = self._desk.options
        limits = {"max_body": options.max_body, "max_instances": options.max_instances}
        return json_reply(
            {"whatsit": __version__, "keeps": self._keepsakes is not None, "limits": limits, "models": models}
        )

    async def feedback(self, request: Request) -> Response:
        """A person says what an image really shows."""
        call = call_of(request.scope)
        said = await self._desk.read(call, parse_json)
        if self._keepsakes is None:
            raise Refused("conflict", "this server keeps no answers, so it takes no corrections")
        asked, label = said.get("id"), said.get("label")
        if not isinstance(asked, str) or not isinstance(label, str) or not label.strip() or len(label) > 200:
            raise Refused("bad_input", 'expected {"id": the id of a prediction, "label": what it is}')
        try:
            await self._keepsakes.correct(asked, label.strip())
        except KeyError:
            raise Refused("unknown", "no such prediction is kept") from None
        except WhatsitError as error:
            raise Refused("failed", str(error)) from None
        return json_reply({"id": asked, "label": label.strip()})

    def _find(self, call: Call) -> Version:
        query = call.query
        return self._desk.find(call, query.get("model"), query.get("version"), query.get("alias"))

    async def _images(self, call: Call) -> list[Part]:
        kind = call.headers.get("content-type", "")
        if kind.partition(";")[0].strip().lower() == MULTIPART:
            parts = await self._desk.read(call, lambda body: files_of(body, kind))
        else:
            parts = [Part(data=await self._desk.body(call))]
        self._desk.check_count(len(parts))
        return parts

    def _item(
        self, call: Call, version: Version, part: Part, answer: Classified, top: int, similar: int
    ) -> dict[str, Any]:
        named = {"name": part.filename[:LONGEST_NAME]} if part.filename else {}
        if answer.error is not None:
            return {**named, "error": answer.error}
        facts = version.facts
        prediction = answer.prediction(facts.labels, facts.unsure, top)
        item = {**named, **prediction.to_dict(), "familiar": prediction.familiar}
        item["answer"] = "unsure" if prediction.unsure else prediction.label
        item["words"] = in_words(prediction)
        del item["path"]
        if similar and version.similar:
            item["similar"] = [
                {"label": one.label, "similarity": round(one.similarity, 4), "thumbnail": _data_uri(one.thumbnail)}
                for one in version.similar.to(answer.embedding, similar)
            ]
        return item

    def _keep(self, keepsakes: Keepsakes, version: Version, parts: list[Part], items: list[dict[str, Any]]) -> None:
        """Gives each answer an id of its own, which no other client can know, by which it can be corrected."""
        for part, item in zip(parts, items, strict=True):
            if "error" not in item:
                item["id"] = uuid.uuid4().hex
                keepsakes.keep(Asked.of(item, version, part.data))


def _number(call: Call, name: str, default: int, low: int, high: int) -> int:
    text = call.query.get(name)
    if text is None:
        return default
    if not re.fullmatch(r"[0-9]{1,7}", text) or not low <= int(text) <= high:
        raise Refused("bad_input", f"{name}: expected a number from {low} to {high:,}")
    return int(text)


def _answer(version: Version, data: bytes) -> str:
    """On this thread alone."""
    (answer,) = version.classifier.answer_pixels(version.classifier.pixels(data)[None])
    return version.facts.labels[int(answer.probabilities.argmax())]


def _data_uri(jpeg: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()


def _described(model: Model) -> dict[str, Any]:
    versions = [
        {
            "version": number,
            "aliases": model.aliases_of(number),
            "labels": version.facts.labels,
            "created": version.facts.created,
            "metrics": version.facts.metrics,
            "protocol": version.facts.data.get("protocol"),
            "unsure": asdict(version.facts.unsure),
            "checksum": version.checksum,
            "similar": version.similar is not None,
        }
        for number, version in model.versions.items()
    ]
    failed = {str(number): "did not pass its checks" for number in model.failures}
    return {"name": model.name, "aliases": model.aliases, "versions": versions, "failed": failed}

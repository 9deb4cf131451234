"""whatsit's own JSON API: `POST /predict` for programs and the page, and the page's other requests.

`/predict` takes one image or many, and gives each its answer or its error. The page also asks for the list of models
and for heat maps, and sends corrections.

Probabilities are also given in words. The words are those of the Intergovernmental Panel on Climate Change
(Mastrandrea et al. 2010, table 1). The top probability of an answer lies in the upper half of that table.
"""

import base64
import io
import uuid
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from starlette.routing import Route

from whatsit import __version__
from whatsit.errors import ImageError, WhatsitError
from whatsit.model.prediction import Classified, Prediction
from whatsit.serving.context import ServerContext, without_details
from whatsit.serving.database import AnsweredImage
from whatsit.serving.feedback import FeedbackStore
from whatsit.serving.http import HTTPError, Response, json_response, parse_json
from whatsit.serving.manager import ServedModel, Version
from whatsit.serving.request import Request, get, post
from whatsit.serving.uploads import Part, named_version, number, photos

MOST_SIMILAR = 12
MOST_CLASSES = 1_000_000
LONGEST_NAME = 200  # characters of a file's name that an answer repeats


class WhatsitProtocol:
    """The handlers."""

    openapi: Mapping[str, Any] = {}  # openapi.json has it

    def __init__(self, context: ServerContext) -> None:
        self._context = context
        self._feedback_store = context.feedback_store

    def routes(self) -> list[Route]:
        return [
            post("/predict", self.predict),
            post("/explain", self.explain),
            post("/feedback", self.feedback),
            get("/models", self.models),
        ]

    async def predict(self, request: Request) -> Response:
        top = number(request, "top", 5, 1, MOST_CLASSES)
        similar = number(request, "similar", 0, 0, MOST_SIMILAR)
        version = named_version(self._context, request)
        parts = await photos(self._context, request)
        answers = await self._context.classify(request, [part.data for part in parts])
        items = [_item(version, *pair, top, similar) for pair in zip(parts, answers, strict=True)]
        if self._feedback_store:
            _store_answers(self._feedback_store, version, parts, items)
        whole = {"id": request.id, "model": version.model, "version": version.number, "predictions": items}
        if any("error" not in item for item in items):
            return json_response(whole)
        request.reason = "bad_input"
        error = items[0]["error"] if len(items) == 1 else "no image of the request can be read"
        return json_response({**whole, "error": error}, status=400)

    async def models(self, request: Request) -> Response:
        models = [_described(model) for model in self._context.catalogue().models.values()]
        options = self._context.options
        limits = {"max_body": options.max_body, "max_instances": options.max_instances}
        return json_response(
            {"whatsit": __version__, "keeps": self._feedback_store is not None, "limits": limits, "models": models}
        )

    async def explain(self, request: Request) -> Response:
        """The photo, reddened where the evidence for a class lies (JPEG)."""
        version = named_version(self._context, request)
        label = request.query.get("label")
        if label is not None and label not in version.facts.labels:
            raise HTTPError("bad_input", "no such class in this model")
        parts = await photos(self._context, request)
        if len(parts) != 1:
            raise HTTPError("bad_input", "one image at a time")

        def draw() -> bytes:
            return _overlay(version, parts[0].data, label)

        try:
            return Response(await self._context.pool.run(version, draw, request.deadline), "image/jpeg")
        except ImageError as error:
            raise HTTPError("bad_input", str(error)) from None

    async def feedback(self, request: Request) -> Response:
        """Stores a correction: the true class of an image."""
        correction = await self._context.read(request, parse_json)
        if self._feedback_store is None:
            raise HTTPError("conflict", "this server keeps no answers, so it takes no corrections")
        prediction_id, label = correction.get("id"), correction.get("label")
        if (
            not isinstance(prediction_id, str)
            or not isinstance(label, str)
            or not 0 < len(label.strip()) <= LONGEST_LABEL
        ):
            raise HTTPError("bad_input", 'expected {"id": the id of a prediction, "label": what it is}')
        try:
            await self._feedback_store.correct(prediction_id, label.strip())
        except KeyError:
            raise HTTPError("unknown", "no such prediction is kept") from None
        except WhatsitError:  # which is in the log, with what a client need not know
            raise HTTPError("failed", "the correction was not kept. The server's log says why") from None
        return json_response({"id": prediction_id, "label": label.strip()})


def _item(version: Version, part: Part, answer: Classified, top: int, similar: int) -> dict[str, Any]:
    named = {"name": part.filename[:LONGEST_NAME]} if part.filename else {}
    if answer.error is not None:
        return {**named, "error": without_details(answer.error)}
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


def _store_answers(
    feedback_store: FeedbackStore, version: Version, parts: list[Part], items: list[dict[str, Any]]
) -> None:
    """Stores the answers. Each gets a random id, by which its client can correct it."""
    for part, item in zip(parts, items, strict=True):
        if "error" not in item:
            item["id"] = uuid.uuid4().hex
            feedback_store.keep(AnsweredImage.of(item, version, part.data))


def _data_uri(jpeg: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()


STEPS = ((0.99, "almost certainly"), (0.9, "very likely"), (0.66, "likely"), (0.5, "more likely than not"))
LEAST = "perhaps"


def likelihood(probability: float) -> str:
    """
    >>> likelihood(0.93)
    'very likely'
    """
    return next((words for least, words in STEPS if probability >= least), LEAST)


def in_words(prediction: Prediction) -> str:
    """`very likely cat`, or why it is unsure."""
    if not prediction.familiar:
        return f"unsure: unlike the photos it learned from (perhaps {prediction.label})"
    if prediction.unsure:
        return f"unsure, perhaps {prediction.label}"
    return f"{likelihood(prediction.probability or 0.0)} {prediction.label}"


def percentages(metrics: Mapping[str, Any]) -> str:
    """What the model's percentages are worth, from its own figures: `metrics` of model.json.

    Off by more than 95 of 100 perfectly calibrated models would show by chance, they are not to be read as they stand.
    """
    accuracy = metrics.get("accuracy")
    found = [metrics.get(name) for name in ("n", "ece", "ece_by_chance", "mean_confidence")]
    found.append(accuracy.get("value") if isinstance(accuracy, Mapping) else None)
    figures = [value for value in found if isinstance(value, float | int)]
    if len(figures) < len(found):
        return "How often its percentages come true was not measured."
    n, ece, chance, claimed, right = figures
    off = f"on {n:,} photos they were off by {100 * ece:.1f} points on average"
    if ece <= chance:
        return (
            f"Of all photos for which it says 80 %, about 80 in 100 should be right: {off}, and up to "
            f"{100 * chance:.1f} would be chance."
        )
    way = "too sure" if claimed > right else "too modest"
    return (
        f"Do not read 80 % as 80 in 100: {off}, mostly {way}, and no more than {100 * chance:.1f} would be chance. "
        "More says only that it is surer."
    )


OVERLAY_SIDE = 800  # pixels of a heat map's longer side
JPEG_QUALITY = 85
LONGEST_LABEL = 200  # characters of a correction


def _overlay(version: Version, data: bytes, label: str | None) -> bytes:
    """On the caller's thread alone. Raises ImageError."""
    classifier, file = version.classifier, io.BytesIO()
    if label is None:
        (answer,) = classifier.answer_pixels(classifier.pixels(data)[None])
        label = classifier.classes_[int(answer.probabilities.argmax())]
    classifier.explain(data, label, side=OVERLAY_SIDE).overlay().save(file, "JPEG", quality=JPEG_QUALITY)
    return file.getvalue()


def _described(model: ServedModel) -> dict[str, Any]:
    versions = [
        {
            "version": number,
            "aliases": model.aliases_of(number),
            "labels": version.facts.labels,
            "created": version.facts.created,
            "metrics": version.facts.metrics,
            "headline": version.facts.data.get("headline"),
            "percentages": percentages(version.facts.metrics),
            "protocol": version.facts.data.get("protocol"),
            "unsure": asdict(version.facts.unsure),
            "checksum": version.checksum,
            "similar": version.similar is not None,
        }
        for number, version in model.versions.items()
    ]
    failed = {str(number): "did not pass its checks" for number in model.failures}
    return {"name": model.name, "aliases": model.aliases, "versions": versions, "failed": failed}

"""`POST /predict`: whatsit's own way to ask, one photo or many, each with its answer or its error."""

import base64
import uuid
from typing import Any

from whatsit.model.prediction import Classified
from whatsit.serving.call import Call
from whatsit.serving.desk import Desk, without_details
from whatsit.serving.feedback import Keepsakes
from whatsit.serving.kept import Asked
from whatsit.serving.parts import Part
from whatsit.serving.reply import Reply, json_reply
from whatsit.serving.upload import named_version, number, photos
from whatsit.serving.version import Version
from whatsit.serving.words import in_words

MOST_SIMILAR = 12
MOST_CLASSES = 1_000_000
LONGEST_NAME = 200  # characters of a file's name that an answer repeats


class Predict:
    """The handler. keepsakes: where questions and answers are kept; None where they are not."""

    def __init__(self, desk: Desk, keepsakes: Keepsakes | None) -> None:
        self._desk = desk
        self._keepsakes = keepsakes

    async def predict(self, call: Call) -> Reply:
        top = number(call, "top", 5, 1, MOST_CLASSES)
        similar = number(call, "similar", 0, 0, MOST_SIMILAR)
        version = named_version(self._desk, call)
        parts = await photos(self._desk, call)
        answers = await self._desk.classify(call, [part.data for part in parts])
        items = [_item(version, *pair, top, similar) for pair in zip(parts, answers, strict=True)]
        if self._keepsakes:
            _keep(self._keepsakes, version, parts, items)
        whole = {"id": call.id, "model": version.model, "version": version.number, "predictions": items}
        if any("error" not in item for item in items):
            return json_reply(whole)
        call.reason = "bad_input"
        error = items[0]["error"] if len(items) == 1 else "no image of the request can be read"
        return json_reply({**whole, "error": error}, status=400)


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


def _keep(keepsakes: Keepsakes, version: Version, parts: list[Part], items: list[dict[str, Any]]) -> None:
    """Gives each answer an id of its own, which no other client can know, by which it can be corrected."""
    for part, item in zip(parts, items, strict=True):
        if "error" not in item:
            item["id"] = uuid.uuid4().hex
            keepsakes.keep(Asked.of(item, version, part.data))


def _data_uri(jpeg: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()

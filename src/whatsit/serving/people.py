"""What the page asks besides `/predict`: which models there are, heat maps, and corrections to send."""

import io
from dataclasses import asdict
from typing import Any

from whatsit import __version__
from whatsit.errors import ImageError, WhatsitError
from whatsit.serving.call import Call
from whatsit.serving.catalogue import Model
from whatsit.serving.desk import Desk
from whatsit.serving.feedback import Keepsakes
from whatsit.serving.refusal import Refused
from whatsit.serving.reply import Reply, json_reply, parse_json
from whatsit.serving.upload import named_version, photos
from whatsit.serving.version import Version
from whatsit.serving.words import percentages

OVERLAY_SIDE = 800  # pixels of a heat map's longer side
JPEG_QUALITY = 85
LONGEST_LABEL = 200  # characters of a correction


class ForPeople:
    """The handlers. keepsakes: where questions and answers are kept; None where they are not."""

    def __init__(self, desk: Desk, keepsakes: Keepsakes | None) -> None:
        self._desk = desk
        self._keepsakes = keepsakes

    async def models(self, call: Call) -> Reply:
        models = [_described(model) for model in self._desk.catalogue().models.values()]
        options = self._desk.options
        limits = {"max_body": options.max_body, "max_instances": options.max_instances}
        return json_reply(
            {"whatsit": __version__, "keeps": self._keepsakes is not None, "limits": limits, "models": models}
        )

    async def explain(self, call: Call) -> Reply:
        """The photo, reddened where the evidence for a class lies (JPEG)."""
        version = named_version(self._desk, call)
        label = call.query.get("label")
        if label is not None and label not in version.facts.labels:
            raise Refused("bad_input", "no such class in this model")
        parts = await photos(self._desk, call)
        if len(parts) != 1:
            raise Refused("bad_input", "one image at a time")

        def draw() -> bytes:
            return _overlay(version, parts[0].data, label)

        try:
            return Reply(await self._desk.pool.call(version, draw, call.deadline), "image/jpeg")
        except ImageError as error:
            raise Refused("bad_input", str(error)) from None

    async def feedback(self, call: Call) -> Reply:
        """A person says what an image really shows."""
        said = await self._desk.read(call, parse_json)
        if self._keepsakes is None:
            raise Refused("conflict", "this server keeps no answers, so it takes no corrections")
        asked, label = said.get("id"), said.get("label")
        if not isinstance(asked, str) or not isinstance(label, str) or not 0 < len(label.strip()) <= LONGEST_LABEL:
            raise Refused("bad_input", 'expected {"id": the id of a prediction, "label": what it is}')
        try:
            await self._keepsakes.correct(asked, label.strip())
        except KeyError:
            raise Refused("unknown", "no such prediction is kept") from None
        except WhatsitError:  # which is in the log, with what a client need not know
            raise Refused("failed", "the correction was not kept. The server's log says why") from None
        return json_reply({"id": asked, "label": label.strip()})


def _overlay(version: Version, data: bytes, label: str | None) -> bytes:
    """On the caller's thread alone. Raises ImageError."""
    classifier, file = version.classifier, io.BytesIO()
    if label is None:
        (answer,) = classifier.answer_pixels(classifier.pixels(data)[None])
        label = classifier.classes_[int(answer.probabilities.argmax())]
    classifier.explain(data, label, side=OVERLAY_SIDE).overlay().save(file, "JPEG", quality=JPEG_QUALITY)
    return file.getvalue()


def _described(model: Model) -> dict[str, Any]:
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

"""A package of others adds a protocol: it answers, it is documented, and all that holds for requests holds for it."""

import json
from pathlib import Path

import pytest
from plugins import Install

from whatsit.config import ServeOptions
from whatsit.errors import WhatsitError
from whatsit.serving.app import Service
from whatsit.serving.sources import find_source
from whatsit.training.run import Trained

from .load import photos_in
from .running import serving

pytestmark = pytest.mark.slow

LINES = '''
from whatsit.serving.http import Response
from whatsit.serving.request import post


class Lines:
    """`POST /lines/MODEL`: a photo in, the class as a line of text."""

    openapi = {
        "tags": [{"name": "Lines", "description": "A line of text."}],
        "paths": {"/lines/{model}": {"post": {"tags": ["Lines"], "responses": {"200": {"$ref": "#/components/x"}}}}},
        "components": {"schemas": {"Line": {"type": "string"}}},
    }

    def __init__(self, context):
        self._context = context

    def routes(self):
        return [post("/lines/{model}", self.predict)]

    async def predict(self, request):
        version = self._context.find(request, **request.path)
        body = await self._context.read(request, lambda body: body)
        (answer,) = await self._context.classify_all_or_none(request, [body])
        label = answer.prediction(version.facts.labels, version.facts.unsure, 1).label
        return Response(f"{label}\\n".encode(), "text/plain")
'''


def test_a_package_adds_a_protocol(installed: Install, model: Trained, photos: Path) -> None:
    installed("whatsit-lines", LINES, protocols={"lines": "Lines"})
    image = photos_in(photos)[0]
    with serving(model.folder, "--api-key", "secret", ready_key="secret") as server:
        key = {"Authorization": "Bearer secret"}
        path = f"/lines/{model.folder.name.removesuffix('-model')}"
        told = json.loads(server.ask("POST", "/predict", image, key).body)["predictions"][0]
        assert server.ask("POST", path, image, key).body.decode() == f"{told['label']}\n"
        assert server.ask("POST", path, image).status == 401
        assert server.ask("POST", path, b"no image", key).status == 400
        document = json.loads(server.ask("GET", "/openapi.json").body)
    assert "post" in document["paths"]["/lines/{model}"]
    assert "post" in document["paths"]["/predict"]
    assert document["tags"][-1]["name"] == "Lines"
    assert document["components"]["schemas"]["Line"] == {"type": "string"}


def test_a_path_that_there_is_cannot_be_added(installed: Install, model: Trained) -> None:
    installed("whatsit-thief", LINES.replace("/lines/{model}", "/predict"), protocols={"thief": "Lines"})
    with pytest.raises(WhatsitError, match=r"adds /predict to openapi\.json, which has it"):
        Service(find_source(str(model.folder)), ServeOptions())

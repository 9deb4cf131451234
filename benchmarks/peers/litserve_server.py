"""The same model behind LitServe, as its documents set up an image classifier: a file in a form, a worker a core.

It runs in an environment of its own (litserve and whatsit), and uses whatsit's `Classifier` for the way from bytes to
probabilities, so that what is compared is the server around it.
"""

import sys
from typing import Any

import litserve as ls  # type: ignore[import-not-found, unused-ignore]
from fastapi import UploadFile  # type: ignore[import-not-found, unused-ignore]

import whatsit
from whatsit.machine import cores


class API(ls.LitAPI):  # type: ignore[misc, unused-ignore]
    """One worker process."""

    def setup(self, device: str) -> None:
        self.classifier = whatsit.load(sys.argv[1])
        self.classifier.open()

    def decode_request(self, request: UploadFile) -> Any:
        return self.classifier.pixels(request.file.read())

    def predict(self, pixels: Any) -> Any:
        return self.classifier.answer_pixels(pixels[None])[0]

    def encode_response(self, answer: Any) -> Any:
        best = int(answer.probabilities.argmax())
        return {"label": self.classifier.classes_[best], "probability": float(answer.probabilities[best])}


if __name__ == "__main__":
    server = ls.LitServer(API(), accelerator="cpu", workers_per_device=cores(), timeout=60)
    server.run(host="127.0.0.1", port=int(sys.argv[2]), generate_client_file=False, log_level="error")

"""Images → embeddings of a pretrained backbone, computed once and kept. It knows nothing of classes."""

import os

# ONNX Runtime's packages for Linux and macOS (1.31 does) keep a database in the user's home and send figures about
# their use to their maker, decided when it is imported. Whoever wants that sets it to 0.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

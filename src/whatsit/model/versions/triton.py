"""What lets NVIDIA Triton serve the same folder: `config.pbtxt` and `labels.txt`, both of the default version.

The fields are those of Triton's model_config.proto. Only the default is loaded there: a client of Triton that names no
version gets the newest of those that are loaded, and so the same one as here.
"""

import json
from pathlib import Path

from whatsit.errors import ModelFolderError
from whatsit.files import write_atomically
from whatsit.model.format import FILES as MODEL_FILES
from whatsit.model.format import ModelFacts, read_facts
from whatsit.model.versions.layout import FILES

MAX_BATCH = 32  # images; the largest batch in embedding/engines


def describe_to_triton(folder: Path, default: int | None) -> None:
    """Writes both files where they are not what they should be; without a version, removes them.

    Where the default is damaged they stay: there is nothing to describe.
    """
    if default is None:
        for name in (FILES.triton, FILES.labels):
            (folder / name).unlink(missing_ok=True)
        return
    try:
        facts = read_facts(folder / str(default))
    except ModelFolderError:
        return
    labels = "".join(f"{label}\n" for label in facts.labels)
    for name, text in ((FILES.labels, labels), (FILES.triton, config(folder.name, default, facts))):
        _write(folder / name, text.encode())


def config(name: str, version: int, facts: ModelFacts) -> str:
    """The model's configuration in protobuf's text format. Shapes are those of one image."""
    taken, dim = facts.preprocessing, facts.backbone["dim"]
    graph = MODEL_FILES.graph
    return f"""\
name: {_quoted(name)}
backend: "onnxruntime"
default_model_filename: {_quoted(graph)}
max_batch_size: {MAX_BATCH}
input [
  {{ name: "image" data_type: TYPE_UINT8 dims: [ {taken.height}, {taken.width}, 3 ] }}
]
output [
  {{
    name: "probabilities" data_type: TYPE_FP32 dims: [ {len(facts.labels)} ]
    label_filename: {_quoted(FILES.labels)}
  }},
  {{ name: "similarity" data_type: TYPE_FP32 dims: [ 1 ] reshape: {{ shape: [ ] }} }},
  {{ name: "embedding" data_type: TYPE_FP32 dims: [ {dim} ] }}
]
version_policy: {{ specific: {{ versions: [ {version} ] }} }}
"""


def _quoted(text: str) -> str:
    """JSON's escapes of ASCII text are among those of protobuf's text format."""
    return json.dumps(text)


def _write(path: Path, data: bytes) -> None:
    if not path.is_file() or path.read_bytes() != data:
        write_atomically(path, data)

"""`whatsit request`: bodies that TensorFlow Serving's and Cloud ML's clients send."""

import base64
import json
from pathlib import Path

from .shell import Shell, check_mistake


def test_a_body_and_its_lines(shell: Shell, fruit: Path, tmp_path: Path) -> None:
    photos = [fruit / "apples" / "000.jpg", fruit / "pears" / "001.jpg"]
    expected = [
        {"key": str(place), "image_bytes": {"b64": base64.b64encode(photo.read_bytes()).decode()}}
        for place, photo in enumerate(photos)
    ]
    whole, lines = tmp_path / "request.json", tmp_path / "instances.json"
    assert shell("request", *photos, "-o", whole).out.startswith(f"{whole}: 2 images, ")
    assert json.loads(whole.read_text(encoding="utf-8")) == {"instances": expected}
    assert shell("request", *photos, "-o", lines, "--json-instances").code == 0
    assert [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()] == expected


def test_a_photo_that_is_missing_leaves_no_file(shell: Shell, fruit: Path, tmp_path: Path) -> None:
    output = tmp_path / "request.json"
    done = shell("request", fruit / "apples" / "000.jpg", fruit / "none.jpg", "-o", output)
    check_mistake(done, "none.jpg: no such file")
    assert not output.exists()

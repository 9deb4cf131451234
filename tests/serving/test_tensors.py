"""Tensors of the Open Inference Protocol, back and forth, and whatever else a client may send."""

import base64
import json
import struct
from collections.abc import Mapping
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whatsit.serving.http import HTTPError
from whatsit.serving.protocols.tensors import Tensor, images_of, split

ELEMENTS = st.lists(st.binary(max_size=40), min_size=1, max_size=5)


def body_of(one: Mapping[str, object], behind: bytes = b"") -> tuple[bytes, str | None]:
    head = json.dumps({"inputs": [one]}).encode()
    return head + behind, str(len(head)) if behind else None


@given(ELEMENTS)
def test_encoded_images_arrive_as_they_were_sent(elements: list[bytes]) -> None:
    raw = b"".join(struct.pack("<I", len(one)) + one for one in elements)
    shape = [len(elements)]
    binary = {"name": "image", "datatype": "BYTES", "shape": shape, "parameters": {"binary_data_size": len(raw)}}
    assert images_of(split(*body_of(binary, raw))) == elements
    texts = [base64.b64encode(one).decode() for one in elements]
    as_json = {
        **{"name": "image", "datatype": "BYTES", "shape": shape, "data": texts},
        "parameters": {"content_type": "base64"},
    }
    assert images_of(split(*body_of(as_json))) == elements


@given(st.tuples(*[st.integers(1, 4)] * 3), st.integers(0, 2**32 - 1), st.booleans())
def test_pixels_arrive_as_they_were_sent(sides: tuple[int, int, int], seed: int, nested: bool) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (*sides, 3), np.uint8)
    one = {"name": "image", "datatype": "UINT8", "shape": list(pixels.shape)}
    data = pixels.tolist() if nested else pixels.ravel().tolist()
    as_json = split(*body_of({**one, "data": data}))
    binary = split(*body_of({**one, "parameters": {"binary_data_size": pixels.size}}, pixels.tobytes()))
    for request in (as_json, binary):
        np.testing.assert_array_equal(np.stack([np.asarray(image) for image in images_of(request)]), pixels)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "name": st.just("image") | JSON,
        "datatype": st.sampled_from(["UINT8", "BYTES", "FP32"]) | JSON,
        "shape": st.lists(st.integers(-1, 2**40), max_size=5) | JSON,
        "data": JSON,
        "parameters": st.fixed_dictionaries(
            {}, optional={"binary_data_size": st.integers(-5, 50) | JSON, "content_type": st.just("base64") | JSON}
        )
        | JSON,
    },
)


@given(FIELDS, st.binary(max_size=30), st.none() | st.integers(-1, 200).map(str) | st.text(max_size=5))
def test_whatever_is_sent_is_read_or_refused(one: dict[str, object], behind: bytes, length: str | None) -> None:
    body = json.dumps({"inputs": [one]}).encode() + behind
    with suppress(HTTPError):
        images_of(split(body, length))


@pytest.mark.parametrize("top", [1, 2])
def test_outputs_in_both_forms(top: int) -> None:
    numbers = Tensor("probabilities", np.array([[0.25, 0.75]], np.float32), (1, 2))
    assert numbers.raw() == struct.pack("<ff", 0.25, 0.75)
    texts = Tensor("probabilities", ["0.75:1:ü"] * top, (1, top))
    assert texts.raw() == (struct.pack("<I", 9) + "0.75:1:ü".encode()) * top
    assert texts.as_json() == {"name": "probabilities", "datatype": "BYTES", "shape": [1, top], "data": texts.array}

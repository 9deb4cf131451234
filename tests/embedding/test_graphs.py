"""The graphs compute what the convolutions say, in both precisions."""

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper

from whatsit.config import Precision
from whatsit.embedding.backbones.efficientnet import Conv, convolutions, read_state_dict
from whatsit.embedding.backbones.lite import LITES, weights_file
from whatsit.embedding.graph import FEATURES, float32_graph, int8_graph
from whatsit.embedding.session import open_session, run
from whatsit.errors import BackboneError

from .samples import TINY_DIM, TINY_SIZE, drawing, tiny_convolutions, tiny_extractor

Array = NDArray[np.float64]
NAMES = sorted(LITES)


def _convolve(conv: Conv, x: Array) -> Array:
    """x (in, h, w) → (out, ⌈h / stride⌉, ⌈w / stride⌉), padded as TensorFlow does: the odd zero last."""
    kernel, (_, height, width) = conv.weight.shape[-1], x.shape
    down, across = (-(-side // conv.stride) for side in (height, width))
    pads = [max((n - 1) * conv.stride + kernel - side, 0) for n, side in ((down, height), (across, width))]
    padded = np.pad(x, [(0, 0), *((pad // 2, pad - pad // 2) for pad in pads)])
    out = np.empty((len(conv.weight), down, across))
    per_group_in, per_group_out = conv.weight.shape[1], len(conv.weight) // conv.groups
    for o, (weight, bias) in enumerate(zip(conv.weight, conv.bias, strict=True)):
        first = o // per_group_out * per_group_in
        for i in range(down):
            for j in range(across):
                top, left = i * conv.stride, j * conv.stride
                window = padded[first : first + per_group_in, top : top + kernel, left : left + kernel]
                out[o, i, j] = (window * weight).sum() + bias
    return out.clip(0, 6) if conv.relu6 else out


def _by_hand(image: NDArray[np.uint8]) -> dict[str, Array]:
    """One image → the output of each convolution (out, h, w), in float64."""
    x = (image.transpose(2, 0, 1).astype(np.float64) - 127) / 128
    outputs: dict[str, Array] = {}
    for conv in tiny_convolutions():
        x = _convolve(conv, x) + (outputs[conv.adds] if conv.adds else 0)
        outputs[conv.name] = x
    return outputs


def test_the_graph_computes_what_the_convolutions_say() -> None:
    images = np.stack([drawing(seed, TINY_SIZE) for seed in range(2)])
    model = float32_graph(tiny_convolutions(), TINY_SIZE)
    for name in FEATURES:
        model.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    last, middle, embedding = run(open_session(model.SerializeToString()), [*FEATURES, "embedding"], images)
    for i, image in enumerate(images):
        outputs = _by_hand(image)
        means = [outputs[name].mean(axis=(1, 2)) for name in ("head", "depthwise")]
        assert np.allclose(last[i], outputs["head"], atol=1e-5)
        assert np.allclose(middle[i], outputs["depthwise"], atol=1e-5)
        assert np.allclose(embedding[i], np.concatenate(means), atol=1e-5)


def test_eight_bits_come_close() -> None:
    images = np.stack([drawing(seed, TINY_SIZE) for seed in range(8)])
    exact, rounded = (
        run(open_session(tiny_extractor(precision=precision).graph), ["embedding"], images)[0]
        for precision in ("float32", "int8")
    )
    assert np.abs(exact - rounded).max() < 0.1 * np.abs(exact).max()


@pytest.mark.parametrize("name", NAMES)
def test_products_of_neighbours_fit_16_bits(name: str) -> None:
    """Processors without VNNI add pairs of 8-bit products in 16 bits, and there saturate without a word."""
    convs = convolutions(read_state_dict(weights_file(LITES[name])))
    model = int8_graph(convs, LITES[name].size)
    integers = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    for conv in convs:
        weight = integers[f"{conv.name}.weight.q"].astype(int)
        assert np.abs(weight).max() <= 127
        if conv.groups == 1:
            rows = weight.transpose(0, 2, 3, 1).reshape(len(weight), -1)  # (out, k·k·in)
            rows = np.pad(rows, ((0, 0), (0, rows.shape[1] % 2)))
            assert 255 * np.abs(rows[:, 0::2] + rows[:, 1::2]).max() < 2**15
        assert np.abs(integers[f"{conv.name}.bias.q"].astype(np.int64)).max() < 1.1 * 2**30


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_valid_onnx_with_the_promised_ends(precision: Precision) -> None:
    model = onnx.load_from_string(tiny_extractor(precision=precision).graph)
    onnx.checker.check_model(model, full_check=True)
    ends = [
        (v.name, [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim])
        for v in (*model.graph.input, *model.graph.output)
    ]
    assert ends == [("image", ["n", TINY_SIZE, TINY_SIZE, 3]), ("embedding", ["n", TINY_DIM])]
    assert model.graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.UINT8


def test_a_dead_channel_with_a_bias_stays_within_32_bits() -> None:
    dead, *rest = tiny_convolutions()
    weight, bias = dead.weight.copy(), dead.bias.copy()
    weight[0], bias[0], weight[1], bias[1] = 1e-12, 3.0, 0, 0
    model = int8_graph([Conv(**{**vars(dead), "weight": weight, "bias": bias}), *rest], TINY_SIZE)
    image = drawing(0, TINY_SIZE)[None]
    assert np.isfinite(run(open_session(model.SerializeToString()), ["embedding"], image)[0]).all()


def test_weights_of_another_network_are_refused() -> None:
    state = read_state_dict(weights_file(LITES["efficientnet-lite0"]))
    renamed = {name.replace("_conv_stem", "stem"): array for name, array in state.items()}
    with pytest.raises(BackboneError, match=r"EfficientNet-Lite: '_conv_stem\.weight' is missing"):
        convolutions(renamed)
    short = {name: array for name, array in state.items() if not name.startswith("_blocks.15.")}
    with pytest.raises(BackboneError, match="6 stages, expected 7"):
        convolutions(short)

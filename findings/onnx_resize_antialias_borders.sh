#!/usr/bin/env bash
# ONNX Resize with antialias=1 (ONNX Runtime 1.32.0) is not Pillow's resize: along the border noise differs by up to 11
# grey levels unless exclude_outside=1, which is not the default; and the pre-processing tool of onnxruntime-extensions
# 0.15.2 sets neither by default.
#
# Guessed: mode "linear" with antialias=1 on bytes gives what Pillow's BILINEAR gives, within rounding, since both
# stretch the triangle by the scale and keep their sums in fixed point. And PrePostProcessor's Resize, made to match
# Pillow as its source says, is antialiased.
# Seen: inside they are equal. Of weights that fall outside the picture, Pillow spreads the sum over all others; Resize
# gives them to the outermost pixel. With exclude_outside=1 all is equal within 1, and so with "cubic" (which wants
# cubic_coeff_a=-0.5 as well). PrePostProcessor writes opset 16 by default, which knows no antialias: noise is off by 58
# levels on average; with onnx_opset=18 only the border is.
# Who puts resizing into the graph serves other pixels than were trained on. torch.onnx sets exclude_outside itself.
# Source: ONNX operator Resize-19, exclude_outside; onnxruntime_extensions/tools/pre_post_processing/steps/vision.py.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet onnxruntime==1.32.0 onnxruntime-extensions==0.15.2 onnx==1.23.2 \
    pillow==13.0.0 numpy==2.4.6
"$work/venv/bin/python" - <<'PY'
import numpy as np
import onnx
import onnxruntime
import onnxruntime_extensions
import PIL
from onnx import TensorProto, helper
from onnxruntime_extensions.tools.pre_post_processing import PrePostProcessor, Resize
from PIL import Image

HEIGHT, WIDTH, SIZE = 300, 450, (100, 150)
noise = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


def session(model):
    options = onnxruntime.SessionOptions()
    options.register_custom_ops_library(onnxruntime_extensions.get_library_path())
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def by_graph(mode, **attributes):
    node = helper.make_node("Resize", ["x", "", "", "size"], ["y"], mode=mode, antialias=1, **attributes)
    shapes = [1, HEIGHT, WIDTH, 3], [1, *SIZE, 3]
    values = [helper.make_tensor_value_info(*info) for info in zip("xy", [TensorProto.UINT8] * 2, shapes)]
    size = helper.make_tensor("size", TensorProto.INT64, [4], shapes[1])
    graph = helper.make_graph([node], "resize", values[:1], values[1:], [size])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=10)
    return session(model).run(None, {"x": noise[None]})[0][0]


def by_tool(**options):
    shape = helper.make_tensor_value_info("image", TensorProto.UINT8, [HEIGHT, WIDTH, 3])
    tool = PrePostProcessor([shape], **options)
    tool.add_pre_processing([Resize(SIZE, layout="HWC")])
    identity = helper.make_node("Identity", ["x"], ["y"])
    values = [helper.make_tensor_value_info(name, TensorProto.UINT8, [*SIZE, 3]) for name in "xy"]
    opset = helper.make_opsetid("", options.get("onnx_opset", 16))
    graph = helper.make_graph([identity], "picture", values[:1], values[1:])
    model = helper.make_model(graph, opset_imports=[opset], ir_version=8)
    return session(tool.run(model)).run(None, {"image": noise})[0]


def off(what, found, filter):
    wanted = np.asarray(Image.fromarray(noise).resize(SIZE[::-1], filter)).astype(int)
    off = np.abs(found.astype(int) - wanted)
    print(f"{what}: inside at most {off[4:-4, 4:-4].max()}, everywhere at most {off.max()}, mean {off.mean():.2f}")
    return off[4:-4, 4:-4].max(), off.max(), off.mean()


for package in (onnx, onnxruntime, onnxruntime_extensions, PIL):
    print(package.__name__, package.__version__)
inside, everywhere, _ = off("linear", by_graph("linear"), Image.BILINEAR)
assert inside <= 1 and everywhere > 8
assert off("linear, exclude_outside=1", by_graph("linear", exclude_outside=1), Image.BILINEAR)[1] <= 1
inside, everywhere, _ = off("cubic, a=-0.5", by_graph("cubic", cubic_coeff_a=-0.5), Image.BICUBIC)
assert inside <= 1 and everywhere > 4
found = by_graph("cubic", cubic_coeff_a=-0.5, exclude_outside=1)
assert off("cubic, a=-0.5, exclude_outside=1", found, Image.BICUBIC)[1] <= 1
assert off("PrePostProcessor", by_tool(), Image.BILINEAR)[2] > 40
inside, everywhere, _ = off("PrePostProcessor, onnx_opset=18", by_tool(onnx_opset=18), Image.BILINEAR)
assert inside <= 1 and everywhere > 8
PY

"""Where backbones come from: the built-in table, timm, and the user's own ONNX files."""

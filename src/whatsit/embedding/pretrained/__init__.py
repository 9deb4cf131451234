"""The pretrained networks of timm, `timm:NAME`: exported once to ONNX, then embedded like the others.

    names → hub, files, lite → weights → network → export → cache

What needs PyTorch (`network`, `export`) is imported where a network is prepared, and not when it is used again.
"""

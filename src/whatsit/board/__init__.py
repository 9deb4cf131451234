"""How a training went, as files that TensorBoard shows: curves, pictures, embeddings, hyper-parameters.

The files are written with the protocol buffers of the package tensorboard, so neither TensorFlow nor, for a probe,
PyTorch is needed. The package comes with the extra `networks`, and it is imported when a run is begun.
"""

"""Images → embeddings of a pretrained backbone, computed once and kept. It knows nothing of classes."""

"""scikit-learn's side: `ImageEmbedder` and `ImageClassifier` in pipelines, grids and cross-validation.

    from sklearn.model_selection import cross_val_score
    from whatsit import ImageClassifier

    cross_val_score(ImageClassifier(), paths, labels)

X is a list, array or column of images: paths, URIs, bytes, Pillow images or uint8 arrays. An unreadable one is an
`ImageError` that names it, as an estimator has no row for errors. Paths go through the embedding cache, so a grid over
heads reads each photo once. The network's input is chosen by `image_fit`, which `whatsit train` calls `--fit`.
"""

from whatsit.sklearn.classifier import ImageClassifier
from whatsit.sklearn.embedder import ImageEmbedder

__all__ = ["ImageClassifier", "ImageEmbedder"]

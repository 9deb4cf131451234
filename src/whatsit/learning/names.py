"""The names of the heads, apart from their code, so that options can be read without it."""

from typing import Literal

HeadName = Literal["logistic", "svm", "knn"]

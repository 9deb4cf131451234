"""The model folder and the classifier that answers from it. It needs no training code to answer."""

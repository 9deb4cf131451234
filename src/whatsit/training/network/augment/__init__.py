"""Data augmentation: random changes of training photos, on batches of pixels.

It is written by hand because that was measured (benchmarks/RESULTS.md, section 23). Every photo needs a draw of its
own, so torchvision's v2 transforms have to be called photo by photo. Then they take 2 to 6 times the processor time of
this package, which moves the photos of a batch by one sampling and recolours them by one matrix product.
"""

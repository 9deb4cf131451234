"""Data augmentation: random changes of training photos, on batches of pixels."""

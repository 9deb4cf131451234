"""Several training methods on the same splits."""

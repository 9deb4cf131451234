"""What clients speak: whatsit's own JSON, KServe v2 and TensorFlow Serving."""

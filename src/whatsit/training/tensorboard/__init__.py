"""Runs for TensorBoard. It decides nothing."""

"""Neural networks trained on the photos themselves. What needs PyTorch here comes with the extra `networks`."""

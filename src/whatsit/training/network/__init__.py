"""Networks trained with PyTorch, which needs the extra `networks`; tables and options need none."""

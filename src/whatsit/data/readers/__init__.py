"""From folders and manifests to records, one module for each way that people lay out photos."""

"""How long a test waits for what must come: it ends a hang, and no machine is so slow that it ends anything else."""

PATIENCE = 3600.0  # seconds

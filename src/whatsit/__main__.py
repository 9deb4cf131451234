"""`python -m whatsit` is `whatsit`."""

from whatsit.cli import run

run()

"""`python -m whatsit` is `whatsit`."""

from whatsit.cli import main

main()

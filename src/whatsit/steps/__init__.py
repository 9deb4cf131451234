"""The steps of `pipeline.py`, one file each: gather → learn → judge → publish."""

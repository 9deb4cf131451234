"""Tests of whatsit.model.versions."""

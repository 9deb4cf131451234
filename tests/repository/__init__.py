"""Tests of whatsit.repository."""

"""Tests of whatsit.evaluation."""

"""Predictions and labels → metrics with confidence intervals, and the report. It trains nothing."""

"""Compares two versions using Prometheus metrics: queries, confidence intervals, report."""

"""Monitoring: the table of metrics, and the dashboard and rules generated from it."""

"""Monitoring: the table of metrics, and the dashboard and rules made from it."""

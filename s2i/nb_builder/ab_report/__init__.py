"""Which of two versions performs better, from Prometheus metrics: queries, confidence intervals, report."""

"""Which of two versions is better, by what Prometheus has counted of both: asked, compared with intervals, said."""

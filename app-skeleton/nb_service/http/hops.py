"""Shared by front and app: internal headers, and limits that both must observe."""

# The app's route that a path matched, for log and metrics, where paths themselves would be unbounded labels.
ROUTE_FIELD = b"x-nb-route"
# Requests that the app handles at a time.
THREADS = 64
# In addition, finished responses that clients are slow to read.
MAX_DRAINING = 64
# Room for the largest head that the front accepts and the headers that it may add.
MAX_HEAD = 1 << 16

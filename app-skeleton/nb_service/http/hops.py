"""What front and app share: header fields that no client sees, and limits that both must keep."""

# The app's route that a path matched, for log and metrics: paths themselves would make labels without bound.
ROUTE_FIELD = b"x-nb-route"
# Requests that the app works on at a time.
THREADS = 64
# In addition, responses that it has finished and that clients are slow to read.
MAX_DRAINING = 64
# Room for the largest head that the front accepts and for what it may add.
MAX_HEAD = 1 << 16

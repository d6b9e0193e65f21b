"""Constants for both front and app: internal headers, and limits."""

# The app's route for a path, for log and metrics: paths themselves would be an unbounded number of labels.
ROUTE_FIELD = b"x-nb-route"
# The number of requests that the app handles at a time.
THREADS = 64
# The additional number of finished responses that clients may be slow to read.
MAX_DRAINING = 64
# Large enough for the largest head that the front accepts, and the headers that it may add.
MAX_HEAD = 1 << 16

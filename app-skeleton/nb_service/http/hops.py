"""What front and app say to each other beside HTTP: fields that no client sees."""

# Proves that a request comes from the front.
SECRET_FIELD = b"x-nb-front"
# Which rule of the app a path matched, for log and metrics.
ROUTE_FIELD = b"x-nb-route"
# Requests that the app works on at a time.
THREADS = 64
# Answers that it has made, and that clients take slowly, beside these.
MOST_DRAINING = 64
# What the front reads of a client's head and may add to it.
LONGEST_HEAD = 1 << 16

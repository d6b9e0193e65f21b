"""The formats of a scorer's output in the log; the front sets one on the scorer's command line."""

PLAIN = "plain"  # unchanged: in a build
TEXT = "text"  # [scorer PID] before each line
JSON = "json"  # one JSON object per print

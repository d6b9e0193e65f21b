"""The forms that a scorer's prints can take in the log: the front chooses one on the scorer's command line."""

PLAIN = "plain"  # as it is: in a build
TEXT = "text"  # [scorer PID] before each line
JSON = "json"  # one JSON object per print

"""The C of every native program but its model: start without libc, JSON, numbers, mathematics, command line, HTTP."""

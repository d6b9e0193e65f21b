"""The model as a program: one file that includes everything except Python.

The service's back end `zipapp` writes it. Its first process runs in any Python of the model's version with the standard
library only: it verifies the file, creates an environment, and replaces itself with a process in that environment,
which loads the model and scores.
"""

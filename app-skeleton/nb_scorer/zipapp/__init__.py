"""The model as a program: one file that Python runs, which has all in it but Python.

It is what the back end `zipapp` of the service writes. Its first process runs by any Python of the model's version and
has the standard library alone: it verifies, makes an environment, and becomes a process of that environment, which
loads the model and answers.
"""

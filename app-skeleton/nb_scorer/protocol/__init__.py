"""The protocol between the front and the processes of the model Python: command lines, orders, frames, counters."""

"""The C code of all native programs, without the model: startup without libc, JSON, numbers, math, CLI, HTTP."""

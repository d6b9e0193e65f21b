"""Static analysis of a notebook: the contract, undefined names and rebound names, all without running a cell."""

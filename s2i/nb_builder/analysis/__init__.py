"""Static analysis of a notebook: the contract, undefined names and rebound names, without running a cell."""

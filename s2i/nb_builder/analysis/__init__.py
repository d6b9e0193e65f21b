"""What the syntax tree of a notebook tells: the contract, names that nothing defines, names that are bound anew."""

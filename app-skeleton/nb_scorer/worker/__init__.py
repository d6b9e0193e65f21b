"""The processes next to the front while a model is served: the zygote, and the scorers that it forks."""

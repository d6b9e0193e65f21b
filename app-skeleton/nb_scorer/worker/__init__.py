"""The processes of the model Python that serve a model: the zygote, and the scorers that it forks."""

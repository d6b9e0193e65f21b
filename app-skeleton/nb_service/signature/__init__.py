"""Signatures of models, in the format of OpenSSF Model Signing: what they hold, whom they are of, whom to trust."""

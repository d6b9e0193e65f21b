"""Signatures of models, in the format of OpenSSF Model Signing: whom they are of, whom to trust, what they say."""

"""Model signatures in the format of OpenSSF Model Signing: signers, trust, and signed contents."""

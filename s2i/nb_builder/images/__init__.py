"""Images, which anybody may have made: their files are a stream, and their programs run under our conditions."""

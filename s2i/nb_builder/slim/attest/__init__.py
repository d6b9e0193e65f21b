"""What documents a slim image: its content, its licences, and the proof that it gives the same answers."""

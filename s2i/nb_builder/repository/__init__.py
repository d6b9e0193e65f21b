"""The user's repository: its notebooks, in any format, its files, and its git metadata."""

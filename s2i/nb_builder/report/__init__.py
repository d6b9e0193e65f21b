"""The build's output for people: its report, the executed notebook as a page, and the image's labels."""

"""The build's output for people: its report, the executed notebook as a page, the image's labels."""

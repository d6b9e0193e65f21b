"""What a build leaves for people to read: its report, the executed notebook as a page, the image's labels."""

"""What a build leaves to be read: its report, the executed notebook as a page, the image's labels."""

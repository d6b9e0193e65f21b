"""The model over HTTP: Flask under waitress, with predictions on waitress's own loop."""

"""Files that a model needs but its image may lack: fetched by the build, or mounted or fetched at the start."""

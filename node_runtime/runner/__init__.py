"""Code shared by the daemon, `run` and `work`: an attempt's workspace, output checks and result document."""

"""DecentralML's API: functions with its names and parameters, over the creator's and contributor's use cases."""

"""Which chain runs without any other program? This one: the network's own runtime, hosted inside Python."""

"""The domain model: tasks, assets, documents, clocks and units, with their rules. No network or storage I/O."""

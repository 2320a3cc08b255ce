"""Operating system helpers: files, locks, permissions, signals, host commands. Independent of tasks."""

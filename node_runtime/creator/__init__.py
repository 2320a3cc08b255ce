"""What can a creator do? Submit a file, follow its tasks, look at results, judge and fetch them, try it all locally.

Functions take the ports they use; nothing here keeps state of its own.
"""

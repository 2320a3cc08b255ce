"""Chain state: the runtime's storage, its trie, and the database of blocks and states."""

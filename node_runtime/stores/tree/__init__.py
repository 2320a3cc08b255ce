"""Trees of files: manifest and digest, safe walk, packed stream, working copies."""

"""Wasm host of the runtime: compilation, memory and host functions."""

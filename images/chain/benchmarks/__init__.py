"""The measuring of the pallets' weights: the host that runs benchmarks, the fit, and the Rust it is written as."""

//! What the benchmarks share: generated inputs, floors and the clock.

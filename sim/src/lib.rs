//! Virtual time and a misbehaving network, for tests of every floor.

//! A simulated OMA DM device.
fn main() {}

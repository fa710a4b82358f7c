//! The gateway between real servers and real devices, by requirement.

mod atomic;
mod bootstrapped_device;
mod children;
mod console;
mod description;
mod devices;
mod groups;
mod jobs;
mod modes;
mod objects;
mod restart;
mod rights;
mod sessions;
mod town;

use gwmo_model::mo::Binding;

/// The objects as this crate has them.
fn binding() -> Binding {
    Binding::ours()
}

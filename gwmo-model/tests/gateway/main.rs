//! The gateway between real servers and real devices, by requirement.

mod aggregation;
mod atomic;
mod bootstrapped_device;
mod children;
mod confidentiality;
mod console;
mod description;
mod devices;
mod groups;
mod images;
mod jobs;
mod modes;
mod moving;
mod objects;
mod proxying;
mod restart;
mod rights;
mod security;
mod sessions;
#[cfg(feature = "serde")]
mod stored_forms;
mod town;
mod use_cases;

use gwmo_model::mo::Binding;

/// The objects as this crate has them.
fn binding() -> Binding {
    Binding::ours()
}

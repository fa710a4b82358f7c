//! What a gateway can be asked, and what is known of its groups and jobs. Every command is made, and every answer read, by
//! [`Console`](gwmo_model::console::Console).
//!
//! A group or a job is known as *requested* when the operator has asked for it, and as what the gateway says of it once the gateway has
//! answered; if it refuses, as *refused*, and why.

mod ask;
mod plan;
mod reading;
mod standing;

pub(super) use ask::{Ask, MAX_IMAGE};
pub(super) use plan::ask;
pub(super) use reading::{Reading, read};
pub(super) use standing::{Group, Job, Thing, answered, heard, settled};

fn bad(what: &str, error: &dyn std::fmt::Display) -> super::engine::Denied {
    super::engine::Denied::Value(format!("{what}: {error}"))
}

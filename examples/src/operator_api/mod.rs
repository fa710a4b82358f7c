//! What programs show their operator over HTTP: who may look, the page, and events as they happen.

mod client;
mod events;
mod page;
mod token;

pub use client::{OperatorClient, segment};
pub use events::{Events, stream};
pub use page::page;
pub use token::{OperatorToken, only_operators};

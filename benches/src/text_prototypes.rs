//! The experiment behind `docs/decisions/0001`: one decoder and one set of types, generic over how text is held.
//!
//! Not a codec. It knows the elements the generated inputs have, skips the rest, and exists so that the two ways of
//! holding text can be measured with nothing else different.

mod decoder;
mod holding;
mod message;

pub use decoder::{Error, decode};
pub use holding::{Borrowed, Holding, Shared, Text};
pub use message::{Command, Cred, Header, Item, Locator, Message, Meta, Named, Status, Verb};

//! Images by requirement and use case, and every way they end.

#[path = "../image_store/mod.rs"]
mod image_store;

mod coming_in;
mod reading;
mod requirements;
mod restart;
mod room;
mod scene;

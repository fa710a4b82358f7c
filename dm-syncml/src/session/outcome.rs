//! What became of a command that a client session handed out.

use alloc::vec::Vec;

use crate::codes::StatusCode;
use crate::model::Item;

/// What became of a command: one outcome for each of its items, or one for the whole.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Outcome {
    /// The outcomes, in the order of the items; a single one counts for all items.
    pub items: Vec<ItemOutcome>,
}

/// What became of one item of a command.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ItemOutcome {
    /// The code.
    pub code: StatusCode,
    /// What a Get found: items with Source, Meta and Data.
    pub results: Vec<Item<'static>>,
    /// What the Status has to say beside the code: the node that failed, a user's answer.
    pub detail: Vec<Item<'static>>,
}

impl Outcome {
    /// One code for all items.
    #[must_use]
    pub fn all(code: StatusCode) -> Self {
        Self { items: alloc::vec![ItemOutcome::new(code)] }
    }

    /// Whether every item was done: a code of class 2 that does not say the contrary (214, 215, 216).
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.items.iter().all(ItemOutcome::is_success)
    }

    /// An outcome for each item.
    #[must_use]
    pub const fn each(items: Vec<ItemOutcome>) -> Self {
        Self { items }
    }
}

impl ItemOutcome {
    /// A code and nothing else.
    #[must_use]
    pub const fn new(code: StatusCode) -> Self {
        Self { code, results: Vec::new(), detail: Vec::new() }
    }

    /// Whether it was done: a code of class 2 that does not say the contrary (214, 215, 216).
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.code.is_done()
    }

    /// Success with what was found.
    #[must_use]
    pub const fn found(results: Vec<Item<'static>>) -> Self {
        Self { code: StatusCode::OK, results, detail: Vec::new() }
    }

    /// Adds something to the Status.
    #[must_use]
    pub fn with_detail(mut self, item: Item<'static>) -> Self {
        self.detail.push(item);
        self
    }
}

//! Which namespace a prefix stands for, element by element (Namespaces in XML 1.0 §6).

use alloc::borrow::Cow;
use alloc::vec::Vec;

use crate::code_space::CodePage;

/// A namespace: one of the code space's, or any other; none is the empty one.
#[derive(Clone, Debug)]
pub(super) enum Namespace<'a> {
    Page(&'static CodePage),
    Other(Cow<'a, str>),
}

/// The declarations in force.
#[derive(Clone, Debug, Default)]
pub(super) struct Namespaces<'a> {
    bindings: Vec<(&'a str, Namespace<'a>)>,
}

impl<'a> Namespaces<'a> {
    pub(super) fn declare(&mut self, prefix: &'a str, namespace: Namespace<'a>) {
        self.bindings.push((prefix, namespace));
    }

    /// How many are in force; [`forget`](Self::forget) goes back to such a count, and says whether it had to.
    pub(super) fn len(&self) -> usize {
        self.bindings.len()
    }

    #[inline]
    pub(super) fn forget(&mut self, len: usize) -> bool {
        let some = self.bindings.len() > len;
        if some {
            self.bindings.truncate(len);
        }
        some
    }

    /// What `prefix` stands for; the empty prefix is the default namespace.
    #[inline]
    pub(super) fn get(&self, prefix: &str) -> Option<&Namespace<'a>> {
        self.bindings.iter().rev().find(|(bound, _)| *bound == prefix).map(|(_, namespace)| namespace)
    }
}

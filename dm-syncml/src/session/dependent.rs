//! Commands that depend on each other (DM Protocol 1.2.1, Atomic and Sequence), built so that only legal ones come out.

use alloc::vec::Vec;

use crate::model::{Add, Atomic, Command, Copy, Delete, Exec, Get, Item, Replace, Sequence};

use super::interaction::Interaction;
use super::ledger::UNNUMBERED;

/// All or nothing: an [`Atomic`] under construction.
///
/// DM 1.2.1 has no Get, no Exec and no container inside; [`WindowsAtomic`] has Exec too. The session gives all members
/// their CmdIDs.
///
/// ```
/// use dm_syncml::session::{AllOrNothing, InOrder};
/// use dm_syncml::{Data, Item, LocUri};
///
/// let item = |uri, value| -> Result<_, dm_syncml::ValueError> {
///     Ok(Item::to(LocUri::new(uri)?).with_data(Data::text(value)?))
/// };
/// let account = AllOrNothing::replace(item("./Acc/User", "ada")?).and_replace(item("./Acc/Secret", "...")?);
/// let steps = InOrder::atomic(account).and_exec(Item::to(LocUri::new("./Acc/Connect")?));
/// assert_eq!(dm_syncml::Command::from(steps).members().len(), 2);
/// # Ok::<(), dm_syncml::ValueError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AllOrNothing(Vec<Command<'static>>);

/// An [`Atomic`] for Windows, which takes Exec inside and demands it for certificates. A session queues it only under
/// [`DeviceProfile::WINDOWS`](super::DeviceProfile::WINDOWS) or another profile that says so.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WindowsAtomic(Vec<Command<'static>>);

/// One after the other: a [`Sequence`] under construction. A member that fails does not stop the others; a user who says
/// no does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InOrder(Vec<Command<'static>>);

macro_rules! members {
    ($builder:ident: $($(#[$doc:meta])* $first:ident $and:ident($($arg:ident: $type:ty),*) $make:expr;)*) => {
        impl $builder {$(
            $(#[$doc])*
            #[must_use]
            pub fn $first($($arg: $type),*) -> Self {
                Self(Vec::from([Command::from($make)]))
            }

            $(#[$doc])*
            #[must_use]
            pub fn $and(mut self, $($arg: $type),*) -> Self {
                self.0.push(Command::from($make));
                self
            }
        )*}
    };
}

macro_rules! changes {
    ($builder:ident) => {
        members! { $builder:
            /// Creates a node.
            add and_add(item: Item<'static>) Add::new(UNNUMBERED, Vec::from([item]));
            /// Overwrites a value.
            replace and_replace(item: Item<'static>) Replace::new(UNNUMBERED, Vec::from([item]));
            /// Removes a subtree.
            delete and_delete(item: Item<'static>) Delete::new(UNNUMBERED, Vec::from([item]));
            /// Copies a leaf, from Source to Target.
            copy and_copy(item: Item<'static>) Copy::new(UNNUMBERED, Vec::from([item]));
            /// Asks the user; "no" and cancelling undo an Atomic, and end a Sequence.
            ask and_ask(interaction: &Interaction) interaction.to_alert(UNNUMBERED);
        }
    };
}

changes! { AllOrNothing }
changes! { WindowsAtomic }
changes! { InOrder }

members! { WindowsAtomic:
    /// Runs something.
    exec and_exec(item: Item<'static>) Exec::new(UNNUMBERED, item);
}

members! { InOrder:
    /// Asks for a value.
    get and_get(item: Item<'static>) Get::new(UNNUMBERED, Vec::from([item]));
    /// Runs something.
    exec and_exec(item: Item<'static>) Exec::new(UNNUMBERED, item);
    /// All or nothing, as one step.
    atomic and_atomic(atomic: AllOrNothing) Command::from(atomic);
    /// All or nothing with Exec inside, as one step.
    windows_atomic and_windows_atomic(atomic: WindowsAtomic) Command::from(atomic);
}

impl From<AllOrNothing> for Command<'static> {
    fn from(members: AllOrNothing) -> Self {
        Atomic::new(UNNUMBERED, members.0).into()
    }
}

impl From<WindowsAtomic> for Command<'static> {
    fn from(members: WindowsAtomic) -> Self {
        Atomic::new(UNNUMBERED, members.0).into()
    }
}

impl From<InOrder> for Command<'static> {
    fn from(members: InOrder) -> Self {
        Sequence::new(UNNUMBERED, members.0).into()
    }
}

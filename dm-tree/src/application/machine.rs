//! The keeper of applications.

use alloc::collections::{BTreeMap, BTreeSet};
use core::time::Duration;

use dm_syncml::{Instant, Journal, RecordSeq};

use super::error::{ApplicationError, ApplicationErrorKind};
use super::grant::Grant;
use super::identity::ApplicationIdentity;
use super::limits::ApplicationLimits;
use super::notice::{Batch, Notice, NoticeKind, Notification, NotificationSeq, SubscriptionId};
use super::output::ApplicationOutput;
use super::place::{is_at_or_below, moved, spelled};
use super::policy::RegistrationPolicy;
use super::record::{
    ApplicationRecord, ApplicationsSnapshot, Entry, Registration, Subscription, UnknownVersion,
};
use crate::acting::Acting;
use crate::change::{Change, ChangeKind};
use crate::handler::Handlers;
use crate::principal::{Actor, ApplicationId, Principal};
use crate::rights::{AccessType, Rights};
use crate::store::Flags;
use crate::tree::{Place, Tree};
use crate::uri::NodeUri;

/// The applications of a device: their registrations, their rights, and what they are to be told. See the
/// [module](super).
///
/// A machine like the others: after each call drain [`poll_output`](Self::poll_output) until it says
/// [`Wait`](ApplicationOutput::Wait). What it tells rests on records that were stored before; who stores nothing calls
/// [`handle_persisted`](Self::handle_persisted) at once. The tree is lent to the calls that need it.
#[derive(Clone, Debug)]
pub struct Applications {
    limits: ApplicationLimits,
    registrations: BTreeMap<ApplicationId, Registration>,
    subscriptions: BTreeMap<SubscriptionId, Kept>,
    next_subscription: u64,
    now: Instant,
    journal: Journal<ApplicationRecord, ApplicationOutput>,
}

/// A subscription with what is not stored of it.
#[derive(Clone, Debug)]
struct Kept {
    state: Subscription,
    /// Not recorded as it is now.
    is_dirty: bool,
    /// When what was collected is to be told.
    due: Option<Instant>,
    /// When the application was told what it has not acknowledged. Not since the restart: `None`.
    told_at: Option<Instant>,
}

impl Kept {
    const fn new(state: Subscription) -> Self {
        Self { state, is_dirty: false, due: None, told_at: None }
    }
}

impl Default for Applications {
    fn default() -> Self {
        Self::new(ApplicationLimits::default())
    }
}

impl Applications {
    /// No applications yet.
    #[must_use]
    pub const fn new(limits: ApplicationLimits) -> Self {
        Self {
            limits,
            registrations: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            next_subscription: 1,
            now: Instant::EPOCH,
            journal: Journal::new(),
        }
    }

    /// The limits it was made with.
    #[must_use]
    pub const fn limits(&self) -> &ApplicationLimits {
        &self.limits
    }

    /// Registers an application, when the policy admits what the platform says of it. An application registers again whenever it likes, and
    /// should when it starts: its rights are then those the policy gives now, and its subscriptions go on.
    ///
    /// One that is registered and not admitted any more is [unregistered](Self::unregister).
    ///
    /// # Errors
    ///
    /// [`Refused`](ApplicationErrorKind::Refused), [`OtherSigner`](ApplicationErrorKind::OtherSigner), which leaves the one that is
    /// registered as it is, or [`Full`](ApplicationErrorKind::Full).
    pub fn register(
        &mut self,
        now: Instant,
        tree: &Tree,
        identity: &ApplicationIdentity,
        policy: &dyn RegistrationPolicy,
    ) -> Result<ApplicationId, ApplicationError> {
        self.advance(now);
        let Some(admission) = policy.decide(identity) else {
            let was = self.registrations.values().find(|known| known.identity.is_same(identity));
            if let Some(id) = was.map(|known| known.id.clone()) {
                self.forget(&id);
            }
            return Err(ApplicationErrorKind::Refused.into());
        };
        let id = admission.id;
        match self.registrations.get(&id) {
            Some(known) if !known.identity.is_same(identity) && !admission.takes_over => {
                return Err(ApplicationErrorKind::OtherSigner.into());
            }
            None if self.registrations.len() >= self.limits.max_applications => {
                return Err(ApplicationErrorKind::Full.into());
            }
            _ => {}
        }
        let grants = super::grant::Grants::new(tree, admission.grants);
        if grants.len() > self.limits.max_grants {
            return Err(ApplicationErrorKind::Full.into());
        }
        let registration = Registration { id: id.clone(), identity: identity.clone(), grants };
        let known = self.registrations.get(&id);
        if known != Some(&registration) {
            if known.is_some_and(|known| known.grants != registration.grants) {
                self.narrow(&id);
            }
            self.registrations.insert(id.clone(), registration.clone());
            self.journal.record(ApplicationRecord::new(Entry::Registered(registration)));
        }
        self.journal.hold(ApplicationOutput::Registered(id.clone()));
        Ok(id)
    }

    /// Ends a registration: its rights and subscriptions end at once.
    ///
    /// # Errors
    ///
    /// [`NotRegistered`](ApplicationErrorKind::NotRegistered).
    pub fn unregister(&mut self, now: Instant, id: &ApplicationId) -> Result<(), ApplicationError> {
        self.advance(now);
        self.registration(id)?;
        self.forget(id);
        Ok(())
    }

    /// Lets a registered application act on the tree. `handlers` serve the mounted subtrees. Give what
    /// [`take_changes`](Acting::take_changes) says to [`handle_changes`](Self::handle_changes) like the changes of servers.
    ///
    /// Where an application has no right at all it is answered 425, whether or not there is a node.
    ///
    /// # Errors
    ///
    /// [`NotRegistered`](ApplicationErrorKind::NotRegistered).
    pub fn act<'t>(
        &'t self,
        tree: &'t mut Tree,
        id: &ApplicationId,
        handlers: &'t mut dyn Handlers,
    ) -> Result<Acting<'t>, ApplicationError> {
        Ok(tree.act_as(Actor::Application(self.registration(id)?), handlers))
    }

    /// What an application may do with the node at an address; nothing when it is not registered.
    #[must_use]
    pub fn rights_of(&self, tree: &Tree, id: &ApplicationId, uri: &NodeUri<'_>) -> Rights {
        self.registrations.get(id).map_or(Rights::NONE, |known| known.grants.rights_at(tree, uri))
    }

    /// The applications that are registered, with what the platform said of each.
    pub fn registered(&self) -> impl Iterator<Item = (&ApplicationId, &ApplicationIdentity)> {
        self.registrations.iter().map(|(id, known)| (id, &known.identity))
    }

    /// What an application was granted.
    pub fn grants_of(&self, id: &ApplicationId) -> &[Grant] {
        self.registrations.get(id).map_or(&[], |known| known.grants.as_slice())
    }

    /// Subscribes an application to an instance of a management object, or any other part of the tree it may read:
    /// to what happens at that address and below. There need not be a node yet. An instance that is renamed keeps its subscriptions. Who
    /// is subscribed to the same address already keeps that subscription.
    ///
    /// # Errors
    ///
    /// [`Denied`](ApplicationErrorKind::Denied) when it may not read there, [`NotRegistered`](ApplicationErrorKind::NotRegistered),
    /// [`Full`](ApplicationErrorKind::Full).
    pub fn subscribe(
        &mut self,
        now: Instant,
        tree: &Tree,
        id: &ApplicationId,
        instance: &NodeUri<'_>,
    ) -> Result<SubscriptionId, ApplicationError> {
        self.advance(now);
        let registration = self.registration(id)?;
        let is_good = instance.check(&tree.limits().uri).is_ok();
        if !is_good || !registration.grants.rights_at(tree, instance).contains(Rights::GET) {
            return Err(ApplicationErrorKind::Denied.into());
        }
        let instance = spelled(tree, instance);
        let mut own = self.subscriptions.iter().filter(|(_, kept)| kept.state.application == *id);
        if let Some((known, _)) = own.clone().find(|(_, kept)| kept.state.instance == instance) {
            let known = *known;
            self.journal.hold(ApplicationOutput::Subscribed(id.clone(), known));
            return Ok(known);
        }
        if own.by_ref().count() >= self.limits.max_subscriptions {
            return Err(ApplicationErrorKind::Full.into());
        }
        let subscription = SubscriptionId::new(self.next_subscription);
        self.next_subscription += 1;
        let state = Subscription {
            application: id.clone(),
            instance,
            seq: NotificationSeq(0),
            told: None,
            next: Batch::default(),
        };
        self.journal.record(ApplicationRecord::new(Entry::Subscription(subscription, state.clone())));
        self.subscriptions.insert(subscription, Kept::new(state));
        self.journal.hold(ApplicationOutput::Subscribed(id.clone(), subscription));
        Ok(subscription)
    }

    /// Ends a subscription of an application; nothing more is told under it.
    ///
    /// # Errors
    ///
    /// [`NoSubscription`](ApplicationErrorKind::NoSubscription) when it has no such subscription.
    pub fn unsubscribe(
        &mut self,
        now: Instant,
        id: &ApplicationId,
        subscription: SubscriptionId,
    ) -> Result<(), ApplicationError> {
        self.advance(now);
        self.own_subscription(id, subscription)?;
        self.drop_subscription(subscription);
        Ok(())
    }

    /// The subscriptions of an application, with the addresses where their instances are now.
    pub fn subscriptions_of<'a>(
        &'a self,
        id: &'a ApplicationId,
    ) -> impl Iterator<Item = (SubscriptionId, &'a NodeUri<'static>)> {
        let own = self.subscriptions.iter().filter(move |(_, kept)| kept.state.application == *id);
        own.map(|(subscription, kept)| (*subscription, &kept.state.instance))
    }

    /// Takes what servers and applications have changed in the tree, right after they have: [`Execution::changes`](crate::Execution::changes),
    /// [`Effects::changes`](crate::Effects::changes), [`Acting::take_changes`]. An application does not hear of its own changes, nor of what it may
    /// not read.
    pub fn handle_changes(&mut self, now: Instant, tree: &Tree, changes: &[Change]) {
        self.advance(now);
        for change in changes {
            self.observe(tree, &change.uri, &change.kind, Some(&change.by));
        }
    }

    /// Takes what the device itself has changed with the methods of [`Tree`].
    pub fn handle_device_change(&mut self, now: Instant, tree: &Tree, uri: &NodeUri<'_>, kind: &ChangeKind) {
        self.advance(now);
        self.observe(tree, uri, kind, None);
    }

    /// The application has taken note of what it was told, up to this notification. One that was acknowledged before is no error.
    ///
    /// # Errors
    ///
    /// [`NoSubscription`](ApplicationErrorKind::NoSubscription) when it has no such subscription.
    pub fn handle_acknowledged(
        &mut self,
        now: Instant,
        id: &ApplicationId,
        subscription: SubscriptionId,
        seq: NotificationSeq,
    ) -> Result<(), ApplicationError> {
        self.advance(now);
        let kept = self.own_subscription(id, subscription)?;
        if kept.state.seq == seq && kept.told_at.is_some() && kept.state.told.take().is_some() {
            kept.told_at = None;
            kept.is_dirty = true;
            // It may have been told again without knowing.
            self.journal.retain(|output| !tells(output, subscription));
        }
        Ok(())
    }

    /// The record has been stored, and all before it.
    pub fn handle_persisted(&mut self, now: Instant, seq: RecordSeq) {
        self.advance(now);
        self.journal.persisted(seq);
    }

    /// Time has passed. Calling it early or late does no harm.
    pub fn handle_tick(&mut self, now: Instant) {
        self.advance(now);
    }

    /// What is to be done next; call until it says [`ApplicationOutput::Wait`].
    pub fn poll_output(&mut self) -> ApplicationOutput {
        self.tell();
        if let Some((seq, record)) = self.journal.next_record() {
            return ApplicationOutput::Persist(seq, record);
        }
        if let Some(output) = self.journal.next_released() {
            return output;
        }
        ApplicationOutput::Wait(self.deadline())
    }

    /// Everything that is to be known after a restart. What is in a record not handed out yet is in it too.
    #[must_use]
    pub fn snapshot(&self) -> ApplicationsSnapshot {
        let subscriptions = self.subscriptions.iter().map(|(id, kept)| (*id, kept.state.clone()));
        ApplicationsSnapshot::new(
            self.next_subscription,
            self.registrations.values().cloned().collect(),
            subscriptions.collect(),
        )
    }

    /// Makes the keeper that was written down. What applications have not acknowledged they are told again.
    ///
    /// # Errors
    ///
    /// [`UnknownVersion`].
    pub fn restore(
        limits: ApplicationLimits,
        snapshot: &ApplicationsSnapshot,
    ) -> Result<Self, UnknownVersion> {
        snapshot.check()?;
        let mut restored = Self::new(limits);
        restored.next_subscription = snapshot.next_subscription;
        for registration in &snapshot.registrations {
            restored.registrations.insert(registration.id.clone(), registration.clone());
        }
        for (id, state) in &snapshot.subscriptions {
            restored.subscriptions.insert(*id, Kept::new(state.clone()));
        }
        Ok(restored)
    }

    /// Takes in what a record says. To be done in order, before anything else.
    ///
    /// # Errors
    ///
    /// [`UnknownVersion`]; nothing has changed then.
    pub fn replay(&mut self, record: &ApplicationRecord) -> Result<(), UnknownVersion> {
        record.check()?;
        match &record.entry {
            Entry::Registered(registration) => {
                self.registrations.insert(registration.id.clone(), registration.clone());
            }
            Entry::Unregistered(id) => {
                self.registrations.remove(id);
                self.subscriptions.retain(|_, kept| kept.state.application != *id);
            }
            Entry::Subscription(id, state) => {
                self.next_subscription = self.next_subscription.max(id.get().saturating_add(1));
                self.subscriptions.insert(*id, Kept::new(state.clone()));
            }
            Entry::Unsubscribed(id) => _ = self.subscriptions.remove(id),
        }
        Ok(())
    }

    /// Clocks that step back do no harm.
    fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    fn registration(&self, id: &ApplicationId) -> Result<&Registration, ApplicationError> {
        Ok(self.registrations.get(id).ok_or(ApplicationErrorKind::NotRegistered)?)
    }

    fn own_subscription(
        &mut self,
        id: &ApplicationId,
        subscription: SubscriptionId,
    ) -> Result<&mut Kept, ApplicationError> {
        let kept = self.subscriptions.get_mut(&subscription);
        let own = kept.filter(|kept| kept.state.application == *id);
        Ok(own.ok_or(ApplicationErrorKind::NoSubscription)?)
    }

    fn forget(&mut self, id: &ApplicationId) {
        self.registrations.remove(id);
        self.subscriptions.retain(|_, kept| kept.state.application != *id);
        // Nothing that waits is told any more.
        self.journal.retain(|output| match output {
            ApplicationOutput::Registered(whose)
            | ApplicationOutput::Subscribed(whose, _)
            | ApplicationOutput::Notify(whose, _) => whose != id,
            _ => true,
        });
        self.journal.record(ApplicationRecord::new(Entry::Unregistered(id.clone())));
        self.journal.hold(ApplicationOutput::Unregistered(id.clone()));
    }

    fn drop_subscription(&mut self, subscription: SubscriptionId) {
        self.subscriptions.remove(&subscription);
        let is_its = |output: &ApplicationOutput| matches!(output, ApplicationOutput::Subscribed(_, id) if *id == subscription);
        self.journal.retain(|output| !tells(output, subscription) && !is_its(output));
        self.journal.record(ApplicationRecord::new(Entry::Unsubscribed(subscription)));
    }

    /// The rights of an application become others: what was collected may name nodes that it may not read any more.
    fn narrow(&mut self, id: &ApplicationId) {
        let own = self.subscriptions.iter_mut().filter(|(_, kept)| kept.state.application == *id);
        for (subscription, kept) in own {
            let pending = [kept.state.told.as_mut(), Some(&mut kept.state.next)];
            pending.into_iter().flatten().filter(|batch| !batch.is_empty()).for_each(Batch::make_whole);
            (kept.told_at, kept.is_dirty) = (None, true);
            self.journal.retain(|output| !tells(output, *subscription));
        }
    }

    /// Something happened in the tree.
    fn observe(&mut self, tree: &Tree, uri: &NodeUri<'_>, kind: &ChangeKind, by: Option<&Principal>) {
        // Who could read a node under its old name: grants that follow it say nothing about that any more.
        let knew: BTreeSet<ApplicationId> = match kind {
            ChangeKind::Renamed { .. } => {
                let could = |known: &&Registration| known.grants.rights_at(tree, uri).contains(Rights::GET);
                self.registrations.values().filter(could).map(|known| known.id.clone()).collect()
            }
            _ => BTreeSet::new(),
        };
        if let ChangeKind::Renamed { to } = kind {
            for registration in self.registrations.values_mut() {
                if registration.grants.follow(uri, to) {
                    let record = ApplicationRecord::new(Entry::Registered(registration.clone()));
                    self.journal.record(record);
                }
            }
        }
        let due = self.now + self.limits.settle;
        for kept in self.subscriptions.values_mut() {
            let Some(registration) = self.registrations.get(&kept.state.application) else { continue };
            let [first, second] = notices(tree, registration, &mut kept.state, uri, kind);
            let by_itself = by.and_then(Principal::application) == Some(&registration.id);
            if let ChangeKind::Renamed { .. } = kind {
                // Addresses may be others even where there is nothing to tell.
                kept.is_dirty = true;
            }
            for notice in [first, second].into_iter().flatten() {
                let is_old_name =
                    matches!(kind, ChangeKind::Renamed { .. }) && notice.kind == NoticeKind::Removed;
                let may_hear = match is_old_name {
                    true => knew.contains(&registration.id),
                    false => is_readable(tree, registration, &notice),
                };
                // Its own move is told where what is still to be told has other addresses by it.
                let is_told_else = matches!(notice.kind, NoticeKind::Moved { .. })
                    && (kept.state.told.is_some() || !kept.state.next.is_empty());
                if (by_itself && !is_told_else) || !may_hear {
                    continue;
                }
                kept.state.next.push(notice, self.limits.max_notices);
                kept.is_dirty = true;
                kept.due.get_or_insert(due);
            }
        }
    }

    /// Makes notifications of what was collected, and records of what has changed.
    fn tell(&mut self) {
        let Self { subscriptions, journal, now, limits, .. } = self;
        for (id, kept) in subscriptions {
            let is_due = kept.due.is_none_or(|due| due <= *now);
            if kept.state.told.is_none() && is_due && !kept.state.next.is_empty() {
                kept.state.told = Some(core::mem::take(&mut kept.state.next));
                kept.state.seq.0 += 1;
                (kept.due, kept.told_at, kept.is_dirty) = (None, None, true);
            }
            if core::mem::take(&mut kept.is_dirty) {
                journal.record(ApplicationRecord::new(Entry::Subscription(*id, kept.state.clone())));
            }
            let Some(told) = &kept.state.told else { continue };
            if kept.told_at.is_some_and(|at| at + limits.remind > *now) {
                continue;
            }
            kept.told_at = Some(*now);
            // One that is still held back need not be said twice.
            if !journal.waiting().any(|output| tells(output, *id)) {
                let notification = Notification {
                    subscription: *id,
                    seq: kept.state.seq,
                    instance: kept.state.instance.clone(),
                    batch: told.clone(),
                };
                journal.hold(ApplicationOutput::Notify(kept.state.application.clone(), notification));
            }
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let remind: Duration = self.limits.remind;
        let of = |kept: &Kept| match &kept.state.told {
            Some(_) => kept.told_at.map(|at| at + remind),
            None if kept.state.next.is_empty() => None,
            None => kept.due,
        };
        self.subscriptions.values().filter_map(of).min()
    }
}

fn tells(output: &ApplicationOutput, subscription: SubscriptionId) -> bool {
    matches!(output, ApplicationOutput::Notify(_, notification) if notification.subscription == subscription)
}

/// What a change means for a subscription; moves it along when its instance has moved.
fn notices(
    tree: &Tree,
    registration: &Registration,
    state: &mut Subscription,
    uri: &NodeUri<'_>,
    kind: &ChangeKind,
) -> [Option<Notice>; 2] {
    let top = &state.instance;
    let one = |uri: &NodeUri<'_>, kind| [Some(Notice { uri: uri.clone().into_owned(), kind }), None];
    let is_inside = is_at_or_below(uri, top);
    match kind {
        // Says who else may do what; not what is there.
        ChangeKind::AclReplaced => [None, None],
        ChangeKind::Renamed { to } => {
            if let Some(new) = moved(top, uri, to) {
                let old = core::mem::replace(&mut state.instance, new.clone());
                if !registration.grants.rights_at(tree, &new).contains(Rights::GET) {
                    // For this application it is gone.
                    state.instance = old.clone();
                    return one(&old, NoticeKind::Removed);
                }
                return one(&new, NoticeKind::Moved { from: old });
            }
            if is_inside {
                let removed = Notice { uri: uri.clone().into_owned(), kind: NoticeKind::Removed };
                return [Some(removed), Some(Notice { uri: to.clone(), kind: NoticeKind::Added })];
            }
            let arrives = is_at_or_below(top, to) && tree.node_at(top).is_some();
            if arrives { one(top, NoticeKind::Added) } else { [None, None] }
        }
        ChangeKind::Added { ancestors } if is_inside => {
            // Ancestors that came along are new too; the topmost stands for all, where it may be spoken of.
            let up = uri.segments().count() - top.segments().count();
            let nodes = core::iter::successors(Some(uri.clone().into_owned()), |node| {
                node.parent().map(NodeUri::into_owned)
            });
            let news = nodes
                .take(1 + up.min(*ancestors))
                .filter(|node| registration.grants.rights_at(tree, node).contains(Rights::GET));
            news.last().map_or([None, None], |node| one(&node, NoticeKind::Added))
        }
        ChangeKind::SubtreeAdded if is_inside => one(uri, NoticeKind::Added),
        ChangeKind::SubtreeReplaced | ChangeKind::Replaced | ChangeKind::TitleReplaced if is_inside => {
            one(uri, NoticeKind::Replaced)
        }
        ChangeKind::Deleted if is_inside => one(uri, NoticeKind::Removed),
        _ if !is_at_or_below(top, uri) => [None, None],
        ChangeKind::Deleted => one(top, NoticeKind::Removed),
        ChangeKind::SubtreeAdded | ChangeKind::SubtreeReplaced => one(top, NoticeKind::Replaced),
        _ => [None, None],
    }
}

/// Whether an application may hear of a change: only of what it could read.
fn is_readable(tree: &Tree, registration: &Registration, notice: &Notice) -> bool {
    if !registration.grants.rights_at(tree, &notice.uri).contains(Rights::GET) {
        return false;
    }
    match tree.locate(&notice.uri) {
        Place::Stored(id) => {
            let node = tree.at(id);
            node.access.contains(AccessType::GET) && !node.flags.contains(Flags::SEALED)
        }
        _ => true,
    }
}

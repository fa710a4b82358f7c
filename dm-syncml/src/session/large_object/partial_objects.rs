//! What has come of objects whose transfer broke off.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use crate::time::Instant;

use super::resuming::{Announcement, Digest, Offer, Tag};

/// What has come of large objects whose transfer broke off, so that a later session can go on where it stopped (DM 2.0 RD, HLF-021).
///
/// Either side keeps one, as it keeps an alert queue: a session is given it when it begins
/// ([`ClientSession::with_partial_objects`](crate::session::ClientSession::with_partial_objects),
/// [`ServerSession::with_partial_objects`](crate::session::ServerSession::with_partial_objects)), and asked for it when it ends or at any
/// time before ([`ClientSession::partial_objects`](crate::session::ClientSession::partial_objects)). Each object in it is bound to the peer it
/// came from, to the command and the address, to its size and to the digest of the whole; only a transfer that agrees in all of that goes on
/// with it, and what comes out in the end is taken only when size and digest are right.
///
/// # Limits
/// Octets, number and age of the objects. The oldest go first; an object that alone is too large is not kept. A peer can fill it with what
/// it sends in its sessions and with nothing else.
///
/// ```
/// use core::time::Duration;
/// use dm_syncml::session::PartialObjects;
///
/// let objects = PartialObjects::new().with_max_octets(64 << 10).with_keep_for(Duration::from_secs(3600));
/// assert!(objects.is_empty());
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PartialObjects {
    max_octets: usize,
    max_objects: usize,
    keep_for: Duration,
    /// The oldest first.
    objects: VecDeque<PartialObject>,
}

/// The beginning of an object.
#[derive(Clone, PartialEq, Eq)]
pub struct PartialObject {
    peer: String,
    pub(super) cmd: String,
    pub(super) target: Option<String>,
    pub(super) source: Option<String>,
    pub(super) size: u64,
    pub(super) digest: Digest,
    pub(super) text: bool,
    pub(super) data: Vec<u8>,
    /// Of all the above but the data.
    tag: Tag,
    until: Instant,
}

impl PartialObject {
    /// Whom it came from.
    #[must_use]
    pub fn peer(&self) -> &str {
        &self.peer
    }

    /// The name of the command that brought it: `Replace`, `Add`, `Exec`, `Results`, `Alert`.
    #[must_use]
    pub fn command(&self) -> &str {
        &self.cmd
    }

    /// The address it is for, or in Results and alerts the one it comes from.
    #[must_use]
    pub fn address(&self) -> Option<&str> {
        self.target.as_deref().or(self.source.as_deref())
    }

    /// Octets of the whole, as messages carry it.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Octets that have come.
    #[must_use]
    pub const fn held(&self) -> usize {
        self.data.len()
    }

    /// When it is forgotten.
    #[must_use]
    pub const fn until(&self) -> Instant {
        self.until
    }

    /// Octets of all it holds.
    fn cost(&self) -> usize {
        let texts = [Some(&self.peer), Some(&self.cmd), self.target.as_ref(), self.source.as_ref()];
        texts.into_iter().flatten().map(String::len).sum::<usize>().saturating_add(self.data.len())
    }
}

/// Without the data.
impl fmt::Debug for PartialObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartialObject")
            .field("peer", &self.peer)
            .field("command", &self.cmd)
            .field("address", &self.address())
            .field("size", &self.size)
            .field("held", &self.data.len())
            .field("until", &self.until)
            .finish_non_exhaustive()
    }
}

/// The beginning of an object that is to be kept.
pub(super) struct Beginning {
    pub(super) cmd: String,
    pub(super) target: Option<String>,
    pub(super) source: Option<String>,
    pub(super) size: u64,
    pub(super) digest: Digest,
    pub(super) text: bool,
    pub(super) data: Vec<u8>,
}

impl PartialObjects {
    /// Nothing, with the defaults: 1 MiB, which is the largest object that a session takes by default, in eight objects, for a week.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            max_octets: 1 << 20,
            max_objects: 8,
            keep_for: Duration::from_secs(7 * 24 * 3600),
            objects: VecDeque::new(),
        }
    }

    /// Sets how many octets are kept, data and addresses.
    #[must_use]
    pub fn with_max_octets(mut self, octets: usize) -> Self {
        self.max_octets = octets;
        self.shrink();
        self
    }

    /// Sets how many objects are kept, at most 32. Each costs some thirty octets in the first messages of a session with its peer.
    #[must_use]
    pub fn with_max_objects(mut self, objects: usize) -> Self {
        self.max_objects = objects.min(32);
        self.shrink();
        self
    }

    /// Sets how long an object is kept after the last of it has come.
    #[must_use]
    pub const fn with_keep_for(mut self, time: Duration) -> Self {
        self.keep_for = time;
        self
    }

    /// What is kept, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &PartialObject> {
        self.objects.iter()
    }

    /// How many objects are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Whether nothing is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// Octets of data that are kept.
    #[must_use]
    pub fn octets(&self) -> usize {
        self.objects.iter().map(|object| object.data.len()).sum()
    }

    /// Forgets what is too old. Sessions do so when they begin.
    pub fn expire(&mut self, now: Instant) {
        self.objects.retain(|object| object.until > now);
    }

    /// Forgets what came from a peer, for one that is not trusted or known any more.
    pub fn forget_peer(&mut self, peer: &str) {
        self.objects.retain(|object| object.peer != peer);
    }

    /// What can be said to a peer of its objects.
    pub(super) fn announcement(&self, peer: &str) -> Announcement {
        let of_peer = self.objects.iter().filter(|object| object.peer == peer);
        Announcement::new(
            of_peer.map(|object| Offer { tag: object.tag, octets: object.data.len() as u64 }).collect(),
        )
    }

    /// Keeps the beginning of an object. An older one of the same place is forgotten.
    pub(super) fn keep(&mut self, now: Instant, peer: &str, beginning: Beginning) {
        let Beginning { cmd, target, source, size, digest, text, data } = beginning;
        self.forget(peer, &cmd, target.as_deref(), source.as_deref());
        let tag = Tag::of(&cmd, target.as_deref(), source.as_deref(), size, &digest);
        let until = now + self.keep_for;
        let object =
            PartialObject { peer: peer.into(), cmd, target, source, size, digest, text, data, tag, until };
        if !object.data.is_empty() && object.cost() <= self.max_octets {
            self.objects.push_back(object);
            self.shrink();
        }
    }

    /// Forgets what was kept of an object at this place.
    pub(super) fn forget(&mut self, peer: &str, cmd: &str, target: Option<&str>, source: Option<&str>) {
        self.objects.retain(|object| {
            object.peer != peer
                || object.cmd != cmd
                || object.target.as_deref() != target
                || object.source.as_deref() != source
        });
    }

    /// Takes out the object with this tag, if so many octets of it are there.
    pub(super) fn take(&mut self, peer: &str, tag: &Tag, from: u64) -> Option<PartialObject> {
        let at = self.objects.iter().position(|object| {
            object.peer == peer && object.data.len() as u64 >= from && object.tag == *tag
        })?;
        self.objects.remove(at)
    }

    fn shrink(&mut self) {
        let mut cost: usize = self.objects.iter().map(PartialObject::cost).sum();
        while self.objects.len() > self.max_objects || cost > self.max_octets {
            let Some(oldest) = self.objects.pop_front() else { return };
            cost = cost.saturating_sub(oldest.cost());
        }
    }
}

impl Default for PartialObjects {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(feature = "serde")]
mod snapshot {
    use alloc::string::String;
    use alloc::vec::Vec;

    use base64ct::{Base64, Encoding as _};
    use serde::{Deserialize, Serialize};

    use super::{Digest, Instant, PartialObject, PartialObjects, Tag};
    use crate::session::snapshot::{RestoreError, due, remaining};

    /// [`PartialObjects`] as a value for any store (feature `serde`). It holds what has come of the objects: keep it as safe as those.
    #[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
    pub struct PartialObjectsSnapshot {
        version: u32,
        objects: Vec<ObjectState>,
    }

    /// Without the data.
    impl core::fmt::Debug for PartialObjectsSnapshot {
        fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
            f.debug_struct("PartialObjectsSnapshot")
                .field("objects", &self.objects.len())
                .finish_non_exhaustive()
        }
    }

    #[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
    struct ObjectState {
        peer: String,
        cmd: String,
        target: Option<String>,
        source: Option<String>,
        size: u64,
        digest: String,
        text: bool,
        data: String,
        /// What is left of its time.
        remaining: u64,
    }

    impl PartialObjectsSnapshot {
        const VERSION: u32 = 1;
    }

    impl PartialObjects {
        pub(in crate::session) fn limits(&self) -> (usize, usize, u64) {
            let keep_for = u64::try_from(self.keep_for.as_nanos()).unwrap_or(u64::MAX);
            (self.max_octets, self.max_objects, keep_for)
        }

        pub(in crate::session) fn with_limits((octets, objects, keep_for): (usize, usize, u64)) -> Self {
            let keep_for = core::time::Duration::from_nanos(keep_for);
            Self::new().with_max_octets(octets).with_max_objects(objects).with_keep_for(keep_for)
        }

        /// What is kept, as a value. Limits are not part of it.
        #[must_use]
        pub fn snapshot(&self, now: Instant) -> PartialObjectsSnapshot {
            let state = |object: &PartialObject| ObjectState {
                peer: object.peer.clone(),
                cmd: object.cmd.clone(),
                target: object.target.clone(),
                source: object.source.clone(),
                size: object.size,
                digest: object.digest.to_text(),
                text: object.text,
                data: Base64::encode_string(&object.data),
                remaining: remaining(now, object.until),
            };
            PartialObjectsSnapshot {
                version: PartialObjectsSnapshot::VERSION,
                objects: self.objects.iter().map(state).collect(),
            }
        }

        /// What a snapshot was taken of, within the limits of this one, which is empty or is emptied.
        ///
        /// # Errors
        /// The snapshot is of another version, or was changed.
        pub fn restored(
            mut self,
            now: Instant,
            snapshot: PartialObjectsSnapshot,
        ) -> Result<Self, RestoreError> {
            if snapshot.version != PartialObjectsSnapshot::VERSION {
                return Err(RestoreError::Version(snapshot.version));
            }
            self.objects.clear();
            for state in snapshot.objects {
                let data = Base64::decode_vec(&state.data).map_err(|_| RestoreError::Malformed("base64"))?;
                let digest = Digest::parse(&state.digest).ok_or(RestoreError::Malformed("a digest"))?;
                if data.len() as u64 > state.size {
                    return Err(RestoreError::Malformed("a part of an object"));
                }
                let (target, source) = (state.target.as_deref(), state.source.as_deref());
                self.objects.push_back(PartialObject {
                    tag: Tag::of(&state.cmd, target, source, state.size, &digest),
                    peer: state.peer,
                    cmd: state.cmd,
                    target: state.target,
                    source: state.source,
                    size: state.size,
                    digest,
                    text: state.text,
                    data,
                    until: due(now, state.remaining),
                });
            }
            self.shrink();
            Ok(self)
        }
    }
}

#[cfg(feature = "serde")]
pub use snapshot::PartialObjectsSnapshot;

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn beginning(target: &str, octets: usize) -> Beginning {
        let (cmd, digest) = ("Replace".into(), Digest::of(target.as_bytes()));
        let data = vec![b'x'; octets];
        Beginning { cmd, target: Some(target.into()), source: None, size: 100, digest, text: true, data }
    }

    fn addresses(objects: &PartialObjects) -> Vec<&str> {
        objects.iter().filter_map(PartialObject::address).collect()
    }

    #[test]
    fn octets_and_number_are_bounded_and_the_oldest_go_first() {
        // Peer, command and address are 13 octets each time.
        let mut objects = PartialObjects::new().with_max_octets(130).with_max_objects(3);
        for address in ["./A", "./B", "./C", "./D"] {
            objects.keep(Instant::EPOCH, "srv", beginning(address, 30));
        }
        assert_eq!(addresses(&objects), ["./B", "./C", "./D"]);
        objects.keep(Instant::EPOCH, "srv", beginning("./E", 60));
        assert_eq!(addresses(&objects), ["./D", "./E"]);
        objects.keep(Instant::EPOCH, "srv", beginning("./F", 118));
        assert_eq!(addresses(&objects), ["./D", "./E"], "what never fits pushes nothing out");
        assert_eq!(objects.clone().with_max_octets(73).octets(), 60);
        assert!(objects.with_max_octets(72).is_empty());
    }

    #[test]
    fn objects_expire_and_belong_to_their_peer_and_place() {
        let mut objects = PartialObjects::new().with_keep_for(Duration::from_secs(10));
        objects.keep(Instant::EPOCH, "one", beginning("./A", 1));
        objects.keep(Instant::from_millis(5000), "two", beginning("./A", 2));
        objects.keep(Instant::from_millis(5000), "two", beginning("./A", 3));
        assert_eq!((objects.len(), objects.octets()), (2, 4), "the later of one place counts");
        let tag = objects.announcement("two").0[0].tag;
        assert_eq!(objects.announcement("three"), Announcement::default());
        assert!(objects.clone().take("two", &tag, 4).is_none(), "so much is not there");
        assert!(objects.clone().take("three", &tag, 3).is_none(), "nor anybody else's");
        assert_eq!(objects.clone().take("two", &tag, 2).unwrap().held(), 3);
        objects.expire(Instant::from_millis(10_000));
        assert_eq!(objects.iter().map(PartialObject::peer).collect::<Vec<_>>(), ["two"]);
        objects.forget_peer("two");
        assert!(objects.is_empty());
    }
}

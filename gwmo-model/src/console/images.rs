//! Images.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use dm_syncml::{Command, Data, Format, Item, Meta};
use dm_tree::Timestamp;

use super::Console;
use super::build::{add, replace};
use super::read::{ReadError, Values};
use crate::device::DeviceId;
use crate::fanout::ResultCode;
use crate::group::GroupId;
use crate::image::{ContentDigest, ImageKey, ImageSpec, ImageState, StoragePolicy};
use crate::mo::{ConfigSlot, ImagesSlot as Node};

/// Where an image stands.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ImageStatus {
    /// Its state.
    pub state: ImageState,
    /// 1210 when it is ready, or why it failed.
    pub result: Option<ResultCode>,
    /// Where devices fetch it; `None` unless it is ready.
    pub uri: Option<String>,
    /// What its server said it is.
    pub digest: Option<ContentDigest>,
    /// Its octets; `None` while that is not known.
    pub size: Option<u64>,
    /// How often devices have fetched it.
    pub pulls: u64,
}

/// The room for images, in octets; the nodes count kilobytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct StorageStatus {
    /// Whether images may be kept at all (GwMO-DCIS-003).
    pub enabled: bool,
    /// For all images.
    pub quota: u64,
    /// In use, rounded up.
    pub used: u64,
    /// Left, rounded down.
    pub free: u64,
    /// For one image.
    pub max_image: u64,
    /// How long an image is kept after its last use; `None` for ever.
    pub retain: Option<Duration>,
}

/// Who may fetch an image, beside the devices of jobs that use it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ImageReader<'a> {
    /// One device.
    Device(&'a DeviceId),
    /// The members of a group.
    Group(&'a GroupId),
}

const KB: u64 = 1024;

const STATES: [ImageState; 7] = [
    ImageState::Empty,
    ImageState::Receiving,
    ImageState::Downloading,
    ImageState::Verifying,
    ImageState::Ready,
    ImageState::Failed,
    ImageState::Evicted,
];

impl Console {
    /// The commands that add an image without content (GwMO-DCIS-001). Its content comes by
    /// [`deliver_image`](Self::deliver_image), or from [`ImageSpec::source`] by [`fetch_image`](Self::fetch_image). The node has 31 bits
    /// for a size: a larger one is not sent.
    ///
    /// ```
    /// use gwmo_model::console::Console;
    /// use gwmo_model::{ContentDigest, ImageKey, ImageSpec};
    ///
    /// let (console, key) = (Console::new(), ImageKey::new("fw-2.1")?);
    /// let spec = ImageSpec::new().with_digest(ContentDigest::new([7; 32]));
    /// let mut commands = console.add_image(&key, &spec);
    /// commands.push(console.deliver_image(&key, b"the firmware".to_vec()));
    /// # Ok::<(), gwmo_model::IdError>(())
    /// ```
    #[must_use]
    pub fn add_image(&self, key: &ImageKey, spec: &ImageSpec) -> Vec<Command<'static>> {
        let keys = [key.as_str()];
        let scope = &spec.scope;
        let mut items = Vec::from([self.interior(Node::Image, &keys)]);
        items.extend(scope.devices().map(|device| self.reader(key, ImageReader::Device(device))));
        items.extend(scope.groups().map(|group| self.reader(key, ImageReader::Group(group))));
        let mut commands = Vec::from([add(items)]);
        let size = spec.size.filter(|size| i32::try_from(*size).is_ok());
        let texts = [
            (Node::Name, spec.name.as_deref().map(String::from)),
            (Node::Ver, spec.version.as_deref().map(String::from)),
            (Node::Type, spec.media_type.as_deref().map(String::from)),
            (Node::Src, spec.source.as_deref().map(String::from)),
            (Node::Size, size.map(|size| size.to_string())),
            (Node::Hash, spec.digest.map(|digest| digest.to_string())),
        ];
        let leaves = texts.into_iter().filter_map(|(node, text)| Some(self.leaf(node, &keys, text?)));
        let mut leaves: Vec<_> = leaves.collect();
        if !spec.cacheable {
            leaves.push(self.flag(Node::Cacheable, &keys, false));
        }
        if !leaves.is_empty() {
            commands.push(replace(leaves));
        }
        commands
    }

    /// Delivers the content of an image. What does not fit a message travels in chunks: the session makes a large object of
    /// it (DM Protocol 1.2.1 §7), as far as the MaxObjSize of the gateway allows.
    #[must_use]
    pub fn deliver_image(&self, key: &ImageKey, content: Vec<u8>) -> Command<'static> {
        let item = Item::to(self.uri(Node::Data, &[key.as_str()]))
            .with_meta(Meta::new().with_format(Format::BIN))
            .with_data(Data::octets(content));
        replace(Vec::from([item]))
    }

    /// Has the gateway fetch the content of an image from its source. That it is ready comes as an
    /// [alert](super::GatewayAlert::ImageReady).
    #[must_use]
    pub fn fetch_image(&self, key: &ImageKey) -> Command<'static> {
        self.exec(Node::Fetch, &[key.as_str()], None)
    }

    /// Lets somebody fetch an image.
    #[must_use]
    pub fn allow_image(&self, key: &ImageKey, reader: ImageReader<'_>) -> Command<'static> {
        add(Vec::from([self.reader(key, reader)]))
    }

    /// Takes back what [`allow_image`](Self::allow_image) allowed.
    #[must_use]
    pub fn disallow_image(&self, key: &ImageKey, reader: ImageReader<'_>) -> Command<'static> {
        let (node, name) = named(reader);
        self.delete(node, &[key.as_str(), name])
    }

    fn reader(&self, key: &ImageKey, reader: ImageReader<'_>) -> Item<'static> {
        let (node, name) = named(reader);
        self.leaf(node, &[key.as_str(), name], name)
    }

    /// Says until when an image is kept, by the gateway's clock; `None` for no end.
    #[must_use]
    pub fn set_image_expiry(&self, key: &ImageKey, time: Option<Timestamp>) -> Command<'static> {
        let text = time.map_or_else(String::new, |time| time.to_string());
        replace(Vec::from([self.leaf(Node::Expiry, &[key.as_str()], text)]))
    }

    /// Removes an image with its content. The gateway refuses it while a job needs it.
    #[must_use]
    pub fn remove_image(&self, key: &ImageKey) -> Command<'static> {
        self.delete(Node::Image, &[key.as_str()])
    }

    /// Asks where an image stands.
    #[must_use]
    pub fn get_image(&self, key: &ImageKey) -> Command<'static> {
        self.get_below(Node::Image, &[key.as_str()])
    }

    /// Reads what [`get_image`](Self::get_image) brought.
    ///
    /// # Errors
    ///
    /// When a number is missing or is none, or a digest is none.
    pub fn read_image(&self, key: &ImageKey, items: &[Item<'_>]) -> Result<ImageStatus, ReadError> {
        let (values, keys) = (Values::new(self, items), [key.as_str()]);
        let state: u8 = values.required(Node::State, &keys)?;
        let state = STATES.into_iter().find(|known| known.get() == state);
        let result: u16 = values.required(Node::Result, &keys)?;
        let digest = values.text(Node::Hash, &keys).filter(|text| !text.is_empty());
        let digest = digest.map(|text| text.parse().map_err(|_| ReadError::malformed(Node::Hash)));
        Ok(ImageStatus {
            state: state.ok_or_else(|| ReadError::malformed(Node::State))?,
            result: (result != 0).then(|| ResultCode::new(result)),
            uri: values.text(Node::Uri, &keys).map(String::from),
            digest: digest.transpose()?,
            size: values.optional(Node::Size, &keys)?.filter(|size| *size > 0),
            pulls: values.required(Node::Pulls, &keys)?,
        })
    }

    /// Asks for the room for images.
    #[must_use]
    pub fn get_storage(&self) -> Command<'static> {
        let none: &[&str] = &[];
        let config = [
            ConfigSlot::StorageEnabled,
            ConfigSlot::StorageQuota,
            ConfigSlot::StorageMaxImage,
            ConfigSlot::StorageRetain,
        ];
        let own = [Node::StoreUsed, Node::StoreFree].map(crate::mo::Slot::from);
        self.get(config.map(crate::mo::Slot::from).into_iter().chain(own).map(|slot| (slot, none)))
    }

    /// Reads what [`get_storage`](Self::get_storage) brought.
    ///
    /// # Errors
    ///
    /// When a value is missing or is none.
    pub fn read_storage(&self, items: &[Item<'_>]) -> Result<StorageStatus, ReadError> {
        let values = Values::new(self, items);
        let retain: u64 = values.required(ConfigSlot::StorageRetain, &[])?;
        Ok(StorageStatus {
            enabled: values.required(ConfigSlot::StorageEnabled, &[])?,
            quota: values.required::<u64>(ConfigSlot::StorageQuota, &[])?.saturating_mul(KB),
            used: values.required::<u64>(Node::StoreUsed, &[])?.saturating_mul(KB),
            free: values.required::<u64>(Node::StoreFree, &[])?.saturating_mul(KB),
            max_image: values.required::<u64>(ConfigSlot::StorageMaxImage, &[])?.saturating_mul(KB),
            retain: (retain > 0).then(|| Duration::from_secs(retain)),
        })
    }

    /// Sets how images are kept (GwMO-DCIS-003). Takes an administrator. Octets are sent in whole kilobytes, rounded up, times in whole
    /// seconds; what of it has no node ([`purge`](StoragePolicy::purge), [`dedup`](StoragePolicy::dedup)) stays the gateway's own.
    #[must_use]
    pub fn set_storage(&self, policy: &StoragePolicy) -> Command<'static> {
        let kilobytes = |octets: u64| octets.div_ceil(KB).min(i32::MAX as u64).to_string();
        replace(Vec::from([
            self.flag(ConfigSlot::StorageEnabled, &[], policy.enabled),
            self.leaf(ConfigSlot::StorageQuota, &[], kilobytes(policy.quota)),
            self.leaf(ConfigSlot::StorageMaxImage, &[], kilobytes(policy.max_image)),
            self.leaf(
                ConfigSlot::StorageRetain,
                &[],
                super::build::seconds(policy.retain.unwrap_or_default()),
            ),
        ]))
    }
}

fn named(reader: ImageReader<'_>) -> (Node, &str) {
    match reader {
        ImageReader::Device(device) => (Node::ScopeDevice, device.as_str()),
        ImageReader::Group(group) => (Node::ScopeGroup, group.as_str()),
    }
}

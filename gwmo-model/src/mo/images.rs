//! [`Object::Images`](super::Object::Images) over the images (GwMO-DCIS-001 to 003).

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use dm_syncml::StatusCode;
use dm_tree::{Children, Context, ServerId, Timestamp, Value};

use super::groups::{device_id, group_id};
use super::table::ImagesSlot as Node;
use super::{Keys, Leaf, Objects, Shape, bool_of, boolean, chr, int, named_leaf, number_of, text_of};
use crate::image::{Chunk, ImageKey, ImageNo, ImageSpec, ImageToken, ImageView, Scope};

/// A kilobyte, as the nodes count them.
const KB: u64 = 1024;

impl Objects {
    pub(super) fn images_shape(&self, node: Node, keys: &Keys<'_>) -> Option<Shape> {
        match node {
            Node::Root
            | Node::Images
            | Node::Store
            | Node::StoreQuota
            | Node::StoreUsed
            | Node::StoreFree => Some(Shape::PLAIN),
            Node::Uri => Shape::there(self.image(keys)?.uri().is_some()),
            Node::ScopeDevice => {
                Shape::there(self.image(keys)?.spec().scope.devices().any(|id| id.as_str() == keys[1]))
            }
            Node::ScopeGroup => {
                Shape::there(self.image(keys)?.spec().scope.groups().any(|id| id.as_str() == keys[1]))
            }
            _ => self.image(keys).map(|_| Shape::PLAIN),
        }
    }

    pub(super) fn images_value(&self, node: Node, keys: &Keys<'_>) -> Leaf {
        const NONE: StatusCode = StatusCode::NOT_FOUND;
        let text = |text: &Option<Box<str>>| chr(text.as_deref().unwrap_or_default());
        Ok(match node {
            Node::StoreQuota => int(self.images.policy().quota / KB),
            Node::StoreUsed => int(self.images.used().div_ceil(KB)),
            Node::StoreFree => int(self.images.free() / KB),
            _ => {
                let image = self.image(keys).ok_or(NONE)?;
                let spec = image.spec();
                match node {
                    Node::Id => chr(image.key().as_str()),
                    Node::Name => text(&spec.name),
                    Node::Ver => text(&spec.version),
                    Node::Type => text(&spec.media_type),
                    Node::Size => int(spec.size.unwrap_or(0)),
                    Node::Hash => chr(spec.digest.map_or_else(String::new, |digest| digest.to_string())),
                    Node::Cacheable => boolean(spec.cacheable),
                    Node::Src => text(&spec.source),
                    Node::ScopeDevice | Node::ScopeGroup => chr(keys[1]),
                    Node::Uri => chr(image.uri().ok_or(NONE)?.to_string()),
                    Node::State => int(image.state().get()),
                    Node::Result => int(image.result().map_or(0, |code| code.get())),
                    Node::Expiry => {
                        chr(self.expiry(&image).map_or_else(String::new, |time| time.to_string()))
                    }
                    Node::Pulls => int(image.pulls()),
                    _ => return Err(NONE),
                }
            }
        })
    }

    pub(super) fn images_names(&self, node: Node, keys: &Keys<'_>, out: &mut Children) {
        if node == Node::Image {
            self.image_keys.keys().all(|key| out.push(key.as_str()));
            return;
        }
        let Some(image) = self.image(keys) else { return };
        let scope = &image.spec().scope;
        match node {
            Node::ScopeDevice => scope.devices().all(|id| out.push(id.as_str())),
            Node::ScopeGroup => scope.groups().all(|id| out.push(id.as_str())),
            _ => true,
        };
    }

    pub(super) fn images_add(
        &mut self,
        cx: &Context<'_>,
        node: Node,
        keys: &Keys<'_>,
        value: Option<&Value>,
    ) -> Result<(), StatusCode> {
        if let Some(value) = value {
            named_leaf(keys[1], value)?;
        }
        match node {
            Node::Image => {
                let owner: &ServerId = cx.server().ok_or(StatusCode::PERMISSION_DENIED)?;
                let key = ImageKey::new(keys[0]).map_err(|error| error.status())?;
                // What cannot be guessed has to come from somewhere.
                let token = self.tokens.pop().ok_or(StatusCode::RETRY_LATER)?;
                let added = self.images.handle_added(
                    self.now,
                    owner,
                    key.clone(),
                    ImageToken::new(token),
                    ImageSpec::new(),
                );
                let number = added.map_err(|error| error.status())?;
                self.image_keys.insert(key, number);
                Ok(())
            }
            Node::ScopeDevice => {
                let id = device_id(keys[1])?;
                self.edit_image(keys, |spec| spec.scope = core::mem::take(&mut spec.scope).with_device(id))
            }
            Node::ScopeGroup => {
                let id = group_id(keys[1])?;
                self.edit_image(keys, |spec| spec.scope = core::mem::take(&mut spec.scope).with_group(id))
            }
            _ => Err(StatusCode::NOT_ALLOWED),
        }
    }

    pub(super) fn images_replace(
        &mut self,
        node: Node,
        keys: &Keys<'_>,
        value: &Value,
    ) -> Result<(), StatusCode> {
        let label = |text: &str| Some(text).filter(|text| !text.is_empty()).map(Box::from);
        match node {
            Node::Data => return self.deliver_image(keys, value.data()),
            Node::Expiry => {
                let number = self.image(keys).ok_or(StatusCode::NOT_FOUND)?.number();
                let left = match text_of(value)? {
                    "" => None,
                    time => {
                        let time = Timestamp::parse(time).ok_or(StatusCode::NOT_SUPPORTED)?;
                        let clock = self.wall_clock().ok_or(StatusCode::NOT_ALLOWED)?;
                        let left = u64::try_from(time.unix().saturating_sub(clock.unix())).unwrap_or(0);
                        Some(Duration::from_secs(left))
                    }
                };
                return self.images.handle_expiry(self.now, number, left).map_err(|error| error.status());
            }
            Node::Size => {
                let size = number_of(value)?;
                return self.edit_image(keys, |spec| spec.size = Some(size.into()).filter(|size| *size > 0));
            }
            Node::Cacheable => {
                let may = bool_of(value)?;
                return self.edit_image(keys, |spec| spec.cacheable = may);
            }
            _ => {}
        }
        let text = text_of(value)?;
        match node {
            Node::Name => self.edit_image(keys, |spec| spec.name = label(text)),
            Node::Ver => self.edit_image(keys, |spec| spec.version = label(text)),
            Node::Type => self.edit_image(keys, |spec| spec.media_type = label(text)),
            Node::Src => self.edit_image(keys, |spec| spec.source = label(text)),
            Node::Hash => {
                let digest = match text {
                    "" => None,
                    text => Some(text.parse().map_err(|_| StatusCode::NOT_SUPPORTED)?),
                };
                self.edit_image(keys, |spec| spec.digest = digest)
            }
            _ => Err(StatusCode::NOT_ALLOWED),
        }
    }

    pub(super) fn images_delete(&mut self, node: Node, keys: &Keys<'_>) -> Result<(), StatusCode> {
        match node {
            Node::Image => {
                let number = self.image(keys).ok_or(StatusCode::NOT_FOUND)?.number();
                self.images.handle_removed(self.now, number).map_err(|error| error.status())?;
                self.image_keys.retain(|_, known| *known != number);
                Ok(())
            }
            Node::ScopeDevice | Node::ScopeGroup => self.edit_image(keys, |spec| {
                let (devices, groups) = (spec.scope.devices(), spec.scope.groups());
                let is_kept = |is_kind: bool, name: &str| !(is_kind && name == keys[1]);
                let devices = devices.filter(|id| is_kept(node == Node::ScopeDevice, id.as_str())).cloned();
                let groups = groups.filter(|id| is_kept(node == Node::ScopeGroup, id.as_str())).cloned();
                let scope = devices.fold(Scope::default(), Scope::with_device);
                spec.scope = groups.fold(scope, Scope::with_group);
            }),
            _ => Err(StatusCode::NOT_ALLOWED),
        }
    }

    /// Has an image fetched.
    pub(super) fn fetch_image(&mut self, keys: &Keys<'_>) -> Result<StatusCode, StatusCode> {
        let image = self.image(keys).ok_or(StatusCode::NOT_FOUND)?;
        if image.uri().is_some() {
            return Ok(StatusCode::OK);
        }
        let number = image.number();
        self.images.handle_fetch(self.now, number).map_err(|error| error.status())?;
        Ok(StatusCode::ACCEPTED)
    }

    /// Takes the whole of an image from a server.
    fn deliver_image(&mut self, keys: &Keys<'_>, octets: &[u8]) -> Result<(), StatusCode> {
        let number = self.image(keys).ok_or(StatusCode::NOT_FOUND)?.number();
        let len = octets.len() as u64;
        let chunk = Chunk::new(0, len).last().with_total(len);
        self.images.handle_chunk(self.now, number, chunk).map_err(|error| error.status())?;
        if let Some(blob) = self.images.image(number).and_then(|image| image.blob()) {
            self.delivered.insert(blob, Vec::from(octets));
        }
        Ok(())
    }

    fn edit_image(&mut self, keys: &Keys<'_>, edit: impl FnOnce(&mut ImageSpec)) -> Result<(), StatusCode> {
        let image = self.image(keys).ok_or(StatusCode::NOT_FOUND)?;
        let (number, mut spec) = (image.number(), image.spec().clone());
        edit(&mut spec);
        self.images.handle_edited(self.now, number, spec).map_err(|error| error.status())
    }

    fn expiry(&self, image: &ImageView<'_>) -> Option<Timestamp> {
        let left = i64::try_from(image.expires_in()?.as_secs()).ok()?;
        Timestamp::from_unix(self.wall_clock()?.unix().saturating_add(left))
    }

    /// The names of the images are one list for all servers, as nodes of a tree have to be.
    fn image(&self, keys: &Keys<'_>) -> Option<ImageView<'_>> {
        self.images.image(*self.image_keys.get(&ImageKey::new(keys[0]).ok()?)?)
    }

    /// After a restart.
    pub(crate) fn index_images(&mut self) {
        let all = self.images.images().map(|image| (image.key().clone(), image.number()));
        self.image_keys = all.collect::<alloc::collections::BTreeMap<ImageKey, ImageNo>>();
    }
}

//! Which devices are in flight or in session now.

use core::hash::{BuildHasher, Hasher};

use alloc::vec::Vec;

use hashbrown::HashMap;

use super::target::NONE;
use crate::device::Serial;

/// The devices that are in flight, in session, or both.
#[derive(Debug, Default)]
pub(super) struct Devices(HashMap<Serial, Device, BySerial>);

#[derive(Clone, Copy, Debug)]
struct Device {
    /// Where the target it serves is kept.
    live: u32,
    session: bool,
}

impl Default for Device {
    fn default() -> Self {
        Self { live: NONE, session: false }
    }
}

impl Devices {
    /// Where the target is kept that this device serves.
    pub(super) fn live(&self, serial: Serial) -> Option<u32> {
        self.0.get(&serial).map(|device| device.live).filter(|live| *live != NONE)
    }

    pub(super) fn is_free(&self, serial: Serial) -> bool {
        self.live(serial).is_none()
    }

    pub(super) fn has_session(&self, serial: Serial) -> bool {
        self.0.get(&serial).is_some_and(|device| device.session)
    }

    /// In session, and serving nobody.
    pub(super) fn is_ready(&self, serial: Serial) -> bool {
        self.0.get(&serial).is_some_and(|device| device.session && device.live == NONE)
    }

    pub(super) fn take(&mut self, serial: Serial, live: u32) {
        self.0.entry(serial).or_default().live = live;
    }

    /// The device is free: whether it is in session.
    pub(super) fn release(&mut self, serial: Serial) -> bool {
        let Some(device) = self.0.get_mut(&serial) else { return false };
        device.live = NONE;
        let session = device.session;
        if !session {
            self.0.remove(&serial);
        }
        session
    }

    /// A session is open: where the target is kept that it serves.
    pub(super) fn open_session(&mut self, serial: Serial) -> Option<u32> {
        let device = self.0.entry(serial).or_default();
        device.session = true;
        (device.live != NONE).then_some(device.live)
    }

    pub(super) fn close_session(&mut self, serial: Serial) {
        if let Some(device) = self.0.get_mut(&serial) {
            device.session = false;
            if device.live == NONE {
                self.0.remove(&serial);
            }
        }
    }

    /// Gives back the memory that nobody needs now.
    pub(super) fn relax(&mut self) {
        self.0.shrink_to_fit();
    }

    /// The devices in session that serve nobody, ascending.
    pub(super) fn ready(&self) -> Vec<Serial> {
        let ready = self.0.iter().filter(|(_, device)| device.session && device.live == NONE);
        let mut serials: Vec<Serial> = ready.map(|(serial, _)| *serial).collect();
        serials.sort_unstable();
        serials
    }
}

/// Serials are given by the gateway itself, one after the other, so nobody can choose them to collide, and spreading
/// their bits is enough.
#[derive(Clone, Copy, Default, Debug)]
struct BySerial;

impl BuildHasher for BySerial {
    type Hasher = SerialHasher;

    fn build_hasher(&self) -> SerialHasher {
        SerialHasher(0)
    }
}

#[derive(Debug)]
struct SerialHasher(u64);

impl Hasher for SerialHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, octets: &[u8]) {
        for octet in octets {
            self.write_u32(u32::from(*octet));
        }
    }

    fn write_u32(&mut self, number: u32) {
        let mixed = (self.0 ^ u64::from(number)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = mixed ^ (mixed >> 32);
    }
}

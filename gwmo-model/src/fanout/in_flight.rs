//! Which devices are in flight or in session now.

use core::hash::{BuildHasher, Hasher};

use alloc::vec::Vec;

use hashbrown::HashMap;

use crate::device::Serial;

/// The devices that are in flight, in session, or both.
#[derive(Debug, Default)]
pub(super) struct Devices(HashMap<Serial, Device, BySerial>);

/// Where the target it serves is kept, or [`FREE`], and the flags.
#[derive(Clone, Copy, Debug)]
struct Device(u32);

/// It is in session.
const SESSION: u32 = 1 << 31;
/// Since it has been in session, all jobs that may want it were asked.
const ASKED: u32 = 1 << 30;
/// It serves nobody.
const FREE: u32 = ASKED - 1;

impl Default for Device {
    fn default() -> Self {
        Self(FREE)
    }
}

impl Device {
    const fn live(self) -> Option<u32> {
        if self.is_free() { None } else { Some(self.0 & FREE) }
    }

    const fn is_free(self) -> bool {
        self.0 & FREE == FREE
    }

    const fn has_session(self) -> bool {
        self.0 & SESSION != 0
    }
}

impl Devices {
    /// Where the target is kept that this device serves.
    pub(super) fn live(&self, serial: Serial) -> Option<u32> {
        self.0.get(&serial)?.live()
    }

    pub(super) fn is_free(&self, serial: Serial) -> bool {
        self.0.get(&serial).is_none_or(|device| device.is_free())
    }

    pub(super) fn has_session(&self, serial: Serial) -> bool {
        self.0.get(&serial).is_some_and(|device| device.has_session())
    }

    /// In session, and serving nobody.
    pub(super) fn is_ready(&self, serial: Serial) -> bool {
        self.0.get(&serial).is_some_and(|device| device.has_session() && device.is_free())
    }

    /// A free device serves the target that is kept there.
    pub(super) fn take(&mut self, serial: Serial, live: u32) {
        let device = self.0.entry(serial).or_default();
        device.0 = device.0 & !FREE | live;
    }

    /// The device is free: whether it is in session.
    pub(super) fn release(&mut self, serial: Serial) -> bool {
        let Some(device) = self.0.get_mut(&serial) else { return false };
        device.0 |= FREE;
        let session = device.has_session();
        if !session {
            self.0.remove(&serial);
        }
        session
    }

    /// A session is open: where the target is kept that it serves.
    pub(super) fn open_session(&mut self, serial: Serial) -> Option<u32> {
        let device = self.0.entry(serial).or_default();
        device.0 |= SESSION;
        device.live()
    }

    /// The session is over; where the target is kept that the device serves.
    pub(super) fn close_session(&mut self, serial: Serial) -> Option<u32> {
        let device = self.0.get_mut(&serial)?;
        device.0 &= !(SESSION | ASKED);
        let live = device.live();
        if live.is_none() {
            self.0.remove(&serial);
        }
        live
    }

    /// Whether this is the first time in its session.
    pub(super) fn ask(&mut self, serial: Serial) -> bool {
        let Some(device) = self.0.get_mut(&serial) else { return true };
        let first = device.0 & ASKED == 0;
        device.0 |= ASKED;
        first
    }

    /// Makes room for this many more at once.
    pub(super) fn reserve(&mut self, more: u32) {
        self.0.reserve(more as usize);
    }

    /// Gives back the memory that nobody needs now.
    pub(super) fn relax(&mut self) {
        if self.0.capacity() > 4 * self.0.len() {
            self.0.shrink_to_fit();
        }
    }

    /// The devices in session, ascending.
    pub(super) fn in_session(&self) -> Vec<Serial> {
        let all = self.0.iter().filter(|(_, device)| device.has_session());
        let mut serials: Vec<Serial> = all.map(|(serial, _)| *serial).collect();
        serials.sort_unstable();
        serials
    }
}

/// Serials are given by the gateway itself, one after the other, so nobody can choose them to collide, and spreading
/// their bits is enough.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct BySerial;

impl BuildHasher for BySerial {
    type Hasher = SerialHasher;

    fn build_hasher(&self) -> SerialHasher {
        SerialHasher(0)
    }
}

#[derive(Debug)]
pub(super) struct SerialHasher(u64);

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

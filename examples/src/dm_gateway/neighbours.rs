//! Which devices are at which address: how a device that asks for an image is recognised.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};

use gwmo_model::Serial;

/// Devices by the address they were last seen at. Several may share one, behind a router or in one process.
#[derive(Debug, Default)]
pub(super) struct Neighbours {
    at: HashMap<IpAddr, BTreeSet<Serial>>,
    of: HashMap<Serial, IpAddr>,
}

/// The socket that an address of a device names, as UDP or HTTP have it.
pub(super) fn host_of(address: &str) -> Option<IpAddr> {
    if let Ok(socket) = address.parse::<SocketAddr>() {
        return Some(socket.ip());
    }
    let uri: axum::http::Uri = address.parse().ok()?;
    uri.host()?.trim_matches(['[', ']']).parse().ok()
}

impl Neighbours {
    /// A device was seen there.
    pub(super) fn seen(&mut self, device: Serial, ip: IpAddr) {
        if let Some(before) = self.of.insert(device, ip)
            && before != ip
        {
            self.leave(before, device);
        }
        self.at.entry(ip).or_default().insert(device);
    }

    /// A device is forgotten.
    pub(super) fn forgotten(&mut self, device: Serial) {
        if let Some(ip) = self.of.remove(&device) {
            self.leave(ip, device);
        }
    }

    fn leave(&mut self, ip: IpAddr, device: Serial) {
        if let Some(devices) = self.at.get_mut(&ip) {
            devices.remove(&device);
            if devices.is_empty() {
                self.at.remove(&ip);
            }
        }
    }

    /// Those there.
    pub(super) fn at(&self, ip: IpAddr) -> impl Iterator<Item = Serial> {
        self.at.get(&ip).into_iter().flatten().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_moves_is_elsewhere() {
        let (one, two) = (Serial::FIRST, Serial::FIRST.next().expect("two"));
        let (here, there) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let mut neighbours = Neighbours::default();
        neighbours.seen(one, here);
        neighbours.seen(two, here);
        assert_eq!(neighbours.at(here).collect::<Vec<_>>(), [one, two]);
        neighbours.seen(one, there);
        assert_eq!(neighbours.at(here).collect::<Vec<_>>(), [two]);
        neighbours.forgotten(two);
        assert!(neighbours.at.len() == 1 && neighbours.at(there).eq([one]));
    }

    #[test]
    fn addresses_have_hosts() {
        assert_eq!(host_of("10.0.0.1:5"), Some(IpAddr::from([10, 0, 0, 1])));
        assert_eq!(host_of("[::1]:5"), "::1".parse().ok());
        assert_eq!(host_of("http://10.0.0.1:5/push"), Some(IpAddr::from([10, 0, 0, 1])));
        assert_eq!(host_of("http://[::1]/push"), "::1".parse().ok());
        assert_eq!((host_of("http://name/push"), host_of("")), (None, None));
    }
}

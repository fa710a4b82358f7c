//! How many connections an address has.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Connections by the address they come from. Of IPv6 it is the network that counts, since a host there has as many addresses as it likes.
#[derive(Clone, Debug)]
pub(super) struct Shares {
    most: usize,
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl Shares {
    /// Of so many connections one address has half at the most.
    pub(super) fn of(connections: usize) -> Self {
        Self { most: connections.div_ceil(2), taken: Arc::default() }
    }

    /// One more for this address, if it has not had its share.
    pub(super) fn take(&self, address: IpAddr) -> Option<Share> {
        let address = network(address);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(address).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Share { shares: self.clone(), address })
    }
}

/// A connection that counts until this is dropped.
#[derive(Debug)]
pub(super) struct Share {
    shares: Shares,
    address: IpAddr,
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.shares.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.address);
            }
        }
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
        IpAddr::V4(address) => IpAddr::V4(address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_has_more_than_half() {
        let shares = Shares::of(3);
        let at = |text: &str| text.parse::<IpAddr>().expect("an address");
        let first = shares.take(at("192.0.2.1"));
        let _second = shares.take(at("::ffff:192.0.2.1")).expect("the same, written otherwise");
        assert!(first.is_some() && shares.take(at("192.0.2.1")).is_none());
        let network = [shares.take(at("2001:db8::1")), shares.take(at("2001:db8::2"))];
        assert!(network.iter().all(Option::is_some) && shares.take(at("2001:db8::3")).is_none());
        assert!(shares.take(at("2001:db8:0:1::")).is_some());
        drop(first);
        assert!(shares.take(at("192.0.2.1")).is_some());
        drop(network);
        assert_eq!(shares.taken.lock().map(|taken| taken.len()).ok(), Some(1));
        assert!(Shares::of(1).take(at("192.0.2.1")).is_some());
    }
}

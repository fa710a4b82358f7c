//! From where images may be fetched: a server names the address, and it may well point at something inside.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use axum::http::Uri;
use serde::Deserialize;

/// What the owner of the gateway allows. By default nothing is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct FetchPolicy {
    /// Addresses that may be fetched, and all below them: `https://cdn.example/firmware/`.
    pub(super) allow: Vec<String>,
    /// Whether a host may be one of a private network, or this one.
    pub(super) private_addresses: bool,
}

impl FetchPolicy {
    /// Why this address is not fetched.
    pub(super) async fn check(&self, url: &str) -> Result<(), String> {
        if !self.allow.iter().any(|prefix| is_below(prefix, url)) {
            return Err("it is not below an address that may be fetched".into());
        }
        if self.private_addresses {
            return Ok(());
        }
        let uri: Uri = url.parse().map_err(|_| "it is no address".to_owned())?;
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
        let found = tokio::net::lookup_host((host, port)).await.map_err(|error| error.to_string())?;
        let addresses: Vec<IpAddr> = found.map(|address| address.ip()).collect();
        match addresses.iter().find(|address| is_private(**address)) {
            Some(address) => Err(format!("{host} is {address}, which is not public")),
            None if addresses.is_empty() => Err(format!("{host} has no address")),
            None => Ok(()),
        }
    }
}

/// Whether `url` is `prefix` or below it: same scheme, same host and port, and no way back up.
pub(super) fn is_below(prefix: &str, url: &str) -> bool {
    let (Ok(prefix), Ok(url)) = (prefix.parse::<Uri>(), url.parse::<Uri>()) else { return false };
    let is_http = matches!(url.scheme_str(), Some("http" | "https"));
    let authority = |uri: &Uri| uri.authority().map(|authority| authority.as_str().to_ascii_lowercase());
    let path = url.path();
    let lower = path.to_ascii_lowercase();
    // A server may read %2e as a dot and %2f or a backslash as a slash.
    let climbs =
        lower.contains("..") || lower.contains("%2e") || lower.contains("%2f") || lower.contains("%5c");
    let folder = prefix.path();
    let rest = path.strip_prefix(folder);
    let is_within =
        rest.is_some_and(|rest| rest.is_empty() || folder.ends_with('/') || rest.starts_with('/'));
    is_http
        && url.scheme() == prefix.scheme()
        && authority(&url).is_some_and(|it| !it.contains('@') && Some(it) == authority(&prefix))
        && is_within
        && !climbs
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_private_v4(v4),
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => is_private_v4(v4),
            None => is_private_v6(v6),
        },
    }
}

const fn is_private_v4(address: Ipv4Addr) -> bool {
    let [a, b, ..] = address.octets();
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_broadcast()
        || a == 0
        || a >= 240
        || a == 100 && b & 0xC0 == 64
        || a == 198 && b & 0xFE == 18
}

const fn is_private_v6(address: Ipv6Addr) -> bool {
    address.is_loopback()
        || address.is_unspecified()
        || address.is_multicast()
        || address.is_unique_local()
        || address.is_unicast_link_local()
        // Ways into IPv4: 64:ff9b::/96 and 2002::/16.
        || matches!(address.segments(), [0x64, 0xff9b, ..] | [0x2002, ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn below_is_below() {
        let folder = "https://cdn.example/fw/";
        for good in
            ["https://cdn.example/fw/a.bin", "https://CDN.example/fw/x/y?z=1", "https://cdn.example/fw/"]
        {
            assert!(is_below(folder, good), "{good}");
        }
        for bad in [
            "http://cdn.example/fw/a",
            "https://cdn.example.evil/fw/a",
            "https://cdn.example:444/fw/a",
            "https://cdn.example/fw",
            "https://cdn.example/fwx/a",
            "https://cdn.example/fw/../secret",
            "https://cdn.example/fw/%2e%2E/secret",
            "https://cdn.example@evil/fw/a",
            "https://user@cdn.example/fw/a",
            "file:///fw/a",
            "/fw/a",
            "",
        ] {
            assert!(!is_below(folder, bad), "{bad}");
        }
        assert!(is_below("http://h/a", "http://h/a/b") && !is_below("http://h/a", "http://h/ab"));
    }

    #[test]
    fn private_is_private() {
        for private in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.0.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "::ffff:127.0.0.1",
            "ff02::1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
        ] {
            assert!(is_private(private.parse().expect("an address")), "{private}");
        }
        for public in ["93.184.216.34", "100.128.0.1", "2606:2800:220:1::1"] {
            assert!(!is_private(public.parse().expect("an address")), "{public}");
        }
    }

    #[tokio::test]
    async fn nothing_is_allowed_that_nobody_allowed() {
        let none = FetchPolicy::default();
        assert!(none.check("http://127.0.0.1/a").await.is_err());
        let mut policy = FetchPolicy { allow: vec!["http://127.0.0.1/".into()], private_addresses: false };
        let why = policy.check("http://127.0.0.1/a").await.expect_err("private");
        assert!(why.contains("not public"), "{why}");
        policy.private_addresses = true;
        assert_eq!(policy.check("http://127.0.0.1/a").await, Ok(()));
    }
}

//! From where images may be fetched: a server names the address, and it may well point at something inside.
//!
//! What an address says is checked before anything is done; what its name leads to is checked when it is looked up, once for each connection,
//! which is made to the address that was checked. So nobody can say one thing to the check and another to the fetch.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use axum::http::Uri;
use serde::Deserialize;

use crate::http_client::HttpClient;
use crate::resolver::{Resolver, Resolving};
use crate::tls::{TlsError, Trust};

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
    /// Why this address is not fetched, as far as it says so itself.
    pub(super) fn check(&self, url: &str) -> Result<(), String> {
        if !self.allow.iter().any(|prefix| is_below(prefix, url)) {
            return Err("it is not below an address that may be fetched".into());
        }
        if self.private_addresses {
            return Ok(());
        }
        let uri: Uri = url.parse().map_err(|_| "it is no address".to_owned())?;
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        match host.parse::<IpAddr>() {
            Ok(address) if is_private(address) => Err(format!("{address} is not public")),
            _ => Ok(()),
        }
    }

    /// A client that goes where this policy lets it.
    ///
    /// # Errors
    /// The certificates to trust cannot be read.
    pub(super) fn client(&self, trust: &Trust, resolver: Arc<dyn Resolver>) -> Result<HttpClient, TlsError> {
        let resolver = if self.private_addresses { resolver } else { Arc::new(PublicOnly::new(resolver)) };
        HttpClient::resolving(trust, resolver)
    }
}

/// Finds addresses, and none for names that lead to a private one, be it beside others.
#[derive(Debug)]
struct PublicOnly {
    resolver: Arc<dyn Resolver>,
    is_private: fn(IpAddr) -> bool,
}

impl PublicOnly {
    fn new(resolver: Arc<dyn Resolver>) -> Self {
        Self { resolver, is_private }
    }
}

impl Resolver for PublicOnly {
    fn resolve(&self, name: &str) -> Resolving {
        let (resolving, is_private, name) = (self.resolver.resolve(name), self.is_private, name.to_owned());
        Box::pin(async move {
            let found = resolving.await?;
            match found.iter().find(|address| is_private(**address)) {
                Some(address) => {
                    let why = format!("{name} is {address}, which is not public");
                    Err(io::Error::new(io::ErrorKind::PermissionDenied, why))
                }
                None => Ok(found),
            }
        })
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
        || address.is_documentation()
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
        || matches!(address.segments(), [0x2001, 0xdb8, ..])
        // Ways into IPv4: 64:ff9b::/96 and 2002::/16.
        || matches!(address.segments(), [0x64, 0xff9b, ..] | [0x2002, ..])
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::body::Bytes;
    use axum::http::Method;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;
    use crate::http_client::HttpError;

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
            "192.0.2.1",
            "2001:db8::1",
        ] {
            assert!(is_private(private.parse().expect("an address")), "{private}");
        }
        for public in ["93.184.216.34", "100.128.0.1", "2606:2800:220:1::1"] {
            assert!(!is_private(public.parse().expect("an address")), "{public}");
        }
    }

    #[test]
    fn nothing_is_allowed_that_nobody_allowed() {
        let none = FetchPolicy::default();
        assert!(none.check("http://127.0.0.1/a").is_err());
        for host in ["127.0.0.1", "[::1]", "[::ffff:10.0.0.1]"] {
            let (allow, url) = (vec![format!("http://{host}/")], format!("http://{host}/a"));
            let mut policy = FetchPolicy { allow, private_addresses: false };
            let why = policy.check(&url).expect_err("private");
            assert!(why.contains("not public"), "{why}");
            policy.private_addresses = true;
            assert_eq!(policy.check(&url), Ok(()));
        }
    }

    /// Says one thing first and another then, as the owner of a name may.
    #[derive(Debug)]
    struct Changing(Mutex<VecDeque<Vec<IpAddr>>>);

    impl Resolver for Changing {
        fn resolve(&self, name: &str) -> Resolving {
            assert_eq!(name, "cdn.example");
            let next = self.0.lock().expect("nobody panics").pop_front();
            Box::pin(async move { next.ok_or_else(|| io::Error::other("asked once too often")) })
        }
    }

    /// A source on this host that counts who comes.
    async fn source() -> (u16, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a socket");
        let (port, count) = (listener.local_addr().expect("bound").port(), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&count);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let mut request = [0; 1024];
                let _ = stream.read(&mut request).await;
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi";
                let _ = stream.write_all(answer).await;
            }
        });
        (port, count)
    }

    async fn get(client: &HttpClient, port: u16) -> Result<Bytes, HttpError> {
        let url = format!("http://cdn.example:{port}/fw");
        client.send(Method::GET, &url, [], "", 100).await.map(|answer| answer.body)
    }

    #[tokio::test]
    async fn the_address_that_was_checked_is_the_one_that_is_asked() {
        let (port, came) = source().await;
        let [here, inside] = [[127, 0, 0, 1], [10, 0, 0, 1]].map(IpAddr::from);
        let answers = [vec![here], vec![inside], vec![here, inside], vec![here]];
        let changing = Arc::new(Changing(Mutex::new(answers.into())));
        // To this test the loopback is a public place.
        let guard = PublicOnly { resolver: changing.clone(), is_private: |address| !address.is_loopback() };
        let client = HttpClient::resolving(&Trust::Nothing, Arc::new(guard)).expect("a client");
        assert_eq!(get(&client, port).await.expect("an answer"), "hi");
        for _ in 0..2 {
            let error = get(&client, port).await.expect_err("rebound");
            let HttpError::NotAllowed(why) = &error else { panic!("{error}") };
            assert!(why.contains("cdn.example is 10.0.0.1"), "{why}");
        }
        assert_eq!(get(&client, port).await.expect("an answer"), "hi");
        assert_eq!(came.load(Ordering::SeqCst), 2);
        // Each connection had one look-up, and there was nothing between it and the connection.
        assert!(changing.0.lock().expect("nobody panics").is_empty());
    }

    #[tokio::test]
    async fn a_name_of_this_host_is_not_public() {
        let (port, came) = source().await;
        let resolver = || Arc::new(Changing(Mutex::new(vec![vec![IpAddr::from([127, 0, 0, 1])]].into())));
        let mut policy = FetchPolicy::default();
        let client = policy.client(&Trust::Nothing, resolver()).expect("a client");
        assert!(matches!(get(&client, port).await, Err(HttpError::NotAllowed(_))));
        assert_eq!(came.load(Ordering::SeqCst), 0);
        policy.private_addresses = true;
        let client = policy.client(&Trust::Nothing, resolver()).expect("a client");
        assert_eq!(get(&client, port).await.expect("an answer"), "hi");
    }
}

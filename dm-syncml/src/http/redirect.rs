//! Where a redirection leads, and whether to go there.

use alloc::format;
use alloc::string::String;

/// Scheme, host and port of an absolute `http` or `https` URI, and the rest of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Parts<'a> {
    secure: bool,
    host: &'a str,
    port: u16,
    /// Host and port as written.
    authority: &'a str,
    /// Path and query, no fragment; may be empty.
    rest: &'a str,
}

/// The parts of an absolute URI; `None` for other schemes, user information, and whatever different readers might read differently.
fn parts(uri: &str) -> Option<Parts<'_>> {
    let (scheme, after) = uri.split_once("://")?;
    let secure = match scheme {
        scheme if scheme.eq_ignore_ascii_case("https") => true,
        scheme if scheme.eq_ignore_ascii_case("http") => false,
        _ => return None,
    };
    let end = after.find(['/', '?', '#']).unwrap_or(after.len());
    let (authority, rest) = after.split_at(end);
    let rest = rest.split('#').next().unwrap_or_default();
    let odd = |text: &str| text.bytes().any(|octet| octet <= b' ' || octet == 0x7F || octet == b'\\');
    if odd(uri) || authority.contains('@') {
        return None;
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(bracketed) => {
            let (_, after) = bracketed.split_once(']')?;
            let host = &authority[..authority.len() - after.len()];
            (host, after)
        }
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let port = match port.strip_prefix(':') {
        Some("") => None,
        Some(digits) if digits.bytes().all(|digit| digit.is_ascii_digit()) => Some(digits.parse().ok()?),
        Some(_) => return None,
        None if port.is_empty() => None,
        None => return None,
    };
    if host.is_empty() || host == "[]" {
        return None;
    }
    Some(Parts { secure, host, port: port.unwrap_or(if secure { 443 } else { 80 }), authority, rest })
}

/// The absolute URI that `location` names beside `base`, if a message may be sent there: the same host, by the same scheme and port, or
/// from `http` to `https`. Never anywhere else, and never from `https` to `http`: a message holds credentials.
pub(super) fn follow(base: &str, location: &[u8]) -> Option<String> {
    const MAX_OCTETS: usize = 2048;
    let location = core::str::from_utf8(location).ok()?.trim_matches([' ', '\t']);
    if location.is_empty() || location.len() > MAX_OCTETS {
        return None;
    }
    let from = parts(base)?;
    let scheme = if from.secure { "https" } else { "http" };
    let target = resolve(scheme, &from, location);
    let to = parts(&target)?;
    let same_port = from.secure == to.secure && from.port == to.port;
    let raised = !from.secure && to.secure;
    let allowed = to.host.eq_ignore_ascii_case(from.host) && (same_port || raised);
    // Rebuilt from its parts, so that what was judged is what is asked for.
    allowed.then(|| {
        let scheme = if to.secure { "https" } else { "http" };
        let slash = if to.rest.starts_with('/') { "" } else { "/" };
        format!("{scheme}://{}{slash}{}", to.authority, to.rest)
    })
}

/// RFC 3986 §5.2, save that dot segments are left to the server.
fn resolve(scheme: &str, base: &Parts<'_>, reference: &str) -> String {
    let head = reference.split(['/', '?', '#']).next().unwrap_or_default();
    let path = base.rest.split('?').next().unwrap_or_default();
    if head.contains(':') {
        reference.into()
    } else if reference.starts_with("//") {
        format!("{scheme}:{reference}")
    } else if reference.starts_with('/') {
        format!("{scheme}://{}{reference}", base.authority)
    } else if reference.starts_with(['?', '#']) {
        format!("{scheme}://{}{path}{reference}", base.authority)
    } else {
        let folder = path.rfind('/').map_or("/", |slash| &path[..=slash]);
        format!("{scheme}://{}{folder}{reference}", base.authority)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn redirections() {
        let table = [
            ("https://dm.example/a/b?c", "https://dm.example/x", Some("https://dm.example/x")),
            ("https://dm.example/a/b?c", "HTTPS://DM.example:443/x#y", Some("https://DM.example:443/x")),
            ("https://dm.example/a/b?c", "/x?y", Some("https://dm.example/x?y")),
            ("https://dm.example/a/b?c", "x", Some("https://dm.example/a/x")),
            ("https://dm.example", "x", Some("https://dm.example/x")),
            ("https://dm.example/a/b?c", "?s=1", Some("https://dm.example/a/b?s=1")),
            ("https://dm.example?c", "?s=1", Some("https://dm.example/?s=1")),
            ("https://dm.example/a", "//dm.example/x", Some("https://dm.example/x")),
            ("https://dm.example/a", " /x\t", Some("https://dm.example/x")),
            ("http://dm.example/a", "https://dm.example/a", Some("https://dm.example/a")),
            ("http://dm.example:8080/a", "https://dm.example:8443/a", Some("https://dm.example:8443/a")),
            ("http://[::1]:80/a", "http://[::1]/b", Some("http://[::1]/b")),
            ("https://dm.example/a", "http://dm.example/a", None),
            ("https://dm.example/a", "https://dm.example:444/a", None),
            ("http://dm.example/a", "http://dm.example:8080/a", None),
            ("https://dm.example/a", "https://evil.example/a", None),
            ("https://dm.example/a", "//evil.example/a", None),
            ("https://dm.example/a", "https://dm.example@evil.example/", None),
            ("https://dm.example/a", "https://dm.example.evil.example/", None),
            ("https://dm.example/a", "https://dm.example\\@evil.example/", None),
            ("https://dm.example/a", "https://dm.example:x/", None),
            ("https://dm.example/a", "https://dm.example:99999/", None),
            ("https://dm.example/a", "https:///x", None),
            ("https://dm.example/a", "ftp://dm.example/x", None),
            ("https://dm.example/a", "javascript:alert(1)", None),
            ("https://dm.example/a", "/x y", None),
            ("https://dm.example/a", "/x\r\nHost: evil", None),
            ("https://dm.example/a", "", None),
            ("dm.example", "/x", None),
        ];
        for (base, location, expected) in table {
            assert_eq!(follow(base, location.as_bytes()).as_deref(), expected, "{base} to {location}");
        }
        assert_eq!(follow("https://dm.example/", &[b'a'; 5000]), None);
        assert_eq!(follow("https://dm.example/", b"\xFF"), None);
    }

    proptest! {
        #[test]
        fn nothing_leads_elsewhere(location in "(https?:)?/{0,3}([a-z@:\\\\.%0-9]|dm\\.example){0,20}/?\\PC{0,10}") {
            if let Some(uri) = follow("https://dm.example/a", location.as_bytes()) {
                let lower = uri.to_ascii_lowercase();
                let rest = lower.strip_prefix("https://dm.example").expect("the same host");
                let rest = rest.strip_prefix(":443").or(rest.strip_prefix(':')).unwrap_or(rest);
                prop_assert!(rest.trim_start_matches(|c: char| c.is_ascii_digit()).starts_with('/'), "{}", uri);
            }
        }

        #[test]
        fn any_octets_are_read(base in "\\PC{0,30}", location in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = follow(&base, &location);
        }
    }
}

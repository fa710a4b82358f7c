//! Which RespURI is followed or given (DM Protocol 1.2.1, RespURI).

use alloc::string::String;

/// Whether a RespURI leads to the host, port and scheme of the server's own address: a server may send its device to another path, no
/// further. The default port may stand there or not, and case tells no hosts apart (RFC 3986 §6.2).
pub(super) fn same_host(uri: &str, server: &str) -> bool {
    matches!((origin(uri), origin(server)), (Some(a), Some(b)) if a == b)
}

/// Scheme, host and port; `None` for what is no absolute address, and for what different readers might read differently.
fn origin(uri: &str) -> Option<(String, String, Option<u16>)> {
    let (scheme, rest) = uri.split_once("://")?;
    let odd = |octet: u8| octet <= b' ' || octet == 0x7F || octet == b'\\';
    let authority = rest.split(['/', '?', '#']).next()?;
    if authority.contains('@') || uri.bytes().any(odd) {
        return None;
    }
    let end_of_host = authority.rfind(']').map_or(0, |bracket| bracket + 1);
    let colon = authority[end_of_host..].find(':').map_or(authority.len(), |colon| end_of_host + colon);
    let (host, port) = authority.split_at(colon);
    let scheme = scheme.to_ascii_lowercase();
    let default = match scheme.as_str() {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    };
    let port = match port.strip_prefix(':') {
        None | Some("") => default,
        Some(digits) if digits.bytes().all(|digit| digit.is_ascii_digit()) => Some(digits.parse().ok()?),
        Some(_) => return None,
    };
    (!host.is_empty()).then(|| (scheme, host.to_ascii_lowercase(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_path_is_near_and_all_else_is_far() {
        let server = "https://dm.example.net/omadm";
        for near in [
            "https://dm.example.net/omadm?s=1",
            "HTTPS://DM.example.net/x",
            "https://dm.example.net",
            "https://dm.example.net:443/omadm?s=1",
            "https://dm.example.net:/x",
            "https://dm.example.net:0443/x",
        ] {
            assert!(same_host(near, server) && same_host(server, near), "{near}");
        }
        for far in [
            "http://dm.example.net/omadm",
            "http://dm.example.net:443/omadm",
            "https://evil.example/omadm",
            "https://dm.example.net:444/",
            "https://dm.example.net:80/",
            "https://dm.example.net:443@evil.example/",
            "https://dm.example.net@evil.example/",
            "https://dm.example.net.evil.example/",
            "https://dm.example.net\\@evil.example/",
            "https://dm.example.net:x/",
            "https://dm.example.net:70000/",
            "https://dm.example.net /",
            "https:///omadm",
            "https://:443/omadm",
            "/omadm",
            "",
        ] {
            assert!(!same_host(far, server), "{far}");
        }
        assert!(same_host("http://[::1]:80/a", "http://[::1]/b"));
        assert!(!same_host("http://[::1]:80/a", "http://[::2]/b"));
        assert!(same_host("coap://d.example:5683/a", "coap://d.example:5683/b"));
        assert!(!same_host("coap://d.example:5683/a", "coap://d.example/b"));
    }
}

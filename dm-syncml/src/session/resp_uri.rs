//! Which RespURI is followed or given (DM Protocol 1.2.1, RespURI).

use alloc::string::String;

/// Whether a RespURI leads to the host and scheme of the server's own address: a server may send its device to another path, no further.
pub(super) fn same_host(uri: &str, server: &str) -> bool {
    let host = |uri: &str| -> Option<String> {
        let (scheme, rest) = uri.split_once("://")?;
        let authority = rest.split(['/', '?', '#']).next()?;
        Some(alloc::format!("{scheme}://{authority}").to_ascii_lowercase())
    };
    matches!((host(uri), host(server)), (Some(a), Some(b)) if a == b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_path_is_near_and_all_else_is_far() {
        let server = "https://dm.example.net/omadm";
        for near in ["https://dm.example.net/omadm?s=1", "HTTPS://DM.example.net/x", "https://dm.example.net"]
        {
            assert!(same_host(near, server), "{near}");
        }
        for far in [
            "http://dm.example.net/omadm",
            "https://evil.example/omadm",
            "https://dm.example.net:444/",
            "https://dm.example.net@evil.example/",
            "https://dm.example.net.evil.example/",
            "/omadm",
            "",
        ] {
            assert!(!same_host(far, server), "{far}");
        }
    }
}

//! ACLs and addresses found in the wild. They are not part of the project: set `DM_CORPUS` to a folder that has
//! them, one per line, in `acls.txt` and `locuris-dm.txt`.

use std::path::PathBuf;

use dm_tree::{Acl, Uri};

fn lines(file: &str) -> Option<Vec<String>> {
    let Some(folder) = std::env::var_os("DM_CORPUS") else {
        #[expect(clippy::print_stderr, reason = "says that nothing was tested")]
        {
            eprintln!("DM_CORPUS is not set: {file} not read");
        }
        return None;
    };
    let path = PathBuf::from(folder).join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let lines: Vec<String> = text.lines().map(String::from).collect();
    assert!(lines.iter().any(|line| !line.is_empty()), "{} is empty", path.display());
    Some(lines)
}

#[test]
fn acls_are_read() {
    let Some(lines) = lines("acls.txt") else { return };
    for line in lines.iter().filter(|line| !line.is_empty()) {
        // Some lines were cut out of XML and still have their entities.
        let text = line.replace("&amp;", "&");
        let acl = Acl::parse(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(Acl::parse(&acl.to_string()).unwrap(), acl, "{text}");
    }
}

#[test]
fn addresses_are_read() {
    let Some(lines) = lines("locuris-dm.txt") else { return };
    let mut read = 0;
    for line in &lines {
        // The folder also has URLs and device names; nothing in it may do more than be refused.
        let parsed = Uri::parse(line);
        let is_plain = line.starts_with("./")
            && line.bytes().all(|b| b.is_ascii_alphanumeric() || b"./_-".contains(&b))
            && !line.contains("//");
        assert!(parsed.is_ok() || !is_plain, "{line}: {}", parsed.unwrap_err());
        if let Ok(uri) = parsed {
            assert!(uri.check(&dm_tree::UriLimits::default()).is_ok(), "{line}");
            read += 1;
        }
    }
    assert!(read > 0, "no address among {} lines", lines.len());
}

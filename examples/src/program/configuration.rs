//! Configuration: a TOML file; flags win over it.

use std::path::Path;

use serde::de::DeserializeOwned;

use super::Failure;

/// The configuration of this file, or the default without one.
///
/// # Errors
/// The file cannot be read, or something in it is not known: the sentence says where.
pub fn read_toml<T: DeserializeOwned + Default>(path: Option<&Path>) -> Result<T, Failure> {
    let Some(path) = path else { return Ok(T::default()) };
    let text = std::fs::read_to_string(path).map_err(|error| Failure::file("io", path, error))?;
    toml::from_str(&text).map_err(|error| Failure::file("config", path, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default, Debug, serde::Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Limits {
        body: usize,
    }

    #[test]
    fn what_nobody_knows_is_an_error_that_says_where() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("dm.toml");
        std::fs::write(&path, "bodies = 5\n").expect("written");
        let error = read_toml::<Limits>(Some(&path)).expect_err("unknown").to_string();
        let has = ["dm.toml", "line 1", "bodies", "body"].map(|word| error.contains(word));
        assert!(error.starts_with("config: ") && has == [true; 4], "{error}");
        assert!(read_toml::<Limits>(Some(&folder.path().join("none"))).is_err());
        assert_eq!(read_toml::<Limits>(None).expect("the default").body, 0);
    }
}

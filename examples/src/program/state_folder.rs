//! The folder in which a program keeps everything, and where it says that it runs.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Failure;
use crate::operator_api::OperatorToken;

/// A state: what is in it, and under which names.
#[derive(Clone, Debug)]
pub struct StateFolder(PathBuf);

/// Where a running program is, for its own subcommands and for scripts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Whereabouts {
    /// The operator's socket.
    pub operator: String,
    /// The devices' socket.
    pub devices: String,
    /// The socket for announcements, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub datagrams: Option<String>,
}

impl StateFolder {
    /// The state in this folder, which need not be there.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// The folder, made if need be so that only its owner looks into it.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn make(&self) -> Result<(), Failure> {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::DirBuilderExt as _;
            builder.mode(0o700);
        }
        builder.create(&self.0).map_err(|error| Failure::file("io", &self.0, error))
    }

    /// Something in it.
    #[must_use]
    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The file of the operator's token.
    #[must_use]
    pub fn token_file(&self) -> PathBuf {
        self.join("operator.token")
    }

    /// The operator's token, made the first time.
    ///
    /// # Errors
    /// The file cannot be read or written, or holds no token.
    pub fn token(&self) -> Result<OperatorToken, Failure> {
        let path = self.token_file();
        let kept = OperatorToken::kept_in(&path);
        let (token, made) = kept.map_err(|error| Failure::file("io", &path, error))?;
        if made {
            tracing::info!(path = %path.display(), "made a token for the operator");
        }
        Ok(token)
    }

    /// The folder of the certificate that is made where none is given.
    #[must_use]
    pub fn tls(&self) -> PathBuf {
        self.join("tls")
    }

    fn running(&self) -> PathBuf {
        self.join("running.json")
    }

    /// Says where the program is: in the state, and on standard output, for people or as JSON.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn announce(&self, whereabouts: &Whereabouts, as_json: bool) -> Result<(), Failure> {
        self.note(whereabouts)?;
        let Whereabouts { operator, devices, datagrams } = whereabouts;
        let line = if as_json {
            let mut event = json!({ "event": "listening", "devices": devices, "operator": operator });
            if let Some(datagrams) = datagrams {
                event["datagrams"] = json!(datagrams);
            }
            event.to_string()
        } else {
            let announcements = datagrams.iter().map(|at| format!("announcements at {at}, "));
            format!("devices at {devices}, {}operator at {operator}", announcements.collect::<String>())
        };
        let mut out = io::stdout().lock();
        // Whoever started it may not listen.
        let _ = writeln!(out, "{line}").and_then(|()| out.flush());
        Ok(())
    }

    /// Says in the state only where the program is.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn note(&self, whereabouts: &Whereabouts) -> Result<(), Failure> {
        let path = self.running();
        let text = json!(whereabouts).to_string();
        std::fs::write(&path, text).map_err(|error| Failure::file("io", &path, error))
    }

    /// It runs no more.
    pub fn withdraw(&self) {
        let _ = std::fs::remove_file(self.running());
    }

    /// Where the program with this state runs.
    ///
    /// # Errors
    /// It does not; `hint` says what else can be done.
    pub fn whereabouts(&self, hint: &str) -> Result<Whereabouts, Failure> {
        let path = self.running();
        let text = std::fs::read_to_string(&path)
            .map_err(|error| Failure::file("io", &path, format_args!("{error}; {hint}")))?;
        serde_json::from_str(&text).map_err(|error| Failure::file("io", &path, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_finds_the_program_while_it_runs() {
        let folder = tempfile::tempdir().expect("a folder");
        let state = StateFolder::at(&folder.path().join("a/state"));
        state.make().expect("made");
        state.make().expect("there");
        let at = |datagrams: Option<&str>| Whereabouts {
            operator: "http://127.0.0.1:1".into(),
            devices: "http://127.0.0.1:2/dm".into(),
            datagrams: datagrams.map(str::to_owned),
        };
        for whereabouts in [at(None), at(Some("127.0.0.1:3"))] {
            state.announce(&whereabouts, true).expect("written");
            assert_eq!(state.whereabouts("?").expect("there"), whereabouts);
        }
        state.withdraw();
        let error = state.whereabouts("start it").expect_err("gone").to_string();
        assert!(error.contains("running.json") && error.ends_with("start it"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_looks_into_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("a folder");
        let state = StateFolder::at(&folder.path().join("state"));
        state.make().expect("made");
        let mode = std::fs::metadata(state.join("")).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}

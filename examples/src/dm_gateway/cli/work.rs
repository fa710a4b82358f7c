//! What servers have set up and sent: groups, jobs and images.

use clap::Subcommand;
use serde_json::{Value, json};

use super::Operator;
use crate::operator_api::segment;
use crate::program::{Failure, cell};

#[derive(Subcommand, Debug)]
pub(super) enum GroupCommand {
    /// All of them
    List,
    /// One of them, and who is in it
    Show { group: String },
}

#[derive(Subcommand, Debug)]
pub(super) enum JobCommand {
    /// The last ones
    List,
    /// One of them, and which devices came to what
    Show {
        /// What its server calls it
        key: String,
        /// Whose job it is, if several servers have one of this name
        #[arg(long, value_name = "SERVER")]
        owner: Option<String>,
    },
}

#[derive(Subcommand, Debug)]
pub(super) enum ImageCommand {
    /// All of them
    List,
    /// Remove one; that there is none is fine
    Remove {
        /// What its server calls it
        key: String,
        /// Whose image it is, if several servers have one of this name
        #[arg(long, value_name = "SERVER")]
        owner: Option<String>,
    },
}

impl Operator {
    pub(super) async fn group(&self, command: GroupCommand) -> Result<(), Failure> {
        match command {
            GroupCommand::List => self.list("/api/groups", "groups", &["id", "count", "rule"]).await,
            GroupCommand::Show { group } => {
                let shown = self.api.get(&format!("/api/groups/{}", segment(&group))).await?;
                self.report.table(&shown, "members", &["serial", "id", "status"])
            }
        }
    }

    pub(super) async fn job(&self, command: JobCommand) -> Result<(), Failure> {
        match command {
            JobCommand::List => {
                let columns = ["owner", "key", "state", "result", "total", "queued", "in_flight"];
                self.list("/api/jobs", "jobs", &columns).await
            }
            JobCommand::Show { key, owner } => {
                let jobs = self.api.get("/api/jobs").await?;
                let path = one_of(&jobs["jobs"], "jobs", &key, owner.as_deref())?;
                let path = path.ok_or_else(|| Failure::new("not-found", "there is no such job"))?;
                let shown = self.api.get(&path).await?;
                self.report.table(&shown, "devices", &["serial", "id", "state", "code", "tries"])
            }
        }
    }

    pub(super) async fn image(&self, command: ImageCommand) -> Result<(), Failure> {
        let columns = ["owner", "key", "state", "result", "received", "size", "jobs", "pulls"];
        match command {
            ImageCommand::List => self.list("/api/images", "images", &columns).await,
            ImageCommand::Remove { key, owner } => {
                let images = self.api.get("/api/images").await?;
                match one_of(&images["images"], "images", &key, owner.as_deref())? {
                    Some(path) => self.remove(&path, &key).await,
                    None => self.removed(&key, &json!({ "removed": false })),
                }
            }
        }
    }

    /// Takes something away; that it is not there is fine.
    pub(super) async fn remove(&self, path: &str, name: &str) -> Result<(), Failure> {
        let removed = self.api.delete(path).await?;
        self.removed(name, &removed)
    }

    fn removed(&self, name: &str, said: &Value) -> Result<(), Failure> {
        let name = cell(&name.into());
        let line = if said["removed"] == true {
            format!("{name} is forgotten")
        } else {
            format!("{name} is not known")
        };
        self.report.said(&line, said)
    }
}

/// Where the one of this name is, which more than one server may have given.
fn one_of(all: &Value, what: &str, key: &str, owner: Option<&str>) -> Result<Option<String>, Failure> {
    let all = all.as_array().map(Vec::as_slice).unwrap_or_default();
    let is_meant = |it: &&Value| it["key"] == key && owner.is_none_or(|owner| it["owner"] == owner);
    let mut owners = all.iter().filter(is_meant).filter_map(|it| it["owner"].as_str());
    match (owners.next(), owners.next()) {
        (Some(_), Some(_)) => Err(Failure::usage("several servers have one of this name: say --owner")),
        (Some(owner), None) => Ok(Some(format!("/api/{what}/{}/{}", segment(owner), segment(key)))),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_two_have_needs_an_owner() {
        let all = json!([{ "owner": "a", "key": "k" }, { "owner": "b", "key": "k" }, { "owner": "b", "key": "l/" }]);
        assert!(one_of(&all, "jobs", "k", None).is_err());
        assert_eq!(one_of(&all, "jobs", "k", Some("b")).expect("one"), Some("/api/jobs/b/k".into()));
        assert_eq!(one_of(&all, "jobs", "l/", None).expect("one"), Some("/api/jobs/b/l%2F".into()));
        assert_eq!(one_of(&all, "jobs", "m", None).expect("none"), None);
    }
}

//! Commands for one node of one device.

use std::path::PathBuf;

use base64ct::{Base64, Encoding as _};
use clap::Args;
use serde_json::{Value, json};

use crate::operator_api::segment;
use crate::program::{Failure, octets};

use super::super::report;
use super::asking::is_done;
use super::{Operator, Wait};

#[derive(Args, Debug)]
pub(super) struct NodeArgs {
    device: String,
    /// The node, such as ./DevInfo/Mod
    uri: String,
    #[command(flatten)]
    wait: Wait,
}

#[derive(Args, Debug)]
pub(super) struct ValueArgs {
    device: String,
    /// The node
    uri: String,
    value: Option<String>,
    /// A file with the value; - is stdin
    #[arg(long, value_name = "FILE", conflicts_with = "value")]
    value_file: Option<PathBuf>,
    /// chr, int, bool, bin, node, null, xml, b64, date, time, float
    #[arg(long)]
    format: Option<String>,
    /// Media type of the value
    #[arg(long = "type", value_name = "TYPE")]
    media_type: Option<String>,
    #[command(flatten)]
    wait: Wait,
}

impl Operator {
    pub(super) async fn node(&self, op: &str, args: NodeArgs) -> Result<bool, Failure> {
        let body = json!({ "op": op, "uri": args.uri });
        self.one(&args.device, &body, args.wait.wait).await
    }

    pub(super) async fn value(&self, op: &str, args: ValueArgs) -> Result<bool, Failure> {
        let mut body = json!({ "op": op, "uri": args.uri });
        if let Some(value) = args.value {
            body["value"] = json!(value);
        }
        if let Some(path) = &args.value_file {
            match String::from_utf8(octets(path)?) {
                Ok(text) if args.format.as_deref() != Some("bin") => body["value"] = json!(text),
                Ok(text) => body["base64"] = json!(Base64::encode_string(text.as_bytes())),
                Err(error) => body["base64"] = json!(Base64::encode_string(error.as_bytes())),
            }
        }
        if let Some(format) = args.format {
            body["format"] = json!(format);
        }
        if let Some(media_type) = args.media_type {
            body["type"] = json!(media_type);
        }
        self.one(&args.device, &body, args.wait.wait).await
    }

    /// One command for one device, and its answer.
    async fn one(&self, device: &str, body: &Value, wait: u64) -> Result<bool, Failure> {
        let queued = self.api.post_once(&format!("/api/devices/{}/work", segment(device)), body).await?;
        let work = self.settled(&queued, wait).await?;
        report::work(&self.report, &work)?;
        Ok(work.iter().all(|work| wait == 0 || is_done(work)))
    }
}

//! What the operator asks of a gateway: `{"do": "create-group", "group": "lamps", "devices": ["lamp-1"]}`.

use std::collections::BTreeMap;
use std::time::Duration;

use base64ct::{Base64, Encoding as _};
use gwmo_model::console::{JobRequest, OpRequest, Told};
use gwmo_model::{
    ContentDigest, DeviceId, GroupId, ImageKey, ImageSpec, JobKey, Offline, OnLimit, Policy, Scope, Selector,
    Serial, Stages, TargetState, Which,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::super::engine::Denied;
use super::super::operation::Operation;
use super::bad;

/// The largest image that goes through the server; larger ones are fetched by the gateway (`url`).
pub(in crate::dm_server) const MAX_IMAGE: usize = 16 << 20;

/// What is asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub(in crate::dm_server) enum Ask {
    /// The inventory in numbers.
    Summary,
    /// The devices, from this serial on.
    Devices {
        from: Option<u32>,
    },
    /// Everything of one device.
    Device {
        serial: u32,
    },
    CreateGroup(GroupRequest),
    AddMembers {
        group: String,
        devices: Vec<String>,
    },
    RemoveMember {
        group: String,
        device: String,
    },
    /// What a group is.
    Group {
        group: String,
    },
    /// Its members that are named.
    Members {
        group: String,
    },
    DeleteGroup {
        group: String,
    },
    StartFanout(Box<Fanout>),
    /// Where a fanout stands.
    Fanout {
        key: String,
    },
    /// Its aggregated result.
    Outcomes {
        key: String,
    },
    /// What became of each device, from this serial on.
    Records {
        key: String,
        from: Option<u32>,
    },
    /// What one device answered.
    Answers {
        key: String,
        serial: u32,
    },
    CancelFanout {
        key: String,
    },
    PauseFanout {
        key: String,
    },
    ResumeFanout {
        key: String,
    },
    /// Tries devices once more, after the end of the job.
    RetryFanout(Retry),
    /// Devices in flight at a time, and notified in a minute.
    PaceFanout {
        key: String,
        window: Option<u32>,
        rate: Option<u32>,
    },
    DeleteFanout {
        key: String,
    },
    PutImage(Box<Image>),
    /// Where an image stands.
    Image {
        key: String,
    },
    RemoveImage {
        key: String,
    },
    /// The room for images.
    Storage,
}

/// A group to be made: of these devices, of those that a selector matches, or of both.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::dm_server) struct GroupRequest {
    pub(super) group: String,
    pub(super) devices: Vec<String>,
    /// A selector.
    pub(super) matching: Option<String>,
}

/// A fanout to be started.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::dm_server) struct Fanout {
    pub(super) key: String,
    devices: Vec<String>,
    groups: Vec<String>,
    except: Vec<String>,
    /// A selector.
    matching: Option<String>,
    /// Whether devices that come to belong to it while it runs are served, too.
    live: bool,
    pub(super) operations: Vec<Operation>,
    /// Where the values have this text, the address of this image at the gateway goes.
    images: BTreeMap<String, String>,
    window: Option<u32>,
    /// Devices notified in a minute.
    rate: Option<u32>,
    retries: Option<u16>,
    /// Seconds before the first retry; doubles with each.
    retry_wait: Option<u64>,
    /// Seconds that a notification may stay unanswered, and that a session may be silent.
    notify_time: Option<u64>,
    session_time: Option<u64>,
    /// Seconds.
    job_time: Option<u64>,
    /// Seconds a notification may stay unanswered.
    notify_time: Option<u64>,
    /// Seconds before an attempt is repeated.
    retry_wait: Option<u64>,
    /// What becomes of devices that are detached when their turn comes: `wait`, `skip`, `fail` or `try`.
    offline: Option<String>,
    /// How many devices may have been begun with in each stage, such as `1,20%`; the last stage is everybody.
    stages: Option<String>,
    /// The job is stopped when more percent of the devices of a stage fail.
    max_fail: Option<u8>,
}

/// Which devices of a job are tried once more: those that ended in these states, these devices, or all that are not ok.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::dm_server) struct Retry {
    pub(super) key: String,
    states: Vec<String>,
    serials: Vec<u32>,
}

/// An image to be put into a gateway's store.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::dm_server) struct Image {
    pub(super) key: String,
    name: Option<String>,
    version: Option<String>,
    #[serde(rename = "type")]
    media_type: Option<String>,
    /// The image, or where the gateway fetches it.
    base64: Option<String>,
    url: Option<String>,
    /// Hexadecimal; needed with `url`, computed otherwise.
    sha256: Option<String>,
    /// Who may fetch it, beside the devices of a job that names it.
    groups: Vec<String>,
}

pub(super) fn job_key(text: &str) -> Result<JobKey, Denied> {
    JobKey::new(text).map_err(|error| bad("key", &error))
}

pub(super) fn image_key(text: &str) -> Result<ImageKey, Denied> {
    ImageKey::new(text).map_err(|error| bad("key", &error))
}

pub(super) fn group_id(text: &str) -> Result<GroupId, Denied> {
    GroupId::new(text).map_err(|error| bad("group", &error))
}

pub(super) fn device_ids(texts: &[String]) -> Result<Vec<DeviceId>, Denied> {
    texts.iter().map(|text| DeviceId::new(text).map_err(|error| bad("device", &error))).collect()
}

pub(super) fn serial(number: u32) -> Result<Serial, Denied> {
    Serial::new(number).ok_or_else(|| Denied::Value(format!("{number} is no serial")))
}

pub(super) fn selector(text: &str) -> Result<Selector, Denied> {
    text.parse().map_err(|error| bad("matching", &error))
}

impl Fanout {
    /// The job that is to be added.
    pub(super) fn request(&self) -> Result<JobRequest, Denied> {
        if self.operations.is_empty() {
            return Err(Denied::Value("a fanout needs an operation".into()));
        }
        if self.devices.is_empty() && self.groups.is_empty() && self.matching.is_none() {
            return Err(Denied::Value("a fanout needs devices, a group or a selector".into()));
        }
        let mut job =
            JobRequest::new(job_key(&self.key)?).with_policy(self.policy()?).telling(Told::Progress);
        for device in device_ids(&self.devices)? {
            job = job.with_device(device);
        }
        for device in device_ids(&self.except)? {
            job = job.without_device(device);
        }
        for group in &self.groups {
            job = job.with_group(group_id(group)?);
        }
        if let Some(matching) = &self.matching {
            job = job.with_matching(selector(matching)?);
        }
        if self.live {
            job = job.with_live_targets();
        }
        for operation in &self.operations {
            let mut request = OpRequest::new(operation.command().map_err(Denied::Value)?);
            for (placeholder, image) in &self.images {
                if operation.value.as_ref().is_some_and(|value| value.contains(placeholder)) {
                    request = request.with_image(placeholder, image_key(image)?);
                }
            }
            job = job.with_operation(request);
        }
        Ok(job)
    }

    fn policy(&self) -> Result<Policy, Denied> {
        let mut policy = Policy::default();
        if let Some(window) = self.window {
            policy = policy.with_window(window);
        }
        if let Some(rate) = self.rate {
            policy = policy.with_rate(rate);
        }
        if let Some(retries) = self.retries {
            policy = policy.with_retries(retries);
        }
        if let Some(seconds) = self.retry_wait {
            let first = Duration::from_secs(seconds);
            policy = policy.with_retry_wait(first, first.max(policy.max_retry_wait));
        }
        if let Some(seconds) = self.notify_time {
            policy = policy.with_t_notify(Duration::from_secs(seconds));
        }
        if let Some(seconds) = self.session_time {
            policy = policy.with_t_session(Duration::from_secs(seconds));
        }
        if let Some(seconds) = self.job_time {
            policy = policy.with_job_time(Duration::from_secs(seconds));
        }
        if let Some(seconds) = self.notify_time {
            policy = policy.with_t_notify(Duration::from_secs(seconds));
        }
        if let Some(seconds) = self.retry_wait {
            let wait = Duration::from_secs(seconds);
            policy = policy.with_retry_wait(wait, wait);
        }
        if let Some(word) = &self.offline {
            policy = policy.with_offline(match word.as_str() {
                "wait" => Offline::Wait,
                "skip" => Offline::Skip,
                "fail" => Offline::Fail,
                "try" => Offline::Try,
                _ => {
                    let reason = format!("offline: {word} is none of wait, skip, fail and try");
                    return Err(Denied::Value(reason));
                }
            });
        }
        if let Some(stages) = &self.stages {
            let stages: Stages = stages.parse().map_err(|error| bad("stages", &error))?;
            policy = policy.with_stages(stages);
        }
        if let Some(percent) = self.max_fail {
            policy = policy.with_max_fail(percent, policy.min_sample, OnLimit::Abort);
        }
        Ok(policy)
    }
}

impl Retry {
    /// The devices in the model's terms.
    pub(super) fn which(&self) -> Result<Which, Denied> {
        if !self.serials.is_empty() && !self.states.is_empty() {
            return Err(Denied::Value("states and serials exclude each other".into()));
        }
        if !self.serials.is_empty() {
            return Ok(Which::Devices(
                self.serials.iter().map(|number| serial(*number)).collect::<Result<_, _>>()?,
            ));
        }
        let state = |word: &String| {
            let same = |state: &TargetState| state.as_str().replace(' ', "_") == word.replace(' ', "_");
            let known = TargetState::ALL.into_iter().find(same);
            known.ok_or_else(|| Denied::Value(format!("{word} is no state of a device")))
        };
        let states: Vec<TargetState> = self.states.iter().map(state).collect::<Result<_, _>>()?;
        Ok(if states.is_empty() { Which::NotOk } else { Which::States(states) })
    }
}

/// How the content of an image comes to the gateway.
#[derive(Debug)]
pub(super) enum Content {
    /// In a command.
    Delivered(Vec<u8>),
    /// The gateway fetches it.
    Fetched,
}

impl Image {
    /// The image in the model's terms, and how its content comes.
    pub(super) fn spec(&self) -> Result<(ImageSpec, Content), Denied> {
        let octets = self.base64.as_deref().map(Base64::decode_vec).transpose();
        let octets = octets.map_err(|_| Denied::Value("base64: this is none".into()))?;
        let digest = match (&self.sha256, &octets) {
            (Some(given), _) => format!("sha-256:{}", given.to_ascii_lowercase())
                .parse()
                .map_err(|_| Denied::Value("sha256: this is none".into()))?,
            (None, Some(octets)) => ContentDigest::new(Sha256::digest(octets).into()),
            (None, None) => return Err(Denied::Value("an image that is fetched needs its sha256".into())),
        };
        let mut spec = ImageSpec::new().with_digest(digest);
        let label = |text: &Option<String>| text.clone().unwrap_or_default();
        if self.name.is_some() || self.version.is_some() || self.media_type.is_some() {
            spec = spec.with_labels(&label(&self.name), &label(&self.version), &label(&self.media_type));
        }
        let mut scope = Scope::default();
        for group in &self.groups {
            scope = scope.with_group(group_id(group)?);
        }
        spec = spec.with_scope(scope);
        Ok(match (octets, &self.url) {
            (Some(octets), None) if octets.len() > MAX_IMAGE => {
                return Err(Denied::Value(format!("an image of more than {MAX_IMAGE} octets needs a url")));
            }
            (Some(octets), None) => (spec.with_size(octets.len() as u64), Content::Delivered(octets)),
            (None, Some(url)) => (spec.with_source(url), Content::Fetched),
            _ => return Err(Denied::Value("an image has either its octets or a url".into())),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_devices_are_tried_once_more() {
        let retry = |json: &str| serde_json::from_str::<Retry>(json).expect("json").which();
        assert_eq!(retry(r#"{"key":"J"}"#).expect("all"), Which::NotOk);
        let states = Which::States(vec![TargetState::TimedOut, TargetState::Failed]);
        assert_eq!(retry(r#"{"key":"J","states":["timed_out","failed"]}"#).expect("states"), states);
        let one = Which::Devices(vec![Serial::FIRST]);
        assert_eq!(retry(r#"{"key":"J","serials":[1]}"#).expect("a device"), one);
        for wrong in [r#"{"states":["lost"]}"#, r#"{"serials":[0]}"#, r#"{"serials":[1],"states":["ok"]}"#] {
            assert!(retry(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn images_that_make_sense() {
        let image = |json: &str| serde_json::from_str::<Image>(json).expect("json").spec();
        assert!(
            matches!(image(r#"{"key":"K","base64":"AAE="}"#), Ok((spec, Content::Delivered(_))) if spec.size == Some(2))
        );
        let hex = "00".repeat(32);
        assert!(matches!(
            image(&format!(r#"{{"url":"http://h/","sha256":"{hex}"}}"#)),
            Ok((_, Content::Fetched))
        ));
        for wrong in [
            r#"{"url":"http://h/"}"#,
            r#"{"url":"http://h/","sha256":"00"}"#,
            r#"{"base64":"!"}"#,
            r#"{"base64":"AAE=","url":"http://h/"}"#,
            r#"{"base64":"AAE=","groups":[""]}"#,
        ] {
            assert!(image(wrong).is_err(), "{wrong}");
        }
    }
}

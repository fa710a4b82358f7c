//! Commands of the operator, from queued to answered.

use base64ct::{Base64, Encoding as _};
use dm_syncml::session::{Answer, GivenUp};
use dm_syncml::{
    Command, Data, DecodeOptions, Encoding, Format, Fragment, Item, LocUri, MediaType, Meta, Quirks, SyncBody,
};
use serde::{Deserialize, Serialize};

use super::gateway::{Reading, Thing};

/// How often a command is sent that may be sent again.
const MAX_TRIES: u32 = 3;

/// Where a command stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum WorkState {
    /// It waits for the device.
    Queued,
    /// It went out, and has no answer yet.
    Sent,
    /// The device has begun, and will say later how it ended (202).
    Accepted,
    /// It is done.
    Done,
    /// The device said no, or cannot be asked.
    Failed,
    /// It went out, and nobody knows whether it was executed. It is not sent again.
    Indeterminate,
    /// The operator took it back before it went out.
    Cancelled,
}

impl WorkState {
    pub(super) const ALL: [Self; 7] = [
        Self::Queued,
        Self::Sent,
        Self::Accepted,
        Self::Done,
        Self::Failed,
        Self::Indeterminate,
        Self::Cancelled,
    ];

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sent => "sent",
            Self::Accepted => "accepted",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Indeterminate => "indeterminate",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nobody has to wait any longer for the device.
    pub(super) const fn is_settled(self) -> bool {
        !matches!(self, Self::Queued | Self::Sent)
    }
}

/// A command for a device.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Work {
    pub(super) number: u64,
    pub(super) device: String,
    /// What it is, for people: never with values, which may be secrets.
    pub(super) what: String,
    /// A fragment in WBXML, base64. Emptied when it has ended.
    pub(super) command: String,
    /// Whether sending it twice is as good as once.
    pub(super) repeatable: bool,
    pub(super) reading: Reading,
    /// Commands that must be done before it goes out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) after: Vec<u64>,
    /// What it decides about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) concerns: Option<Thing>,
    pub(super) state: WorkState,
    /// The Status.
    pub(super) code: Option<u16>,
    /// Why it has none.
    pub(super) reason: Option<String>,
    pub(super) found: Vec<Found>,
    /// What the device said later of an Exec it had accepted.
    pub(super) outcome: Option<Found>,
    pub(super) tries: u32,
    /// Unix seconds.
    pub(super) queued: u64,
    pub(super) ended: Option<u64>,
}

/// A value that a device has returned.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Found {
    pub(super) uri: String,
    pub(super) format: Option<String>,
    #[serde(rename = "type")]
    pub(super) media_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) base64: Option<String>,
}

impl Found {
    pub(super) fn of_item(item: &Item<'_>) -> Self {
        let format = item.format_under(None);
        let uri = item.source_uri().or_else(|| item.target_uri()).map_or("", |uri| uri.as_str());
        Self::new(uri, format, item.media_type_under(None), item.data.as_ref())
    }

    pub(super) fn new(
        uri: &str,
        format: Option<&Format<'_>>,
        media_type: Option<&MediaType<'_>>,
        data: Option<&Data<'_>>,
    ) -> Self {
        // What is no text of XML would not come back as the item it was.
        let text = data.and_then(Data::as_text).filter(|text| Data::text(*text).is_ok()).map(str::to_owned);
        let base64 = match data {
            Some(data) if text.is_none() && data.as_nodes().is_some() => {
                // A document among the elements: kept as the item it came in.
                let item = Item::new().with_data(data.clone());
                let id = dm_syncml::CmdId::number(std::num::NonZeroU32::MIN);
                let body = SyncBody::new(vec![dm_syncml::Add::new(id, vec![item]).into()]);
                Some(Base64::encode_string(&Fragment::new(body).encode(Encoding::Xml)))
            }
            Some(data) if text.is_none() => {
                data.decoded(format).ok().map(|octets| Base64::encode_string(&octets))
            }
            _ => None,
        };
        Self {
            uri: uri.into(),
            format: format.map(|format| format.as_str().into()),
            media_type: media_type.map(|media_type| media_type.as_str().into()),
            text,
            base64,
        }
    }

    /// The item it was, for [`gwmo_model::console`].
    pub(super) fn to_item(&self) -> Option<Item<'static>> {
        let mut meta = Meta::new();
        let octets = self.base64.as_deref().map(Base64::decode_vec).transpose().ok()?;
        if octets.is_some() {
            meta = meta.with_format(Format::BIN);
        } else if let Some(format) = &self.format {
            meta = meta.with_format(Format::new(format.clone()).ok()?);
        }
        if let Some(media_type) = &self.media_type {
            meta = meta.with_media_type(MediaType::new(media_type.clone()).ok()?);
        }
        let data = match (&self.text, octets) {
            (Some(text), _) => Some(Data::text(text.clone()).ok()?),
            (None, octets) => octets.map(Data::octets),
        };
        let item = Item::from(LocUri::new(self.uri.clone()).ok()?).with_meta(meta);
        Some(match data {
            Some(data) => item.with_data(data),
            None => item,
        })
    }
}

/// A command as it is kept.
pub(super) fn pack(command: &Command<'_>) -> String {
    let body = SyncBody::new(vec![command.clone()]);
    Base64::encode_string(&Fragment::new(body).encode(Encoding::Wbxml))
}

impl Work {
    /// The command; `None` when the entry holds none.
    pub(super) fn unpack(&self) -> Option<Command<'static>> {
        let octets = Base64::decode_vec(&self.command).ok()?;
        // It was built here once, from a request of bounded size.
        let limits = DecodeOptions::new().limits.with_document(octets.len()).with_elements(u32::MAX);
        let options = DecodeOptions::new().with_limits(limits).with_quirks(Quirks::FIELD);
        let fragment = Fragment::decode(Encoding::Wbxml, &octets, &options).ok()?;
        fragment.body.commands.into_iter().next().map(Command::into_owned)
    }

    /// What it takes up, about.
    pub(super) fn octets(&self) -> usize {
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let found = self.found.iter().chain(&self.outcome);
        let found = found.map(|found| found.uri.len() + text(&found.text) + text(&found.base64) + 64);
        self.command.len() + found.sum::<usize>() + 256
    }

    /// It went out.
    pub(super) fn sent(&mut self) {
        // Told again when the device has refused the header, and with it the command.
        if self.state != WorkState::Sent {
            self.tries += 1;
        }
        self.state = WorkState::Sent;
    }

    /// The device has answered.
    pub(super) fn answered(&mut self, now: u64, answer: &Answer) {
        let code = answer.code();
        self.code = Some(code.get());
        self.found = answer.items().map(Found::of_item).collect();
        if !answer.complete && code.is_done() && self.reads() {
            // The session ended in the middle of what it returned, or there was more than is taken.
            self.found.clear();
            if self.tries < MAX_TRIES {
                (self.state, self.code) = (WorkState::Queued, None);
            } else {
                self.fail(now, "what the device returned did not come whole");
            }
            return;
        }
        // What an Add finds there already is there, and what a Delete does not find is gone: that is for the operator to judge, by the code.
        let state = match code.get() {
            202 => WorkState::Accepted,
            404 if self.reading.takes_missing() && !self.found.is_empty() => WorkState::Done,
            _ if code.is_done() => WorkState::Done,
            _ => WorkState::Failed,
        };
        self.reason = code.meaning().filter(|_| state == WorkState::Failed).map(str::to_owned);
        self.end(now, state);
    }

    /// Whether it is there for what comes back.
    fn reads(&self) -> bool {
        self.repeatable && matches!(self.unpack(), Some(Command::Get(_)))
    }

    /// There will be no answer.
    pub(super) fn given_up(&mut self, now: u64, why: GivenUp) {
        let again = self.tries < MAX_TRIES;
        match why {
            GivenUp::NotSent => self.state = WorkState::Queued,
            GivenUp::EndMissing if again => self.state = WorkState::Queued,
            GivenUp::Unanswered if again && self.repeatable => self.state = WorkState::Queued,
            GivenUp::Unanswered => {
                self.reason = Some("it was sent, and the session ended without an answer".into());
                self.end(now, WorkState::Indeterminate);
            }
            GivenUp::TooLarge => self.fail(now, "it is larger than the device takes"),
            GivenUp::NotOffered => self.fail(now, "the device cannot do this"),
            _ => self.fail(now, "the device did not get it whole"),
        }
    }

    /// It cannot be done.
    pub(super) fn fail(&mut self, now: u64, reason: impl Into<String>) {
        self.reason = Some(reason.into());
        self.end(now, WorkState::Failed);
    }

    /// The operator has taken it back.
    pub(super) fn cancel(&mut self, now: u64) {
        self.end(now, WorkState::Cancelled);
    }

    fn end(&mut self, now: u64, state: WorkState) {
        self.state = state;
        self.ended = Some(now);
        self.command.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dm_syncml::{CmdId, Exec, Get};

    fn work(command: impl Into<Command<'static>>, repeatable: bool) -> Work {
        Work {
            number: 1,
            device: "IMEI:1".into(),
            what: "get ./DevInfo/Mod".into(),
            command: pack(&command.into()),
            repeatable,
            reading: Reading::Plain,
            after: Vec::new(),
            concerns: None,
            state: WorkState::Queued,
            code: None,
            reason: None,
            found: Vec::new(),
            outcome: None,
            tries: 0,
            queued: 1,
            ended: None,
        }
    }

    fn target() -> Item<'static> {
        Item::to(LocUri::new("./A").expect("an address"))
    }

    fn id() -> CmdId<'static> {
        CmdId::new("1").expect("an id")
    }

    #[test]
    fn a_command_survives_the_store() {
        let get = Get::new(id(), vec![target()]);
        let text = serde_json::to_string(&work(get.clone(), true)).expect("json");
        let again: Work = serde_json::from_str(&text).expect("json");
        assert_eq!(again.unpack(), Some(get.into()));
    }

    #[test]
    fn what_was_sent_and_not_answered_is_repeated_only_where_that_is_harmless() {
        let mut get = work(Get::new(id(), vec![target()]), true);
        for _ in 0..MAX_TRIES {
            assert_eq!(get.state, WorkState::Queued);
            get.sent();
            get.given_up(2, GivenUp::Unanswered);
        }
        assert_eq!(get.state, WorkState::Indeterminate, "not for ever");
        let mut exec = work(Exec::new(id(), target()), false);
        exec.given_up(2, GivenUp::NotSent);
        assert_eq!(exec.state, WorkState::Queued);
        exec.sent();
        exec.given_up(2, GivenUp::Unanswered);
        assert_eq!((exec.state, exec.unpack(), exec.ended), (WorkState::Indeterminate, None, Some(2)));
    }

    #[test]
    fn values_come_back_as_the_items_they_were() {
        let uri = || LocUri::new("./A").expect("an address");
        for (item, binary) in [
            (Item::from(uri()).with_data(Data::text("x").expect("text")), false),
            (
                Item::from(uri())
                    .with_meta(Meta::new().with_format(Format::BIN))
                    .with_data(Data::octets(vec![0])),
                true,
            ),
            (
                Item::from(uri())
                    .with_meta(Meta::new().with_format(Format::BIN))
                    .with_data(Data::octets(vec![0, 255])),
                true,
            ),
        ] {
            let found = Found::of_item(&item);
            assert_eq!(found.base64.is_some(), binary);
            let again = found.to_item().expect("an item");
            assert_eq!((again.source, again.data), (item.source, item.data));
        }
    }
}

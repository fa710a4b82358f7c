//! What the device tells its servers: generic alerts that wait until they are taken.

use dm_syncml::session::GenericAlert;
use dm_syncml::{Alert, CmdId, Correlator, Data, Format, LocUri, Mark};
use serde::{Deserialize, Serialize};

/// How far a download is, in percent. Ours: FUMO reports ends only.
pub(super) const PROGRESS: &str = "x-dm-device.download.progress";
/// The servers that the device knows, for a gateway.
pub(super) const SERVERS: &str = "urn:oma:at:x-gwmo:BootstrappedDMSList:1.0";

/// A generic alert that waits.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Report {
    /// Who is told.
    pub server: String,
    /// What kind of report it is.
    pub alert_type: String,
    /// Which object reports.
    pub source: String,
    /// A number: a result code, or a percentage.
    pub number: u32,
    /// The Correlator of the Exec.
    pub correlator: Option<String>,
    /// A text instead of the number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

impl Report {
    /// The alert; `None` for what no alert can say, which never got in.
    pub(super) fn to_alert(&self) -> Option<Alert<'static>> {
        let (format, text) = match &self.text {
            Some(text) => (Format::CHR, text.clone()),
            None => (Format::INT, self.number.to_string()),
        };
        let alert = GenericAlert::new(self.alert_type.clone(), format, Data::text(text).ok()?).ok()?;
        let mut alert = alert.with_source(LocUri::new(self.source.clone()).ok()?);
        if self.alert_type != PROGRESS && self.number >= 300 {
            alert = alert.with_mark(Mark::CRITICAL);
        }
        if let Some(correlator) = &self.correlator {
            alert = alert.with_correlator(Correlator::new(correlator.clone()).ok()?);
        }
        Some(alert.to_alert(CmdId::new("1").ok()?))
    }

    /// Whether this one says anew what the other one said before.
    pub(super) fn replaces(&self, other: &Self) -> bool {
        let is_state = matches!(self.alert_type.as_str(), PROGRESS | SERVERS);
        is_state && Self { number: other.number, text: other.text.clone(), ..self.clone() } == *other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_replaces_progress_and_nothing_else() {
        let report = Report {
            server: "a".into(),
            alert_type: PROGRESS.into(),
            source: "./FUMO".into(),
            number: 25,
            correlator: Some("c".into()),
            text: None,
        };
        let later = Report { number: 50, ..report.clone() };
        assert!(later.replaces(&report));
        assert!(!Report { correlator: None, ..later }.replaces(&report));
        let end = Report { alert_type: "org.example.end".into(), number: 200, ..report.clone() };
        assert!(!end.replaces(&report) && !end.replaces(&end));
        let list = Report { alert_type: SERVERS.into(), text: Some("a".into()), ..report };
        assert!(list.replaces(&Report { text: Some("b".into()), ..list.clone() }));
        let alert = end.to_alert().unwrap();
        assert_eq!(alert.correlator.as_ref().unwrap().as_str(), "c");
    }
}

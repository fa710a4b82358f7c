//! What a device reports by itself: generic alerts (1226) and client events (1224), typed for both sides
//! (DM Protocol 1.2.1, generic alerts; client events).

use alloc::string::String;
use alloc::vec::Vec;

use crate::codes::{AlertCode, StatusCode};
use crate::error::ValueError;
use crate::model::{Alert, CmdId, Correlator, Data, Format, Item, LocUri, Mark, MediaType, Meta};

/// A generic alert (1226): something happened to a managed object, or an Exec that was accepted has ended.
///
/// ```
/// use dm_syncml::session::GenericAlert;
/// use dm_syncml::{CmdId, Correlator, Data, Format, LocUri};
///
/// let downloaded = GenericAlert::new("org.openmobilealliance.dm.firmwareupdate.download", Format::CHR, Data::text("1200")?)?
///     .with_source(LocUri::new("./FUMO/Pkg")?)
///     .with_correlator(Correlator::new("job-7")?);
/// let alert = downloaded.to_alert(CmdId::new("2")?);
/// assert_eq!(GenericAlert::read(&alert), Ok(vec![downloaded]));
/// # Ok::<(), dm_syncml::ValueError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct GenericAlert {
    /// Which managed object reports.
    pub source: Option<LocUri<'static>>,
    /// What kind of report it is; see [`name`](Self::name).
    pub alert_type: MediaType<'static>,
    /// How the data is to be read.
    pub format: Format<'static>,
    /// How grave it is; `None` means [`Mark::INFORMATIONAL`].
    pub mark: Option<Mark<'static>>,
    /// The report.
    pub data: Data<'static>,
    /// The Correlator of the Exec whose outcome this is.
    pub correlator: Option<Correlator<'static>>,
}

/// One item of a client event (1224): something happened on the device itself.
///
/// ```
/// use dm_syncml::session::DeviceEvent;
/// use dm_syncml::{CmdId, Data, Format};
///
/// let login = DeviceEvent::new("com.example/LoginStatus", Format::CHR, Data::text("user")?)?;
/// let alert = login.to_alert(CmdId::new("2")?);
/// assert_eq!(DeviceEvent::read(&alert), Ok(vec![login]));
/// # Ok::<(), dm_syncml::ValueError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct DeviceEvent {
    /// Where it comes from, if it says so.
    pub source: Option<LocUri<'static>>,
    /// What kind of event it is.
    pub event_type: MediaType<'static>,
    /// How the data is to be read; Windows leaves it out, which means `chr`.
    pub format: Format<'static>,
    /// The event.
    pub data: Data<'static>,
}

impl GenericAlert {
    /// An alert of this type.
    ///
    /// # Errors
    /// The type is empty or not text.
    pub fn new(
        alert_type: impl Into<String>,
        format: Format<'static>,
        data: Data<'static>,
    ) -> Result<Self, ValueError> {
        let alert_type = MediaType::new(alert_type.into())?;
        Ok(Self { source: None, alert_type, format, mark: None, data, correlator: None })
    }

    /// Sets [`source`](Self::source).
    #[must_use]
    pub fn with_source(mut self, source: LocUri<'static>) -> Self {
        self.source = Some(source);
        self
    }

    /// Sets [`mark`](Self::mark).
    #[must_use]
    pub fn with_mark(mut self, mark: Mark<'static>) -> Self {
        self.mark = Some(mark);
        self
    }

    /// Sets [`correlator`](Self::correlator), which the Exec brought along.
    #[must_use]
    pub fn with_correlator(mut self, correlator: Correlator<'static>) -> Self {
        self.correlator = Some(correlator);
        self
    }

    /// The type without the prefix that the text of the protocol gives it and no registered type has
    /// (`Reversed-Domain-Name:`, `Content-Type:`).
    #[must_use]
    pub fn name(&self) -> &str {
        bare(self.alert_type.as_str())
    }

    /// The alert, with one item.
    #[must_use]
    pub fn to_alert<'a>(&self, cmd_id: CmdId<'a>) -> Alert<'a> {
        let mut meta = Meta::new().with_format(self.format.clone()).with_media_type(self.alert_type.clone());
        if let Some(mark) = &self.mark {
            meta = meta.with_mark(mark.clone());
        }
        let mut alert = Alert::new(cmd_id, AlertCode::GENERIC_ALERT);
        alert.correlator.clone_from(&self.correlator);
        alert.items.push(item(self.source.clone(), meta, self.data.clone()));
        alert
    }

    /// Reads an alert; each of its items is an alert of its own with the same Correlator.
    ///
    /// # Errors
    /// The Status to answer with: 406 for another alert, 412 without items, 415 for an item without Type. A missing Format, which
    /// the text demands, means `chr`; missing data is empty.
    pub fn read(alert: &Alert<'_>) -> Result<Vec<Self>, StatusCode> {
        let read = |item: &Item<'_>| {
            let event = DeviceEvent::read_item(item)?;
            Ok(Self {
                source: event.source,
                alert_type: event.event_type,
                format: event.format,
                mark: item.meta.as_ref().and_then(Meta::mark).map(|mark| mark.clone().into_owned()),
                data: event.data,
                correlator: alert.correlator.clone().map(Correlator::into_owned),
            })
        };
        items(alert, AlertCode::GENERIC_ALERT)?.iter().map(read).collect()
    }
}

impl DeviceEvent {
    /// An event of this type.
    ///
    /// # Errors
    /// The type is empty or not text.
    pub fn new(
        event_type: impl Into<String>,
        format: Format<'static>,
        data: Data<'static>,
    ) -> Result<Self, ValueError> {
        let event_type = MediaType::new(event_type.into())?;
        Ok(Self { source: None, event_type, format, data })
    }

    /// Sets [`source`](Self::source).
    #[must_use]
    pub fn with_source(mut self, source: LocUri<'static>) -> Self {
        self.source = Some(source);
        self
    }

    /// The alert, with one item.
    #[must_use]
    pub fn to_alert<'a>(&self, cmd_id: CmdId<'a>) -> Alert<'a> {
        let meta = Meta::new().with_format(self.format.clone()).with_media_type(self.event_type.clone());
        let mut alert = Alert::new(cmd_id, AlertCode::CLIENT_EVENT);
        alert.items.push(item(self.source.clone(), meta, self.data.clone()));
        alert
    }

    /// Reads an alert; each of its items is an event.
    ///
    /// # Errors
    /// As [`GenericAlert::read`].
    pub fn read(alert: &Alert<'_>) -> Result<Vec<Self>, StatusCode> {
        items(alert, AlertCode::CLIENT_EVENT)?.iter().map(Self::read_item).collect()
    }

    fn read_item(item: &Item<'_>) -> Result<Self, StatusCode> {
        let meta = item.meta.as_ref();
        let event_type = meta.and_then(Meta::media_type).filter(|name| !name.as_str().is_empty());
        let format = meta.and_then(Meta::format).cloned().unwrap_or(Format::CHR);
        Ok(Self {
            source: item.source_uri().cloned().map(LocUri::into_owned),
            event_type: event_type.cloned().ok_or(StatusCode::UNSUPPORTED_FORMAT)?.into_owned(),
            format: format.into_owned(),
            data: item.data.clone().map_or(Data::EMPTY, Data::into_owned),
        })
    }
}

fn item<'a>(source: Option<LocUri<'a>>, meta: Meta<'a>, data: Data<'a>) -> Item<'a> {
    let item = source.map_or_else(Item::new, Item::from);
    item.with_meta(meta).with_data(data)
}

fn items<'m, 'a>(alert: &'m Alert<'a>, code: AlertCode) -> Result<&'m [Item<'a>], StatusCode> {
    match alert.code {
        Some(theirs) if theirs == code && alert.items.is_empty() => Err(StatusCode::INCOMPLETE_COMMAND),
        Some(theirs) if theirs == code => Ok(&alert.items),
        _ => Err(StatusCode::NOT_SUPPORTED),
    }
}

/// The registered types and all real clients do without the prefixes, so they are not told apart by them.
fn bare(alert_type: &str) -> &str {
    let text = alert_type.trim();
    for prefix in ["Reversed-Domain-Name:", "Content-Type:"] {
        if let Some((head, rest)) = text.split_at_checked(prefix.len())
            && head.eq_ignore_ascii_case(prefix)
        {
            return rest.trim();
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generic(alert_type: &str) -> GenericAlert {
        GenericAlert::new(alert_type, Format::INT, Data::text("7").unwrap()).unwrap()
    }

    #[test]
    fn both_forms_of_a_type_name_the_same_thing() {
        for form in [
            "org.example.thing",
            "Reversed-Domain-Name: org.example.thing",
            "reversed-domain-name:org.example.thing",
            "Content-Type: org.example.thing",
        ] {
            assert_eq!(generic(form).name(), "org.example.thing");
        }
        assert_eq!(
            generic("com.microsoft:mdm.unenrollment.userrequest").name(),
            "com.microsoft:mdm.unenrollment.userrequest"
        );
    }

    #[test]
    fn several_items_are_several_alerts_with_one_correlator() {
        let mut alert = generic("org.a").with_mark(Mark::FATAL).to_alert(CmdId::new("1").unwrap());
        alert.items.extend(generic("org.b").to_alert(CmdId::new("1").unwrap()).items);
        alert.correlator = Some(Correlator::new("c").unwrap());
        let read = GenericAlert::read(&alert).unwrap();
        assert_eq!(read.iter().map(GenericAlert::name).collect::<Vec<_>>(), ["org.a", "org.b"]);
        assert_eq!((read[0].mark.clone(), read[1].mark.clone()), (Some(Mark::FATAL), None));
        assert!(read.iter().all(|alert| alert.correlator.as_ref().is_some_and(|c| c == "c")));
    }

    #[test]
    fn incomplete_alerts_are_refused() {
        let mut alert = generic("org.a").to_alert(CmdId::new("1").unwrap());
        assert_eq!(DeviceEvent::read(&alert), Err(StatusCode::NOT_SUPPORTED));
        alert.items[0].meta = None;
        assert_eq!(GenericAlert::read(&alert), Err(StatusCode::UNSUPPORTED_FORMAT));
        alert.items.clear();
        assert_eq!(GenericAlert::read(&alert), Err(StatusCode::INCOMPLETE_COMMAND));
    }
}

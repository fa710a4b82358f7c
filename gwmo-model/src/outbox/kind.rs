//! The kinds of alerts between devices, gateways and servers, and what they are called.

/// A kind of generic alert (`Meta/Type` of a 1226).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum AlertKind {
    /// Gateway to server: a device is there.
    DeviceAttached,
    /// Gateway to server: a device is gone.
    DeviceDetached,
    /// Gateway to server: a job is over.
    CompletionStatus,
    /// Gateway to server: the aggregated answers of a job.
    ResultAggregation,
    /// Gateway to server: an image can be fetched.
    ImageReady,
    /// Gateway to server: an image cannot be had. Not registered.
    ImageFailed,
    /// Gateway to server: a job has come on. Not registered.
    Progress,
    /// Device to gateway: the servers it is bootstrapped to.
    BootstrappedDmsList,
    /// Device to server: the address of its gateway.
    AssociatedGateway,
}

/// Under which names alerts are sent.
///
/// The registry has names for most kinds, but what such alerts carry is not public. So by default alerts go under names of
/// this crate's own; on receipt both are recognised ([`AlertKind::recognise`]).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum AlertNames {
    /// `urn:oma:at:x-gwmo:...`
    #[default]
    Own,
    /// `urn:oma:at:oma-gwmo:...`, for those that are registered.
    Registered,
}

const OWN: &str = "urn:oma:at:x-gwmo:";
const REGISTERED: &str = "urn:oma:at:oma-gwmo:";

impl AlertKind {
    /// Every kind, in the order of the enum.
    pub const ALL: [Self; 9] = [
        Self::DeviceAttached,
        Self::DeviceDetached,
        Self::CompletionStatus,
        Self::ResultAggregation,
        Self::ImageReady,
        Self::ImageFailed,
        Self::Progress,
        Self::BootstrappedDmsList,
        Self::AssociatedGateway,
    ];

    /// What it is called under these names; kinds that are not registered have one of their own only.
    #[must_use]
    pub const fn urn(self, names: AlertNames) -> &'static str {
        match (self, names) {
            (Self::DeviceAttached, AlertNames::Own) => "urn:oma:at:x-gwmo:deviceattached:1.1",
            (Self::DeviceAttached, AlertNames::Registered) => "urn:oma:at:oma-gwmo:deviceattached:1.1",
            (Self::DeviceDetached, AlertNames::Own) => "urn:oma:at:x-gwmo:devicedetached:1.0",
            (Self::DeviceDetached, AlertNames::Registered) => "urn:oma:at:oma-gwmo:devicedetached:1.0",
            (Self::CompletionStatus, AlertNames::Own) => "urn:oma:at:x-gwmo:completionstatus:1.0",
            (Self::CompletionStatus, AlertNames::Registered) => "urn:oma:at:oma-gwmo:completionstatus:1.0",
            (Self::ResultAggregation, AlertNames::Own) => "urn:oma:at:x-gwmo:resultaggregation:1.0",
            (Self::ResultAggregation, AlertNames::Registered) => "urn:oma:at:oma-gwmo:resultaggregation:1.0",
            (Self::ImageReady, AlertNames::Own) => "urn:oma:at:x-gwmo:imageready:1.0",
            (Self::ImageReady, AlertNames::Registered) => "urn:oma:at:oma-gwmo:imageready:1.0",
            (Self::ImageFailed, _) => "urn:oma:at:x-gwmo:imagefailed:1.0",
            (Self::Progress, _) => "urn:oma:at:x-gwmo:progress:1.0",
            (Self::BootstrappedDmsList, AlertNames::Own) => "urn:oma:at:x-gwmo:BootstrappedDMSList:1.0",
            (Self::BootstrappedDmsList, AlertNames::Registered) => {
                "urn:oma:at:oma-gwmo:BootstrappedDMSList:1.0"
            }
            (Self::AssociatedGateway, AlertNames::Own) => "urn:oma:at:x-gwmo:AssociatedGateway:1.0",
            (Self::AssociatedGateway, AlertNames::Registered) => "urn:oma:at:oma-gwmo:AssociatedGateway:1.0",
        }
    }

    /// The kind of an alert that was received, whichever of the two roots and whichever version its type has; names are
    /// compared without regard to case, since the registry's own spelling varies.
    ///
    /// ```
    /// use gwmo_model::{AlertKind, AlertNames};
    ///
    /// let told = AlertKind::recognise("urn:oma:at:oma-gwmo:deviceattached:1.0");
    /// assert_eq!(told, Some((AlertKind::DeviceAttached, AlertNames::Registered)));
    /// assert_eq!(AlertKind::recognise("urn:oma:at:dm:1.0"), None);
    /// ```
    #[must_use]
    pub fn recognise(urn: &str) -> Option<(Self, AlertNames)> {
        let (root, _) = urn.rsplit_once(':')?;
        let kind = |names: AlertNames| {
            let known = |kind: &Self| {
                let own = kind.urn(names).rsplit_once(':').map(|(root, _)| root);
                own.is_some_and(|own| own.eq_ignore_ascii_case(root))
            };
            Self::ALL.into_iter().find(known).map(|kind| (kind, names))
        };
        let starts = |with: &str| urn.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with));
        if starts(OWN) {
            kind(AlertNames::Own)
        } else if starts(REGISTERED) {
            kind(AlertNames::Registered)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_recognised() {
        for kind in AlertKind::ALL {
            for names in [AlertNames::Own, AlertNames::Registered] {
                let urn = kind.urn(names);
                let (known, under) = AlertKind::recognise(urn).unwrap();
                assert_eq!((known, known.urn(under)), (kind, urn));
            }
        }
        let registered =
            AlertKind::ALL.iter().filter(|kind| kind.urn(AlertNames::Registered).starts_with(REGISTERED));
        assert_eq!(registered.count(), 7);
        assert!(AlertKind::recognise("urn:oma:at:oma-gwmo:bootstrappeddmslist:1.0").is_some());
        for odd in
            ["", ":", "urn:oma:at:x-gwmo:", "urn:oma:at:x-gwmo:other:1.0", "urn:oma:at:x-gwmö:progress:1.0"]
        {
            assert_eq!(AlertKind::recognise(odd), None);
        }
    }
}

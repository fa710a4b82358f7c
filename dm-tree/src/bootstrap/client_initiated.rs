//! A device that asks for its bootstrap: a request, and what to make of the answer.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use dm_notification::push::{Content, TextHeaders};

use super::error::{BootstrapError, BootstrapErrorKind};
use super::message::Bootstrap;
use super::policy::BootstrapPolicy;
use super::proof::{Profile, Proof, TrustedSource};
use super::server::SignedBootstrap;

/// What a device asks a bootstrap server for, over HTTPS.
///
/// DM 1.3 has devices do this; how it looks on the wire is not publicly known. Here it is a GET whose `Accept` names
/// the types of both profiles, with the device's identifier in a header of our own, `X-Dm-Device-Id`; nothing in the
/// answer differs from what is pushed. Connection and server authentication are the caller's.
///
/// ```
/// use dm_notification::bootstrap::{CpSec, NetworkSecret, SharedSecrets};
/// use dm_tree::bootstrap::{
///     BootstrapPolicy, BootstrapRequest, SignedBootstrap, answer_request, open_answer, provisioning_of,
/// };
/// use dm_tree::{AppAddr, DmAccount, ServerId, Tree};
///
/// // The device asks.
/// let headers = BootstrapRequest::new("IMEI:493005100592800")?.to_headers();
///
/// // The server knows the device, and answers.
/// let request = BootstrapRequest::of_headers(&headers)?;
/// assert_eq!(request.device_id(), "IMEI:493005100592800");
/// let mut account = DmAccount::new(ServerId::new("com.example.dm")?);
/// account.addresses.push(AppAddr::uri("https://dm.example.com"));
/// let secrets = SharedSecrets::new().with_network(NetworkSecret::from_imsi("001010123456789")?);
/// let signed = SignedBootstrap::cp(&provisioning_of(&[account])?, CpSec::NETWPIN, &secrets)?;
/// let (headers, body) = answer_request(&request, &signed)?;
///
/// // The device opens the answer; that the connection was authenticated vouches for it.
/// let policy = BootstrapPolicy::default();
/// let mut tree = Tree::default();
/// let applied = open_answer(&headers, &body, &policy)?.apply(&mut tree, &policy)?;
/// assert_eq!(applied.sessions().next().unwrap().server_id.as_str(), "com.example.dm");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootstrapRequest {
    device_id: String,
    profiles: Vec<Profile>,
}

const DEVICE_ID: &str = "X-Dm-Device-Id";
const DM: &str = "application/vnd.syncml.dm+wbxml";
const CP: &str = "application/vnd.wap.connectivity-wbxml";

impl BootstrapRequest {
    /// A device's request: `DevInfo/DevId`. It takes both profiles.
    ///
    /// # Errors
    ///
    /// [`BootstrapErrorKind::NotText`] for an identifier that no header can carry.
    pub fn new(device_id: &str) -> Result<Self, BootstrapError> {
        let fits = !device_id.is_empty() && device_id.bytes().all(|octet| octet.is_ascii_graphic());
        if !fits {
            return Err(BootstrapErrorKind::NotText.into());
        }
        Ok(Self { device_id: device_id.into(), profiles: Vec::from([Profile::Dm, Profile::Cp]) })
    }

    /// The same, taking only these profiles, the preferred one first.
    #[must_use]
    pub fn with_profiles(mut self, profiles: impl Into<Vec<Profile>>) -> Self {
        self.profiles = profiles.into();
        self
    }

    /// The device.
    #[must_use]
    pub fn device_id(&self) -> &str {
        &self.device_id
    }

    /// What it takes, the preferred profile first.
    #[must_use]
    pub fn profiles(&self) -> &[Profile] {
        &self.profiles
    }

    /// The headers of the request.
    #[must_use]
    pub fn to_headers(&self) -> TextHeaders {
        let types: Vec<&str> = self
            .profiles
            .iter()
            .map(|profile| match profile {
                Profile::Dm => DM,
                Profile::Cp => CP,
            })
            .collect();
        let headers = TextHeaders::new().with("Accept", &types.join(", "));
        headers.and_then(|headers| headers.with(DEVICE_ID, &self.device_id)).unwrap_or_default()
    }

    /// What a server reads in them.
    ///
    /// # Errors
    ///
    /// [`BootstrapErrorKind::NotText`] without a device identifier.
    pub fn of_headers(headers: &TextHeaders) -> Result<Self, BootstrapError> {
        let device_id = headers.values(DEVICE_ID).next().unwrap_or_default();
        let profiles: Vec<Profile> = headers
            .values("Accept")
            .flat_map(|list| list.split(','))
            .filter_map(|one| match one.split(';').next().map(str::trim) {
                Some(word) if word.eq_ignore_ascii_case(DM) => Some(Profile::Dm),
                Some(word) if word.eq_ignore_ascii_case(CP) => Some(Profile::Cp),
                _ => None,
            })
            .collect();
        Ok(Self::new(device_id)?.with_profiles(profiles))
    }
}

/// A server's answer: headers and body.
///
/// # Errors
///
/// [`BootstrapErrorKind::MediaType`] if the device does not take that profile.
pub fn answer_request(
    request: &BootstrapRequest,
    signed: &SignedBootstrap,
) -> Result<(TextHeaders, Vec<u8>), BootstrapError> {
    let headers = signed.to_text_headers();
    let profile = profile_of(&headers)?;
    if !request.profiles.contains(&profile) {
        return Err(BootstrapErrorKind::MediaType.into());
    }
    let length = signed.document().len().to_string();
    let headers = headers.with("Content-Length", &length).map_err(|_| BootstrapErrorKind::NotText)?;
    Ok((headers, signed.document().to_vec()))
}

/// Opens the answer to a request. The connection vouches for it, if the policy takes that
/// ([`ProofSet::SECURE_TRANSPORT`](super::ProofSet::SECURE_TRANSPORT)); SEC and MAC may be there and are not needed.
///
/// # Errors
///
/// [`BootstrapErrorKind::MediaType`] for another type; else as [`Bootstrap::open_cp`] and [`Bootstrap::open_dm`].
pub fn open_answer(
    headers: &TextHeaders,
    body: &[u8],
    policy: &BootstrapPolicy,
) -> Result<Bootstrap, BootstrapError> {
    let proof = Proof::Source(TrustedSource::SecureTransport);
    match profile_of(headers)? {
        Profile::Dm => Bootstrap::open_dm(body, &proof, policy),
        Profile::Cp => Bootstrap::open_cp(body, &proof, policy),
    }
}

fn profile_of(headers: &TextHeaders) -> Result<Profile, BootstrapError> {
    match headers.content() {
        Content::DmBootstrap => Ok(Profile::Dm),
        Content::CpBootstrap => Ok(Profile::Cp),
        _ => Err(BootstrapErrorKind::MediaType.into()),
    }
}

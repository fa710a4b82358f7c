//! How notifications and bootstrap messages reach a device: the user data of short messages, WSP push, and the
//! headers of carriers that write text.
//!
//! From the outside in: [`UserDataHeader`] and [`Reassembler`] take short messages apart and put the parts of long
//! ones together; [`Push`] is the WSP unit inside, with its [`ContentType`] and [`Headers`]; its body is a
//! [`Notification`](crate::Notification), or a document of `dm_tree::bootstrap`. [`PushBuilder`] and [`segment`] go
//! the other way. [`TextHeaders`] are the same headers where HTTP, PAP or SIP carry them.
//!
//! ```
//! use dm_notification::push::{Content, Ports, Push, PushBuilder, UserDataHeader, segment};
//!
//! let package0 = [0x5A; 43];
//! let parts = segment(Ports::WAP_PUSH, &PushBuilder::dm_notification().to_vec(&package0), None)?;
//! assert_eq!(parts.len(), 1);
//!
//! let (header, payload) = UserDataHeader::decode(&parts[0])?;
//! assert_eq!(header.ports().map(|ports| ports.destination), Some(2948));
//! let push = Push::decode(payload)?;
//! assert_eq!(push.content(), Content::DmNotification);
//! assert_eq!(push.body(), package0);
//! # Ok::<(), dm_notification::push::PushError>(())
//! ```
//!
//! References: WAP-230 (WSP) §8.2.4 and §8.4, WAP-259 (WDP) and 3GPP TS 23.040 §9.2.3.24, DM Notification 1.2.1
//! (push binding), OMNA's registries of codes.

mod application_id;
mod builder;
mod content_type;
mod cursor;
mod error;
mod header;
mod media_type;
mod pdu;
mod reassembly;
mod segmentation;
mod text_headers;
mod user_data;
mod value;

pub use application_id::ApplicationId;
pub use builder::PushBuilder;
pub use content_type::{ContentType, Parameter, ParameterName, Parameters, Sec};
pub use error::{PushError, PushErrorKind, PushField};
pub use header::{Header, HeaderName, Headers, PushFlag};
pub use media_type::{Content, MediaType};
pub use pdu::{Push, PushKind};
pub use reassembly::{Dropped, Reassembled, Reassembler, ReassemblyLimits, ReassemblyOutput};
pub use segmentation::{
    MAX_PARTS, PACKAGE0_IN_ONE_SMS, SMS_OCTETS, WSP_HEADERS_MAX, parts_needed, room_per_part, segment,
};
pub use text_headers::{TextContentType, TextHeaders};
pub use user_data::{Concatenation, InformationElement, PartReference, Ports, UserDataHeader};
pub use value::Value;

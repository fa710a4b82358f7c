//! The HTTP binding (SyncML HTTP binding; DM Protocol 1.2.1, media types): what goes into headers, what they say, and what to do about
//! it. Still no I/O: strings and numbers in, strings, numbers and decisions out, for any HTTP library.
//!
//! One message is the body of one POST, the answer is the body of its response, and whatever the protocol has to say, wrong credentials
//! included, comes with status 200. Other statuses are for what is not an exchange of messages at all.
//!
//! ```
//! use dm_syncml::http::{self, Action, RequestHead, Refusal, ResponseHead};
//! use dm_syncml::Encoding;
//!
//! // The server: what a request's head says.
//! let head = RequestHead::new("POST")
//!     .with_content_type(Some(b"Application/vnd.syncml.dm+wbxml"))
//!     .with_accept(Some(b"application/vnd.syncml.dm+wbxml, application/vnd.syncml.dm+xml;q=0.5"))
//!     .with_user_agent(Some(b"MSFT OMA DM Client/1.2.0.1"));
//! let request = http::admit(&head, 1 << 20)?;
//! assert_eq!((request.encoding(), request.answer_encoding()), (Encoding::Wbxml, Encoding::Wbxml));
//! assert_eq!(http::Client::of_user_agent(request.user_agent().unwrap_or_default()), http::Client::Windows);
//!
//! // The client: what a response means.
//! let busy = ResponseHead::new(429).with_retry_after(Some(b"120"));
//! let policy = http::Policy::new();
//! let action = http::judge(&busy, "https://dm.example.net/", 0, &policy);
//! assert_eq!(action, Action::Again { after: core::time::Duration::from_secs(120) });
//! # Ok::<(), Refusal>(())
//! ```
//!
//! What each header holds is described where it is read and written: [`ContentType`], [`request_fields`], [`reply_fields`],
//! [`MacHeader`](crate::auth::MacHeader) for [`HMAC`].
//!
//! # What is refused
//!
//! | request | status | |
//! |---|---|---|
//! | another method than POST | 405 | [`RefusalKind::Method`] |
//! | a body larger than is taken, by its Content-Length or when it came; a document with more of something than its limit | 413 | [`RefusalKind::TooLarge`] |
//! | no Content-Type, or one that is none of DM's; a charset nobody decodes; a Content-Encoding | 415 | [`RefusalKind::MediaType`] |
//! | an Accept that rules out both encodings by `q=0` | 406 | [`RefusalKind::NotAcceptable`] |
//! | no SyncML, or a message that belongs to no session or is not the next of its session | 400 | [`RefusalKind::BadMessage`] |
//! | too many sessions; the message before is still worked on | 503 and Retry-After | [`RefusalKind::Busy`] |
//! | a session that gives no answer | 500 | [`RefusalKind::Internal`] |

mod accept;
mod client;
mod content_type;
pub(crate) mod field;
mod fields;
mod redirect;
mod refusal;
mod request;
mod response;
mod retry_after;

pub use client::Client;
pub use content_type::{Charset, ContentType, ContentTypeError};
pub use fields::{HMAC, reply_fields, request_fields};
pub use refusal::{Refusal, RefusalKind};
pub use request::{Request, RequestHead, admit};
pub use response::{Action, GivenUp, Policy, ResponseHead, judge};

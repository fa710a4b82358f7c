//! Who is the operator: whoever shows the token.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64ct::{Base64, Encoding as _};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::clock::entropy;
use crate::tls::write_secret;

/// The operator's token. Only its digest is kept, and compared in constant time.
#[derive(Clone)]
pub struct OperatorToken(Arc<[u8; 32]>);

impl std::fmt::Debug for OperatorToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OperatorToken(..)")
    }
}

impl OperatorToken {
    /// The token in this file. The first time it is made, readable by its owner only; returns whether it was made now.
    ///
    /// # Errors
    /// The file cannot be read or written, or holds less than 16 characters.
    pub fn kept_in(path: &Path) -> io::Result<(Self, bool)> {
        match fs::read_to_string(path) {
            Ok(text) if text.trim().len() >= 16 => Ok((Self::new(text.trim()), false)),
            Ok(_) => Err(io::Error::other("an operator token has at least 16 characters")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let text: String =
                    [entropy(), entropy()].concat().iter().map(|octet| format!("{octet:02x}")).collect();
                if let Some(folder) = path.parent() {
                    fs::create_dir_all(folder)?;
                }
                write_secret(path, text.as_bytes())?;
                Ok((Self::new(&text), true))
            }
            Err(error) => Err(error),
        }
    }

    /// This very token.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(Arc::new(Sha256::digest(text).into()))
    }

    /// Whether a request shows it: as a bearer token, or as the password of the user `operator`.
    #[must_use]
    pub fn is_shown(&self, headers: &HeaderMap) -> bool {
        let Some(value) = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()) else {
            return false;
        };
        let shown = match value.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim().to_owned(),
            Some((scheme, encoded)) if scheme.eq_ignore_ascii_case("basic") => {
                let decoded =
                    Base64::decode_vec(encoded.trim()).ok().and_then(|it| String::from_utf8(it).ok());
                match decoded.as_deref().and_then(|pair| pair.split_once(':')) {
                    Some(("operator", password)) => password.to_owned(),
                    _ => return false,
                }
            }
            _ => return false,
        };
        let digest: [u8; 32] = Sha256::digest(shown).into();
        digest.ct_eq(&self.0[..]).into()
    }
}

/// Lets through who shows the token; to all others nothing is said but how to show it.
///
/// A browser shows the credentials it has with whatever any page makes it send: with those nothing can be changed, only looked at.
pub async fn only_operators(State(token): State<OperatorToken>, request: Request, next: Next) -> Response {
    let is_looking = matches!(*request.method(), Method::GET | Method::HEAD);
    let mut response = if token.is_shown(request.headers()) {
        if is_looking || is_bearer(request.headers()) {
            next.run(request).await
        } else {
            let why = Json(json!({ "error": "changes need the token as a bearer token" }));
            (StatusCode::FORBIDDEN, why).into_response()
        }
    } else {
        let challenge = HeaderValue::from_static("Basic realm=\"operator\", charset=\"UTF-8\"");
        (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, challenge)], "error: the operator's token is needed\n")
            .into_response()
    };
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn is_bearer(headers: &HeaderMap) -> bool {
    let shown = headers.get(AUTHORIZATION).and_then(|value| value.as_bytes().get(..7));
    shown.is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"bearer "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(token: &OperatorToken, value: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_str(value).expect("a value"));
        token.is_shown(&headers)
    }

    #[test]
    fn a_token_is_shown_in_two_ways_and_in_no_other() {
        let token = OperatorToken::new("0123456789abcdef");
        let basic = |pair: &str| format!("Basic {}", Base64::encode_string(pair.as_bytes()));
        assert!(
            shown(&token, "Bearer 0123456789abcdef") && shown(&token, &basic("operator:0123456789abcdef"))
        );
        for bad in
            ["Bearer 0123456789abcde", "Bearer ", "0123456789abcdef", "Digest 0123456789abcdef", "Basic !"]
        {
            assert!(!shown(&token, bad), "{bad}");
        }
        assert!(!shown(&token, &basic("root:0123456789abcdef")) && !shown(&token, &basic("operator:")));
        assert!(!token.is_shown(&HeaderMap::new()));
        assert_eq!(format!("{token:?}"), "OperatorToken(..)");
    }

    #[test]
    fn a_token_is_made_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state/token");
        assert!(OperatorToken::kept_in(&path).expect("made").1);
        let text = fs::read_to_string(&path).expect("there");
        let (token, made) = OperatorToken::kept_in(&path).expect("kept");
        assert!(!made && shown(&token, &format!("bearer {text}")));
        fs::write(&path, "short").expect("written");
        assert!(OperatorToken::kept_in(&path).is_err());
    }
}

//! The page to look at: one file, which asks for nothing that is not here.

use std::sync::LazyLock;

use axum::http::HeaderValue;
use axum::http::header::{CONTENT_SECURITY_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS};
use axum::response::{Html, IntoResponse};
use base64ct::{Base64, Encoding as _};
use sha2::{Digest as _, Sha256};

const PAGE: &str = include_str!("../page/index.html");

/// The browser runs the page's own script and style and nothing else, whatever a device is called.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let digest = |tag: &str| {
        let (_, rest) = PAGE.split_once(&format!("<{tag}>")).expect("the page has one");
        let (text, _) = rest.split_once(&format!("</{tag}>")).expect("the page has its end");
        Base64::encode_string(&Sha256::digest(text))
    };
    // The bars of progress have their width as a style attribute.
    let policy = format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src-elem 'sha256-{}'; style-src-attr 'unsafe-inline'; \
         connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        digest("script"),
        digest("style"),
    );
    HeaderValue::from_str(&policy).expect("it is text")
});

/// Answers with the page.
pub async fn page() -> impl IntoResponse {
    let headers = [
        (CONTENT_SECURITY_POLICY, POLICY.clone()),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    ];
    (headers, Html(PAGE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_asks_for_nothing_elsewhere() {
        for needle in ["http://", "https://", "src=", "@import", "innerHTML", "insertAdjacentHTML", "eval("] {
            assert!(!PAGE.contains(needle), "{needle}");
        }
        let policy = POLICY.to_str().expect("text");
        assert_eq!(policy.matches("'sha256-").count(), 2, "{policy}");
    }
}

//! Fetching an image from where a server says, piece by piece, so that what was fetched once is not fetched again.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::header::{CONTENT_RANGE, LOCATION};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use gwmo_model::BlobNo;
use tokio::sync::oneshot;

use super::driver::GatewayDriver;
use crate::http_client::{HttpAnswer, HttpError};

/// Octets asked for at a time.
const PIECE: u64 = 1 << 20;

/// What an answer says.
#[derive(PartialEq, Eq, Debug)]
enum Piece {
    /// Octets that stand from where was asked on, and whether there are more.
    Octets(Bytes, bool),
    /// There is nothing more.
    End,
    /// It is elsewhere.
    Elsewhere(String),
    /// It cannot be had now, or not at all.
    Failed { lasting: bool },
}

/// Fetches content from `at` on, at most `max` octets in all, and reports to the machine.
pub(super) async fn fetch(driver: Arc<GatewayDriver>, blob: BlobNo, url: Box<str>, mut at: u64, max: u64) {
    let http = driver.sources.clone().with_patience(Duration::from_secs(120));
    // One octet more than there may be, so that too much is seen to be too much.
    let most = usize::try_from(max.saturating_add(1)).unwrap_or(usize::MAX);
    loop {
        let headers = [
            ("range", format!("bytes={at}-{}", at.saturating_add(PIECE - 1))),
            ("accept-encoding", "identity".to_owned()),
        ];
        let answer = http.send(Method::GET, &url, headers, Bytes::new(), most).await;
        let piece = match &answer {
            Ok(answer) => read(answer, &url, at),
            Err(HttpError::TooLarge(_) | HttpError::Address(_) | HttpError::NotAllowed(_)) => {
                Piece::Failed { lasting: true }
            }
            Err(_) => Piece::Failed { lasting: false },
        };
        match piece {
            Piece::Octets(octets, more) => {
                let end = at + octets.len() as u64;
                driver.metrics.images_fetched_octets.add(octets.len() as u64);
                if end > max {
                    return driver.drive(|gateway, now| {
                        gateway.handle_images(now, |images, now| images.handle_fetched(now, blob, end));
                    });
                }
                let (done, written) = oneshot::channel();
                driver.files.write(blob, at, octets, move |result| drop(done.send(result)));
                let Ok(written) = written.await else { return };
                at = end;
                driver.image_done(blob, &written, |gateway, now| {
                    gateway.handle_images(now, |images, now| {
                        if more {
                            images.handle_fetched(now, blob, end);
                        } else {
                            images.handle_fetch_ended(now, blob, end);
                        }
                    });
                });
                if written.is_err() || !more {
                    return;
                }
            }
            Piece::End => {
                return driver.drive(|gateway, now| {
                    gateway.handle_images(now, |images, now| images.handle_fetch_ended(now, blob, at));
                });
            }
            Piece::Elsewhere(to) => {
                return driver.drive(|gateway, now| {
                    gateway.handle_images(now, |images, now| images.handle_fetch_redirected(now, blob, &to));
                });
            }
            Piece::Failed { lasting } => {
                let why = answer.map_or_else(|error| error.to_string(), |answer| answer.status.to_string());
                tracing::warn!(%blob, why, lasting, "an image was not fetched");
                return driver.drive(|gateway, now| {
                    gateway.handle_images(now, |images, now| images.handle_fetch_failed(now, blob, lasting));
                });
            }
        }
    }
}

fn read(answer: &HttpAnswer, url: &str, at: u64) -> Piece {
    match answer.status {
        StatusCode::PARTIAL_CONTENT => match content_range(&answer.headers) {
            Some((start, total)) if start == at && !answer.body.is_empty() => {
                let end = at + answer.body.len() as u64;
                // A source that does not tell the length is asked until it has no more.
                Piece::Octets(answer.body.clone(), total.is_none_or(|total| end < total))
            }
            _ => Piece::Failed { lasting: true },
        },
        // It knows nothing of ranges: this is everything.
        StatusCode::OK => match usize::try_from(at).ok().filter(|at| *at <= answer.body.len()) {
            Some(at) => Piece::Octets(answer.body.slice(at..), false),
            None => Piece::Failed { lasting: true },
        },
        StatusCode::RANGE_NOT_SATISFIABLE => Piece::End,
        status if status.is_redirection() => {
            let to = answer.headers.get(LOCATION).and_then(|to| to.to_str().ok());
            to.and_then(|to| absolute(url, to)).map_or(Piece::Failed { lasting: true }, Piece::Elsewhere)
        }
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => Piece::Failed { lasting: false },
        status => Piece::Failed { lasting: !status.is_server_error() },
    }
}

/// First octet and length of the whole (RFC 9110 §14.4).
fn content_range(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let text = headers.get(CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?;
    let (range, total) = text.split_once('/')?;
    let (start, _) = range.split_once('-')?;
    let total = if total == "*" { None } else { Some(total.parse().ok()?) };
    Some((start.parse().ok()?, total))
}

/// Where a redirection leads: an address, or a path on the same host.
fn absolute(url: &str, to: &str) -> Option<String> {
    if to.starts_with("http://") || to.starts_with("https://") {
        return Some(to.into());
    }
    let base: Uri = url.parse().ok()?;
    let path = to.strip_prefix('/').filter(|rest| !rest.starts_with('/'))?;
    Some(format!("{}://{}/{path}", base.scheme_str()?, base.authority()?))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn answer(status: u16, header: Option<(&'static str, &'static str)>, body: &'static str) -> HttpAnswer {
        let mut headers = HeaderMap::new();
        if let Some((name, value)) = header {
            headers.insert(name, HeaderValue::from_static(value));
        }
        HttpAnswer { status: StatusCode::from_u16(status).expect("a status"), headers, body: body.into() }
    }

    #[test]
    fn answers_say_what_comes_next() {
        let range = |value| Some(("content-range", value));
        let octets = |text: &'static str, more| Piece::Octets(text.into(), more);
        let lasting = Piece::Failed { lasting: true };
        for (at, answer, piece) in [
            (2, answer(206, range("bytes 2-3/9"), "cd"), octets("cd", true)),
            (2, answer(206, range("bytes 2-3/4"), "cd"), octets("cd", false)),
            (2, answer(206, range("bytes 2-3/*"), "cd"), octets("cd", true)),
            (2, answer(206, range("bytes 0-1/4"), "ab"), Piece::Failed { lasting: true }),
            (2, answer(206, None, "ab"), Piece::Failed { lasting: true }),
            (0, answer(200, None, "abcd"), octets("abcd", false)),
            (2, answer(200, None, "abcd"), octets("cd", false)),
            (5, answer(200, None, "abcd"), lasting),
            (5, answer(416, None, ""), Piece::End),
            (0, answer(404, None, ""), Piece::Failed { lasting: true }),
            (0, answer(503, None, ""), Piece::Failed { lasting: false }),
            (
                0,
                answer(302, Some(("location", "http://other/x")), ""),
                Piece::Elsewhere("http://other/x".into()),
            ),
            (0, answer(302, Some(("location", "/x")), ""), Piece::Elsewhere("http://h:1/x".into())),
            (0, answer(302, Some(("location", "//evil/x")), ""), Piece::Failed { lasting: true }),
            (0, answer(302, None, ""), Piece::Failed { lasting: true }),
        ] {
            assert_eq!(read(&answer, "http://h:1/y", at), piece, "{answer:?}");
        }
    }
}

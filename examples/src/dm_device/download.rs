//! How a package comes: in pieces, each asked for by its range, so that what is there already need not come again (RFC 9110 §14).

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::http::header::{CONTENT_RANGE, ETAG, LAST_MODIFIED};
use axum::http::{Method, StatusCode};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::appliance::Task;
use crate::http_client::{HttpAnswer, HttpClient, HttpError};

/// Attempts for one piece.
const ATTEMPTS: u32 = 5;
/// How often a download begins anew because the package has changed meanwhile.
const RESTARTS: u32 = 3;

/// Result codes (FUMO 1.0).
pub(super) mod result {
    pub(in super::super) const SUCCESSFUL: u32 = 200;
    pub(in super::super) const CORRUPTED: u32 = 402;
    pub(in super::super) const AUTHENTICATION: u32 = 406;
    pub(in super::super) const UPDATE_FAILED: u32 = 410;
    pub(in super::super) const BAD_URL: u32 = 411;
    pub(in super::super) const SERVER_ERROR: u32 = 500;
    pub(in super::super) const OUT_OF_MEMORY: u32 = 501;
    pub(in super::super) const NETWORK: u32 = 503;
}

/// What a download has to say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Progress {
    /// It begins, from this octet, with what this validates.
    Started { from: u64, validator: Option<String> },
    /// So much is there.
    Received { octets: u64, total: Option<u64> },
    /// It is all there and as it should be; or why not.
    Ended(Result<(), u32>),
}

/// How a package is fetched.
#[derive(Clone, Debug)]
pub(super) struct Fetch {
    pub http: HttpClient,
    pub file: PathBuf,
    pub piece: u64,
    pub max: u64,
    /// The first pause after a failure; each further one is twice as long.
    pub pause: Duration,
}

impl Fetch {
    /// Fetches what is not there yet, checks it, and says so.
    pub(super) async fn run(self, task: Task, digest: String, told: mpsc::Sender<Progress>) {
        let ended = match self.fetch(&task, &told).await {
            Ok(()) => self.check(&digest),
            Err(result) => Err(result),
        };
        if ended.is_err() {
            let _ = fs::remove_file(&self.file);
        }
        let _ = told.send(Progress::Ended(ended)).await;
    }

    async fn fetch(&self, task: &Task, told: &mpsc::Sender<Progress>) -> Result<(), u32> {
        let mut validator = task.validator.clone();
        let mut file = open(&self.file).map_err(|_| result::OUT_OF_MEMORY)?;
        let mut have = file.seek(SeekFrom::End(0)).map_err(|_| result::OUT_OF_MEMORY)?;
        if have > 0 && validator.is_none() {
            // Nothing says that the rest would be of the same package.
            have = 0;
        }
        let mut is_told = false;
        let (mut attempt, mut restarts) = (0, 0);
        loop {
            let answer = match self.ask(&task.url, have, validator.as_deref()).await {
                Ok(answer) => answer,
                Err(result) if attempt + 1 >= ATTEMPTS => return Err(result),
                Err(result::NETWORK | result::SERVER_ERROR) => {
                    sleep(self.pause * 2_u32.pow(attempt)).await;
                    attempt += 1;
                    continue;
                }
                Err(result) => return Err(result),
            };
            attempt = 0;
            let range = range_of(&answer);
            let total = match answer.status {
                StatusCode::PARTIAL_CONTENT => {
                    let Some((Some(start), total)) = range else { return Err(result::SERVER_ERROR) };
                    if start != have || answer.body.is_empty() {
                        return Err(result::SERVER_ERROR);
                    }
                    total
                }
                // All is there that there is; or it is another package by now.
                StatusCode::RANGE_NOT_SATISFIABLE => match range {
                    Some((None, Some(total))) if total == have => return Ok(()),
                    _ if have > 0 && restarts < RESTARTS => {
                        restarts += 1;
                        (have, validator) = (0, None);
                        continue;
                    }
                    _ => return Err(result::CORRUPTED),
                },
                // The server has no ranges, or another package by now: this is the whole of it.
                _ => {
                    have = 0;
                    Some(answer.body.len() as u64)
                }
            };
            if total.is_some_and(|total| total > self.max) || have + answer.body.len() as u64 > self.max {
                return Err(result::OUT_OF_MEMORY);
            }
            if !is_told || have == 0 {
                validator = validator_of(&answer);
                is_told = true;
                let _ = told.send(Progress::Started { from: have, validator: validator.clone() }).await;
            }
            write(&mut file, have, &answer.body).map_err(|_| result::OUT_OF_MEMORY)?;
            have += answer.body.len() as u64;
            let _ = told.send(Progress::Received { octets: have, total }).await;
            if total == Some(have) {
                return Ok(());
            }
        }
    }

    /// One piece.
    async fn ask(&self, url: &str, from: u64, validator: Option<&str>) -> Result<HttpAnswer, u32> {
        let to = from.saturating_add(self.piece - 1);
        let mut headers =
            vec![("range", format!("bytes={from}-{to}")), ("accept-encoding", "identity".into())];
        if let Some(validator) = validator.filter(|_| from > 0) {
            headers.push(("if-range", validator.to_owned()));
        }
        let max = usize::try_from(self.max).unwrap_or(usize::MAX);
        let answer = self.http.send(Method::GET, url, headers, Vec::new(), max).await;
        let answer = answer.map_err(|error| match error {
            HttpError::Address(_) => result::BAD_URL,
            HttpError::TooLarge(_) => result::OUT_OF_MEMORY,
            _ => result::NETWORK,
        })?;
        match answer.status.as_u16() {
            200 | 206 | 416 => Ok(answer),
            401 | 403 | 407 => Err(result::AUTHENTICATION),
            408 | 429 | 500..=599 => Err(result::SERVER_ERROR),
            _ => Err(result::BAD_URL),
        }
    }

    /// Whether the package is what the server of the device said it is.
    fn check(&self, digest: &str) -> Result<(), u32> {
        let (octets, found) = digest_of(&self.file).map_err(|_| result::CORRUPTED)?;
        let is_right = digest.is_empty() || found.eq_ignore_ascii_case(digest.trim());
        (octets > 0 && is_right).then_some(()).ok_or(result::CORRUPTED)
    }
}

/// How long a file is, and its SHA-256 in hex.
pub(super) fn digest_of(path: &Path) -> io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    let mut octets = 0;
    loop {
        let length = file.read(&mut buffer)?;
        if length == 0 {
            break;
        }
        octets += length as u64;
        hash.update(&buffer[..length]);
    }
    let digest = hash.finalize();
    Ok((octets, digest.iter().fold(String::new(), |text, octet| format!("{text}{octet:02x}"))))
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).read(true).write(true).truncate(false).open(path)
}

/// Writes a piece where it belongs; nothing is behind it afterwards.
fn write(file: &mut File, at: u64, piece: &[u8]) -> io::Result<()> {
    file.set_len(at)?;
    file.seek(SeekFrom::Start(at))?;
    file.write_all(piece)?;
    file.sync_data()
}

/// `Content-Range`: where the piece begins, and how long the whole is.
fn range_of(answer: &HttpAnswer) -> Option<(Option<u64>, Option<u64>)> {
    let text = answer.headers.get(CONTENT_RANGE)?.to_str().ok()?;
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let start = range.split_once('-').and_then(|(start, _)| start.parse().ok());
    Some((start, total.parse().ok()))
}

/// What says later whether it is still the same: a strong ETag, or else a date (RFC 9110 §13.1.5).
fn validator_of(answer: &HttpAnswer) -> Option<String> {
    let text = |name| answer.headers.get(name)?.to_str().ok();
    let etag = text(ETAG).filter(|etag| !etag.starts_with("W/"));
    etag.or_else(|| text(LAST_MODIFIED)).map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderMap;

    fn answer(headers: &[(&'static str, &str)]) -> HttpAnswer {
        let headers: HeaderMap =
            headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        HttpAnswer { status: StatusCode::PARTIAL_CONTENT, headers, body: Vec::new().into() }
    }

    #[test]
    fn headers_are_read_as_far_as_they_make_sense() {
        for (text, range) in [
            ("bytes 5-9/20", Some((Some(5), Some(20)))),
            ("bytes 5-9/*", Some((Some(5), None))),
            ("bytes */20", Some((None, Some(20)))),
            ("octets 5-9/20", None),
            ("bytes 5", None),
            ("bytes -/99999999999999999999999", Some((None, None))),
        ] {
            assert_eq!(range_of(&answer(&[("content-range", text)])), range, "{text}");
        }
        assert_eq!(validator_of(&answer(&[("etag", "W/\"1\"")])), None);
        let both = answer(&[("etag", "\"1\""), ("last-modified", "yesterday")]);
        assert_eq!(validator_of(&both).as_deref(), Some("\"1\""));
        assert_eq!(validator_of(&answer(&[("last-modified", "x")])).as_deref(), Some("x"));
    }
}

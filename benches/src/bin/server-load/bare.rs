//! The handler to compare with: reads the body, answers with one that was written down.

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::post;
use tokio::net::TcpListener;

use super::client::{ANSWER, Answers};
use super::servers::listening;

/// Serves the answers in a file until it is killed.
pub(super) fn main(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let Some(answers) = arguments.next().and_then(|path| Answers::read(path.as_ref()).ok()) else {
        return ExitCode::from(2);
    };
    let Ok(runtime) = tokio::runtime::Builder::new_multi_thread().enable_all().build() else {
        return ExitCode::FAILURE;
    };
    let served = runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let app = Router::new().route("/dm", post(answer)).with_state(Arc::new(answers));
        listening(&format!("http://{address}/dm"), "-");
        axum::serve(listener, app).await
    });
    if served.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn answer(State(answers): State<Arc<Answers>>, headers: HeaderMap, body: Bytes) -> impl IntoResponse {
    let number = headers.get(ANSWER).and_then(|text| text.to_str().ok()?.parse().ok()).unwrap_or(0);
    // As a server does, it has all of the body before it answers.
    debug_assert!(!body.is_empty());
    let (media_type, body) = answers.get(number);
    ([(CONTENT_TYPE, media_type)], body)
}

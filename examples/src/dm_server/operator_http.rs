//! The socket for the operator: the page, and the JSON API below `/api`. Everything but `/healthz` needs the token.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router, middleware};
use dm_syncml::auth::AuthScheme;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::clock::entropy;
use crate::operator_api::{OperatorToken, only_operators, page, stream};

use super::account::{Class, Device};
use super::changes::Changes;
use super::engine::{Denied, Engine, MAX_NAME, unix_now};
use super::gateway::{self, Ask, MAX_IMAGE};
use super::operation::Operation;
use super::queueing::NewWork;
use super::requests::RequestKey;
use super::waking::is_pushed_to;
use super::{device_http, metrics, views};

/// The longest that a request waits for a device.
const MAX_WAIT: Duration = Duration::from_secs(30);

type Shared = State<Arc<Engine>>;

/// What the operator reaches.
pub(super) fn routes(engine: Arc<Engine>, token: OperatorToken) -> Router {
    // An image travels in base64.
    let large = DefaultBodyLimit::max(MAX_IMAGE / 3 * 4 + (64 << 10));
    let api = Router::new()
        .route("/", get(page))
        .route("/metrics", get(show_metrics))
        .route("/api/status", get(status))
        .route("/api/devices", get(list_devices).post(add_device))
        .route("/api/devices/{id}", get(show_device).delete(remove_device))
        .route("/api/devices/{id}/work", get(list_work).post(queue_work))
        .route("/api/devices/{id}/wake", post(wake))
        .route("/api/gateways/{id}", post(ask).layer(large))
        .route("/api/work/{number}", get(show_work))
        .route("/api/work/{number}", delete(cancel_work))
        .route("/api/groups", get(groups))
        .route("/api/jobs", get(jobs))
        .route("/api/sessions", get(sessions))
        .route("/api/events", get(events))
        .route_layer(middleware::from_fn_with_state(token, only_operators))
        .layer(DefaultBodyLimit::max(1 << 20));
    api.route("/healthz", get(device_http::health)).with_state(engine)
}

/// An error as JSON: `{"error": "..."}`.
struct Problem(StatusCode, String);

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "error": self.1 }))).into_response()
    }
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        let status = match denied {
            Denied::NoDevice(_) | Denied::NoWork(_) => StatusCode::NOT_FOUND,
            Denied::Exists(_) | Denied::TooLate(..) | Denied::Reused(_) => StatusCode::CONFLICT,
            Denied::Full(_) => StatusCode::TOO_MANY_REQUESTS,
            Denied::Value(_) => StatusCode::BAD_REQUEST,
            Denied::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self(status, denied.to_string())
    }
}

/// A body that is not what is asked for says why.
fn body<T>(body: Result<Json<T>, JsonRejection>) -> Result<T, Problem> {
    body.map(|Json(body)| body).map_err(|error| Problem(error.status(), error.body_text()))
}

async fn show_metrics(State(engine): Shared) -> Response {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], metrics::text(&engine)).into_response()
}

async fn status(State(engine): Shared) -> Response {
    Json(views::status(&engine, unix_now())).into_response()
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct DeviceQuery {
    from: Option<String>,
    search: String,
    status: Option<String>,
    limit: Option<usize>,
}

async fn list_devices(State(engine): Shared, Query(query): Query<DeviceQuery>) -> Response {
    let limit = query.limit.unwrap_or(100).clamp(1, 1_000);
    let from = query.from.as_deref().filter(|from| !from.is_empty());
    let status = query.status.as_deref();
    Json(views::devices(&engine, unix_now(), from, &query.search, status, limit)).into_response()
}

/// A device to be added. Passwords that are not given are made.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewDevice {
    pub(super) id: String,
    #[serde(default)]
    pub(super) class: Class,
    #[serde(default = "md5")]
    pub(super) auth: AuthScheme,
    /// Default: the id.
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    /// What the server shows; default: the server's id.
    pub(super) server_user: Option<String>,
    pub(super) server_password: Option<String>,
    /// Where notifications go.
    pub(super) address: Option<String>,
    /// Whether one that is there is replaced.
    #[serde(default)]
    pub(super) replace: bool,
}

const fn md5() -> AuthScheme {
    AuthScheme::Md5
}

/// Longest id, user name or password.
const MAX_TEXT: usize = MAX_NAME;

async fn add_device(
    State(engine): Shared,
    new: Result<Json<NewDevice>, JsonRejection>,
) -> Result<Response, Problem> {
    let new = body(new)?;
    let texts = [
        Some(&new.id),
        new.user.as_ref(),
        new.password.as_ref(),
        new.server_user.as_ref(),
        new.server_password.as_ref(),
        new.address.as_ref(),
    ];
    let longest = texts.into_iter().flatten().map(String::len).max().unwrap_or(0);
    if new.id.is_empty() || longest > MAX_TEXT || new.id.chars().any(|char| char.is_control() || char == ' ')
    {
        let reason = format!("an id is a word, and no text is longer than {MAX_TEXT} octets");
        return Err(Denied::Value(reason).into());
    }
    if let Some(address) = &new.address
        && !is_pushed_to(address)
        && address.rsplit_once(':').is_none_or(|(host, port)| host.is_empty() || port.parse::<u16>().is_err())
    {
        let reason = format!("{address} is no host and port, and no address that takes pushes");
        return Err(Denied::Value(reason).into());
    }
    let made = || [entropy(), entropy()].concat().iter().map(|octet| format!("{octet:02x}")).collect();
    let user = new.user.unwrap_or_else(|| new.id.clone());
    // A password of Basic ends at no colon, but its user name does.
    if new.auth == AuthScheme::Basic && user.contains(':') {
        return Err(Denied::Value("a user name of basic authentication has no colon".into()).into());
    }
    let (password, server_password): (String, String) =
        (new.password.unwrap_or_else(made), new.server_password.unwrap_or_else(made));
    let server_user = new.server_user.unwrap_or_else(|| engine.server_id.clone());
    let (device_seal, server_seal) = Device::seals(&new.id);
    let device = Device {
        class: new.class,
        scheme: new.auth,
        user: user.clone(),
        device_password: engine.vault.seal(&device_seal, &password),
        server_user: server_user.clone(),
        server_password: engine.vault.seal(&server_seal, &server_password),
        address: new.address,
        added: unix_now(),
        id: new.id.clone(),
    };
    engine.add_device(device, new.replace).await?;
    // The one time that secrets are told: whoever adds a device has to give them to it.
    let account = json!({
        "id": new.id, "server_id": engine.server_id, "address": engine.session.address.as_str(),
        "auth": new.auth, "user": user, "password": password,
        "server_user": server_user, "server_password": server_password,
    });
    Ok((StatusCode::CREATED, Json(json!({ "account": account }))).into_response())
}

fn no_device(id: &str) -> Problem {
    Denied::NoDevice(id.into()).into()
}

async fn show_device(State(engine): Shared, Path(id): Path<String>) -> Result<Response, Problem> {
    let device = views::device(&engine, &id, unix_now()).ok_or_else(|| no_device(&id))?;
    Ok(Json(device).into_response())
}

async fn remove_device(State(engine): Shared, Path(id): Path<String>) -> Result<Response, Problem> {
    engine.remove_device(&id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn list_work(State(engine): Shared, Path(id): Path<String>) -> Result<Response, Problem> {
    if !engine.directory().devices.contains_key(&id) {
        return Err(no_device(&id));
    }
    Ok(Json(views::work_of(&engine, &id)).into_response())
}

async fn queue_work(
    State(engine): Shared,
    Path(id): Path<String>,
    key: RequestKey,
    operation: Result<Json<Operation>, JsonRejection>,
) -> Result<Response, Problem> {
    let operation = body(operation)?;
    let command = operation.command().map_err(Denied::Value)?;
    let plan = |_: &mut Changes| Ok(vec![vec![NewWork::new(&operation.what(), command)]]);
    queued(engine.queue(&id, key.of(&id, &operation), plan).await)
}

async fn ask(
    State(engine): Shared,
    Path(id): Path<String>,
    key: RequestKey,
    asked: Result<Json<Ask>, JsonRejection>,
) -> Result<Response, Problem> {
    let asked = body(asked)?;
    let key = key.of(&id, &asked);
    queued(gateway::ask(&engine, &id, asked, key).await)
}

fn queued(numbers: Result<Vec<u64>, Denied>) -> Result<Response, Problem> {
    Ok((StatusCode::ACCEPTED, Json(json!({ "work": numbers? }))).into_response())
}

async fn wake(State(engine): Shared, Path(id): Path<String>) -> Result<Response, Problem> {
    if engine.wake(&id).await? {
        Ok(StatusCode::NO_CONTENT.into_response())
    } else {
        Err(Problem(StatusCode::CONFLICT, format!("{id} has no address for notifications")))
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct WaitQuery {
    /// Seconds.
    wait: u64,
}

async fn show_work(
    State(engine): Shared,
    Path(number): Path<u64>,
    Query(query): Query<WaitQuery>,
) -> Result<Response, Problem> {
    let patience = Duration::from_secs(query.wait).min(MAX_WAIT);
    let work = engine.wait_for(number, patience).await.ok_or(Denied::NoWork(number))?;
    Ok(Json(views::work(&work)).into_response())
}

async fn cancel_work(State(engine): Shared, Path(number): Path<u64>) -> Result<Response, Problem> {
    Ok(Json(views::work(&engine.cancel(number).await?)).into_response())
}

async fn groups(State(engine): Shared) -> Response {
    Json(views::groups(&engine)).into_response()
}

async fn jobs(State(engine): Shared) -> Response {
    Json(views::jobs(&engine)).into_response()
}

async fn sessions(State(engine): Shared) -> Response {
    Json(views::sessions(&engine)).into_response()
}

async fn events(State(engine): Shared) -> Response {
    stream(&engine.events)
}

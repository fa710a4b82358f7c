//! The operator's socket: the page, what it asks for, and what the subcommands change.

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use gwmo_model::{DetachReason, DeviceId};
use serde::Deserialize;
use serde_json::{Value, json};

use super::account::AccountFile;
use super::book::{Book, NewDevice};
use super::device_http::health;
use super::failure::Failure;
use super::metrics::Gauges;
use super::views;
use crate::operator_api::{OperatorToken, only_operators, page, stream};

/// What the operator reaches.
pub(super) fn routes(book: Arc<Book>, token: OperatorToken) -> Router {
    let driver = Arc::clone(book.driver());
    Router::new()
        .route("/", get(page))
        .route("/metrics", get(metrics))
        .route("/api/status", get(status))
        .route("/api/devices", get(devices).post(add_device))
        .route("/api/devices/{id}", get(device).delete(remove_device))
        .route("/api/devices/{id}/bootstraps", post(bootstrap_device))
        .route("/api/devices/{id}/detach", post(detach_device))
        .route("/api/servers", get(servers).post(add_server))
        .route("/api/servers/{id}", delete(remove_server))
        .route("/api/groups", get(groups))
        .route("/api/groups/{id}", get(group))
        .route("/api/jobs", get(jobs))
        .route("/api/jobs/{owner}/{key}", get(job))
        .route("/api/images", get(images))
        .route("/api/images/{owner}/{key}", delete(remove_image))
        .route("/api/sessions", get(sessions))
        .route("/api/events", get(events))
        .layer(DefaultBodyLimit::max(64 << 10))
        .layer(from_fn_with_state(token, only_operators))
        .with_state(book)
        .merge(Router::new().route("/healthz", get(health)).with_state(driver))
}

type Shared = State<Arc<Book>>;

/// An error as the subcommands read it.
struct Denied(StatusCode, String);

impl IntoResponse for Denied {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "error": self.1 }))).into_response()
    }
}

impl From<Failure> for Denied {
    fn from(failure: Failure) -> Self {
        let status = match failure.kind {
            "usage" | "account" => StatusCode::BAD_REQUEST,
            "not-found" => StatusCode::NOT_FOUND,
            "conflict" => StatusCode::CONFLICT,
            "device" => StatusCode::TOO_MANY_REQUESTS,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self(status, failure.sentence)
    }
}

async fn status(State(book): Shared) -> Json<Value> {
    let driver = book.driver();
    Json(driver.look(|gateway| views::status(gateway, driver.clock.now())))
}

async fn devices(State(book): Shared, Query(query): Query<views::DeviceQuery>) -> Json<Value> {
    let driver = book.driver();
    Json(driver.look(|gateway| views::devices(gateway, driver.clock, &query)))
}

async fn device(State(book): Shared, Path(id): Path<String>) -> Result<Json<Value>, Denied> {
    let driver = book.driver();
    let unknown = || Denied(StatusCode::NOT_FOUND, "there is no such device".into());
    let id = DeviceId::new(&id).map_err(|_| unknown())?;
    let shown = driver.look(|gateway| {
        let inventory = gateway.inventory();
        let record = inventory.record(inventory.serial_of(&id)?)?;
        Some(views::device(record, driver.clock))
    });
    let mut shown = shown.ok_or_else(unknown)?;
    shown["bootstraps"] = driver.bootstraps_of(&id);
    Ok(Json(shown))
}

async fn add_device(
    State(book): Shared,
    Json(new): Json<NewDevice>,
) -> Result<(StatusCode, Json<Value>), Denied> {
    let account = book.add_device(new).await?;
    Ok((StatusCode::CREATED, Json(json!({ "account": account }))))
}

async fn bootstrap_device(
    State(book): Shared,
    Path(id): Path<String>,
    Json(account): Json<AccountFile>,
) -> Result<(StatusCode, Json<Value>), Denied> {
    let states = book.bootstrap_device(&id, account).await?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "bootstraps": states }))))
}

/// Whoever takes something away twice is not wrong: it is not there.
async fn remove_device(State(book): Shared, Path(id): Path<String>) -> Result<Json<Value>, Denied> {
    Ok(Json(json!({ "removed": book.remove_device(&id).await? })))
}

/// Why a device is detached.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct DetachQuery {
    /// Whether it is attached elsewhere now.
    moved: bool,
}

async fn detach_device(
    State(book): Shared,
    Path(id): Path<String>,
    Query(query): Query<DetachQuery>,
) -> Result<Json<Value>, Denied> {
    let reason = if query.moved { DetachReason::Moved } else { DetachReason::Left };
    Ok(Json(json!({ "detached": book.detach_device(&id, reason).await? })))
}

async fn servers(State(book): Shared) -> Json<Value> {
    Json(json!({ "servers": book.servers() }))
}

async fn add_server(
    State(book): Shared,
    Json(account): Json<AccountFile>,
) -> Result<(StatusCode, Json<Value>), Denied> {
    let server = account.server_id.clone();
    let is_new = book.add_server(account, true).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(json!({ "added": server }))))
}

async fn remove_server(State(book): Shared, Path(id): Path<String>) -> Result<Json<Value>, Denied> {
    Ok(Json(json!({ "removed": book.remove_server(&id).await? })))
}

async fn groups(State(book): Shared) -> Json<Value> {
    Json(book.driver().look(views::groups))
}

async fn jobs(State(book): Shared) -> Json<Value> {
    Json(book.driver().look(views::jobs))
}

async fn group(State(book): Shared, Path(id): Path<String>) -> Result<Json<Value>, Denied> {
    let shown = book.driver().look(|gateway| views::group(gateway, &id));
    shown.map(Json).ok_or_else(|| Denied(StatusCode::NOT_FOUND, "there is no such group".into()))
}

async fn job(State(book): Shared, Path((owner, key)): Path<(String, String)>) -> Result<Json<Value>, Denied> {
    let shown = book.driver().look(|gateway| views::job_devices(gateway, &owner, &key));
    shown.map(Json).ok_or_else(|| Denied(StatusCode::NOT_FOUND, "there is no such job".into()))
}

async fn images(State(book): Shared) -> Json<Value> {
    let driver = book.driver();
    Json(driver.drive(|gateway, now| gateway.handle_images(now, |images, _| views::images(images))))
}

async fn remove_image(
    State(book): Shared,
    Path((owner, key)): Path<(String, String)>,
) -> Result<Json<Value>, Denied> {
    Ok(Json(json!({ "removed": book.remove_image(&owner, &key).await? })))
}

async fn sessions(State(book): Shared) -> Json<Value> {
    Json(book.driver().sessions.shown())
}

async fn events(State(book): Shared) -> Response {
    stream(&book.driver().events)
}

async fn metrics(State(book): Shared) -> String {
    let driver = book.driver();
    let image_octets = driver.drive(|gateway, now| gateway.handle_images(now, |images, _| images.used()));
    let gauges = driver.look(|gateway| {
        let summary = gateway.inventory().summary();
        Gauges {
            uptime_s: driver.clock.now().since_epoch().as_secs(),
            devices: summary.total,
            attached: summary.attached,
            sessions: gateway.proven_sessions(),
            unproven_sessions: gateway.unproven_sessions(),
            jobs: gateway.fanout().jobs().len(),
            in_flight: gateway.fanout().in_flight(),
            image_octets,
        }
    });
    driver.metrics.text(gauges)
}

//! The addresses that the server answers, apart from the sync protocol itself.

use std::convert::Infallible;
use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::extract::{Extension, MatchedPath, Request, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use futures_util::Stream;
use serde_json::json;
use tokio::sync::Semaphore;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};
use tower_http::compression::{CompressionLayer, CompressionLevel};
use tower_http::cors::{Any, CorsLayer};

use pannier::sync::mutation::Id;

use crate::admin;
use crate::auth::{self, AuthError, Claims, Signers};
use crate::config::Limits;
use crate::files;
use crate::hook::Hook;
use crate::limits::{self, LIMIT_HEADER, Limit, Peer, Rate};
use crate::metrics::Metrics;
use crate::pieces;
use crate::poke::{ListenError, Listener, Pokes};
use crate::reader::Reader;
use crate::sync;
use crate::tx::Usage;
use crate::writer::Writer;

/// A smaller answer fits one network packet as it is.
const COMPRESS_BYTES_MIN: u16 = 1024;
/// Proxies commonly close a connection that is silent for a minute.
const POKE_KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How long a browser may remember that other origins are welcome.
const CORS_MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);
/// How soon to come back for what is full: longer than a checkpoint takes.
pub const RETRY_WAIT: Duration = Duration::from_secs(1);
/// A database that takes longer to answer is not ready.
const READY_WAIT: Duration = Duration::from_secs(2);
/// Seconds of one shopper's rate that may be spent at once: a backlog of 10,000 mutations.
const SHOPPER_BURST_S: u64 = 60;
/// Seconds of one address's rate that may be spent at once: an office that opens its shop.
const ADDRESS_BURST_S: u64 = 10;

/// What an app stands on.
pub struct Base {
    /// The database.
    pub writer: Writer,
    /// The same, for what only reads.
    pub reader: Reader,
    /// The shop's own system, where it decides.
    pub hook: Option<Arc<Hook>>,
    /// Who signs tokens.
    pub signers: Signers,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

/// What every request needs.
pub struct App {
    /// The database.
    pub writer: Writer,
    /// The database, for what only reads.
    pub reader: Reader,
    /// The shop's own system, where it decides.
    pub hook: Option<Arc<Hook>>,
    /// What one shopper may store.
    pub shopper_most: Usage,
    /// Who listens.
    pub pokes: Arc<Pokes>,
    /// Who signs tokens.
    pub signers: Signers,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// How long a body may take.
    pub read_wait: Duration,
    /// How long an anonymous identity may last, in milliseconds.
    pub anonymous_kept_ms: u64,
    /// How often one shopper may ask.
    pub shoppers: Rate,
    /// Held by who imports products: each holds a whole catalogue in memory.
    pub imports: Semaphore,
    addresses: Rate,
    proxies: u8,
    stopping: AtomicBool,
}

impl App {
    /// An app that has answered nothing yet.
    pub fn new(base: Base, limits: &Limits) -> App {
        let Base { writer, reader, hook, signers, metrics } = base;
        let rate = |per_second, burst_s| Rate::new(per_second, u64::from(per_second) * burst_s);
        App {
            writer,
            reader,
            hook,
            shopper_most: Usage { rows: limits.shopper_rows, bytes: limits.shopper_bytes },
            pokes: Arc::new(Pokes::new(limits.streams as usize, metrics.streams.clone())),
            signers,
            metrics,
            read_wait: Duration::from_millis(limits.read_wait_ms),
            anonymous_kept_ms: auth::days_s(limits.anonymous_kept_days) * 1000,
            shoppers: rate(limits.rate_shopper, SHOPPER_BURST_S),
            imports: Semaphore::new(1),
            addresses: rate(limits.rate_address, ADDRESS_BURST_S),
            proxies: limits.proxies,
            stopping: AtomicBool::new(false),
        }
    }

    /// Who sent a request with this `Authorization` header.
    pub async fn identify(&self, headers: &HeaderMap) -> Result<Claims, AuthError> {
        let token = headers.get(AUTHORIZATION).and_then(|value| bearer(value.to_str().ok()?));
        self.signers.verify(token.ok_or(AuthError::Missing)?).await
    }

    /// Answers with an error, unless the sender is an admin.
    pub async fn admin(&self, headers: &HeaderMap) -> Result<(), Response> {
        match self.identify(headers).await {
            Ok(Claims { admin: true, .. }) => Ok(()),
            Ok(_) => Err(refuse(StatusCode::FORBIDDEN, "forbidden", "the token is no admin's")),
            Err(e) => Err(refuse(StatusCode::UNAUTHORIZED, "auth", &e.to_string())),
        }
    }

    /// Lets those go who listen, and tells load balancers to send nobody more.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.pokes.close();
    }
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// All addresses.
pub fn router(app: Arc<App>, static_dir: Option<&Path>) -> Router {
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([AUTHORIZATION, CONTENT_TYPE])
        .expose_headers([RETRY_AFTER, HeaderName::from_static(LIMIT_HEADER)])
        .max_age(CORS_MAX_AGE)
        // The answer is the same to every origin, and a cache should know.
        .vary([]);
    let api = Router::new()
        .route("/health", get(|| async { "ok" }))
        .route("/sync", post(sync::answer))
        .route("/anonymous", post(anonymous))
        .route("/poke", get(poke))
        .route("/admin/catalog", post(admin::change_catalog))
        .route("/openapi.json", get(openapi))
        .route("/catalog", get(pieces::log))
        .route("/catalog/{handle}/{offset}", get(pieces::answer))
        .fallback(any(|| async { refuse(StatusCode::NOT_FOUND, "not_found", "no such address") }))
        .layer(middleware::from_fn(no_store))
        .layer(middleware::from_fn_with_state(app.clone(), by_address))
        .layer(cors);
    let router = Router::new()
        .nest("/v1", api)
        .route("/healthz", get(|| async { "ok" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(app.clone());
    let router = match static_dir {
        Some(dir) => router.merge(files::router(dir)),
        None => router,
    };
    let compression = CompressionLayer::new()
        .quality(CompressionLevel::Fastest)
        .compress_when(SizeAbove::new(COMPRESS_BYTES_MIN).and(NotForContentType::IMAGES).and(NotForContentType::SSE));
    router.layer(compression).layer(middleware::from_fn_with_state(app, observe))
}

/// Answers under /v1 are one shopper's, and true only now.
async fn no_store(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Refuses an address that asks too often, before anything is read or checked.
async fn by_address(
    State(app): State<Arc<App>>,
    Extension(Peer(peer)): Extension<Peer>,
    request: Request,
    next: Next,
) -> Response {
    let address = limits::address(request.headers(), peer, app.proxies);
    match address.map_or(Ok(()), |address| app.addresses.take(&address, 1)) {
        Ok(()) => next.run(request).await,
        Err(wait) => {
            let limit = Limit::RateAddress;
            limit.mark(refuse(StatusCode::TOO_MANY_REQUESTS, "limit", "this address asks too often"), Some(wait))
        }
    }
}

async fn observe(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let start = Instant::now();
    // The path alone: the query of a poke holds a token.
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    let (status, took) = (response.status().as_u16(), start.elapsed());
    app.metrics.request(route.as_ref().map_or("other", MatchedPath::as_str), status, took);
    let limit = response.headers().get(LIMIT_HEADER).and_then(|name| name.to_str().ok());
    if let Some(limit) = limit {
        app.metrics.limited(limit);
    }
    tracing::debug!(%method, path, status, ms = took.as_secs_f64() * 1000.0, limit, "request");
    response
}

/// An error as JSON.
pub fn refuse(status: StatusCode, code: &str, message: &str) -> Response {
    (status, Json(json!({ "code": code, "message": message }))).into_response()
}

/// The answer when something on our side does not work, which the log tells.
pub fn unavailable(what: &str, why: &dyn Display) -> Response {
    tracing::warn!("{what}: {why}");
    refuse(StatusCode::SERVICE_UNAVAILABLE, "retry", &why.to_string())
}

/// What this server answers, for machines.
async fn openapi() -> Response {
    ([(CONTENT_TYPE, "application/json")], include_str!("openapi.json")).into_response()
}

async fn ready(State(app): State<Arc<App>>) -> Response {
    if app.stopping.load(Ordering::Relaxed) {
        return refuse(StatusCode::SERVICE_UNAVAILABLE, "stopping", "the server is stopping");
    }
    let read = app.writer.run(|connection| connection.query_row("SELECT epoch FROM meta", [], |_| Ok(())));
    match tokio::time::timeout(READY_WAIT, read).await {
        Ok(Ok(Ok(()))) => "ready".into_response(),
        Ok(Ok(Err(e))) => unavailable("readiness", &e),
        Ok(Err(e)) => unavailable("readiness", &e),
        Err(_) => unavailable("readiness", &format_args!("the database takes over {} s", READY_WAIT.as_secs())),
    }
}

async fn metrics(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    if let Err(response) = app.admin(&headers).await {
        return response;
    }
    ([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], app.metrics.text()).into_response()
}

async fn anonymous(State(app): State<Arc<App>>) -> Response {
    match auth::anonymous() {
        Ok(claims) => {
            let token = app.signers.secret.sign(&claims);
            Json(json!({ "token": token, "shopper": claims.sub })).into_response()
        }
        Err(e) => refuse(StatusCode::INTERNAL_SERVER_ERROR, "internal", &e.to_string()),
    }
}

async fn poke(State(app): State<Arc<App>>, headers: HeaderMap, uri: Uri) -> Response {
    // A browser's EventSource cannot send headers.
    let in_address = |name: &str| uri.query()?.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    let claims = match in_address("token") {
        Some(token) => app.signers.verify(token).await,
        None => app.identify(&headers).await,
    };
    let claims = match claims {
        Ok(claims) => claims,
        Err(e) => return refuse(StatusCode::UNAUTHORIZED, "auth", &e.to_string()),
    };
    match app.pokes.listen(&claims.sub, in_address("client").and_then(Id::parse)) {
        Ok(listener) => {
            let keep_alive = KeepAlive::new().interval(POKE_KEEP_ALIVE);
            Sse::new(events(listener)).keep_alive(keep_alive).into_response()
        }
        Err(ListenError::Limit(limit)) => {
            let response = refuse(StatusCode::SERVICE_UNAVAILABLE, "limit", "too many streams are open");
            limit.mark(response, Some(POKE_KEEP_ALIVE))
        }
        Err(ListenError::Stopping) => refuse(StatusCode::SERVICE_UNAVAILABLE, "retry", "the server is stopping"),
    }
}

fn events(listener: Listener) -> impl Stream<Item = Result<Event, Infallible>> {
    futures_util::stream::unfold(listener, |mut listener| async {
        let scope = listener.next().await?;
        Some((Ok(Event::default().event("poke").data(&*scope)), listener))
    })
}

//! The addresses that the server answers, apart from the sync protocol itself.

use std::convert::Infallible;
use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use futures_util::Stream;
use serde_json::json;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};
use tower_http::compression::{CompressionLayer, CompressionLevel};
use tower_http::cors::{Any, CorsLayer};

use crate::auth::{self, AuthError, Claims, Secret};
use crate::body;
use crate::catalogue;
use crate::config::LogLevel;
use crate::files;
use crate::now_s;
use crate::poke::Pokes;
use crate::store;
use crate::sync;
use crate::writer::Writer;

/// A whole catalogue may come in one request; it is held in memory while it is read.
const CATALOG_BYTES_MAX: usize = 64 * 1024 * 1024;
/// A smaller answer fits one network packet as it is.
const COMPRESS_BYTES_MIN: u16 = 1024;
/// Proxies commonly close a connection that is silent for a minute.
const POKE_KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How long a browser may remember that other origins are welcome.
const CORS_MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// What every request needs.
pub struct App {
    /// The database.
    pub writer: Writer,
    /// Who listens.
    pub pokes: Pokes,
    /// Signs tokens.
    pub secret: Secret,
    /// How much to say.
    pub log: LogLevel,
}

impl App {
    /// Who sent a request with this `Authorization` header.
    pub fn identify(&self, headers: &HeaderMap) -> Result<Claims, AuthError> {
        let token = headers.get(AUTHORIZATION).and_then(|value| bearer(value.to_str().ok()?));
        self.secret.verify(token.ok_or(AuthError::Missing)?, now_s())
    }

    /// Says what went wrong on our side.
    pub fn failed(&self, what: &str, error: &dyn Display) {
        if self.log >= LogLevel::Info {
            eprintln!("pannierd: {what}: {error}");
        }
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
        .max_age(CORS_MAX_AGE);
    let api = Router::new()
        .route("/health", get(|| async { "ok" }))
        .route("/sync", post(sync::answer))
        .route("/anonymous", post(anonymous))
        .route("/poke", get(poke))
        .route("/admin/catalog", post(change_catalog))
        .fallback(any(|| async { refuse(StatusCode::NOT_FOUND, "not_found", "no such address") }))
        .layer(middleware::from_fn(no_store))
        .layer(cors)
        .with_state(app.clone());
    let router = Router::new().nest("/v1", api);
    let router = match static_dir {
        Some(dir) => router.merge(files::router(dir)),
        None => router,
    };
    let compression = CompressionLayer::new()
        .quality(CompressionLevel::Fastest)
        .compress_when(SizeAbove::new(COMPRESS_BYTES_MIN).and(NotForContentType::IMAGES).and(NotForContentType::SSE));
    router.layer(compression).layer(middleware::from_fn_with_state(app, log))
}

/// Answers under /v1 are one shopper's, and true only now.
async fn no_store(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

async fn log(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    if app.log < LogLevel::Debug {
        return next.run(request).await;
    }
    // The path alone: the query of a poke holds a token.
    let line = format!("{} {}", request.method(), request.uri().path());
    let response = next.run(request).await;
    eprintln!("pannierd: {line} {}", response.status().as_u16());
    response
}

/// An error as JSON.
pub fn refuse(status: StatusCode, code: &str, message: &str) -> Response {
    (status, Json(json!({ "code": code, "message": message }))).into_response()
}

async fn anonymous(State(app): State<Arc<App>>) -> Response {
    match auth::anonymous(now_s()) {
        Ok(claims) => {
            let token = app.secret.sign(&claims);
            Json(json!({ "token": token, "shopper": claims.sub })).into_response()
        }
        Err(e) => refuse(StatusCode::INTERNAL_SERVER_ERROR, "internal", &e.to_string()),
    }
}

async fn poke(State(app): State<Arc<App>>, headers: HeaderMap, uri: Uri) -> Response {
    // A browser's EventSource cannot send headers.
    let in_address = uri.query().and_then(|q| q.split('&').find_map(|pair| pair.strip_prefix("token=")));
    let claims = match in_address {
        Some(token) => app.secret.verify(token, now_s()),
        None => app.identify(&headers),
    };
    let claims = match claims {
        Ok(claims) => claims,
        Err(e) => return refuse(StatusCode::UNAUTHORIZED, "auth", &e.to_string()),
    };
    match app.pokes.listen(&claims.sub) {
        Some(listener) => {
            let keep_alive = KeepAlive::new().interval(POKE_KEEP_ALIVE);
            Sse::new(events(listener)).keep_alive(keep_alive).into_response()
        }
        None => refuse(StatusCode::SERVICE_UNAVAILABLE, "retry", "the server is stopping"),
    }
}

fn events(listener: crate::poke::Listener) -> impl Stream<Item = Result<Event, Infallible>> {
    futures_util::stream::unfold(listener, |mut listener| async {
        let scope = listener.next().await?;
        Some((Ok(Event::default().event("poke").data(&*scope)), listener))
    })
}

async fn change_catalog(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Response {
    match app.identify(&headers) {
        Ok(Claims { admin: true, .. }) => {}
        Ok(_) => return refuse(StatusCode::FORBIDDEN, "forbidden", "the token is no admin's"),
        Err(e) => return refuse(StatusCode::UNAUTHORIZED, "auth", &e.to_string()),
    }
    let bytes = match body::read(&headers, body, CATALOG_BYTES_MAX).await {
        Ok(bytes) => bytes,
        Err(e) => return refuse(e.status(), "body", &e.to_string()),
    };
    let parsed = catalogue::parse(&bytes);
    let products = parsed.products;
    let imported = app.writer.run(move |tx| store::import(tx, &products)).await;
    match imported {
        Ok(Ok(count)) => {
            if count.written > 0 {
                app.pokes.moved(None, "catalog");
            }
            let skipped: Vec<String> = parsed.bad.iter().map(ToString::to_string).collect();
            Json(json!({ "in": count.written, "unchanged": count.unchanged, "skipped": skipped })).into_response()
        }
        Ok(Err(e)) => unavailable(&app, &e),
        Err(e) => unavailable(&app, &e),
    }
}

fn unavailable(app: &App, why: &dyn Display) -> Response {
    app.failed("catalogue", why);
    refuse(StatusCode::SERVICE_UNAVAILABLE, "retry", &why.to_string())
}

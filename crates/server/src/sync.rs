//! `POST /v1/sync`: one body in, one transaction, one body out, in the encoding that was asked.

use pannier::stop::Stop;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use pannier::shop::decide::{Decisions, ServerRules, is_decided};
use pannier::shop::stock::CatalogDecisions;
use pannier::sync::mutation::Context;
use pannier::sync::rows::Collection;
use pannier::sync::server::{self, Limits, SHARED, ServeError};
use pannier::sync::wire::{
    self, Answer, MUTATIONS_PER_SYNC_MAX, REQUEST_BYTES_MAX, SyncError, SyncRequest, SyncResponse,
};
use rusqlite::Connection;

use crate::auth::AuthError;
use crate::body::{self, BodyError};
use crate::bounded::Bounded;
use crate::hook::{self, Answers};
use crate::http::{App, RETRY_WAIT};
use crate::limits::{Limit, MUTATIONS_PER_REQUEST};
use crate::now_ms;
use crate::tx::Tx;
use crate::writer::WriterError;

/// Content type of the messages as our own client sends them.
const POSTCARD_TYPE: &str = "application/vnd.pannier.sync";
const JSON_TYPE: &str = "application/json";
/// What is said when the database is held or full.
const RETRY: SyncError = SyncError::Retry { after_ms: RETRY_WAIT.as_millis() as u64 };

#[derive(Clone, Copy)]
enum Encoding {
    Postcard,
    Json,
}

impl Encoding {
    fn of(headers: &HeaderMap) -> Option<Encoding> {
        let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
        let name = value.split(';').next().unwrap_or_default().trim();
        match name {
            _ if name.eq_ignore_ascii_case(POSTCARD_TYPE) => Some(Encoding::Postcard),
            _ if name.eq_ignore_ascii_case(JSON_TYPE) => Some(Encoding::Json),
            _ => None,
        }
    }

    fn decode(self, bytes: &[u8]) -> Result<SyncRequest, SyncError> {
        match self {
            Encoding::Postcard => wire::decode_request(bytes),
            Encoding::Json => serde_json::from_slice(bytes).map_err(|e| SyncError::Malformed { why: e.to_string() }),
        }
    }

    fn answer(self, status: StatusCode, answer: &Answer) -> Response {
        let (name, bytes) = match self {
            Encoding::Postcard => (POSTCARD_TYPE, wire::encode_answer(answer)),
            Encoding::Json => (JSON_TYPE, serde_json::to_vec(answer).expect("answers are plain data")),
        };
        (status, [(CONTENT_TYPE, name)], bytes).into_response()
    }

    fn refuse(self, error: SyncError) -> Response {
        let status = status(&error);
        let mut response = self.answer(status, &Answer::Error(error));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(RETRY_WAIT.as_secs()));
        }
        response
    }

    /// Refuses a request for a limit, with the status of too many of them.
    fn too_many(self, limit: Limit, wait: Duration) -> Response {
        let after_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1);
        let answer = Answer::Error(SyncError::Retry { after_ms });
        limit.mark(self.answer(StatusCode::TOO_MANY_REQUESTS, &answer), Some(wait))
    }

    fn unauthorized(self, error: &AuthError) -> Response {
        let mut response = self.refuse(SyncError::Auth {});
        let why = format!("Bearer error=\"invalid_token\", error_description=\"{error}\"");
        let why = HeaderValue::from_str(&why).unwrap_or(HeaderValue::from_static("Bearer"));
        response.headers_mut().insert(WWW_AUTHENTICATE, why);
        response
    }
}

fn status(error: &SyncError) -> StatusCode {
    match error {
        SyncError::Auth {} => StatusCode::UNAUTHORIZED,
        SyncError::PrincipalChanged {} => StatusCode::FORBIDDEN,
        SyncError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        SyncError::Retry { .. } => StatusCode::SERVICE_UNAVAILABLE,
        SyncError::Malformed { .. } => StatusCode::BAD_REQUEST,
        // What the client believes of the server, or the server of the client, is not so.
        _ => StatusCode::CONFLICT,
    }
}

/// Answers one sync.
pub async fn answer(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Response {
    let Some(encoding) = Encoding::of(&headers) else {
        let why = format!("the content type is neither {POSTCARD_TYPE} nor {JSON_TYPE}");
        let answer = Answer::Error(SyncError::Malformed { why });
        return Encoding::Json.answer(StatusCode::UNSUPPORTED_MEDIA_TYPE, &answer);
    };
    let shopper = match app.identify(&headers).await {
        Ok(claims) => claims.sub,
        Err(e) => return encoding.unauthorized(&e),
    };
    if let Err(wait) = app.shoppers.take(&shopper, 1) {
        return encoding.too_many(Limit::RateShopper, wait);
    }
    let bytes = match body::read(&headers, body, REQUEST_BYTES_MAX, app.read_wait).await {
        Ok(bytes) => bytes,
        Err(e) => return no_body(encoding, &e),
    };
    let request = match encoding.decode(&bytes) {
        Ok(request) => request,
        Err(error) => return encoding.refuse(error),
    };
    let more = request.mutations.len().min(MUTATIONS_PER_SYNC_MAX) / MUTATIONS_PER_REQUEST;
    if let Err(wait) = app.shoppers.take(&shopper, more as u64) {
        return encoding.too_many(Limit::RateShopper, wait);
    }
    // On a task of its own: a client that hangs up does not keep others from being told.
    match tokio::spawn(serve(app, shopper, request)).await {
        Ok(Ok(response)) => encoding.answer(StatusCode::OK, &Answer::Ok(response)),
        Ok(Err(Failure::Refused(error))) => encoding.refuse(error),
        Ok(Err(Failure::Busy)) => Limit::Queue.mark(encoding.refuse(RETRY), Some(RETRY_WAIT)),
        Ok(Err(Failure::Fault)) | Err(_) => encoding.refuse(RETRY),
    }
}

fn no_body(encoding: Encoding, error: &BodyError) -> Response {
    let response = encoding.refuse(match error {
        BodyError::TooLarge { limit } => SyncError::TooLarge { limit: *limit as u64 },
        BodyError::Cut { .. } | BodyError::Slow { .. } => RETRY,
    });
    match error.limit() {
        Some(limit) => limit.mark(response, None),
        None => response,
    }
}

/// Why a sync was not served.
enum Failure {
    /// What the client is told.
    Refused(SyncError),
    /// Too many requests wait for the database.
    Busy,
    /// Something on our side, which the log tells.
    Fault,
}

async fn serve(app: Arc<App>, shopper: String, mut request: SyncRequest) -> Result<SyncResponse, Failure> {
    let decided = decide(&app, &shopper, &mut request).await?;
    let client = request.client;
    let (owner, asked) = (shopper.clone(), app.clone());
    let ran = app.writer.run(move |connection| transact(&asked, connection, &owner, &*decided, &request)).await;
    let fault: String = match ran {
        Ok(Ok((response, moved))) => {
            for outcome in &response.outcomes {
                app.metrics.mutation(outcome.status.name());
            }
            for collection in moved {
                let whose = (server::owner(&shopper, collection) != SHARED).then_some(&shopper[..]);
                app.pokes.moved(whose, collection.name(), Some(client));
            }
            return Ok(response);
        }
        Ok(Err(ServeError::Refused(error))) => return Err(Failure::Refused(error)),
        Err(WriterError::Busy) => return Err(Failure::Busy),
        Ok(Err(ServeError::Rows(error))) => error.to_string(),
        Err(error) => error.to_string(),
    };
    tracing::warn!("sync: {fault}");
    Err(Failure::Fault)
}

/// Serves a request, and tells which scopes it moved: an order takes from the stock of the catalog.
fn transact(
    app: &App,
    connection: &Connection,
    shopper: &str,
    decided: &dyn Decisions,
    request: &SyncRequest,
) -> Result<(SyncResponse, Vec<Collection>), ServeError> {
    let mut tx = Tx::new(connection);
    let before = revs(&tx, shopper)?;
    let context = Context::at(now_ms());
    // An anonymous cart may be claimed when its token has long expired.
    let is_secret = |anonymous: &str, token: &str| app.signers.secret.has_signed(token, anonymous);
    let rules = ServerRules { decisions: decided, is_secret: &is_secret };
    let keeps_orders = app.hook.is_some();
    let rules = Bounded { rules: &rules, connection, shopper, most: app.shopper_most, keeps_orders };
    let response = server::sync(&mut tx, &rules, shopper, request, &context, &Limits::default())?;
    let moved = revs(&tx, shopper)?.into_iter().filter(|scope| !before.contains(scope));
    Ok((response, moved.map(|(collection, _)| collection).collect()))
}

/// Who decides the mutations of a request: the catalog, or the shop's system, which is asked here.
/// What follows on one that it did not answer is cut off, and comes again.
async fn decide(app: &App, shopper: &str, request: &mut SyncRequest) -> Result<Box<dyn Decisions + Send>, Failure> {
    let Some(hook) = &app.hook else { return Ok(Box::new(CatalogDecisions::default())) };
    request.mutations.truncate(MUTATIONS_PER_SYNC_MAX);
    if !request.mutations.iter().any(|mutation| is_decided(&mutation.name, mutation.args.as_ref())) {
        return Ok(Box::new(Answers::default()));
    }
    let (client, owner, mutations) = (request.client, shopper.to_owned(), request.mutations.clone());
    let settled = app.reader.run(move |connection| Ok(hook::settled(connection, client, &owner, &mutations))).await;
    let settled = settled.map_err(|e| fault(&e))?.map_err(|e| fault(&e))?;
    let (answers, executable) = hook.ask(&app.signers.secret, shopper, &request.mutations, &settled).await;
    if executable == 0 {
        return Err(Failure::Fault);
    }
    request.mutations.truncate(executable);
    Ok(Box::new(answers))
}

fn fault(why: &dyn Display) -> Failure {
    tracing::warn!("hook: {why}");
    Failure::Fault
}

fn revs(tx: &Tx<'_>, shopper: &str) -> Result<Vec<(Collection, u64)>, Stop> {
    let mut revs = tx.revs(shopper)?;
    revs.append(&mut tx.revs(SHARED)?);
    Ok(revs)
}

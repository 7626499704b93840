//! `POST /v1/admin/catalog`: products come in.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::body;
use crate::catalogue::{self, Product};
use crate::http::{App, RETRY_WAIT, refuse, unavailable};
use crate::limits::Limit;
use crate::store::{self, Imported};

/// A whole catalogue may come in one request; it is held in memory while it is read.
const CATALOG_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Products in one transaction: shoppers' requests go in between.
const PRODUCTS_PER_TRANSACTION: usize = 200;

/// Imports products, one JSON object a line.
pub async fn change_catalog(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Response {
    if let Err(response) = app.admin(&headers).await {
        return response;
    }
    let Ok(_turn) = app.imports.try_acquire() else {
        let response = refuse(StatusCode::SERVICE_UNAVAILABLE, "limit", "another import is under way");
        return Limit::Imports.mark(response, Some(RETRY_WAIT));
    };
    let bytes = match body::read(&headers, body, CATALOG_BYTES_MAX, app.read_wait).await {
        Ok(bytes) => bytes,
        Err(e) => {
            let response = refuse(e.status(), "body", &e.to_string());
            return match e.limit() {
                Some(limit) => limit.mark(response, None),
                None => response,
            };
        }
    };
    let Ok(parsed) = tokio::task::spawn_blocking(move || catalogue::parse(&bytes)).await else {
        return unavailable("catalogue", &"reading it failed");
    };
    let skipped: Vec<String> = parsed.bad.iter().map(ToString::to_string).collect();
    let imported = import(&app, parsed.products).await;
    match imported {
        Ok(count) => {
            Json(json!({ "in": count.written, "unchanged": count.unchanged, "skipped": skipped })).into_response()
        }
        Err(why) => unavailable("catalogue", &why),
    }
}

/// Some products at a time. An import that ends early is sent again: what is in already is unchanged
/// then.
async fn import(app: &App, mut products: Vec<Product>) -> Result<Imported, String> {
    let mut count = Imported::default();
    while !products.is_empty() {
        let rest = products.split_off(products.len().min(PRODUCTS_PER_TRANSACTION));
        let some = std::mem::replace(&mut products, rest);
        let ran = app.writer.run(move |connection| store::import(connection, &some)).await;
        let Imported { written, unchanged } = ran.map_err(|e| e.to_string())?.map_err(|e| e.to_string())?;
        if written > 0 {
            app.pokes.moved(None, "catalog", None);
        }
        count.written += written;
        count.unchanged += unchanged;
    }
    Ok(count)
}

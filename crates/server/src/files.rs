//! Serves the shop's files.

use std::path::Path;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, Uri, header::CACHE_CONTROL};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use tower::ServiceExt;
use tower_http::services::{ServeDir, ServeFile};

/// As long as Vite and Rollup make the hash in a file's name.
const NAME_HASH_CHARS: usize = 8;

/// Everything in `dir`; a path without an extension that is no file there is a page of the shop,
/// which its index draws.
pub fn router(dir: &Path) -> Router {
    let index = ServeFile::new(dir.join("index.html"));
    let files = ServeDir::new(dir);
    let serve = move |request: Request| async move {
        let (method, path) = (request.method().clone(), request.uri().clone());
        let response = files.oneshot(request).await.into_response();
        if response.status() == StatusCode::NOT_FOUND && is_page(&method, &path) {
            let page = Request::builder().uri(path).body(()).expect("the parts are a request's");
            return index.oneshot(page).await.into_response();
        }
        response
    };
    Router::new().fallback(any(serve)).layer(middleware::from_fn(cache_control))
}

fn is_page(method: &Method, uri: &Uri) -> bool {
    let last = uri.path().rsplit('/').next().unwrap_or_default();
    method == Method::GET && !last.contains('.')
}

/// A name with a hash never changes its content; everything else is asked for again each time, so
/// that a new release of the shop, and above all of its service worker, arrives at once.
async fn cache_control(request: Request, next: Next) -> Response {
    let hashed = has_hash(request.uri().path());
    let mut response = next.run(request).await;
    let immutable = hashed && (response.status().is_success() || response.status() == StatusCode::NOT_MODIFIED);
    let value = if immutable { "public, max-age=31536000, immutable" } else { "no-cache" };
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(value));
    response
}

/// Whether a bundler named a file by its content, as in `/assets/index-B7x_Kq2Z.js`. To doubt costs
/// a question each time, to err a year of an old file: so only what has the whole form counts.
fn has_hash(path: &str) -> bool {
    let Some(name) = path.strip_prefix("/assets/") else { return false };
    let Some((stem, _)) = name.rsplit_once('.') else { return false };
    let Some((rest, hash)) = stem.split_at_checked(stem.len().saturating_sub(NAME_HASH_CHARS)) else { return false };
    rest.len() > 1
        && rest.ends_with('-')
        && hash.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
        && hash.bytes().any(|b| b.is_ascii_digit() || b.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::has_hash;

    #[test]
    fn only_a_hash_makes_a_name_immutable() {
        let cases = [
            ("/assets/index-B7x9Kq2Z.js", true),
            ("/assets/index-BLHRB_kA.css", true),
            ("/assets/pannier-0123abcd.wasm", true),
            ("/index-B7x9Kq2Z.js", false),
            ("/assets/index.js", false),
            ("/assets/-B7x9Kq2Z.js", false),
            ("/assets/hero-standard.png", false),
            ("/assets/hero-1920x1080.png", false),
            ("/assets/\u{978b}\u{978b}\u{978b}.png", false),
            ("/sw.js", false),
        ];
        for (path, expected) in cases {
            assert_eq!(has_hash(path), expected, "{path}");
        }
    }
}

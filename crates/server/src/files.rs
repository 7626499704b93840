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

/// A hash of fewer characters in a file's name may be a word or a number instead.
const NAME_HASH_CHARS_MIN: usize = 8;

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

/// Whether a file's name carries a hash before its extension, as in `index-B7x9Kq2Z.js`.
fn has_hash(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let Some((stem, extension)) = name.rsplit_once('.') else { return false };
    let Some((_, hash)) = stem.rsplit_once(['-', '.']) else { return false };
    extension != "html"
        && hash.len() >= NAME_HASH_CHARS_MIN
        && hash.bytes().all(|b| b.is_ascii_alphanumeric())
        && hash.bytes().any(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::has_hash;

    #[test]
    fn only_a_hash_makes_a_name_immutable() {
        let cases = [
            ("/assets/index-B7x9Kq2Z.js", true),
            ("/pannier.0123abcd9f.wasm", true),
            ("/assets/index.js", false),
            ("/sw.js", false),
            ("/hero-standard.png", false),
            ("/photo-2024.png", false),
            ("/page-0123abcd.html", false),
            ("/dir-0123abcd/", false),
        ];
        for (path, expected) in cases {
            assert_eq!(has_hash(path), expected, "{path}");
        }
    }
}

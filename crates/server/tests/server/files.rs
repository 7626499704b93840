//! The shop's files.

use crate::harness::{Folder, Server};

fn shop() -> (Folder, Server) {
    let folder = Folder::new();
    folder.write("www/index.html", "<h1>shop</h1>");
    folder.write("www/sw.js", "// worker");
    folder.write("www/assets/pannier-0123abcd.wasm", b"\0asm");
    folder.write("www/assets/index.js", "x".repeat(5000));
    folder.write("secret.txt", "not the shop's");
    let dir = folder.path("www");
    let server = Server::start(&folder, &["--static", dir.to_str().unwrap()]);
    (folder, server)
}

#[test]
fn files_have_their_types_and_lifetimes() {
    let (_folder, server) = shop();
    let forever = "public, max-age=31536000, immutable";
    let cases = [
        ("/", 200, "text/html", "no-cache"),
        ("/index.html", 200, "text/html", "no-cache"),
        ("/sw.js", 200, "text/javascript", "no-cache"),
        ("/assets/index.js", 200, "text/javascript", "no-cache"),
        ("/assets/pannier-0123abcd.wasm", 200, "application/wasm", forever),
        ("/product/A1", 200, "text/html", "no-cache"),
        ("/missing.js", 404, "", "no-cache"),
        ("/missing-0123abcd.js", 404, "", "no-cache"),
        ("/../secret.txt", 404, "", "no-cache"),
        ("/%2e%2e/secret.txt", 404, "", "no-cache"),
    ];
    for (path, status, kind, cache) in cases {
        let answer = server.get(path);
        assert_eq!(answer.status, status, "{path}");
        assert!(answer.header("content-type").starts_with(kind), "{path}: {}", answer.header("content-type"));
        assert_eq!(answer.header("cache-control"), cache, "{path}");
    }
    assert_eq!(server.get("/product/A1").text(), "<h1>shop</h1>");
    assert_eq!(server.get("/v1/nothing").status, 404);
}

#[test]
fn what_is_large_is_compressed() {
    let (_folder, server) = shop();
    for encoding in ["br", "gzip"] {
        let answer = server.send("GET", "/assets/index.js", &[("accept-encoding", encoding)], b"");
        assert_eq!(answer.header("content-encoding"), encoding);
        assert!(answer.body.len() < 500);
    }
}

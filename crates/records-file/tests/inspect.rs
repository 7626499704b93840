//! What `cargo xtask inspect` says of sound and of damaged files.

use pannier::format::log::Entry;
use pannier::store::{Options, Store};
use pannier_records_file::{Durability, FileRecords};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Its output, and whether it ended with 0.
fn inspect(path: &Path) -> (String, bool) {
    let output = Command::new(env!("CARGO_BIN_EXE_pannier-inspect")).arg(path).output().unwrap();
    (String::from_utf8(output.stdout).unwrap(), output.status.success())
}

fn write_store(path: &Path) {
    let mut records = FileRecords::open(path, Durability::Relaxed).unwrap();
    let mut store = Store::new(Options::default());
    let mut pump = |store: &mut Store| {
        while let Some((id, request)) = store.next_request_worked() {
            store.complete(id, records.execute(&request));
        }
    };
    let row = |number: u32| Entry {
        key: [&[0x13], &number.to_be_bytes()[..]].concat().into(),
        value: Some(vec![number as u8; 300].into()),
    };
    store.stage((0..2_000).map(row).collect());
    pump(&mut store);
    store.stage(vec![row(5_000), Entry { key: [0x11, 1].into(), value: Some([1].into()) }]);
    pump(&mut store);
}

#[test]
fn it_tells_what_a_file_holds_and_where_it_is_damaged() {
    let folder = std::env::temp_dir().join(format!("pannier-inspect-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("records");
    write_store(&path);
    let bytes = fs::read(&path).unwrap();

    let (told, sound) = inspect(&path);
    assert!(sound, "{told}");
    for line in ["head: generation 1, log from 2", "segment 0: ", "log record 2: 2 entries", "tree: depth 2"] {
        assert!(told.contains(line), "no '{line}' in\n{told}");
    }
    assert!(told.contains("entries: 2000 in the tree; with the log, 1 of tree 0x11, 2001 of tree 0x13"), "{told}");
    assert!(told.ends_with("check: sound\n"));
    assert!(fs::read(&path).unwrap() == bytes, "looking changes nothing");

    fs::write(&path, [&bytes[..], b"torn"].concat()).unwrap();
    let (told, sound) = inspect(&path);
    assert!(sound && told.contains(", 4 of them torn"), "{told}");

    let mut damaged = bytes.clone();
    damaged[100_000] ^= 1;
    fs::write(&path, damaged).unwrap();
    let (told, sound) = inspect(&path);
    assert!(!sound && told.contains("check: corrupt frame at byte "), "{told}");

    fs::write(&path, b"something else").unwrap();
    assert_eq!(inspect(&path), ("check: not a file of records that this version knows\n".into(), false));
    assert!(!inspect(&folder.join("absent")).1);
    fs::remove_dir_all(&folder).unwrap();
}

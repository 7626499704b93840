//! Collections of the shop's own.

use super::{APPLIED, Came, Plain, text};
use serde_json::Value as Json;

impl Plain {
    /// Does one mutation of a row. `tag` is what its addition is known by.
    pub(super) fn apply_row(&mut self, name: &str, args: &Json, tag: u64) -> Came {
        let collection = text(args, "collection");
        let place = (collection.to_owned(), text(args, "key").to_owned());
        let adds = collection.starts_with("add-wins:");
        if name != "row.delete" && collection.starts_with("server-decides:") {
            return ("rejected", Some("refused"));
        }
        match (name, self.own.get_mut(&place)) {
            ("row.put", _) => {
                let mut row = args["row"].clone();
                if adds {
                    row["$tag"] = tag.into();
                }
                self.own.insert(place, row);
                APPLIED
            }
            ("row.add", None) => {
                let mut row = args["row"].clone();
                row["n"] = args["by"]["n"].clone();
                self.own.insert(place, row);
                APPLIED
            }
            ("row.add", Some(row)) => {
                row["n"] = (row["n"].as_i64().unwrap_or(0) + args["by"]["n"].as_i64().expect("a number")).into();
                APPLIED
            }
            ("row.delete", None) => ("noop", Some("row_gone")),
            ("row.delete", Some(row)) if adds && row["$tag"] != args["seen"] => ("noop", Some("added_elsewhere")),
            ("row.delete", Some(_)) => {
                self.own.remove(&place);
                APPLIED
            }
            _ => panic!("{name} is no mutation"),
        }
    }
}

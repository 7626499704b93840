//! Rows that a plain map holds, for rules to run on.

use pannier::format::document::Document;
use pannier::stop::Stop;
use pannier::sync::rows::{Collection, Rows};
use std::collections::BTreeMap;

/// The rows by collection and key.
pub(super) struct MapRows(pub(super) BTreeMap<(Collection, String), Document>);

impl MapRows {
    fn of(&self, collection: Collection) -> impl Iterator<Item = (&String, &Document)> {
        self.0.iter().filter(move |((other, _), _)| *other == collection).map(|((_, key), row)| (key, row))
    }
}

impl Rows for MapRows {
    fn get(&mut self, collection: Collection, key: &str) -> Result<Option<Document>, Stop> {
        Ok(self.0.get(&(collection, key.into())).cloned())
    }

    fn put(&mut self, collection: Collection, key: &str, value: &Document) -> Result<(), Stop> {
        self.0.insert((collection, key.into()), value.clone());
        Ok(())
    }

    fn delete(&mut self, collection: Collection, key: &str) -> Result<(), Stop> {
        self.0.remove(&(collection, key.into()));
        Ok(())
    }

    fn scan(
        &mut self,
        collection: Collection,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Document)>, Stop> {
        let rows = self.of(collection).filter(|(key, _)| after.is_none_or(|after| &key[..] > after));
        Ok(rows.take(limit).map(|(key, row)| (key.clone(), row.clone())).collect())
    }

    fn own(&mut self) -> Result<Vec<Collection>, Stop> {
        let mut own: Vec<_> = self.0.keys().map(|(kind, _)| *kind).collect();
        own.retain(|kind| matches!(kind, Collection::Own(_)));
        own.dedup();
        Ok(own)
    }

    fn count(&mut self, collection: Collection) -> Result<u64, Stop> {
        Ok(self.of(collection).count() as u64)
    }
}

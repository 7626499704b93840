//! Flags of a command line: a few long flags, with or without a value.

use std::collections::BTreeMap;

use crate::Failure;

/// The flags of one command line.
pub struct Args {
    found: BTreeMap<String, Option<String>>,
}

impl Args {
    /// Reads `words`, in which each of `switches` stands alone and each of `values` takes the next
    /// word, or what follows its `=`. Anything else fails.
    pub fn parse(words: &[String], switches: &[&str], values: &[&str]) -> Result<Self, Failure> {
        let mut found = BTreeMap::new();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let (flag, inline) = match word.split_once('=') {
                Some((flag, value)) => (flag, Some(value.to_owned())),
                None => (word.as_str(), None),
            };
            let value = if values.contains(&flag) {
                let value = inline.or_else(|| words.next().cloned());
                Some(value.ok_or_else(|| format!("{flag} needs a value; see --help"))?)
            } else if switches.contains(&flag) && inline.is_none() {
                None
            } else {
                return Err(format!("unknown argument '{word}'; see --help"));
            };
            found.insert(flag.to_owned(), value);
        }
        Ok(Self { found })
    }

    /// Whether the flag was given.
    pub fn has(&self, flag: &str) -> bool {
        self.found.contains_key(flag)
    }

    /// The flag's value, where it was given.
    pub fn value(&self, flag: &str) -> Option<&str> {
        self.found.get(flag)?.as_deref()
    }

    /// The flag's value as a number, where it was given.
    pub fn number<N: std::str::FromStr>(&self, flag: &str) -> Result<Option<N>, Failure> {
        let Some(text) = self.value(flag) else {
            return Ok(None);
        };
        match text.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(format!("{flag} takes a number, not '{text}'")),
        }
    }
}

//! How a world begins.

use super::event::{SKUS, STOCKS};
use crate::rng::Rng;

/// How a world begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// Whose each device is.
    pub shoppers: Vec<&'static str>,
    /// Products: an edit names one by its place.
    pub skus: Vec<String>,
    /// What there is of the first of them; the shop knows no others.
    pub stocks: Vec<Option<u8>>,
    /// Whether most commits are too large for the log.
    pub is_bulky: bool,
    /// Whether one tab of a device syncs at a time, as where there are Web Locks.
    pub has_locks: bool,
    /// Most mutations that the server executes for a request, and changes of the catalog that it
    /// sends, where that is less than usual.
    pub batch: Option<usize>,
}

impl Setup {
    /// Draws a beginning.
    pub fn draw(rng: &mut Rng) -> Self {
        let mut shoppers = vec!["ann"; 2 + rng.below(2)];
        for shopper in &mut shoppers[1..] {
            *shopper = match rng.below(100) {
                0..20 => "bob",
                20..40 => "anon-1",
                40..50 => "anon-2",
                _ => "ann",
            };
        }
        Self {
            shoppers,
            skus: SKUS.map(String::from).to_vec(),
            stocks: STOCKS.to_vec(),
            is_bulky: rng.chance(25),
            has_locks: rng.chance(75),
            batch: rng.chance(25).then(|| 1 + rng.below(4)),
        }
    }

    /// What is plainer than this, each in one way.
    pub fn plainer(&self) -> Vec<Self> {
        let mut plainer = vec![
            Self { is_bulky: false, ..self.clone() },
            Self { has_locks: true, ..self.clone() },
            Self { batch: None, ..self.clone() },
        ];
        let fewer = &self.shoppers[..self.shoppers.len().saturating_sub(1)];
        plainer.push(Self { shoppers: fewer.to_vec(), ..self.clone() });
        plainer.retain(|plainer| plainer != self);
        plainer
    }
}

//! The records of the benchmarks.

/// Few and many.
pub const SIZES: [u64; 2] = [10_000, 1_000_000];

/// Every value: a small record, such as a stock level.
pub const VALUE: &[u8] = &[0x5A; 16];

pub fn key(number: u64) -> Vec<u8> {
    format!("catalog/{number:010}").into_bytes()
}

/// Picks keys, the same on every run.
pub struct Records {
    count: u64,
    state: u64,
}

impl Records {
    pub fn new(count: u64) -> Self {
        Self { count, state: 1 }
    }

    fn number(&mut self, bound: u64) -> u64 {
        // The multiplier of Knuth's MMIX; the high bits are the good ones.
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 33) % bound
    }

    /// A key that is there.
    pub fn any(&mut self) -> Vec<u8> {
        key(self.number(self.count))
    }

    /// Two keys with a tenth of all records between them.
    pub fn tenth(&mut self) -> (Vec<u8>, Vec<u8>) {
        let from = self.number(self.count * 9 / 10);
        (key(from), key(from + self.count / 10))
    }
}

//! Counting tests in what their runners print.

use std::ops::AddAssign;

/// How many tests passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Tests that passed.
    pub passed: u64,
    /// Tests that failed.
    pub failed: u64,
}

impl Tally {
    /// A single passed check.
    pub const ONE_PASSED: Self = Self { passed: 1, failed: 0 };
    /// A single failed check.
    pub const ONE_FAILED: Self = Self { passed: 0, failed: 1 };

    /// Adds up the summaries in a runner's output: `test result: ok. 3 passed; 0 failed; …` of
    /// cargo's, `ℹ pass 3` and `ℹ fail 0` of Node's.
    pub fn of(output: &str) -> Self {
        let mut tally = Self::default();
        for line in output.lines() {
            if let Some(summary) = line.trim_start().strip_prefix("test result: ") {
                tally += of_cargo(summary);
            } else if let Some(summary) = line.strip_prefix("ℹ ").or_else(|| line.strip_prefix("# ")) {
                tally += of_node(summary);
            }
        }
        tally
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

fn of_cargo(summary: &str) -> Tally {
    // `ok. 3 passed; 1 failed; 0 ignored; …`: the word after each number says what it counts.
    let words: Vec<&str> = summary.split([' ', ';']).collect();
    let count = |what| {
        let place = words.iter().position(|word| *word == what)?;
        words.get(place.checked_sub(1)?)?.parse().ok()
    };
    Tally { passed: count("passed").unwrap_or(0), failed: count("failed").unwrap_or(0) }
}

fn of_node(summary: &str) -> Tally {
    let Some((what, number)) = summary.split_once(' ') else {
        return Tally::default();
    };
    let number = number.trim().parse().unwrap_or(0);
    match what {
        "pass" => Tally { passed: number, failed: 0 },
        // A test that another's end cancelled did not pass.
        "fail" | "cancelled" => Tally { passed: 0, failed: number },
        _ => Tally::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn summaries_of_every_runner_count() {
        let output = "\
running 4 tests
test a ... ok
test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s
test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured
ℹ tests 5
ℹ pass 4
ℹ fail 1
ℹ cancelled 1
ℹ duration_ms 33.5
";
        assert_eq!(Tally::of(output), Tally { passed: 8, failed: 4 });
    }

    #[test]
    fn other_output_counts_nothing() {
        assert_eq!(Tally::of("pass 3\n# passed away\nfail 9\n"), Tally::default());
    }
}

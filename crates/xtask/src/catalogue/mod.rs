//! The built-in catalogue of the demo: some 2,000 invented products, the same ones every time.

mod goods_carried;
mod goods_home;
mod words;

use serde_json::{Value, json};
use words::{CATEGORIES, CLOSINGS, Category, Kind, LINES, Language, closing_abroad};

/// Any number; another one makes another catalogue.
const SEED: u64 = 20_261_123;

/// Most in stock of one product.
const STOCK_MAX: u64 = 60;

/// Colours a thing may come in.
const COLORS: &[&str] = &[
    "#2f3a4a", "#8c4a2f", "#c9a66b", "#5f7355", "#a33b3b", "#e3ddd0", "#1f2a2e", "#7a8fa6", "#d98e4a", "#4a3a5c",
    "#b9c4b1", "#336b6b",
];

/// The catalogue, a product a line.
pub fn ndjson() -> String {
    let mut random = Random(SEED);
    let mut text = String::new();
    for category in CATEGORIES {
        for (place, name) in names(category, &mut random).into_iter().enumerate() {
            text += &product(category, place + 1, &name, &mut random).to_string();
            text.push('\n');
        }
    }
    text
}

struct Name {
    kind: &'static Kind,
    title: String,
    /// What it is made of, or a sentence in the language of its title.
    middle: &'static str,
}

/// Every line with every kind, and the titles in other scripts, mixed.
fn names(category: &'static Category, random: &mut Random) -> Vec<Name> {
    let mut names = Vec::new();
    for kind in category.kinds {
        for line in LINES {
            let (material, middle) = category.materials[*random.pick(kind.fits)];
            names.push(Name { kind, title: format!("{line} {material} {}", kind.noun), middle });
        }
    }
    for &(language, kind, title) in category.abroad {
        names.push(foreign(language, &category.kinds[kind], title, random));
    }
    for end in (1..names.len()).rev() {
        names.swap(end, random.below(end as u64 + 1) as usize);
    }
    names
}

fn foreign(language: Language, kind: &'static Kind, title: &str, random: &mut Random) -> Name {
    let &middle = random.pick(closing_abroad(language));
    Name { kind, title: title.into(), middle }
}

fn product(category: &Category, number: usize, name: &Name, random: &mut Random) -> Value {
    let Name { kind, title, middle } = name;
    let closing = random.pick(CLOSINGS);
    json!({
        "id": format!("{}-{number:04}", category.prefix),
        "title": title,
        "category": category.name,
        "price": price_cents(kind, random),
        "currency": "EUR",
        "stock": stock(random),
        "description": format!("{} {middle} {closing}", kind.about),
        // Shops show what sells: few products have bad ratings for long.
        "rating": (32 + random.below(19)) as f64 / 10.0,
        "colors": colors(random),
        "art": {
            "shape": kind.shape,
            "hue": (category.hue + random.below(90) as u32 + 315) % 360,
            "seed": random.below(1_000_000),
        },
    })
}

/// Like prices in a shop: 24.90 or 25.00.
fn price_cents(kind: &Kind, random: &mut Random) -> u64 {
    let (low, high) = kind.euros;
    let euros = low + random.below(high - low + 1);
    if random.below(3) == 0 { euros * 100 } else { euros * 100 - 10 }
}

/// A few are sold out and a few nearly so: a shop has to show both.
fn stock(random: &mut Random) -> u64 {
    match random.below(20) {
        0 => 0,
        1..=4 => 1 + random.below(4),
        _ => 5 + random.below(STOCK_MAX - 4),
    }
}

fn colors(random: &mut Random) -> Vec<&'static str> {
    let count = 1 + random.below(4);
    let mut colors = Vec::new();
    for _ in 0..count {
        let color = *random.pick(COLORS);
        if !colors.contains(&color) {
            colors.push(color);
        }
    }
    colors
}

/// SplitMix64: the same numbers on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn pick<T>(&mut self, list: &'static [T]) -> &'static T {
        &list[self.below(list.len() as u64) as usize]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::{STOCK_MAX, ndjson};

    #[test]
    fn it_is_the_same_every_time() {
        assert_eq!(ndjson(), ndjson());
    }

    #[test]
    fn each_product_is_whole_and_its_own() {
        let mut ids = BTreeSet::new();
        let mut titles = BTreeSet::new();
        for line in ndjson().lines() {
            let product: Value = serde_json::from_str(line).expect("a line of JSON");
            assert!(ids.insert(product["id"].to_string()), "twice: {line}");
            titles.insert(product["title"].to_string());
            assert!(product["price"].as_u64().is_some_and(|cents| cents >= 500), "{line}");
            assert!(product["stock"].as_u64().is_some_and(|stock| stock <= STOCK_MAX), "{line}");
            assert!(product["rating"].as_f64().is_some_and(|stars| stars <= 5.0), "{line}");
            assert!(product["colors"].as_array().is_some_and(|colors| !colors.is_empty()), "{line}");
        }
        assert!((1_900..=2_300).contains(&ids.len()), "{} products", ids.len());
        assert_eq!(titles.len(), ids.len(), "two products share a title");
    }
}

//! What the built-in catalogue is made of. All of it is invented.

use super::{goods_carried, goods_home};

/// Goods of one category.
pub struct Category {
    /// As the shop shows it.
    pub name: &'static str,
    /// What its ids begin with.
    pub prefix: &'static str,
    /// The hue its pictures lie around, in degrees.
    pub hue: u32,
    /// What its things are made of, as it stands in a title and as it is described.
    pub materials: &'static [(&'static str, &'static str)],
    /// The kinds of things in it.
    pub kinds: &'static [Kind],
    /// Titles in other scripts: language, place in `kinds`, title.
    pub abroad: &'static [(Language, usize, &'static str)],
}

/// One kind of thing.
pub struct Kind {
    /// The last words of its titles.
    pub noun: &'static str,
    /// Its drawing.
    pub shape: &'static str,
    /// Lowest and highest price, in whole euros.
    pub euros: (u64, u64),
    /// A sentence about it.
    pub about: &'static str,
    /// What it can be made of: places in its category's `materials`.
    pub fits: &'static [usize],
}

/// Languages of the titles that are not English.
#[derive(Clone, Copy)]
pub enum Language {
    Chinese,
    Japanese,
    Arabic,
    Russian,
    Greek,
}

use Language::{Arabic, Chinese, Greek, Japanese, Russian};

/// A kind of things.
pub const fn kind(
    noun: &'static str,
    shape: &'static str,
    low: u64,
    high: u64,
    about: &'static str,
    fits: &'static [usize],
) -> Kind {
    Kind { noun, shape, euros: (low, high), about, fits }
}

/// Names of product lines; with a kind each makes one title.
pub const LINES: &[&str] = &[
    "Alder", "Basalt", "Birch", "Calder", "Cedar", "Cinder", "Clover", "Drift", "Ember", "Fennel", "Fjord", "Flint",
    "Harbour", "Hazel", "Heron", "Juniper", "Lark", "Linnet", "Marlow", "Meadow", "Moss", "Orchard", "Pebble", "Quill",
    "Rowan", "Saffron", "Sorrel", "Tarn", "Thistle", "Willow",
];

/// Last sentences of descriptions.
pub const CLOSINGS: &[&str] = &[
    "Made in small batches, so no two are quite alike.",
    "Comes in a plain cardboard box with no plastic.",
    "Repairs are free for the first two years.",
    "A good present, if you can part with it.",
    "One of the things we own ourselves.",
    "Ages well and is meant to.",
    "Packed by hand, usually on the day you order.",
    "Spare parts are kept for ten years.",
];

/// A description for each language, beside the English sentence about the kind.
pub fn closing_abroad(language: Language) -> &'static [&'static str] {
    match language {
        Chinese => &["小批量手工制作，经久耐用。", "简约设计，适合日常使用。"],
        Japanese => &["少量ずつ丁寧に作られています。", "毎日使いたくなる、飽きのこない形です。"],
        Arabic => &["مصنوع يدويًا بكميات صغيرة.", "تصميم بسيط يدوم سنوات طويلة."],
        Russian => &["Сделано вручную небольшими партиями.", "Простая вещь на каждый день и на долгие годы."],
        Greek => &["Χειροποίητο, σε μικρές ποσότητες.", "Απλός σχεδιασμός που αντέχει στον χρόνο."],
    }
}

/// The categories; each fills about a tenth of the catalogue.
pub const CATEGORIES: &[Category] = &[
    goods_carried::SHOES,
    goods_carried::BAGS,
    goods_home::LAMPS,
    goods_home::TEA,
    goods_home::BOOKS,
    goods_home::KITCHEN,
    goods_home::LIVING,
    goods_carried::CLOTHING,
    goods_carried::MUSIC,
    goods_carried::OUTDOORS,
];

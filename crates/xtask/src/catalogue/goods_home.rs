//! Goods for rooms and tables.

use super::words::Language::{Arabic, Chinese, Greek, Japanese, Russian};
use super::words::{Category, kind};

/// Lamps.
pub const LAMPS: Category = Category {
    name: "Lamps",
    prefix: "LA",
    hue: 46,
    materials: &[
        ("Brass", "Brushed brass, left unlacquered."),
        ("Linen", "A shade of undyed linen over a steel frame."),
        ("Opal-Glass", "Mouth-blown opal glass that spreads the light evenly."),
        ("Paper", "Folded paper, treated so that dust wipes off."),
        ("Beeswax", "Pure beeswax with a cotton wick."),
        ("Soy", "Soy wax with a trace of bergamot."),
        ("Oak", "Smoked oak with rounded edges."),
    ],
    kinds: &[
        kind(
            "Table Lamp",
            "lamp",
            49,
            189,
            "A warm circle of light for a table and the two people at it.",
            &[0, 1, 2, 3],
        ),
        kind(
            "Desk Lamp",
            "lamp",
            59,
            199,
            "An arm that stays where it is put and a switch you find in the dark.",
            &[0, 2],
        ),
        kind("Bedside Lamp", "lamp", 39, 129, "Dims down to the light of one candle.", &[0, 1, 2, 3]),
        kind("Lantern", "candle", 29, 99, "For the balcony, the garden and the last hour of a party.", &[0, 3]),
        kind("Pillar Candle", "candle", 9, 29, "Burns for some forty hours without a drip.", &[4, 5]),
        kind("Mantel Clock", "clock", 49, 149, "A quiet movement and a face that reads from across the room.", &[0, 6]),
        kind("Reading Light", "lamp", 35, 119, "Lights the page and lets the other half of the bed sleep.", &[0, 1]),
    ],
    abroad: &[
        (Chinese, 0, "黄铜台灯"),
        (Chinese, 3, "纸灯笼"),
        (Japanese, 3, "和紙の行灯"),
        (Japanese, 5, "木の置き時計"),
        (Arabic, 3, "فانوس نحاسي"),
        (Arabic, 0, "مصباح طاولة"),
        (Russian, 1, "Настольная лампа"),
        (Russian, 4, "Восковая свеча"),
        (Greek, 2, "Φωτιστικό κομοδίνου"),
        (Greek, 3, "Φανάρι κήπου"),
    ],
};

/// Tea & Coffee.
pub const TEA: Category = Category {
    name: "Tea & Coffee",
    prefix: "TE",
    hue: 92,
    materials: &[
        ("Stoneware", "Stoneware with a glaze that pools at the rim."),
        ("Porcelain", "Thin porcelain, white right through."),
        ("Cast-Iron", "Cast iron, enamelled inside."),
        ("Glass", "Heat-proof glass that shows the colour of what you drink."),
        ("Steel", "Brushed steel with a copper base."),
    ],
    kinds: &[
        kind("Teapot", "teapot", 29, 119, "Pours without a drop on the cloth; the sieve lifts out.", &[0, 1, 2, 3]),
        kind("Espresso Cup", "cup", 9, 29, "Thick walls keep the second sip as warm as the first.", &[0, 1, 3]),
        kind("Mug", "cup", 12, 34, "Holds a third of a litre and fits two hands.", &[0, 1, 3]),
        kind("Tea Bowl", "bowl", 15, 49, "Wide and low, made to be held from below.", &[0, 1]),
        kind("Tea Caddy", "jar", 14, 39, "A double lid keeps a hundred grams of leaves fresh for months.", &[0, 1]),
        kind("Kettle", "teapot", 39, 129, "A thin spout for slow pouring, for whatever hob you have.", &[2, 4]),
        kind("Coffee Dripper", "cup", 15, 45, "Ridges inside let the water through at the right pace.", &[0, 1, 3]),
    ],
    abroad: &[
        (Chinese, 0, "青瓷茶壶"),
        (Chinese, 4, "龙井茶叶罐"),
        (Japanese, 3, "抹茶茶碗"),
        (Japanese, 0, "南部風の鉄瓶"),
        (Arabic, 1, "فنجان قهوة"),
        (Arabic, 0, "إبريق شاي"),
        (Russian, 2, "Большая кружка"),
        (Russian, 5, "Чайник со свистком"),
        (Greek, 1, "Φλιτζάνι του καφέ"),
        (Greek, 4, "Βάζο για τσάι"),
    ],
};

/// Books & Paper.
pub const BOOKS: Category = Category {
    name: "Books & Paper",
    prefix: "BO",
    hue: 210,
    materials: &[
        ("Clothbound", "Bound in cloth, with a ribbon and sewn pages that lie flat."),
        ("Pocket", "Fits the pocket of a coat and weighs next to nothing."),
        ("Illustrated", "Drawings on every second page, printed in four inks."),
        ("Annotated", "Notes in the margin for those who like to know more."),
    ],
    kinds: &[
        kind("Field Notebook", "book", 7, 24, "Squared paper that takes ink without bleeding.", &[0, 1]),
        kind(
            "Atlas of Small Islands",
            "book",
            29,
            69,
            "Maps of places with fewer than a hundred people.",
            &[0, 1, 2, 3],
        ),
        kind(
            "Guide to Clouds",
            "book",
            14,
            34,
            "Look up, turn the page, and know what the afternoon will bring.",
            &[1, 2, 3],
        ),
        kind("Cookbook of Soups", "book", 19, 42, "Sixty soups, from ten minutes to a whole Sunday.", &[0, 2, 3]),
        kind("Sketchbook", "book", 12, 34, "Heavy paper for pencil, pen and a careful wash.", &[0, 1]),
        kind("Almanac", "book", 14, 29, "Tides, moons, sowing days and one poem a week.", &[0, 1, 2, 3]),
        kind("Book of Knots", "book", 12, 29, "From the bowline to the ones for showing off.", &[0, 1, 2]),
    ],
    abroad: &[
        (Chinese, 1, "小岛地图集"),
        (Chinese, 3, "汤的故事"),
        (Japanese, 2, "雲の図鑑"),
        (Japanese, 0, "野帳"),
        (Arabic, 4, "دفتر رسم"),
        (Arabic, 5, "تقويم السنة"),
        (Russian, 3, "Книга о супах"),
        (Russian, 1, "Атлас малых островов"),
        (Greek, 6, "Το βιβλίο των κόμπων"),
        (Greek, 2, "Οδηγός για τα σύννεφα"),
    ],
};

/// Kitchen.
pub const KITCHEN: Category = Category {
    name: "Kitchen",
    prefix: "KI",
    hue: 355,
    materials: &[
        ("Copper", "Copper outside, steel inside, heat everywhere."),
        ("Enamel", "Two coats of enamel that a wooden spoon will never scratch."),
        ("Oak", "Oiled oak from windfall trees."),
        ("Carbon-Steel", "Carbon steel that gets better each time it is used."),
        ("Stoneware", "Salt-glazed stoneware in the colour of the clay."),
        ("Glass", "Thick green glass with a cork."),
    ],
    kinds: &[
        kind("Saucepan", "pan", 35, 139, "A lip on both sides and a handle that stays cool.", &[0, 1]),
        kind("Frying Pan", "pan", 29, 119, "Heavy enough for an even heat, light enough for one hand.", &[0, 3]),
        kind("Mixing Bowl", "bowl", 15, 49, "Deep, with a foot that grips the table.", &[1, 4]),
        kind("Salad Bowl", "bowl", 24, 79, "Big enough to toss in without decorating the floor.", &[2, 4]),
        kind("Storage Jar", "jar", 9, 32, "Keeps a kilo of flour, and the moths out.", &[4, 5]),
        kind("Bread Box", "bread", 34, 89, "Crust stays crust for three days.", &[1, 2]),
        kind("Oil Bottle", "bottle", 14, 39, "A spout that stops when you stop.", &[4, 5]),
    ],
    abroad: &[
        (Chinese, 1, "传统铁锅"),
        (Chinese, 2, "青花大碗"),
        (Japanese, 0, "雪平鍋"),
        (Japanese, 4, "梅干しの壺"),
        (Arabic, 6, "زجاجة زيت الزيتون"),
        (Arabic, 0, "قدر نحاسي"),
        (Russian, 1, "Чугунная сковорода"),
        (Russian, 5, "Берестяная хлебница"),
        (Greek, 6, "Μπουκάλι για ελαιόλαδο"),
        (Greek, 3, "Σαλατιέρα από ελιά"),
    ],
};

/// Living.
pub const LIVING: Category = Category {
    name: "Living",
    prefix: "LI",
    hue: 150,
    materials: &[
        ("Ash", "Solid ash with a soap finish."),
        ("Bouclé", "Bouclé with a loop you want to touch."),
        ("Walnut", "Oiled walnut, matched board by board."),
        ("Rattan", "Rattan, woven over a steamed frame."),
        ("Linen", "Heavy linen that can be taken off and washed."),
        ("Terracotta", "Terracotta, unglazed outside and sealed inside."),
        ("Stoneware", "Thrown stoneware with a matt glaze."),
        ("Potted", "In a clay pot with a saucer."),
        ("Trailing", "Grows down from a shelf, about a hand a month."),
    ],
    kinds: &[
        kind("Armchair", "chair", 189, 649, "Low, wide, and hard to leave.", &[0, 1, 2, 3]),
        kind("Side Table", "table", 79, 289, "Room for a lamp, a cup and the book you are in.", &[0, 2, 3]),
        kind("Sofa", "sofa", 590, 1890, "Three seats, or one person lengthwise.", &[1, 4]),
        kind("Cushion", "cushion", 19, 69, "Filled with feathers, closed with buttons.", &[1, 4]),
        kind("Chest of Drawers", "dresser", 249, 890, "Drawers that close with the sound of a good car.", &[0, 2]),
        kind("Vase", "vase", 24, 99, "Looks finished even without flowers.", &[5, 6]),
        kind("House Plant", "plant", 15, 69, "Forgives you a week without water.", &[7, 8]),
    ],
    abroad: &[
        (Chinese, 0, "胡桃木扶手椅"),
        (Chinese, 5, "白瓷花瓶"),
        (Japanese, 3, "藍染めの座布団"),
        (Japanese, 6, "観葉植物"),
        (Arabic, 1, "طاولة جانبية"),
        (Arabic, 3, "وسادة مطرزة"),
        (Russian, 4, "Дубовый комод"),
        (Russian, 0, "Кресло-качалка"),
        (Greek, 5, "Πήλινο βάζο"),
        (Greek, 1, "Βοηθητικό τραπέζι"),
    ],
};

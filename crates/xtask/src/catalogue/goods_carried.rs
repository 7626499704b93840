//! Goods to wear and to take along.

use super::words::Language::{Arabic, Chinese, Greek, Japanese, Russian};
use super::words::{Category, kind};

/// Shoes.
pub const SHOES: Category = Category {
    name: "Shoes",
    prefix: "SH",
    hue: 18,
    materials: &[
        ("Suede", "Soft calf suede, brushed by hand."),
        ("Leather", "Vegetable-tanned leather that darkens with wear."),
        ("Canvas", "Heavy organic canvas, washed once before it is cut."),
        ("Wool", "Felted wool that breathes in summer and warms in winter."),
        ("Cotton", "Combed cotton, knitted without a seam at the toes."),
    ],
    kinds: &[
        kind("Runner", "shoe", 69, 149, "A light shoe with a springy sole for pavements and park paths.", &[2, 3]),
        kind("Court Sneaker", "shoe", 59, 129, "A plain low sneaker that goes with everything you own.", &[0, 1, 2]),
        kind("Desert Boot", "boot", 89, 189, "An ankle boot with two eyelets and a crepe sole.", &[0, 1]),
        kind(
            "Hiking Boot",
            "boot",
            119,
            249,
            "Stiff where it should be, padded where it must be, and dry inside.",
            &[0, 1],
        ),
        kind("Slip-On", "shoe", 49, 99, "No laces: step in at the door and go.", &[0, 1, 2, 3]),
        kind("Walking Socks", "sock", 9, 24, "Cushioned at heel and toe, smooth where a shoe would rub.", &[3, 4]),
        kind("Chelsea Boot", "boot", 99, 219, "Elastic at the sides, a pull tab behind, and nothing else.", &[0, 1]),
    ],
    abroad: &[
        (Chinese, 0, "轻便跑鞋"),
        (Chinese, 3, "高帮登山靴"),
        (Japanese, 1, "白いスニーカー"),
        (Japanese, 5, "ウールの靴下"),
        (Arabic, 4, "حذاء جلدي مريح"),
        (Arabic, 6, "حذاء برقبة"),
        (Russian, 2, "Замшевые ботинки"),
        (Russian, 5, "Шерстяные носки"),
        (Greek, 1, "Πάνινα παπούτσια"),
        (Greek, 3, "Μπότες πεζοπορίας"),
    ],
};

/// Bags.
pub const BAGS: Category = Category {
    name: "Bags",
    prefix: "BA",
    hue: 32,
    materials: &[
        ("Waxed-Canvas", "Waxed cotton that sheds rain and takes a patina."),
        ("Leather", "Full-grain leather with stitched, not glued, seams."),
        ("Felt", "Pressed wool felt, three millimetres thick."),
        ("Ripstop", "Recycled ripstop nylon, lighter than it looks."),
        ("Saddle-Leather", "Saddle leather, four millimetres thick."),
    ],
    kinds: &[
        kind("Tote", "bag", 29, 119, "Open at the top, with one pocket for keys and one for a phone.", &[0, 1, 2]),
        kind(
            "Backpack",
            "backpack",
            59,
            179,
            "Holds a day's things and a laptop that you forget on your back.",
            &[0, 1, 3],
        ),
        kind("Rolltop Daypack", "backpack", 69, 159, "Rolls down when it is empty and up when it rains.", &[0, 3]),
        kind("Satchel", "bag", 79, 199, "A flat bag for papers, with a strap as wide as three fingers.", &[0, 1, 2]),
        kind("Shoulder Bag", "bag", 49, 139, "Small enough for the evening, with room for a book.", &[0, 1, 2]),
        kind("Belt", "belt", 25, 69, "One piece of leather and one solid buckle.", &[1, 4]),
        kind("Weekender", "bag", 109, 289, "Two nights away, packed flat, carried over the shoulder.", &[0, 1, 3]),
    ],
    abroad: &[
        (Chinese, 0, "帆布托特包"),
        (Chinese, 1, "城市双肩包"),
        (Japanese, 4, "革のショルダーバッグ"),
        (Japanese, 2, "防水リュック"),
        (Arabic, 3, "حقيبة جلدية"),
        (Arabic, 1, "حقيبة ظهر"),
        (Russian, 1, "Городской рюкзак"),
        (Russian, 5, "Кожаный ремень"),
        (Greek, 0, "Υφασμάτινη τσάντα"),
        (Greek, 6, "Ταξιδιωτικός σάκος"),
    ],
};

/// Clothing.
pub const CLOTHING: Category = Category {
    name: "Clothing",
    prefix: "CL",
    hue: 228,
    materials: &[
        ("Linen", "Washed linen that is cool on the skin."),
        ("Merino", "Fine merino that neither itches nor smells."),
        ("Cotton", "Long-staple cotton from a mill that prints its name on the label."),
        ("Corduroy", "Wide-wale corduroy, cut to move."),
        ("Straw", "Straw, braided and sewn in a spiral."),
        ("Waxed-Cotton", "Waxed cotton that asks for a new coat once a year."),
        ("Shell", "Three layers, recycled, and quiet when you move."),
    ],
    kinds: &[
        kind("Overshirt", "shirt", 59, 139, "A shirt when it is warm, a jacket when it is not.", &[0, 2, 3]),
        kind("T-Shirt", "shirt", 19, 49, "Keeps its shape at the neck, wash after wash.", &[0, 1, 2]),
        kind(
            "Rain Jacket",
            "jacket",
            99,
            279,
            "Taped seams, a hood that turns with you, and pockets that drain.",
            &[5, 6],
        ),
        kind("Work Jacket", "jacket", 89, 199, "Three pockets, five buttons, no fuss.", &[2, 3, 5]),
        kind("Scarf", "scarf", 24, 79, "Two metres, which is the right length.", &[0, 1]),
        kind("Brimmed Hat", "hat", 29, 89, "Shade for the eyes and a place for the feather you find.", &[2, 4]),
        kind("Beanie", "hat", 15, 39, "Ribbed, so that it fits every head in the house.", &[1, 2]),
    ],
    abroad: &[
        (Chinese, 0, "亚麻衬衫"),
        (Chinese, 4, "羊绒围巾"),
        (Japanese, 3, "藍の作業着"),
        (Japanese, 5, "麦わら帽子"),
        (Arabic, 4, "وشاح صوفي"),
        (Arabic, 1, "قميص قطني"),
        (Russian, 6, "Вязаная шапка"),
        (Russian, 2, "Непромокаемая куртка"),
        (Greek, 5, "Ψάθινο καπέλο"),
        (Greek, 0, "Λινό πουκάμισο"),
    ],
};

/// Music & Sound.
pub const MUSIC: Category = Category {
    name: "Music & Sound",
    prefix: "MU",
    hue: 280,
    materials: &[
        ("Walnut", "A walnut body, thin and evenly grained."),
        ("Maple", "Flamed maple under a satin varnish."),
        ("Aluminium", "Milled from one block of recycled aluminium."),
        ("Spruce", "A top of slow-grown mountain spruce."),
    ],
    kinds: &[
        kind("Headphones", "headphones", 79, 349, "Light on the ears and honest in the low notes.", &[0, 2]),
        kind("Speaker", "speaker", 89, 399, "Fills a room from the corner of a shelf.", &[0, 1, 2]),
        kind("Kitchen Radio", "speaker", 59, 189, "One knob for the station, one for the volume.", &[0, 1, 2]),
        kind("Travel Guitar", "guitar", 149, 549, "Small enough for a train, loud enough for a fire.", &[0, 1, 3]),
        kind("Ukulele", "guitar", 49, 189, "Four strings and no excuse.", &[0, 1, 3]),
        kind("Hand Drum", "drum", 45, 199, "Warm in the middle, bright at the rim.", &[0, 1]),
        kind("Metronome", "clock", 29, 99, "Keeps time, and its opinion to itself.", &[0, 1]),
    ],
    abroad: &[
        (Chinese, 0, "降噪耳机"),
        (Chinese, 5, "牛皮手鼓"),
        (Japanese, 1, "木の小型スピーカー"),
        (Japanese, 5, "小太鼓"),
        (Arabic, 5, "طبلة يدوية"),
        (Arabic, 3, "غيتار السفر"),
        (Russian, 3, "Походная гитара"),
        (Russian, 2, "Кухонное радио"),
        (Greek, 4, "Μικρό μπουζούκι"),
        (Greek, 0, "Ακουστικά"),
    ],
};

/// Outdoors.
pub const OUTDOORS: Category = Category {
    name: "Outdoors",
    prefix: "OU",
    hue: 124,
    materials: &[
        ("Ultralight", "Every gram was argued over."),
        ("Four-Season", "Made for the week the forecast got wrong."),
        ("Steel", "Stainless steel, dented and none the worse for it."),
        ("Recycled", "Spun from what used to be fishing nets."),
        ("Titanium", "Titanium, at little more than half the weight of steel."),
        ("Classic", "The shape it has always had."),
    ],
    kinds: &[
        kind("Tent for Two", "tent", 149, 549, "Up in four minutes, with a porch for the boots.", &[0, 1, 3]),
        kind("Tarp", "tent", 49, 149, "Eight loops, one roof, any two trees.", &[0, 3]),
        kind("Flask", "bottle", 19, 49, "Hot for a day, cold for longer.", &[2, 4]),
        kind(
            "Trail Backpack",
            "backpack",
            89,
            269,
            "Forty litres that sit on the hips, not on the shoulders.",
            &[0, 3, 5],
        ),
        kind("Camp Mug", "cup", 9, 25, "Hangs on anything, survives everything.", &[2, 4]),
        kind("Sunglasses", "glasses", 39, 159, "Polarised, with hinges that can be mended.", &[3, 4, 5]),
        kind("Watch", "watch", 79, 389, "Hands that glow, a strap that dries, a battery for five years.", &[2, 4, 5]),
    ],
    abroad: &[
        (Chinese, 0, "双人帐篷"),
        (Chinese, 2, "保温水壶"),
        (Japanese, 2, "山の水筒"),
        (Japanese, 0, "二人用テント"),
        (Arabic, 0, "خيمة لشخصين"),
        (Arabic, 5, "نظارة شمسية"),
        (Russian, 2, "Походный термос"),
        (Russian, 3, "Туристический рюкзак"),
        (Greek, 5, "Γυαλιά ηλίου"),
        (Greek, 4, "Κούπα εκδρομής"),
    ],
};

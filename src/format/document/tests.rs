use super::*;
use alloc::string::{String, ToString};
use alloc::vec;
use serde_json::Value as Json;

/// Numbers around every boundary of the encoding.
const NUMBERS: [f64; 24] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    127.0,
    128.0,
    0.01,
    -0.01,
    129.99,
    0.1,
    0.001,
    1.005,
    1e-7,
    5e-324,
    1e300,
    -1e300,
    9007199254740991.0,
    -9007199254740991.0,
    9007199254740992.0,
    2814749767106.55,
    2814749767106.57,
    1e21,
    4.35,
    0.07,
];

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| alloc::format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex")).collect()
}

/// The vectors that the JavaScript codec is held against too.
fn fixture() -> Json {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/documents.json");
    serde_json::from_str(&std::fs::read_to_string(path).expect("the fixture")).expect("JSON")
}

#[test]
fn vectors_decode_and_encode_to_the_same_bytes() {
    let fixture = fixture();
    let vectors = fixture["valid"].as_array().expect("vectors");
    assert!(vectors.len() > 40);
    for vector in vectors {
        // The JSON is a string, so that the order of its keys counts.
        let text = vector["json"].as_str().expect("json");
        let document: Document = serde_json::from_str(text).expect(text);
        assert_eq!(hex(document.as_bytes()), vector["hex"].as_str().expect("hex"), "{text}");
        assert_eq!(Document::from_bytes(document.as_bytes().to_vec()).as_ref(), Ok(&document), "{text}");
        assert_eq!(serde_json::to_string(&document).expect("JSON"), text);
    }
}

#[test]
fn invalid_vectors_are_refused_with_place_and_reason() {
    for vector in fixture()["invalid"].as_array().expect("vectors") {
        let bytes = unhex(vector["hex"].as_str().expect("hex"));
        let error = Document::from_bytes(bytes).expect_err(&vector.to_string());
        assert_eq!(error.at as u64, vector["at"].as_u64().expect("at"), "{vector}: {error}");
        let why = alloc::format!("{:?}", error.why);
        assert!(why.starts_with(vector["why"].as_str().expect("why")), "{vector}: {why}");
    }
}

#[test]
fn numbers_come_back_exactly() {
    for number in NUMBERS {
        let document = Document::array(&[Value::F64(number)]).expect("finite");
        let back = match document.as_ref().items().next() {
            Some(Value::Int(value)) => value as f64,
            Some(Value::F64(value)) => value,
            other => panic!("{other:?}"),
        };
        assert_eq!(back.to_bits(), number.to_bits(), "{number}");
    }
    for cents in -200_000..200_000i64 {
        let price = cents as f64 / 100.0;
        let document = Document::array(&[Value::F64(price)]).expect("finite");
        assert!(document.as_bytes().len() <= 5, "{price}");
        assert_eq!(
            Document::from_bytes(document.into_bytes()).expect("valid").as_ref().items().next().map(number),
            Some(price)
        );
    }
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(Document::array(&[Value::F64(number)]), Err(DocumentError { at: 1, why: Why::NotFinite }));
    }
    assert_eq!(Document::array(&[Value::Int(i64::MAX)]), Document::array(&[Value::F64(i64::MAX as f64)]));
}

fn number(value: Value<'_>) -> f64 {
    match value {
        Value::Int(value) => value as f64,
        Value::F64(value) => value,
        other => panic!("{other:?}"),
    }
}

#[test]
fn fields_are_read_in_place() {
    let text = r#"{"sku":"A","qty":2,"loss":-3,"price":19.99,"on":true,"none":null,"deep":{"a":{"b":[1,"x"]}},"sku":"second"}"#;
    let document: Document = serde_json::from_str(text).expect("JSON");
    let read = document.as_ref();
    assert_eq!(read.str("sku"), Some("A"), "the first of two equal keys");
    assert_eq!((read.u64("qty"), read.i64("loss"), read.u64("loss")), (Some(2), Some(-3), None));
    assert_eq!((read.f64("price"), read.f64("qty"), read.i64("price")), (Some(19.99), Some(2.0), None));
    assert_eq!((read.bool("on"), read.get("none"), read.get("nope")), (Some(true), Some(Value::Null), None));
    let Some(Value::Array(items)) = read.path("deep.a.b") else { panic!("a path") };
    assert_eq!(items.items().collect::<Vec<_>>(), [Value::Int(1), Value::Str("x")]);
    assert_eq!((read.path("deep.x.b"), read.path("sku.x")), (None, None));
    assert_eq!(read.object("deep").map(|deep| deep.fields().count()), Some(1));
    assert_eq!(read.fields().map(|(key, _)| key).collect::<Vec<_>>().len(), 8);
    assert_eq!(items.get("a"), None);
}

#[test]
fn nesting_is_limited() {
    let nested = |depth: usize| [vec![0xD1; depth], vec![0xE0]].concat();
    assert!(Document::from_bytes(nested(DEPTH_MAX)).is_ok());
    assert_eq!(Document::from_bytes(nested(DEPTH_MAX + 1)), Err(DocumentError { at: DEPTH_MAX, why: Why::Depth }));
    let json = |depth: usize| serde_json::from_str::<Document>(&("[".repeat(depth) + &"]".repeat(depth)));
    assert!(json(DEPTH_MAX).is_ok());
    assert!(json(DEPTH_MAX + 1).expect_err("too deep").to_string().contains("deeper than 64"));
}

#[test]
fn a_writer_whose_counts_do_not_fit_is_refused() {
    let mut short = Writer::new();
    short.object(2);
    short.key("a");
    short.null();
    assert_eq!(short.finish().map_err(|error| error.why), Err(Why::Cut));
    let mut long = Writer::new();
    long.null();
    long.null();
    assert_eq!(long.finish().map_err(|error| error.why), Err(Why::Trailing));
}

#[test]
fn bytes_dates_and_big_integers_come_back() {
    let long = vec![0xFF; BIG_INTEGER_BYTES_MAX];
    let big = |is_negative, magnitude| Value::BigInteger { is_negative, magnitude };
    let values = [
        Value::Bytes(&[]),
        Value::Bytes(&[0, 255]),
        Value::Date(0),
        Value::Date(-1),
        Value::Date(1_732_406_400_123),
        Value::Date(DATE_MAX),
        Value::Date(-DATE_MAX),
        big(false, &[]),
        big(false, &[1]),
        big(true, &[1]),
        big(false, &[0x80, 0, 0, 0, 0, 0, 0, 0]),
        big(true, &long),
    ];
    for value in values {
        let document = Document::array(&[value]).expect("valid");
        assert_eq!(document.as_ref().items().next(), Some(value));
        let json = serde_json::to_string(&document).expect("JSON");
        assert_eq!(serde_json::from_str::<Document>(&json).expect(&json), document);
    }
    // A writer brings integers into their one form.
    assert_eq!(Document::array(&[big(true, &[0, 0])]), Document::array(&[big(false, &[])]));
    assert_eq!(Document::array(&[big(true, &[0, 1])]), Document::array(&[big(true, &[1])]));
    let refused = |value| Document::array(&[value]).expect_err("refused").why;
    assert_eq!(refused(Value::Date(DATE_MAX + 1)), Why::Date);
    assert_eq!(refused(Value::Date(-DATE_MAX - 1)), Why::Date);
    assert_eq!(refused(big(false, &[1; BIG_INTEGER_BYTES_MAX + 1])), Why::BigInteger);
}

#[test]
fn what_json_lacks_has_a_form_that_no_object_has() {
    let json = |text: &str| serde_json::from_str::<Document>(text);
    let object = |key, value| Document::object(&[(key, value)]).expect("valid");
    let ordinary = [
        ("$date", r#"{"$$date":1}"#),
        ("$$date", r#"{"$$$date":1}"#),
        ("$bytes", r#"{"$$bytes":1}"#),
        ("$$$bigint", r#"{"$$$$bigint":1}"#),
        ("date", r#"{"date":1}"#),
        ("$ref", r#"{"$ref":1}"#),
        ("$$", r#"{"$$":1}"#),
    ];
    for (key, text) in ordinary {
        assert_eq!(serde_json::to_string(&object(key, Value::Int(1))).expect("JSON"), text);
        assert_eq!(json(text).expect(text), object(key, Value::Int(1)));
    }
    let two = Document::object(&[("$date", Value::Int(1)), ("b", Value::Int(2))]).expect("valid");
    assert_eq!(serde_json::to_string(&two).expect("JSON"), r#"{"$date":1,"b":2}"#);
    assert_eq!(json(r#"{"$date":1,"b":2}"#).expect("two fields"), two);
    let refused = [
        (r#"{"$date":1.5}"#, "$date"),
        (r#"{"$date":"2026-11-24"}"#, "$date"),
        (r#"{"$date":8640000000000001}"#, "date is beyond"),
        (r#"{"$bytes":"AP9="}"#, "$bytes"),
        (r#"{"$bytes":"AP8"}"#, "$bytes"),
        (r#"{"$bytes":"===="}"#, "$bytes"),
        (r#"{"$bytes":[0,255]}"#, "$bytes"),
        (r#"{"$bigint":"-0"}"#, "$bigint"),
        (r#"{"$bigint":"007"}"#, "$bigint"),
        (r#"{"$bigint":""}"#, "$bigint"),
        (r#"{"$bigint":"1e3"}"#, "$bigint"),
        (r#"{"$bigint":7}"#, "$bigint"),
    ];
    for (text, why) in refused {
        let error = json(text).expect_err(text).to_string();
        assert!(error.contains(why), "{text}: {error}");
    }
    let nines = alloc::format!(r#"{{"$bigint":"{}"}}"#, "9".repeat(2467));
    assert!(json(&nines).expect_err("2467 nines").to_string().contains("1024 bytes"));
    // The deepest scalar may be a date, but not an object.
    let deep = |inner: &str| json(&("[".repeat(DEPTH_MAX) + inner + &"]".repeat(DEPTH_MAX)));
    let date = deep(r#"{"$date":5}"#).expect("as deep as a number");
    assert_eq!(serde_json::from_str::<Document>(&serde_json::to_string(&date).expect("JSON")).expect("back"), date);
    for text in [r#"{"a":5}"#, r#"{"$$date":5}"#, r#"{"$date":{"$date":5}}"#] {
        assert!(deep(text).is_err(), "{text}");
    }
}

#[test]
fn large_and_odd_documents_come_back() {
    let text = "ä".repeat(500_000);
    let whole = vec![0xA5u8; 16 << 20];
    let names: Vec<String> = (0..100_000).map(|index| alloc::format!("k{index}")).collect();
    let mut many: Vec<(&str, Value<'_>)> = names.iter().map(|name| (name.as_str(), Value::Null)).collect();
    let odd = ["__proto__", "\0", "\u{FEFF}k", "", "a\0b"];
    many.extend(odd.map(|name| (name, Value::Str(name))));
    many.push(("text", Value::Str(&text)));
    many.push(("blob", Value::Bytes(&whole)));
    let document = Document::object(&many).expect("valid");
    let read = DocumentRef::from_bytes(document.as_bytes()).expect("valid");
    assert!(read.fields().eq(many.iter().copied()));
    assert_eq!(read.get("blob"), Some(Value::Bytes(&whole)));
    for name in odd {
        assert_eq!(read.str(name), Some(name));
    }
}

#[test]
fn hostile_depth_and_counts_end_early() {
    for tag in [0xD1, 0xC1] {
        let bytes = vec![tag; 10_000];
        let why = Document::from_bytes(bytes.clone()).expect_err("hostile").why;
        assert!(matches!(why, Why::Depth | Why::Key), "{why:?}");
        assert_eq!(Document::from_stored(bytes).as_ref().path("a.b"), None);
    }
    let json = "[".repeat(10_000) + &"]".repeat(10_000);
    let error = serde_json::from_str::<Document>(&json).expect_err("deep").to_string();
    assert!(error.contains("deeper than 64"), "{error}");
    let count = [&[0xE8u8][..], &[0xFF; 9], &[0x01]].concat();
    assert_eq!(Document::from_bytes(count).map_err(|error| error.why), Err(Why::Cut));
}

#[test]
fn binary_formats_carry_the_checked_bytes() {
    let document = Document::object(&[("a", Value::Int(1))]).expect("valid");
    let bytes = postcard::to_allocvec(&document).expect("encodes");
    assert_eq!(bytes.len(), document.as_bytes().len() + 1);
    assert_eq!(postcard::from_bytes::<Document>(&bytes), Ok(document));
    assert!(postcard::from_bytes::<Document>(&[1, 0xFF]).is_err());
}

/// Numbers without a pattern, the same on every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

fn random_value(random: &mut Random, depth: usize) -> Json {
    match random.below(if depth == 0 { 9 } else { 12 }) {
        0 => Json::Null,
        1 => Json::Bool(random.below(2) == 0),
        2 => Json::from(random.next() as i64 >> random.below(64).max(11)),
        3 => Json::from(f64::from_bits(random.next())),
        4 => Json::from(random.below(1 << 40) as f64 / 100.0),
        5 => Json::from("ä茶x".chars().cycle().take(random.below(90) as usize).collect::<String>()),
        6 => serde_json::json!({ "$date": random.next() as i64 >> 12 }),
        7 => {
            serde_json::json!({ "$bigint": (i128::from(random.next()) * i128::from(random.next() as i64)).to_string() })
        }
        8 => serde_json::json!({ "$bytes": "AP8=".repeat(random.below(2) as usize) }),
        9 => serde_json::json!({ "$$date": random_value(random, depth - 1) }),
        10 => (0..random.below(20)).map(|_| random_value(random, depth - 1)).collect(),
        _ => (0..random.below(20)).map(|index| (index.to_string(), random_value(random, depth - 1))).collect(),
    }
}

/// Every number as a double: documents do not tell 1 from 1.0.
fn doubles(value: &Json) -> Json {
    match value {
        Json::Number(number) => Json::from(number.as_f64()),
        Json::Array(items) => items.iter().map(doubles).collect(),
        Json::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), doubles(value))).collect(),
        other => other.clone(),
    }
}

#[test]
fn random_values_come_back_and_damage_never_panics() {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    for _ in 0..2000 {
        let value = random_value(&mut random, 3);
        let document: Document = serde_json::from_value(value.clone()).expect("a document");
        let bytes = document.as_bytes().to_vec();
        assert_eq!(Document::from_bytes(bytes.clone()).as_ref(), Ok(&document));
        assert_eq!(doubles(&serde_json::to_value(&document).expect("JSON")), doubles(&value));
        let mut damaged = bytes.clone();
        let at = random.below(bytes.len() as u64) as usize;
        damaged[at] = random.next() as u8;
        for bytes in [damaged, bytes[..at].to_vec()] {
            // What is accepted is canonical: it encodes to itself again.
            if let Ok(read) = Document::from_bytes(bytes.clone()) {
                let mut writer = Writer::new();
                rewrite(&mut writer, read.as_ref().value());
                assert_eq!(writer.finish().map(Document::into_bytes), Ok(bytes));
            } else {
                let unchecked = Document::from_stored(bytes);
                let _ = (alloc::format!("{unchecked:?}"), unchecked.as_ref().get("1"), unchecked.as_ref().path("1.1"));
            }
        }
    }
}

fn rewrite(writer: &mut Writer, value: Value<'_>) {
    match value {
        Value::Array(array) => {
            writer.array(array.items().count());
            array.items().for_each(|item| rewrite(writer, item));
        }
        Value::Object(object) => {
            writer.object(object.fields().count());
            for (key, value) in object.fields() {
                writer.key(key);
                rewrite(writer, value);
            }
        }
        scalar => writer.value(scalar),
    }
}

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
fn bytes_come_back() {
    let document = Document::object(&[("blob", Value::Bytes(&[0, 255]))]).expect("valid");
    assert_eq!(document.as_ref().get("blob"), Some(Value::Bytes(&[0, 255])));
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
    match random.below(if depth == 0 { 6 } else { 8 }) {
        0 => Json::Null,
        1 => Json::Bool(random.below(2) == 0),
        2 => Json::from(random.next() as i64 >> random.below(64).max(11)),
        3 => Json::from(f64::from_bits(random.next())),
        4 => Json::from(random.below(1 << 40) as f64 / 100.0),
        5 => Json::from("ä茶x".chars().cycle().take(random.below(90) as usize).collect::<String>()),
        6 => (0..random.below(20)).map(|_| random_value(random, depth - 1)).collect(),
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

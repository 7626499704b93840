//! Reads product files: one JSON object a line, whatever shop wrote them.
//!
//! A bad line is reported with its number and left out; it never stops the rest. Prices come out
//! as integers in the minor unit of their currency.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;

use pannier::format::document::Document;
use serde::Deserialize;
use serde_json::{Map, Value};

/// Above this a line is no product but a mistake, and no client would keep it.
pub const LINE_BYTES_MAX: usize = 256 * 1024;
/// Product ids are keys, and the rules take no longer sku.
pub const ID_BYTES_MAX: usize = 400;
/// Integers above this are not exact in JavaScript.
const INTEGER_MAX: i64 = (1 << 53) - 1;

/// A product ready to store: a JSON object without `version`, which the store gives it. Or the terms of
/// a coupon, which stands among the products as an object with its code as `coupon` and without an id.
#[derive(Debug, PartialEq)]
pub struct Product {
    /// Its key.
    pub id: String,
    /// Its fields, `id` among them.
    pub fields: Map<String, Value>,
}

impl Product {
    /// The row to store. The fields are in the order of their names, so equal products are equal
    /// rows.
    pub fn document(&self, version: u64) -> Document {
        self.to_document(version).expect("it was checked when it was read")
    }

    /// Whether it is a coupon: every product has its id among its fields.
    pub fn is_coupon(&self) -> bool {
        !self.fields.contains_key("id")
    }

    /// The terms of a coupon.
    pub fn terms(&self) -> Document {
        Document::deserialize(Value::Object(self.fields.clone())).expect("it was checked when it was read")
    }

    fn to_document(&self, version: u64) -> Result<Document, String> {
        let mut fields = self.fields.clone();
        fields.insert("version".into(), Value::from(version));
        Document::deserialize(Value::Object(fields)).map_err(|e| e.to_string())
    }
}

/// A line that is no product.
#[derive(Debug, PartialEq)]
pub struct BadLine {
    /// Counted from 1.
    pub number: usize,
    /// What is wrong with it.
    pub why: String,
}

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.number, self.why)
    }
}

/// What a file holds.
#[derive(Debug, Default)]
pub struct Parsed {
    /// In the file's order, each id once.
    pub products: Vec<Product>,
    /// In the file's order.
    pub bad: Vec<BadLine>,
}

/// A price as the file has it.
#[derive(Clone, Copy)]
enum Price {
    Integer(i64),
    /// In hundredths.
    Decimal(i64),
}

/// Reads a whole file.
pub fn parse(bytes: &[u8]) -> Parsed {
    let mut parsed = Parsed::default();
    let mut rows = Vec::new();
    let mut line_of_id = HashMap::new();
    for (number, line) in (1..).zip(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).split(|b| *b == b'\n')) {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        match read_line(line) {
            Ok((product, price)) => match line_of_id.entry(product.id.clone()) {
                Entry::Occupied(first) => {
                    let why = format!("the id {:?} is already on line {}", product.id, first.get());
                    parsed.bad.push(BadLine { number, why });
                }
                Entry::Vacant(free) => {
                    free.insert(number);
                    rows.push((number, product, price));
                }
            },
            Err(why) => parsed.bad.push(BadLine { number, why }),
        }
    }
    // A file that writes 9.5 on one line means 12 on another as 12.00, not as 12 cents.
    let decimal = rows.iter().any(|(_, _, price)| matches!(price, Some(Price::Decimal(_))));
    for (number, product, price) in rows {
        let product = normalise(product, price, decimal).and_then(|product| product.to_document(0).map(|_| product));
        match product {
            Ok(product) => parsed.products.push(product),
            Err(why) => parsed.bad.push(BadLine { number, why }),
        }
    }
    parsed.bad.sort_by_key(|bad| bad.number);
    parsed
}

fn read_line(line: &[u8]) -> Result<(Product, Option<Price>), String> {
    if line.len() > LINE_BYTES_MAX {
        return Err(format!("{} bytes, the limit is {LINE_BYTES_MAX}", line.len()));
    }
    let value = serde_json::from_slice(line).map_err(|e| no_json(&e))?;
    let Value::Object(mut fields) = value else {
        return Err(format!("{}, not an object", kind(&value)));
    };
    if !fields.contains_key("id")
        && !fields.contains_key("sku")
        && let Some(code) = fields.remove("coupon")
    {
        return Ok((Product { id: id_text("coupon", &code)?, fields }, None));
    }
    let id = match (fields.get("id"), fields.get("sku")) {
        (Some(id), _) if !id.is_null() => id_text("id", id)?,
        (_, Some(sku)) if !sku.is_null() => id_text("sku", sku)?,
        _ => return Err("neither id nor sku".into()),
    };
    let price = match fields.get("price") {
        None | Some(Value::Null) => None,
        Some(price) => Some(read_price(price)?),
    };
    Ok((Product { id, fields }, price))
}

/// The reader counts lines too, but a line is all it sees.
fn no_json(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let what = text.split(" at line").next().unwrap_or(&text);
    format!("no JSON: {what} at column {}", error.column())
}

fn id_text(field: &str, id: &Value) -> Result<String, String> {
    let id = match id {
        Value::String(id) => id.clone(),
        Value::Number(id) if !id.is_f64() => id.to_string(),
        other => return Err(format!("{field} is {}, not a string", kind(other))),
    };
    match id.len() {
        0 => Err(format!("{field} is empty")),
        1..=ID_BYTES_MAX => Ok(id),
        bytes => Err(format!("{field} has {bytes} bytes, the limit is {ID_BYTES_MAX}")),
    }
}

fn read_price(price: &Value) -> Result<Price, String> {
    let price = match price {
        Value::Number(n) => match n.as_i64() {
            Some(integer) => Price::Integer(integer),
            // The shortest text that reads back as this number is what the file said.
            None => Price::Decimal(hundredths(&n.as_f64().unwrap_or(f64::NAN).to_string())?),
        },
        Value::String(text) => match text.parse() {
            Ok(integer) => Price::Integer(integer),
            Err(_) => Price::Decimal(hundredths(text)?),
        },
        other => return Err(format!("price is {}, not a number", kind(other))),
    };
    let (Price::Integer(amount) | Price::Decimal(amount)) = price;
    match amount {
        ..0 => Err("price is below 0".into()),
        0..=INTEGER_MAX => Ok(price),
        _ => Err(format!("price is above {INTEGER_MAX} minor units")),
    }
}

/// A decimal number times 100, rounded half up, by its digits: binary fractions would not be exact.
fn hundredths(text: &str) -> Result<i64, String> {
    let wrong = || format!("price {text:?} is not a decimal number");
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) {
        return Err(wrong());
    }
    let digit = |i: usize| fraction.as_bytes().get(i).map_or(0, |b| i64::from(b - b'0'));
    let amount = whole
        .parse::<i64>()
        .ok()
        .and_then(|whole| whole.checked_mul(100))
        .and_then(|whole| whole.checked_add(digit(0) * 10 + digit(1) + i64::from(digit(2) >= 5)))
        .ok_or_else(|| format!("price is above {INTEGER_MAX} minor units"))?;
    Ok(if negative { -amount } else { amount })
}

fn normalise(product: Product, price: Option<Price>, decimal: bool) -> Result<Product, String> {
    if product.is_coupon() && product.fields.get("sku").is_none() {
        return Ok(product);
    }
    let Product { id, mut fields } = product;
    fields.insert("id".into(), Value::from(id.as_str()));
    fields.remove("version");
    match fields.get("title") {
        None | Some(Value::Null) => {
            if let Some(name) = fields.get("name").filter(|name| !name.is_null()).cloned() {
                fields.insert("title".into(), name);
            }
        }
        Some(_) => {}
    }
    if let Some(stock) = fields.remove("current_stock")
        && fields.get("stock").is_none_or(Value::is_null)
    {
        fields.insert("stock".into(), stock);
    }
    let minor = match price {
        None => return Ok(Product { id, fields }),
        Some(Price::Integer(amount)) if !decimal => amount,
        Some(Price::Integer(amount)) => amount
            .checked_mul(100)
            .filter(|amount| *amount <= INTEGER_MAX)
            .ok_or_else(|| format!("price is above {INTEGER_MAX} minor units"))?,
        Some(Price::Decimal(hundredths)) => hundredths,
    };
    fields.insert("price".into(), Value::from(minor));
    if fields.get("currency").is_none_or(Value::is_null) {
        fields.insert("currency".into(), Value::from(if decimal { "USD" } else { "EUR" }));
    }
    Ok(Product { id, fields })
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(line: &str) -> Result<Value, String> {
        let mut parsed = parse(line.as_bytes());
        match (parsed.products.pop(), parsed.bad.pop()) {
            (Some(product), None) => Ok(Value::Object(product.fields)),
            (None, Some(bad)) => Err(bad.to_string()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn products_are_normalised() {
        let cases = [
            (
                r#"{"id":"a","name":"A","price":129.99,"current_stock":5}"#,
                r#"{"id":"a","name":"A","title":"A","price":12999,"currency":"USD","stock":5}"#,
            ),
            (r#"{"id":"a","price":1999}"#, r#"{"id":"a","price":1999,"currency":"EUR"}"#),
            (r#"{"sku":7,"price":"4.5","currency":"GBP"}"#, r#"{"sku":7,"id":"7","price":450,"currency":"GBP"}"#),
            (r#"{"id":"a","price":1.005}"#, r#"{"id":"a","price":101,"currency":"USD"}"#),
            (r#"{"id":"a","price":12.0}"#, r#"{"id":"a","price":1200,"currency":"USD"}"#),
            (
                r#"{"id":"a","title":"T","name":"N","version":9,"tags":["x"]}"#,
                r#"{"id":"a","title":"T","name":"N","tags":["x"]}"#,
            ),
        ];
        for (line, expected) in cases {
            assert_eq!(one(line), Ok(serde_json::from_str(expected).unwrap()), "{line}");
        }
    }

    #[test]
    fn a_coupon_among_the_products_is_told_by_its_code() {
        let mut parsed = parse(b"{\"coupon\":\"TEN\",\"price\":9.5,\"until\":7}\n{\"id\":\"a\",\"coupon\":\"TEN\",\"price\":12}\n{\"sku\":\"b\"}");
        let kinds: Vec<_> = parsed.products.iter().map(|p| (p.id.as_str(), p.is_coupon())).collect();
        assert_eq!(kinds, [("TEN", true), ("a", false), ("b", false)]);
        let terms = serde_json::to_value(parsed.products.remove(0).terms()).unwrap();
        assert_eq!(terms, serde_json::json!({"price": 9.5, "until": 7}));
    }

    #[test]
    fn one_fraction_makes_all_prices_decimal() {
        let parsed = parse(b"{\"id\":\"a\",\"price\":12}\n{\"id\":\"b\",\"price\":9.5}\n");
        let prices: Vec<_> = parsed.products.iter().map(|p| p.fields["price"].clone()).collect();
        assert_eq!(prices, [1200, 950]);
    }

    #[test]
    fn a_bad_line_says_what_is_wrong() {
        let long = format!("{{\"id\":\"{}\"}}", "x".repeat(LINE_BYTES_MAX));
        let cases = [
            ("{\"id\":", "line 1: no JSON: EOF while parsing a value at column 6"),
            ("[1]", "line 1: a list, not an object"),
            ("{}", "line 1: neither id nor sku"),
            ("{\"id\":\"\"}", "line 1: id is empty"),
            ("{\"id\":1.5}", "line 1: id is a number, not a string"),
            ("{\"id\":\"a\",\"price\":true}", "line 1: price is a boolean, not a number"),
            ("{\"id\":\"a\",\"price\":\"1,99\"}", "line 1: price \"1,99\" is not a decimal number"),
            ("{\"id\":\"a\",\"price\":-1}", "line 1: price is below 0"),
            ("{\"id\":\"a\",\"price\":1e300}", "line 1: price is above 9007199254740991 minor units"),
            (&long, "line 1: 262153 bytes, the limit is 262144"),
        ];
        for (line, expected) in cases {
            assert_eq!(one(line), Err(expected.to_owned()), "{line:.40}");
        }
    }

    #[test]
    fn the_rest_of_a_file_goes_in() {
        let parsed = parse(b"{\"id\":\"a\"}\r\n\nnonsense\n\xff\n{\"id\":\"a\"}\n{\"id\":\"b\"}");
        let ids: Vec<_> = parsed.products.iter().map(|p| p.id.as_str()).collect();
        let lines: Vec<_> = parsed.bad.iter().map(|b| b.number).collect();
        assert_eq!((ids, lines), (vec!["a", "b"], vec![3, 4, 5]));
    }
}

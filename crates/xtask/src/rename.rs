//! Short names for what wasm and its bindings import from each other.
//!
//! wasm-bindgen names each import with a hash of 16 digits, once in the wasm
//! and once in the JavaScript. Hashes do not compress: they are more than 1 kB
//! of what a page loads.

use crate::Failure;
use crate::leb::{number, push_number, push_string, string, take};

const IMPORT_SECTION: u8 = 2;
const HEADER_BYTES: usize = 8;
const KIND_FUNCTION: u8 = 0;

/// Renames every imported function whose name begins with `__wbg_`, in both.
pub fn shorten(wasm: &[u8], javascript: &str) -> Result<(Vec<u8>, String), Failure> {
    let mut renamed = wasm.get(..HEADER_BYTES).ok_or("the wasm is cut")?.to_vec();
    let mut text = javascript.to_owned();
    let mut rest = &wasm[HEADER_BYTES..];
    while let Some((&section, after)) = rest.split_first() {
        rest = after;
        let length = number(&mut rest)?;
        let content = take(&mut rest, length)?;
        let content = if section == IMPORT_SECTION { imports(content, &mut text)? } else { content.to_vec() };
        renamed.push(section);
        push_number(&mut renamed, content.len());
        renamed.extend(content);
    }
    Ok((renamed, text))
}

fn imports(mut rest: &[u8], text: &mut String) -> Result<Vec<u8>, Failure> {
    let mut out = Vec::new();
    let count = number(&mut rest)?;
    push_number(&mut out, count);
    for index in 0..count {
        let module = string(&mut rest)?;
        let name = string(&mut rest)?;
        let kind = take(&mut rest, 1)?[0];
        if kind != KIND_FUNCTION {
            return Err(format!("import {name} is no function"));
        }
        let signature = number(&mut rest)?;
        let short = if name.starts_with("__wbg_") { short_name(index) } else { name.to_owned() };
        *text = text.replace(&format!("function {name}("), &format!("function {short}("));
        if short != name && text.contains(name) {
            return Err(format!("import {name} is not where the bindings are expected to define it"));
        }
        push_string(&mut out, module);
        push_string(&mut out, &short);
        out.push(kind);
        push_number(&mut out, signature);
    }
    Ok(out)
}

/// `a0`, `b0`, … `z0`, `a1`, …: names that no binding has.
fn short_name(index: usize) -> String {
    let letter = char::from(b'a' + (index % 26) as u8);
    format!("{letter}{}", index / 26)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_get_the_same_short_names() {
        let mut section = vec![2];
        for name in ["__wbg_add_c133d31369f0ece2", "__wbindgen_init"] {
            push_string(&mut section, "./x.js");
            push_string(&mut section, name);
            section.extend([KIND_FUNCTION, 5]);
        }
        let mut wasm = b"\0asm\x01\0\0\0".to_vec();
        wasm.push(IMPORT_SECTION);
        push_number(&mut wasm, section.len());
        wasm.extend(&section);
        wasm.extend([11, 1, 0]);
        let javascript = "export function __wbg_add_c133d31369f0ece2() {} export function __wbindgen_init() {}";
        let (short, text) = shorten(&wasm, javascript).unwrap();
        assert_eq!(text, "export function a0() {} export function __wbindgen_init() {}");
        assert_eq!(short.len(), wasm.len() - "__wbg_add_c133d31369f0ece2".len() + "a0".len());
        assert!(short.ends_with(&[11, 1, 0]));
        assert!(shorten(&wasm, "const __wbg_add_c133d31369f0ece2 = () => {}").is_err());
        assert!(shorten(&wasm[..wasm.len() - 1], javascript).is_err());
    }
}

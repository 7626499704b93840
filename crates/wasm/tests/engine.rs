//! The bindings in whatever browser place the environment names, over a record
//! store that only counts what it is asked for.
#![cfg(target_arch = "wasm32")]

use pannier::format::document::{Document, Value};
use pannier_wasm::{Bytes, Engine, Notify, Records};
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

#[wasm_bindgen(inline_js = "
    export class CountingRecords {
        count = { open: 0, append: 0 }
        open() { this.count.open++ }
        append() { this.count.append++ }
        counted(name) { return this.count[name] }
    }
    export function collect() {
        const notify = kind => notify.kinds.push(kind)
        notify.kinds = []
        return notify
    }
    export const kinds = notify => notify.kinds.join()
")]
extern "C" {
    type CountingRecords;
    #[wasm_bindgen(constructor)]
    fn new() -> CountingRecords;
    #[wasm_bindgen(method)]
    fn counted(this: &CountingRecords, name: &str) -> u32;
    fn collect() -> Notify;
    fn kinds(notify: &Notify) -> String;
}

#[wasm_bindgen_test]
fn requests_go_out_answers_come_in_and_events_are_told() {
    let (records, notify) = (JsValue::from(CountingRecords::new()), JsValue::from(collect()));
    let seen: CountingRecords = records.clone().unchecked_into();
    let records: Records = records.unchecked_into();
    let mut engine =
        Engine::new(records, Document::default().as_bytes(), &[7; 16], notify.clone().unchecked_into()).expect("opens");
    assert_eq!((seen.counted("open"), seen.counted("append")), (1, 0));
    engine.opened(0, None, &[0.0], vec![Bytes::new(&[])], None, None);
    assert_eq!(seen.counted("append"), 1, "a new store writes who it is");
    let row = Document::object(&[("sku", Value::Str("A1")), ("qty", Value::Int(2))]).expect("a row");
    engine.write(0, 0, 0, row.as_bytes().to_vec(), &[1; 16], 1_000.0).expect("taken");
    engine.done(1, true);
    assert_eq!(seen.counted("append"), 2, "what gathered while the first append was under way");
    engine.done(2, true);
    let notify: Notify = notify.unchecked_into();
    assert!(kinds(&notify).split(',').any(|kind| kind == "0"), "opened: {}", kinds(&notify));
    assert!(engine.is_idle());
}

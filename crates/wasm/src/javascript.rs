//! What the bindings use of JavaScript itself, declared by hand: js-sys would
//! bring shims for closures that nobody calls.

use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// A list of byte arrays.
    pub type Array;

    #[wasm_bindgen(constructor)]
    pub(crate) fn new() -> Array;

    #[wasm_bindgen(method)]
    pub(crate) fn push(this: &Array, bytes: Bytes);

    /// Bytes outside wasm memory: a view would be cloned with the whole memory.
    #[wasm_bindgen(js_name = Uint8Array)]
    pub type Bytes;

    #[wasm_bindgen(constructor, js_class = "Uint8Array")]
    /// A copy of `bytes`.
    pub fn new(bytes: &[u8]) -> Bytes;

    #[wasm_bindgen(method, getter, js_class = "Uint8Array")]
    fn length(this: &Bytes) -> usize;

    #[wasm_bindgen(js_namespace = ["Uint8Array", "prototype", "set"], js_name = call)]
    fn set(into: &mut [u8], from: &Bytes);

    /// The listener for events.
    #[wasm_bindgen(js_name = Function)]
    pub type Notify;

    #[wasm_bindgen(method, js_name = call)]
    pub(crate) fn call(this: &Notify, context: JsValue, kind: u8, number: f64, bytes: Option<Bytes>);
}

impl Bytes {
    /// A copy in wasm memory.
    pub(crate) fn to_vec(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.length()];
        set(&mut bytes, self);
        bytes
    }
}

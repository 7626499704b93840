//! A record store in one file, for native programs and tests.
//!
//! The file is a list of frames, one for each operation that changed something,
//! under a checksum. So every operation is atomic: a frame is whole or it is
//! not there. Nothing is written over. When dropped records take more space
//! than the others, the file is written anew beside the old one and takes its
//! place in one step. See [`frame`] for the bytes.
//!
//! What an operation has answered for survives the end of the process. With
//! [`Durability::Strict`] it survives the end of the machine too; with
//! `Relaxed` that holds for all that came before the last checkpoint.
#![forbid(unsafe_code)]

mod error;
mod file;
pub mod frame;
mod records;
mod scan;

pub use error::OpenError;
pub use file::{Durability, FileRecords};

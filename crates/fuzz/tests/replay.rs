//! What once broke a target, by name, and the saved corpus.

use std::fs;
use std::path::{Path, PathBuf};

use pannier_fuzz::{TARGETS, Target, seeds};

#[global_allocator]
static ALLOCATOR: pannier_fuzz::memory::Counting = pannier_fuzz::memory::Counting;

fn dir(kind: &str, target: &Target) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(kind).join(target.name)
}

fn crasher(target: &str, name: &str) {
    let target = TARGETS.iter().find(|other| other.name == target).expect("a target");
    target.run(&fs::read(dir("crashers", target).join(name)).expect("a fixture"));
}

#[test]
fn a_number_in_a_head_padded_with_zero_bytes_is_refused() {
    crasher("head", "padded-number");
}

#[test]
fn a_key_that_is_not_a_number_is_refused() {
    crasher("key", "not-a-number");
}

#[test]
fn flags_that_no_record_has_are_refused() {
    crasher("log", "unknown-flags");
}

#[test]
fn counts_that_no_tree_has_are_refused() {
    crasher("node", "counts-overflow");
}

#[test]
fn a_check_finds_a_value_that_is_cut() {
    crasher("node", "value-cut");
}

#[test]
fn a_node_with_keys_out_of_order_is_changed_without_a_panic() {
    crasher("tree", "keys-out-of-order");
}

#[test]
fn a_cursor_passes_an_empty_leaf_without_a_panic() {
    crasher("tree", "empty-leaf");
}

#[test]
fn a_read_of_a_segment_that_no_head_lists_ends() {
    crasher("store", "segment-in-no-head");
}

#[test]
fn a_log_that_ends_before_its_head_is_told_at_once() {
    crasher("store", "log-behind-head");
}

#[test]
fn a_check_finds_cells_that_overlap() {
    crasher("node", "cells-overlap");
}

#[test]
fn a_key_of_the_highest_bytes_survives_a_checkpoint() {
    crasher("store", "key-above-all");
}

#[test]
fn a_damaged_tree_of_version_1_is_not_rebuilt_for_ever() {
    crasher("store", "version-1-out-of-order");
}

#[test]
fn a_request_of_another_protocol_is_refused_in_both_encodings() {
    crasher("wire_json", "another-protocol");
}

#[test]
fn seeds_and_the_saved_corpus_break_nothing() {
    for target in TARGETS {
        let seeds = seeds::of(target.name);
        assert!(!seeds.is_empty(), "{}", target.name);
        seeds.iter().for_each(|seed| target.run(seed));
        for kind in ["corpus", "crashers"] {
            for entry in fs::read_dir(dir(kind, target)).into_iter().flatten() {
                let path = entry.expect("a file").path();
                println!("{}", path.display());
                target.run(&fs::read(path).expect("a file"));
            }
        }
    }
}

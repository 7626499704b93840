//! Which segments are worth rewriting.
//!
//! A segment that is mostly dead still takes its space, and a small one takes a
//! record and an entry in the head. So each is charged the bytes of a full
//! segment at least, and what is charged must stay under twice the live bytes,
//! plus [`SLACK_SEGMENTS`] full segments. While it does not, there is a segment
//! under half alive, and moving what lives in it writes less than it frees.

use crate::format::head::SegmentInfo;
use alloc::vec::Vec;

/// What may be stored beyond twice the live bytes, in full segments: so a small
/// store, whose few segments each change all the time, is left alone.
const SLACK_SEGMENTS: usize = 4;

/// Most segments that one checkpoint empties; the next one goes on. It bounds
/// the transaction: 16 half-alive segments of 64 KiB are 512 KiB to write.
const VICTIMS_MAX: usize = 16;

/// What the segments are charged, in bytes.
pub(super) fn charged(segments: &[SegmentInfo], segment_bytes: usize) -> usize {
    segments.iter().map(|info| charge(info, segment_bytes)).sum()
}

fn charge(info: &SegmentInfo, segment_bytes: usize) -> usize {
    segment_bytes.max(info.bytes as usize)
}

/// How much more a segment is charged than twice what lives in it.
fn waste(info: &SegmentInfo, segment_bytes: usize) -> isize {
    charge(info, segment_bytes) as isize - 2 * info.bytes_live as isize
}

/// By how much more than may be stored. Segments that nothing lives in are dropped anyway.
fn excess(segments: &[SegmentInfo], segment_bytes: usize) -> isize {
    let alive = segments.iter().filter(|info| info.bytes_live > 0);
    alive.map(|info| waste(info, segment_bytes)).sum::<isize>() - (SLACK_SEGMENTS * segment_bytes) as isize
}

/// Whether there are segments to empty.
pub(super) fn is_due(segments: &[SegmentInfo], segment_bytes: usize) -> bool {
    excess(segments, segment_bytes) > 0
}

/// The segments to empty, ascending; the emptiest are chosen first.
pub(super) fn victims(segments: &[SegmentInfo], segment_bytes: usize) -> Vec<u32> {
    let alive = segments.iter().filter(|info| info.bytes_live > 0);
    let mut excess = excess(segments, segment_bytes);
    let live_share = |info: &SegmentInfo| u64::from(info.bytes_live) * 1024 / charge(info, segment_bytes) as u64;
    let mut victims: Vec<u32> = Vec::new();
    // So few are chosen that looking for each does as well as a sort, which is kilobytes of code.
    while excess > 0 && victims.len() < VICTIMS_MAX {
        let is_left = |info: &&SegmentInfo| waste(info, segment_bytes) > 0 && !victims.contains(&info.segment);
        let Some(info) = alive.clone().filter(is_left).min_by_key(|info| (live_share(info), info.segment)) else {
            break;
        };
        excess -= waste(info, segment_bytes);
        let place = victims.partition_point(|segment| *segment < info.segment);
        victims.insert(place, info.segment);
    }
    victims
}

//! Five hundred viewers, and what of their distress reaches the publisher.

use greenroom_core::limits;
use greenroom_sim::record::{Record, What};

#[path = "common/lab.rs"]
mod lab;

/// When the publisher was asked for key frames of each layer between two times, in milliseconds.
fn asked(run: &Record, from_ms: u64, to_ms: u64) -> [Vec<u64>; 3] {
    ["q", "h", "f"].map(|rid| {
        let of_layer = run.entries.iter().filter(|entry| matches!(&entry.what, What::KeyFrameAsked { layer, .. } if layer.as_str() == rid));
        of_layer.map(|entry| entry.at.as_nanos() / 1_000_000).filter(|ms| (from_ms..to_ms).contains(ms)).collect()
    })
}

/// How many viewers' pictures stood still until some time between these two.
fn frozen(run: &Record, from_ms: u64, to_ms: u64) -> usize {
    let ms = |entry: &greenroom_sim::record::Entry| entry.at.as_nanos() / 1_000_000;
    let freezes = run.entries.iter().filter(|entry| matches!(entry.what, What::Freeze { .. }) && (from_ms..to_ms).contains(&ms(entry)));
    freezes.filter_map(|entry| entry.user.as_ref()).collect::<std::collections::BTreeSet<_>>().len()
}

#[test]
fn five_hundred_viewers_cost_their_publisher_a_request_for_each_layer_and_interval() {
    let run = lab::run_model(&lab::shipped("storm-500"));
    assert_eq!(lab::failures(&run), [""; 0]);
    // All came at once and saw something,
    let saw = run.entries.iter().filter(|entry| matches!(entry.what, What::FirstFrame { .. })).count();
    assert_eq!(saw, 500);
    // and all lost their picture, twice.
    assert_eq!((frozen(&run, 6_000, 7_500), frozen(&run, 8_500, 10_000)), (500, 500));
    // What that cost the publisher, within a second or so each time: what one viewer would, and those who come off worse later.
    let interval = u64::try_from(limits::KEY_FRAME_INTERVAL.as_millis()).expect("a moment");
    for (from_ms, to_ms) in [(1_000, 5_000), (5_000, 7_500), (7_500, 10_000)] {
        let asked = asked(&run, from_ms, to_ms);
        for times in &asked {
            assert!(!times.is_empty() && times.len() <= 4, "{asked:?}: some, and not one for each of 500");
            assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= interval - 1), "{asked:?}");
        }
    }
}

//! What holds of key-frame requests under any use.

use core::time::Duration;
use std::collections::BTreeMap;

use greenroom_core::{
    id::{LayerId, StreamId},
    limits,
    select::KeyFrameRequests,
    time::Instant,
};
use proptest::{collection::vec, prelude::*};

/// What happens to key-frame requests.
#[derive(Clone, Copy, Debug)]
enum Op {
    Want(u32, u8),
    Arrived(u32, u8),
    Cancel(u32, u8),
    Wait(u64),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (0_u32..3, 0_u8..2).prop_map(|(stream, layer)| Op::Want(stream, layer)),
        1 => (0_u32..3, 0_u8..2).prop_map(|(stream, layer)| Op::Arrived(stream, layer)),
        1 => (0_u32..3, 0_u8..2).prop_map(|(stream, layer)| Op::Cancel(stream, layer)),
        3 => (0_u64..400).prop_map(Op::Wait),
    ]
}

proptest! {
    /// An owner that wakes at every deadline, and an onlooker who knows two things of each layer: whether somebody waits, and when the publisher was last asked.
    #[test]
    fn who_waits_is_served_in_time_and_publishers_are_spared(ops in vec(op(), 0..200)) {
        let mut requests = KeyFrameRequests::default();
        let mut now = Instant::ZERO;
        let mut waiting: BTreeMap<(u32, u8), bool> = BTreeMap::new();
        let mut asked: BTreeMap<(u32, u8), Instant> = BTreeMap::new();
        let ask = |asked: &mut BTreeMap<(u32, u8), Instant>, key, now: Instant| {
            let since = asked.insert(key, now).map(|before| now.saturating_since(before));
            assert!(since.is_none_or(|since| since >= limits::KEY_FRAME_INTERVAL), "{key:?} was asked {since:?} after the last time");
        };
        for op in ops {
            match op {
                Op::Want(stream, layer) => {
                    waiting.insert((stream, layer), true);
                    if requests.want(now, StreamId(stream), LayerId(layer)) {
                        ask(&mut asked, (stream, layer), now);
                    }
                }
                Op::Arrived(stream, layer) => {
                    waiting.remove(&(stream, layer));
                    requests.arrived(StreamId(stream), LayerId(layer));
                }
                Op::Cancel(stream, layer) => {
                    waiting.remove(&(stream, layer));
                    requests.cancel(StreamId(stream), LayerId(layer));
                }
                Op::Wait(millis) => {
                    let until = now.saturating_add(Duration::from_millis(millis));
                    while let Some(at) = requests.poll_timeout().filter(|at| *at <= until) {
                        prop_assert!(at >= now);
                        now = at;
                        let mut due = 0;
                        while let Some((stream, layer)) = requests.take_due(now) {
                            prop_assert!(waiting.contains_key(&(stream.0, layer.0)), "nobody waits for {stream} {layer}");
                            ask(&mut asked, (stream.0, layer.0), now);
                            due += 1;
                        }
                        prop_assert!(due > 0, "a deadline with nothing to do");
                    }
                    now = until;
                }
            }
            // Nobody waits longer than the retry for the next request, and no deadline stands without a waiter.
            for key in waiting.keys() {
                prop_assert!(now.saturating_since(asked[key]) <= limits::KEY_FRAME_RETRY, "{key:?} is forgotten");
            }
            prop_assert_eq!(requests.poll_timeout().is_some(), !waiting.is_empty());
            prop_assert!(requests.len() <= asked.len());
        }
        for key in waiting.keys() {
            requests.cancel(StreamId(key.0), LayerId(key.1));
        }
        prop_assert_eq!(requests.take_due(now.saturating_add(limits::KEY_FRAME_INTERVAL)), None);
        prop_assert!(requests.is_empty());
    }
}

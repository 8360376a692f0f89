//! Sequence numbers at a viewer have no gap but those that links made.

use std::collections::BTreeMap;

use greenroom_core::id::UserId;

use super::{Evidence, Verdict, Violation};
use crate::record::{Counted, StreamName};

/// What each viewer misses of a stream, held against what the links between publisher and viewer dropped. A forwarder that skips a number, or uses one twice over a switch,
/// leaves a gap on a link that lost nothing.
pub(super) fn check(evidence: &Evidence<'_>) -> Verdict {
    let places: BTreeMap<&UserId, u16> = (1_u16..).zip(&evidence.scenario.users).map(|(place, user)| (&user.id, place)).collect();
    let mut missing: BTreeMap<(&UserId, &StreamName), (greenroom_core::time::Instant, u64)> = BTreeMap::new();
    for sample in evidence.samples {
        if let Counted::Received { lost_packets, .. } = sample.what {
            let last = missing.entry((&sample.user, &sample.stream)).or_insert((sample.at, 0));
            // The highest count, not the last: a gap that closes behind a switch was still a gap, but a repair may close it.
            *last = (sample.at, lost_packets);
        }
    }
    let mut total = 0;
    for ((user, stream), (at, missing)) in &missing {
        let down = places.get(user).and_then(|place| evidence.network.downlink(*place)).map_or(0, |link| link.drops().total());
        let up = places.get(&stream.user).and_then(|place| evidence.network.uplink(*place)).map_or(0, |link| link.drops().total());
        total += missing;
        if *missing > down + up {
            let what = format!("{missing} packets of {stream} are missing, and its links dropped only {}", down + up);
            return Err(Violation { at: *at, who: (*user).clone(), what });
        }
    }
    Ok(format!("{} views, {total} packets missing in all", missing.len()))
}

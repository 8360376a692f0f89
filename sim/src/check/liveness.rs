//! Viewers of a live stream receive again soon after the network's last change.

use core::time::Duration;
use std::collections::BTreeMap;

use greenroom_core::{id::UserId, time::Instant};

use super::{Evidence, Verdict, Violation};
use crate::{
    net::link::LinkConfig,
    record::{Counted, StreamName, What},
    scenario::User,
};

/// How long after a change everything may take to flow again.
const GRACE: Duration = Duration::from_secs(10);
/// Longest pause of a stream that flows. A choice: audio comes every 20 ms and pictures every 33; two seconds is no jitter any more.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// From ten seconds after the last change (to either link on the way, to the stream, or to the subscription) every view has packets without a long pause, until it ends.
///
/// A stream whose owner muted all of it is not live.
pub(super) fn check(evidence: &Evidence<'_>) -> Verdict {
    let users: BTreeMap<&UserId, &User> = evidence.scenario.users.iter().map(|user| (&user.id, user)).collect();
    let arrivals = arrivals(evidence);
    let mut watched = 0;
    for ((viewer, stream), spans) in views(evidence) {
        let changes: Vec<Instant> =
            [viewer, &stream.user].into_iter().filter_map(|user| users.get(user)).flat_map(|user| changes_of(user)).collect();
        let arrivals = arrivals.get(&(viewer, stream)).map_or(&[][..], Vec::as_slice);
        for (from, to) in spans {
            let mut calm = from;
            for change in changes.iter().copied().filter(|change| *change < to) {
                calm = calm.max(change);
            }
            let calm = calm.saturating_add(GRACE);
            if calm >= to {
                continue;
            }
            watched += 1;
            if let Some(silent) = first_silence(arrivals, calm, to) {
                let what = format!(
                    "nothing of {stream} came for more than {} s, {} s after the network's last change",
                    LONGEST_PAUSE.as_secs(),
                    GRACE.as_secs()
                );
                return Err(Violation { at: silent, who: viewer.clone(), what });
            }
        }
    }
    Ok(format!("{watched} views watched beyond {} s of calm", GRACE.as_secs()))
}

/// The last packet before a pause that is too long, between `from` and `to`.
fn first_silence(arrivals: &[Instant], from: Instant, to: Instant) -> Option<Instant> {
    // What came shortly before counts: a stream that flowed until then has its whole pause.
    let mut last = from;
    for at in arrivals.iter().copied().filter(|at| *at > from && *at <= to) {
        if at.saturating_since(last) > LONGEST_PAUSE {
            return Some(last);
        }
        last = at;
    }
    (to.saturating_since(last) > LONGEST_PAUSE).then_some(last)
}

/// First and last packets of each interval in which any came, for each view.
fn arrivals<'a>(evidence: &Evidence<'a>) -> BTreeMap<(&'a UserId, &'a StreamName), Vec<Instant>> {
    let mut arrivals: BTreeMap<(&UserId, &StreamName), Vec<Instant>> = BTreeMap::new();
    for sample in evidence.samples {
        if let Counted::Received { flow, .. } = &sample.what
            && let Some((first, last)) = flow.span
        {
            arrivals.entry((&sample.user, &sample.stream)).or_default().extend([first, last]);
        }
    }
    arrivals
}

/// When each viewer watched each stream while it was live.
fn views<'a>(evidence: &Evidence<'a>) -> BTreeMap<(&'a UserId, &'a StreamName), Vec<(Instant, Instant)>> {
    let mut views: BTreeMap<(&UserId, &StreamName), Vec<(Instant, Instant)>> = BTreeMap::new();
    let end = |spans: &mut Vec<(Instant, Instant)>, at: Instant| {
        if let Some(last) = spans.last_mut() {
            last.1 = last.1.min(at);
        }
    };
    for entry in evidence.entries {
        let Some(user) = &entry.user else { continue };
        match &entry.what {
            What::Subscribed { stream } => views.entry((user, stream)).or_default().push((entry.at, evidence.end())),
            What::Unsubscribed { stream } | What::StreamRemoved { stream } => {
                if let Some(spans) = views.get_mut(&(user, stream)) {
                    end(spans, entry.at);
                }
            }
            What::StreamMuted { stream, audio, video } => {
                if let Some(spans) = views.get_mut(&(user, stream)) {
                    end(spans, entry.at);
                    if !(*audio && *video) {
                        spans.push((entry.at, evidence.end()));
                    }
                }
            }
            What::Left | What::Removed { .. } => {
                // Whoever leaves neither views nor is viewed; that the stream ended, viewers hear an instant later.
                for ((viewer, stream), spans) in &mut views {
                    if *viewer == user || stream.user == *user {
                        end(spans, entry.at);
                    }
                }
            }
            What::Unpublished { stream } => {
                for ((_, of), spans) in &mut views {
                    if *of == stream {
                        end(spans, entry.at);
                    }
                }
            }
            _ => {}
        }
    }
    views
}

/// When a user's links change.
fn changes_of(user: &User) -> Vec<Instant> {
    let link = |link: &LinkConfig| {
        let steps: Vec<Instant> = link.rate.steps().iter().map(|(at, _)| *at).collect();
        let outages: Vec<Instant> = link.outages.iter().map(|outage| outage.to).collect();
        steps.into_iter().chain(outages)
    };
    link(&user.up).chain(link(&user.down)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_counts_from_the_last_packet_and_to_the_end() {
        let at = Instant::from_millis;
        let arrivals = [at(500), at(1500), at(3000), at(5500)];
        assert_eq!(first_silence(&arrivals, at(0), at(4000)), None);
        assert_eq!(first_silence(&arrivals, at(0), at(6000)), Some(at(3000)));
        assert_eq!(first_silence(&arrivals, at(4000), at(8000)), Some(at(5500)));
        assert_eq!(first_silence(&[], at(0), at(1000)), None, "too short a time to tell");
    }
}

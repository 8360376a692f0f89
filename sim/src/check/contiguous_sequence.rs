//! Sequence numbers at a viewer have no gap but those that links made, and hosts that were not there, and routers that forgot whose packets they carry.

use core::time::Duration;
use std::collections::BTreeMap;

use greenroom_core::{id::UserId, time::Instant};

use super::{Evidence, Verdict, Violation};
use crate::{
    record::{Counted, Direction, SAMPLE_INTERVAL, StreamName, What},
    scenario::FaultKind,
};

/// For how long a server may not know whose packets come from the port that a rebound client has now: three checks of the path, 3 s apart, of which links may lose two.
const UNKNOWN_MAX: Duration = Duration::from_secs(9);

/// What each viewer misses of a stream, held against what the links between publisher and viewer dropped: a forwarder that skips a number leaves a gap on a link that lost
/// nothing. (One that used a number twice would leave none; its own tests see to that.)
pub(super) fn check(evidence: &Evidence<'_>) -> Verdict {
    let places: BTreeMap<&UserId, u16> = (1_u16..).zip(&evidence.scenario.users).map(|(place, user)| (&user.id, place)).collect();
    let missing = missing(evidence);
    let mut total = 0;
    for ((user, stream), (at, missing)) in &missing {
        let dropped = |user: &UserId, direction| {
            let place = places.get(user).copied();
            let shared = place.and_then(|place| evidence.network.router_of(place));
            let is_on_the_way = |line: u16| [place, shared].contains(&Some(line));
            let accounts = evidence.ledger.accounts().filter(|(line, of, _)| is_on_the_way(*line) && *of == direction);
            accounts.flat_map(|(_, _, account)| account.dropped.values()).sum::<u64>()
        };
        let (down, up) = (dropped(user, Direction::Down), dropped(&stream.user, Direction::Up));
        total += missing;
        if *missing > down + up + places.get(&stream.user).map_or(0, |place| unknown(evidence, stream, *place)) {
            let what = format!("{missing} packets of {stream} are missing, and its links dropped only {}", down + up);
            return Err(Violation { at: *at, who: (*user).clone().into(), what });
        }
    }
    Ok(format!("{} views, {total} packets missing in all", missing.len()))
}

/// How many packets of a publisher can have come to the server from a port that it did not know yet, after its router was rebound: as many as came before in as much time, up to when it was heard again.
fn unknown(evidence: &Evidence<'_>, stream: &StreamName, place: u16) -> u64 {
    let rebound = evidence.scenario.faults.iter().filter(|fault| fault.host == place && fault.kind == FaultKind::Rebind);
    let came = evidence.samples.iter().filter(|sample| sample.stream == *stream).filter_map(|sample| match sample.what {
        Counted::Ingress(flow) => Some((sample.at, flow.packets)),
        _ => None,
    });
    rebound
        .map(|fault| {
            let from = Instant::from_nanos(fault.at.as_nanos().saturating_sub(2_000_000_000));
            let most = came.clone().filter(|(at, _)| from < *at && *at <= fault.at).map(|(_, packets)| packets).max().unwrap_or(0);
            // What was under way as it happened still comes.
            let silent = fault.at.saturating_add(2 * SAMPLE_INTERVAL);
            let again =
                came.clone().find(|(at, packets)| *at > silent && *packets > 0).map_or(fault.at.saturating_add(UNKNOWN_MAX), |(at, _)| at);
            let took = again.saturating_since(fault.at).min(UNKNOWN_MAX);
            most * u64::try_from(took.as_nanos().div_ceil(SAMPLE_INTERVAL.as_nanos())).unwrap_or(0)
        })
        .sum()
}

/// What each viewer misses of each stream at the end, and when that was last counted. Each subscription counts from zero, and a repair lowers the count: so it is the last
/// count of each subscription that is added up.
fn missing<'a>(evidence: &Evidence<'a>) -> BTreeMap<(&'a UserId, &'a StreamName), (Instant, u64)> {
    let mut calls: BTreeMap<(&UserId, &StreamName), Vec<Instant>> = BTreeMap::new();
    for entry in evidence.entries {
        if let (Some(user), What::SubscribeCalled { stream }) = (&entry.user, &entry.what) {
            calls.entry((user, stream)).or_default().push(entry.at);
        }
    }
    // By view and by which of its subscriptions: the last count.
    let mut last: BTreeMap<(&UserId, &StreamName, usize), (Instant, u64)> = BTreeMap::new();
    for sample in evidence.samples {
        let Counted::Received { lost_packets, .. } = sample.what else { continue };
        // A subscription that ends at the instant at which the next one begins still counts at that instant; the next one has nothing to count yet.
        let before = calls.get(&(&sample.user, &sample.stream)).map_or(0, |calls| calls.partition_point(|call| *call < sample.at));
        let counted = last.entry((&sample.user, &sample.stream, before)).or_insert((sample.at, lost_packets));
        *counted = if counted.0 == sample.at { (sample.at, counted.1.max(lost_packets)) } else { (sample.at, lost_packets) };
    }
    let mut missing: BTreeMap<(&UserId, &StreamName), (Instant, u64)> = BTreeMap::new();
    for ((user, stream, _), (at, lost)) in last {
        let sum = missing.entry((user, stream)).or_insert((at, 0));
        *sum = (at, sum.1 + lost);
    }
    missing
}

//! However many viewers need a key frame, its publisher is asked once in an interval at most.

use core::time::Duration;
use std::collections::BTreeMap;

use greenroom_core::{id::Rid, limits, time::Instant};

use super::{Evidence, Verdict, Violation};
use crate::{
    net::SERVER,
    record::{StreamName, What},
    scenario::FaultKind,
};

/// What became of the requests for one layer.
#[derive(Clone, Copy, Debug, Default)]
struct Asked {
    last: Option<Instant>,
    /// Requests that have not reached the publisher, or never will.
    under_way: u64,
}

/// Two requests for one layer of a stream are no closer than the server's interval, and no more reach the publisher than the server made.
pub(super) fn check(evidence: &Evidence<'_>) -> Verdict {
    let interval = shortest_interval(evidence);
    let mut anew = beginnings(evidence);
    let mut layers: BTreeMap<(&StreamName, &Rid), Asked> = BTreeMap::new();
    let (mut made, mut reached) = (0_u64, 0_u64);
    for entry in evidence.entries {
        while anew.next_if(|at| *at <= entry.at).is_some() {
            for asked in layers.values_mut() {
                asked.last = None;
            }
        }
        let violation = |stream: &StreamName, what: String| Err(Violation { at: entry.at, who: stream.user.clone().into(), what });
        match &entry.what {
            // What is published again has been asked for nothing.
            What::Published { stream } | What::Unpublished { stream } | What::StreamRemoved { stream } => {
                layers.iter_mut().filter(|((of, _), _)| *of == stream).for_each(|(_, asked)| asked.last = None);
            }
            What::KeyFrameRequested { stream, layer, .. } => {
                let asked = layers.entry((stream, layer)).or_default();
                if let Some(since) = asked.last.map(|last| entry.at.saturating_since(last)).filter(|since| *since < interval) {
                    return violation(stream, format!("asked for a key frame of {layer} twice within {} ms", since.as_millis()));
                }
                *asked = Asked { last: Some(entry.at), under_way: asked.under_way + 1 };
                made += 1;
            }
            What::KeyFrameAsked { stream, layer } => {
                let asked = layers.entry((stream, layer)).or_default();
                if asked.under_way == 0 && !is_copied(evidence, stream) {
                    return violation(stream, format!("was asked for a key frame of {layer} by nobody"));
                }
                asked.under_way = asked.under_way.saturating_sub(1);
                reached += 1;
            }
            _ => {}
        }
    }
    Ok(format!("{made} requests, of which {reached} reached their publishers"))
}

/// The server's interval in true time: its clock may be fast.
fn shortest_interval(evidence: &Evidence<'_>) -> Duration {
    let of_server = evidence.scenario.faults.iter().filter(|fault| fault.host == SERVER);
    let drift = |kind: FaultKind| match kind {
        FaultKind::Clock { drift_ppb, .. } => u64::try_from(drift_ppb).unwrap_or(0),
        _ => 0,
    };
    let fast_ppb = of_server.map(|fault| drift(fault.kind)).max().unwrap_or(0);
    let nanos = limits::KEY_FRAME_INTERVAL.as_nanos() * 1_000_000_000 / u128::from(1_000_000_000 + fast_ppb);
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// When the server forgets what it asked for, or its clock leaps over the interval.
fn beginnings(evidence: &Evidence<'_>) -> core::iter::Peekable<impl Iterator<Item = Instant>> {
    let of_server = evidence.scenario.faults.iter().filter(|fault| fault.host == SERVER);
    let begins = |kind: FaultKind| match kind {
        FaultKind::Crash { .. } => true,
        FaultKind::Clock { leap, .. } => !leap.is_zero(),
        _ => false,
    };
    let mut times: Vec<Instant> = of_server.filter(|fault| begins(fault.kind)).map(|fault| fault.at).collect();
    times.sort_unstable();
    times.into_iter().peekable()
}

/// Whether the link to a publisher makes copies, of requests among others.
fn is_copied(evidence: &Evidence<'_>, stream: &StreamName) -> bool {
    evidence.scenario.users.iter().any(|user| user.id == stream.user && user.down.duplicate_ppb > 0)
}

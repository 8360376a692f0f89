//! No packet is forwarded to a member that did not subscribe.

use std::collections::BTreeMap;

use greenroom_core::{code::Code, id::UserId, limits, time::Instant};

use super::{Evidence, Verdict, Violation};
use crate::{
    net::link::Outage,
    record::{Counted, Entry, StreamName, What},
    scenario::Fault,
};

/// What the server forwarded, held against what the viewers know they asked for: between the call that subscribes and the news that ends it. The server acts between the two, so
/// a packet outside is a packet too many, whatever the delay. Whoever goes without the server's knowledge gives it the time that it takes to notice.
pub(super) fn check(evidence: &Evidence<'_>) -> Verdict {
    let wanted = wanted(evidence);
    let mut packets = 0;
    for sample in evidence.samples {
        let Counted::Sent { flow, .. } = &sample.what else { continue };
        let Some((first, last)) = flow.span else { continue };
        packets += flow.packets;
        let spans = wanted.get(&(&sample.user, &sample.stream)).map_or(&[][..], Vec::as_slice);
        if !spans.iter().any(|(from, to)| *from <= first && last <= *to) {
            let what = format!("{} packets of {} were forwarded to it, to which it is not subscribed", flow.packets, sample.stream);
            return Err(Violation { at: first, who: sample.user.clone().into(), what });
        }
    }
    Ok(format!("{packets} packets forwarded"))
}

/// When each viewer wanted each stream.
fn wanted<'a>(evidence: &Evidence<'a>) -> BTreeMap<(&'a UserId, &'a StreamName), Vec<(Instant, Instant)>> {
    let mut spans: BTreeMap<(&UserId, &StreamName), Vec<(Instant, Instant)>> = BTreeMap::new();
    for entry in evidence.entries {
        if let (What::JoinCalled, Some(user)) = (&entry.what, &entry.user) {
            // A process that started anew after a crash: what the one before wanted, the server goes on with until it notices.
            for crash in evidence.crashes_of(user).filter(|crash| *crash <= entry.at) {
                let patience = limits::HEARTBEAT_TIMEOUT.saturating_add(evidence.scenario.sfu.reconnect_window);
                let noticed = evidence.put_off(user, crash, patience);
                for ((_, _), spans) in spans.iter_mut().filter(|((of, _), _)| *of == user) {
                    spans.iter_mut().filter(|span| span.0 <= crash).for_each(|span| span.1 = span.1.min(noticed));
                }
            }
        }
        let Some(user) = &entry.user else { continue };
        match &entry.what {
            What::SubscribeCalled { stream } => spans.entry((user, stream)).or_default().push((entry.at, evidence.end())),
            What::Unsubscribed { stream } | What::StreamRemoved { stream } => {
                if let Some(last) = spans.get_mut(&(user, stream)).and_then(|spans| spans.last_mut()) {
                    last.1 = last.1.min(entry.at);
                }
            }
            What::Left | What::Removed { .. } => {
                let noticed = noticed(evidence, entry);
                for ((_, _), spans) in spans.iter_mut().filter(|((of, _), _)| *of == user) {
                    if let Some(last) = spans.last_mut() {
                        last.1 = last.1.min(noticed);
                    }
                }
            }
            _ => {}
        }
    }
    spans
}

/// When at the latest the server knows that a user is gone who says so in `entry`.
fn noticed(evidence: &Evidence<'_>, entry: &Entry) -> Instant {
    let mut users = (1_u16..).zip(&evidence.scenario.users);
    let Some((place, user)) = users.find(|(_, user)| Some(&user.id) == entry.user.as_ref()) else {
        return entry.at;
    };
    let (at, gave_up) = match entry.what {
        What::Removed { code } if code != Code::RECONNECT_TIMEOUT => return entry.at, // the server said so itself
        What::Removed { .. } => (entry.at, true),
        _ => (entry.at, false),
    };
    // A goodbye that was said less than an answer's time ago may have been swallowed; and a server that heard nothing for long before may have stopped listening.
    let memory = limits::RESPONSE_TIMEOUT.saturating_add(limits::HEARTBEAT_TIMEOUT);
    let touches = |outage: &Outage| outage.from <= at && outage.to.saturating_add(memory) > at;
    let suffers = |fault: &Fault| fault.kind.disturbs() && fault.is_of(place) && fault.at <= at && fault.over().saturating_add(memory) > at;
    let out_of_touch =
        gave_up || user.up.outages.iter().chain(&user.down.outages).any(touches) || evidence.scenario.faults.iter().any(suffers);
    let heard = evidence.network.signalling_arrival(at, place, place);
    if out_of_touch {
        evidence.put_off(&user.id, heard, limits::HEARTBEAT_TIMEOUT.saturating_add(evidence.scenario.sfu.reconnect_window))
    } else {
        heard
    }
}

//! No packet is forwarded to a member that did not subscribe.

use std::collections::BTreeMap;

use greenroom_core::{id::UserId, time::Instant};

use super::{Evidence, Verdict, Violation};
use crate::record::{Counted, StreamName, What};

/// What the server forwarded, held against what the viewers know they asked for: between the call that subscribes and the news that ends it. The server acts between the two, so
/// a packet outside is a packet too many, whatever the delay.
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
            return Err(Violation { at: first, who: sample.user.clone(), what });
        }
    }
    Ok(format!("{packets} packets forwarded"))
}

/// When each viewer wanted each stream.
fn wanted<'a>(evidence: &Evidence<'a>) -> BTreeMap<(&'a UserId, &'a StreamName), Vec<(Instant, Instant)>> {
    let mut spans: BTreeMap<(&UserId, &StreamName), Vec<(Instant, Instant)>> = BTreeMap::new();
    for entry in evidence.entries {
        let Some(user) = &entry.user else { continue };
        match &entry.what {
            What::SubscribeCalled { stream } => spans.entry((user, stream)).or_default().push((entry.at, evidence.end())),
            What::Unsubscribed { stream } | What::StreamRemoved { stream } => {
                if let Some(last) = spans.get_mut(&(user, stream)).and_then(|spans| spans.last_mut()) {
                    last.1 = last.1.min(entry.at);
                }
            }
            What::Left | What::Removed { .. } => {
                for ((_, _), spans) in spans.iter_mut().filter(|((of, _), _)| *of == user) {
                    if let Some(last) = spans.last_mut() {
                        last.1 = last.1.min(entry.at);
                    }
                }
            }
            _ => {}
        }
    }
    spans
}

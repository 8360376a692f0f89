//! Who hears the loudest hears the loudest, and nobody else.

use core::time::Duration;
use std::collections::BTreeMap;

use greenroom_core::{id::UserId, limits, time::Instant};

use super::{Evidence, Verdict, Violation};
use crate::record::{Counted, What};

/// How long after it was sent a voice may arrive. A choice: the longest queues here hold less than that.
const LATE: Duration = Duration::from_secs(1);

/// Whatever a listener heard came from somebody who was among the first three of the loudest, itself left out, when the server sent it.
pub(super) fn check(evidence: &Evidence<'_>) -> Verdict {
    // Who the loudest were, from when on.
    let loudest: Vec<(Instant, &[UserId])> = evidence
        .entries
        .iter()
        .filter_map(|entry| match &entry.what {
            What::Loudest { speakers } => Some((entry.at, speakers.as_slice())),
            _ => None,
        })
        .collect();
    let (mut packets, mut voices) = (0, BTreeMap::<&UserId, Vec<&UserId>>::new());
    for sample in evidence.samples {
        let Counted::Heard(flow) = &sample.what else { continue };
        let Some((first, last)) = flow.span else { continue };
        let (listener, speaker) = (&sample.user, &sample.stream.user);
        let heard =
            |speakers: &[UserId]| speakers.iter().filter(|other| *other != listener).take(limits::LOUDEST).any(|other| other == speaker);
        let turns = loudest.iter().enumerate().filter(|(_, (_, speakers))| heard(speakers));
        let spans: Vec<(Instant, Instant)> =
            turns.map(|(n, (from, _))| (*from, loudest.get(n + 1).map_or(evidence.end(), |(to, _)| *to))).collect();
        // A voice may come, go and come again within one sample: each end of it lies in a turn.
        let in_turn = |at: Instant, (from, to): (Instant, Instant)| from <= at && at <= evidence.put_off(listener, to, LATE);
        if let Some(at) = [first, last].into_iter().find(|at| !spans.iter().any(|span| in_turn(*at, *span))) {
            let what = format!("heard {speaker}, who was not among the loudest");
            return Err(Violation { at, who: listener.clone().into(), what });
        }
        packets += flow.packets;
        let known = voices.entry(listener).or_default();
        if !known.contains(&speaker) {
            known.push(speaker);
        }
    }
    Ok(format!("{packets} packets of {} voices", voices.values().map(Vec::len).sum::<usize>()))
}

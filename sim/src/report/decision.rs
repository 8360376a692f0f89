//! The layers that were decided for one viewer, each with its reason and with what became of it.

use greenroom_core::id::Rid;

use super::{units::Span, words};
use crate::record::{Entry, StreamName, What};

/// One decision, or a switch that no decision in the record explains.
#[derive(Debug)]
pub(super) struct Decision<'a> {
    /// The event's number.
    pub(super) event: usize,
    /// When, in nanoseconds.
    pub(super) at_ns: u64,
    /// Of which stream.
    pub(super) stream: &'a StreamName,
    /// The layer before.
    pub(super) from: Option<&'a Rid>,
    /// The layer decided.
    pub(super) to: Option<&'a Rid>,
    /// Why; none where the record does not say.
    pub(super) reason: Option<&'a str>,
    /// The viewer's estimate at the time, in bits per second.
    pub(super) estimate_bps: Option<u64>,
    /// What the viewer's allocation needed afterwards, in bits per second.
    pub(super) allocated_bps: Option<u64>,
    /// How long the switch waited for its key frame, in milliseconds; none when it never came.
    pub(super) waited_ms: Option<u64>,
}

impl<'a> Decision<'a> {
    /// All decisions for a viewer, in order of time.
    pub(super) fn all_for(user: &str, entries: &'a [Entry]) -> Vec<Self> {
        let mut decisions: Vec<Self> = Vec::new();
        let of_user = |entry: &Entry| entry.user.as_ref().is_some_and(|u| u.as_str() == user);
        for (event, entry) in entries.iter().enumerate().filter(|(_, entry)| of_user(entry)) {
            let at_ns = entry.at.as_nanos();
            match &entry.what {
                What::Layer { stream, from, to, reason, estimate_bps, allocated_bps } => decisions.push(Self {
                    event,
                    at_ns,
                    stream,
                    from: from.as_ref(),
                    to: to.as_ref(),
                    reason: Some(reason),
                    estimate_bps: *estimate_bps,
                    allocated_bps: Some(*allocated_bps),
                    waited_ms: None,
                }),
                What::Switched { stream, from, to, waited_ms } => {
                    let latest = decisions.iter_mut().rev().find(|decision| decision.stream == stream);
                    match latest {
                        Some(decision) if decision.to == Some(to) && decision.waited_ms.is_none() => decision.waited_ms = Some(*waited_ms),
                        _ => decisions.push(Self {
                            event,
                            at_ns,
                            stream,
                            from: from.as_ref(),
                            to: Some(to),
                            reason: None,
                            estimate_bps: None,
                            allocated_bps: None,
                            waited_ms: Some(*waited_ms),
                        }),
                    }
                }
                _ => {}
            }
        }
        decisions
    }

    /// `f → h`.
    pub(super) fn change(&self) -> String {
        format!("{} → {}", words::layer_name(self.from), words::layer_name(self.to))
    }

    /// What became of it.
    pub(super) fn outcome(&self) -> String {
        match (self.to, self.waited_ms) {
            // Nothing has to arrive before a stream can stop.
            (None, _) | (Some(_), Some(0)) => "at once".into(),
            (Some(_), Some(ms)) => format!("after {}", Span(ms)),
            (Some(_), None) => "no switch followed".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use greenroom_core::{id::UserId, stream::StreamKind, time::Instant};

    use super::*;

    #[test]
    fn a_switch_belongs_to_the_latest_decision_for_that_layer() {
        let user = UserId::new("dia").unwrap();
        let rid = |name: &str| Rid::new(name).unwrap();
        let stream = StreamName { user: UserId::new("ada").unwrap(), kind: StreamKind::Main };
        let at = |ms, what| Entry { at: Instant::from_millis(ms), user: Some(user.clone()), what };
        let decided = |to: &str| What::Layer {
            stream: stream.clone(),
            from: None,
            to: Some(rid(to)),
            reason: "why".into(),
            estimate_bps: None,
            allocated_bps: 1,
        };
        let switched = |to: &str, waited_ms| What::Switched { stream: stream.clone(), from: None, to: rid(to), waited_ms };
        let entries = [at(0, decided("f")), at(10, decided("h")), at(50, switched("h", 40)), at(60, switched("q", 0))];
        let outcomes: Vec<_> = Decision::all_for("dia", &entries).iter().map(|d| (d.change(), d.outcome(), d.reason)).collect();
        let expected = [
            ("none → f".into(), "no switch followed".into(), Some("why")),
            ("none → h".into(), "after 40\u{a0}ms".into(), Some("why")),
            ("none → q".into(), "at once".into(), None),
        ];
        assert_eq!(outcomes, expected);
    }
}

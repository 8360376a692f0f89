//! How long the way to the other end and back takes: from a check of the path (a STUN binding request) to its answer, as browsers have it (`currentRoundTripTime`).
//!
//! str0m would tell, with much else, but only where it is set to wake up for its statistics; and then checks and feedback go at other times than without, and a run that is watched is not the run that
//! was not. So what it sends and receives is looked at: the heads of STUN messages are in the clear (RFC 8489 section 5).

use core::time::Duration;
use std::collections::BTreeMap;

use greenroom_core::time::Instant;

/// Checks that wait for their answers, and what the newest answer told.
#[derive(Debug, Default)]
pub(super) struct Checks {
    asked: BTreeMap<TransactionId, Instant>,
    rtt: Option<Duration>,
    answers: u64,
}

type TransactionId = [u8; 12];

/// Most checks that are waited for. A connection is over before that many go unanswered.
const ASKED: usize = 16;

const BINDING_REQUEST: [u8; 2] = [0x00, 0x01];
const BINDING_SUCCESS: [u8; 2] = [0x01, 0x01];
/// What tells a STUN message from everything else on the path.
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];

impl Checks {
    pub(super) const fn rtt(&self) -> Option<Duration> {
        self.rtt
    }

    pub(super) const fn answers(&self) -> u64 {
        self.answers
    }

    /// This goes out.
    pub(super) fn sent(&mut self, now: Instant, datagram: &[u8]) {
        let Some(id) = transaction(datagram, BINDING_REQUEST) else { return };
        if self.asked.len() >= ASKED {
            let oldest = self.asked.iter().min_by_key(|(_, at)| **at).map(|(id, _)| *id);
            oldest.map(|id| self.asked.remove(&id));
        }
        self.asked.insert(id, now);
    }

    /// This has come. Tells the round trip if it answers a check.
    pub(super) fn received(&mut self, now: Instant, datagram: &[u8]) -> Option<Duration> {
        let asked = transaction(datagram, BINDING_SUCCESS).and_then(|id| self.asked.remove(&id))?;
        self.answers += 1;
        self.rtt = Some(now.saturating_since(asked));
        self.rtt
    }
}

/// Whether a datagram says that a check of the path was in order.
pub(super) fn is_answer(datagram: &[u8]) -> bool {
    transaction(datagram, BINDING_SUCCESS).is_some()
}

/// The transaction of a STUN message of that type.
fn transaction(datagram: &[u8], of_type: [u8; 2]) -> Option<TransactionId> {
    let head = datagram.first_chunk::<20>()?;
    let is_it = head[..2] == of_type && head[4..8] == MAGIC_COOKIE;
    is_it.then(|| head[8..].try_into().expect("20 bytes less 8 are 12"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(of_type: [u8; 2], id: u8) -> Vec<u8> {
        [&of_type[..], &[0, 0], &MAGIC_COOKIE, &[id; 12], b"attributes"].concat()
    }

    #[test]
    fn the_newest_answer_to_a_check_tells_the_round_trip() {
        let mut checks = Checks::default();
        let at = Instant::from_millis;
        checks.sent(at(0), &message(BINDING_REQUEST, 1));
        checks.sent(at(10), &message(BINDING_REQUEST, 2));
        checks.sent(at(10), &[0x80; 40]);
        checks.received(at(50), &message(BINDING_SUCCESS, 1));
        assert_eq!(checks.rtt(), Some(Duration::from_millis(50)));
        checks.received(at(51), &message(BINDING_SUCCESS, 1));
        checks.received(at(52), &message(BINDING_SUCCESS, 9));
        checks.received(at(52), &[1, 1]);
        assert_eq!(checks.rtt(), Some(Duration::from_millis(50)), "an answer counts once, and only one to a question");
        checks.received(at(40 + 10), &message(BINDING_SUCCESS, 2));
        assert_eq!(checks.rtt(), Some(Duration::from_millis(40)));
    }

    #[test]
    fn what_is_never_answered_is_forgotten() {
        let mut checks = Checks::default();
        for id in 0..100 {
            checks.sent(Instant::from_secs(id.into()), &message(BINDING_REQUEST, id));
        }
        assert_eq!(checks.asked.len(), ASKED);
        checks.received(Instant::from_secs(100), &message(BINDING_SUCCESS, 0));
        assert_eq!(checks.rtt(), None);
        checks.received(Instant::from_secs(100), &message(BINDING_SUCCESS, 99));
        assert_eq!(checks.rtt(), Some(Duration::from_secs(1)));
    }
}

//! What a modelled end knows of its two ways without asking for it: how long they take together, from its checks of the path, and what was lost, from the reports that its estimator gets anyway.

use core::time::Duration;

use greenroom_core::{quality::ReceiverReport, time::Instant};

use super::bandwidth::Report;
use crate::media::Passage;

/// How long the way to the other end and back takes.
#[derive(Debug, Default)]
pub(super) struct Checks {
    asked_at: Option<Instant>,
    unanswered: u32,
    rtt: Option<Duration>,
    answers: u64,
}

impl Checks {
    /// A check goes out.
    pub(super) fn asked(&mut self, now: Instant) {
        self.asked_at = Some(now);
        self.unanswered = self.unanswered.saturating_add(1);
    }

    /// An answer came. Answers do not say which check they belong to, so only one that was alone is measured (Karn and Partridge, "Improving round-trip time estimates in reliable transport
    /// protocols", SIGCOMM 1987).
    pub(super) fn answered(&mut self, now: Instant) {
        if let Some(at) = self.asked_at.take().filter(|_| self.unanswered == 1) {
            self.rtt = Some(now.saturating_since(at));
            self.answers += 1;
        }
        self.unanswered = 0;
    }

    pub(super) const fn rtt(&self) -> Option<Duration> {
        self.rtt
    }

    pub(super) const fn answers(&self) -> u64 {
        self.answers
    }
}

/// What the other end has reported of what was sent, and how much of that was sent again.
#[derive(Debug, Default)]
pub(super) struct Told {
    passage: Passage,
    repaired: u32,
    reports: u64,
}

impl Told {
    /// A report came.
    pub(super) fn hear(&mut self, report: Report) {
        let Passage { numbered, came } = &mut self.passage;
        *numbered = numbered.wrapping_add(report.expected.into());
        *came = came.wrapping_add(report.received.into());
        self.reports += 1;
    }

    /// A packet was sent again because the other end asked for it.
    pub(super) fn repaired(&mut self) {
        self.repaired = self.repaired.wrapping_add(1);
    }

    /// The reports as one, in RTCP's terms, and how many there were.
    pub(super) fn in_all(&self) -> (ReceiverReport, u64) {
        let Passage { numbered, came } = self.passage;
        // Of 24 bits, which is where RTCP keeps the sign: more may have come than was expected, for a while.
        let lost = numbered.wrapping_sub(came) & 0x00ff_ffff;
        (ReceiverReport { sequence: numbered, lost, repaired: self.repaired, octets_sent: 0 }, self.reports)
    }
}

#[cfg(test)]
mod tests {
    use greenroom_core::quality::ReportMeter;

    use super::*;

    #[test]
    fn an_answer_that_may_belong_to_two_checks_measures_nothing() {
        let mut checks = Checks::default();
        let at = Instant::from_millis;
        checks.asked(at(0));
        checks.asked(at(250));
        checks.answered(at(260));
        assert_eq!(checks.rtt(), None, "the way takes 260 ms or 10");
        checks.answered(at(510));
        assert_eq!((checks.rtt(), checks.answers()), (None, 0));
        checks.asked(at(3000));
        checks.answered(at(3260));
        assert_eq!((checks.rtt(), checks.answers()), (Some(Duration::from_millis(260)), 1));
    }

    #[test]
    fn what_was_sent_again_is_not_lost_and_what_comes_late_neither() {
        let (mut told, mut meter) = (Told::default(), ReportMeter::default());
        let report = |expected, received| Report { capacity_bps: None, floor_bps: 0, received_bps: 0, queue_us: 0, expected, received };
        meter.read(told.in_all().0);
        told.hear(report(100, 90));
        for _ in 0..8 {
            told.repaired();
        }
        assert_eq!(meter.read(told.in_all().0).map(|counted| (counted.expected, counted.missing)), Some((100, 2)));
        told.hear(report(100, 102));
        assert_eq!(meter.read(told.in_all().0).map(|counted| (counted.expected, counted.missing)), Some((100, 0)));
        assert_eq!(told.in_all().1, 2);
    }
}

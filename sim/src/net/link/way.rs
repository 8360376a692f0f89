//! The way behind a link's transmitter, and what chance does to packets on it.

use std::collections::VecDeque;

use greenroom_core::time::Instant;

use super::{
    super::{capacity::Service, loss::Process},
    DropReason, Jitter, LinkConfig, Loss, Outage, Reorder, Verdict,
};
use crate::random::Stream;

/// What chance has for one packet: all that a link leaves to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Luck {
    lost: bool,
    late: bool,
    twice: bool,
    jitter_ns: i64,
    copy_jitter_ns: i64,
}

/// The way from the transmitter to the other end, its fields in the order of need.
#[derive(Clone, Debug)]
#[repr(C)]
pub(super) struct Way {
    delay_ns: u64,
    last_arrival: Instant,
    /// What few links have.
    extras: Option<Box<Extras>>,
    /// Nothing but the delay befalls a packet: there is neither loss nor jitter nor anything of the above, so that luck has nothing to say.
    is_certain: bool,
    jitter: Jitter,
    chance: Box<Chance>,
}

/// Where luck comes from. What each draw needs stands in the first line of each stream.
#[derive(Clone, Debug)]
#[repr(C)]
struct Chance {
    loss: Process,
    jitter: Stream,
}

#[derive(Clone, Debug, Default)]
struct Extras {
    /// Luck that is kept, and luck that was kept elsewhere and is used in place of draws.
    kept: Option<Vec<Luck>>,
    replayed: Option<VecDeque<Luck>>,
    duplicate_ppb: u32,
    duplicate: Option<Stream>,
    copy_jitter: Option<Stream>,
    reorder: Reorder,
    late: Option<Stream>,
    holds: Vec<Outage>,
}

impl Way {
    pub(super) fn new(config: &LinkConfig, seed: u64, name: &str) -> Self {
        let is_plain = config.duplicate_ppb == 0 && config.reorder.late_ppb == 0 && config.holds.is_empty();
        let extras = (!is_plain).then(|| {
            Box::new(Extras {
                duplicate_ppb: config.duplicate_ppb,
                duplicate: Some(Stream::new(seed, name, "duplicate")),
                copy_jitter: Some(Stream::new(seed, name, "jitter of duplicates")),
                reorder: config.reorder,
                late: Some(Stream::new(seed, name, "reorder")),
                holds: config.holds.clone(),
                ..Extras::default()
            })
        });
        let chance = Chance { loss: Process::new(config.loss, Stream::new(seed, name, "loss")), jitter: Stream::new(seed, name, "jitter") };
        Self {
            delay_ns: u64::try_from(config.delay.as_nanos()).unwrap_or(u64::MAX),
            last_arrival: Instant::ZERO,
            is_certain: extras.is_none() && config.loss == Loss::None && config.jitter.is_none(),
            extras,
            jitter: config.jitter,
            chance: Box::new(chance),
        }
    }

    /// From now on the n-th packet has the n-th luck of the list.
    pub(super) fn replay(&mut self, luck: Vec<Luck>) {
        self.extras_mut().replayed = Some(luck.into());
    }

    /// From now on keeps the luck of each packet, for [`Way::take_luck`].
    pub(super) fn keep_luck(&mut self) {
        self.extras_mut().kept.get_or_insert_default();
    }

    /// The luck that was kept and not taken yet.
    pub(super) fn take_luck(&mut self) -> Vec<Luck> {
        self.extras.as_mut().and_then(|extras| extras.kept.as_mut()).map(core::mem::take).unwrap_or_default()
    }

    fn extras_mut(&mut self) -> &mut Extras {
        self.is_certain = false;
        self.extras.get_or_insert_default()
    }

    /// The luck of the next packet.
    #[inline]
    pub(super) fn draw(&mut self) -> Luck {
        if self.is_certain { Luck::default() } else { self.draw_uncertain() }
    }

    #[inline(never)]
    fn draw_uncertain(&mut self) -> Luck {
        if let Some(luck) = self.extras.as_mut().and_then(|extras| extras.replayed.as_mut()).map(VecDeque::pop_front) {
            return luck.unwrap_or_default();
        }
        let lost = self.chance.loss.next();
        let jitter_ns = self.jitter.spread.draw(&mut self.chance.jitter);
        let mut luck = Luck { lost, jitter_ns, ..Luck::default() };
        if let Some(extras) = &mut self.extras {
            if extras.duplicate_ppb > 0 {
                luck.twice = extras.duplicate.as_mut().is_some_and(|stream| stream.chance(extras.duplicate_ppb));
                luck.copy_jitter_ns = extras.copy_jitter.as_mut().map_or(0, |stream| self.jitter.spread.draw(stream));
            }
            let late_ppb = extras.reorder.late_ppb;
            luck.late = late_ppb > 0 && extras.late.as_mut().is_some_and(|stream| stream.chance(late_ppb));
            if let Some(kept) = &mut extras.kept {
                kept.push(luck);
            }
        }
        luck
    }

    /// When a packet arrives that has left the transmitter, if it does.
    #[expect(clippy::inline_always, reason = "for every packet of every link")]
    #[inline(always)]
    pub(super) fn leave(&mut self, luck: Luck, service: Service) -> Verdict {
        if luck.lost {
            return Verdict::Drop(DropReason::Loss);
        }
        let at = self.arrival(luck.jitter_ns, luck.late, service);
        if luck.twice && at < Instant::MAX {
            return Verdict::DeliverTwice { at, again: self.arrival(luck.copy_jitter_ns, luck.late, service) };
        }
        Verdict::Deliver { at }
    }

    #[inline]
    fn arrival(&mut self, jitter_ns: i64, late: bool, service: Service) -> Instant {
        let Service { start, end } = service;
        if end == Instant::MAX {
            return end;
        }
        let mut at = Instant::from_nanos(end.as_nanos().saturating_add(self.delay_ns));
        if !self.jitter.is_none() {
            at = Instant::from_nanos(at.as_nanos().saturating_add_signed(jitter_ns)).max(end);
            if late {
                // Overtaken on purpose: nobody waits for it.
            } else if !self.jitter.reorder {
                let service_ns = end.as_nanos().saturating_sub(start.as_nanos());
                at = at.max(Instant::from_nanos(self.last_arrival.as_nanos().saturating_add(service_ns)));
                self.last_arrival = at;
            }
        }
        let Some(extras) = &self.extras else { return at };
        if late {
            at = at.saturating_add(extras.reorder.by);
        }
        let after = extras.holds.partition_point(|hold| hold.to <= at);
        extras.holds.get(after).filter(|hold| hold.from <= at).map_or(at, |hold| hold.to)
    }
}

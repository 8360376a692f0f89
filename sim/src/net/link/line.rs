//! What waits before a link's transmitter.

use std::collections::VecDeque;

use greenroom_core::time::Instant;

use super::{
    super::{
        capacity::Server,
        queue::{Held, Managed},
    },
    Decision, DropReason, Drops, QueueLimit, Verdict,
    way::Way,
};

/// What waits.
#[derive(Clone, Debug)]
pub(super) enum Line {
    Tail(Tail),
    Managed(Box<ManagedLine>),
}

/// A drop-tail queue.
#[derive(Clone, Debug)]
pub(super) struct Tail {
    limit: QueueLimit,
    /// The longest wait, in nanoseconds, where waits are limited.
    longest_ns: u64,
    /// Packets with the start of their service and their bytes, kept only when the limit counts them.
    waiting: VecDeque<(Instant, u64)>,
    bytes: u64,
}

impl Tail {
    pub(super) fn new(limit: QueueLimit) -> Self {
        let longest_ns = match limit {
            QueueLimit::Time(longest) => u64::try_from(longest.as_nanos()).unwrap_or(u64::MAX),
            QueueLimit::Unlimited | QueueLimit::Bytes(_) | QueueLimit::Packets(_) => u64::MAX,
        };
        Self { limit, longest_ns, waiting: VecDeque::new(), bytes: 0 }
    }

    /// Takes in a packet whose service would begin at `start`, if it fits.
    #[inline]
    pub(super) fn admits(&mut self, now: Instant, start: Instant, wire_bytes: u64) -> bool {
        if start <= now {
            if !self.waiting.is_empty() {
                self.waiting.clear();
                self.bytes = 0;
            }
            return true;
        }
        match self.limit {
            QueueLimit::Unlimited => true,
            QueueLimit::Time(_) => start.as_nanos() - now.as_nanos() <= self.longest_ns,
            QueueLimit::Bytes(most) => self.counts(now, start, wire_bytes, |waiting| waiting.bytes.saturating_add(wire_bytes) <= most),
            QueueLimit::Packets(most) => self.counts(now, start, wire_bytes, |waiting| waiting.waiting.len() < most as usize),
        }
    }

    /// The same where what waits is counted.
    #[inline(never)]
    fn counts(&mut self, now: Instant, start: Instant, wire_bytes: u64, fits: impl FnOnce(&Self) -> bool) -> bool {
        while self.waiting.front().is_some_and(|(start, _)| *start <= now) {
            self.bytes -= self.waiting.pop_front().map_or(0, |(_, wire_bytes)| wire_bytes);
        }
        let fits = fits(self);
        if fits {
            self.waiting.push_back((start, wire_bytes));
            self.bytes += wire_bytes;
        }
        fits
    }
}

/// A queue that decides when a packet's turn comes.
#[derive(Clone, Debug)]
pub(super) struct ManagedLine {
    queue: Managed,
    limit: QueueLimit,
    /// Since when something waits, if something does.
    since: Instant,
    decided: VecDeque<Decision>,
    /// Room to work in.
    dropped: Vec<Held>,
}

impl ManagedLine {
    pub(super) fn new(queue: Managed, limit: QueueLimit) -> Self {
        Self { queue, limit, since: Instant::ZERO, decided: VecDeque::new(), dropped: Vec::new() }
    }

    /// What was decided and not told yet, in order.
    pub(super) fn poll_decision(&mut self) -> Option<Decision> {
        self.decided.pop_front()
    }

    /// When there is, or will be, something decided.
    pub(super) fn next_decision(&self, server: &Server) -> Option<Instant> {
        self.decided.front().map(|first| first.at).or_else(|| self.next(server))
    }

    /// What waits, in bytes.
    pub(super) fn backlog_bytes(&self) -> u64 {
        self.queue.backlog().bytes
    }

    /// When the next packet's turn comes.
    pub(super) fn next(&self, server: &Server) -> Option<Instant> {
        (!self.queue.is_empty()).then(|| server.ready(self.since)).filter(|at| *at < Instant::MAX)
    }

    /// Serves every packet whose turn comes by `now`.
    pub(super) fn serve_until(&mut self, now: Instant, server: &mut Server, way: &mut Way, drops: &mut Drops) {
        while let Some(at) = self.next(server).filter(|at| *at <= now) {
            let packet = self.queue.pop(at, &mut self.dropped);
            self.note_dropped(at, DropReason::Aqm, drops);
            if let Some(packet) = packet {
                let verdict = way.leave(packet.luck, server.serve(packet.came, packet.wire_bytes));
                if let Verdict::Drop(reason) = verdict {
                    drops.count(reason);
                }
                self.decided.push_back(Decision { packet: packet.number, at, verdict });
            }
        }
    }

    /// Serves every packet whose turn comes before this one, and takes this one in.
    #[inline(never)]
    pub(super) fn offer(&mut self, packet: Held, server: &mut Server, way: &mut Way, drops: &mut Drops) -> Verdict {
        let now = packet.came;
        self.serve_until(now, server, way, drops);
        self.take(now, packet, server, way, drops)
    }

    /// Takes a packet in. What becomes of it is told as any decision, unless it is dropped at once.
    fn take(&mut self, now: Instant, packet: Held, server: &mut Server, way: &mut Way, drops: &mut Drops) -> Verdict {
        let number = packet.number;
        let was_empty = self.queue.is_empty();
        let idle = was_empty && server.ready(now) <= now;
        if was_empty {
            self.since = now;
        }
        self.queue.push(packet, self.limit, server.rate_at(now), idle, &mut self.dropped);
        if self.dropped.pop_if(|last| last.number == number).is_some() {
            self.note_dropped(now, DropReason::Queue, drops);
            return Verdict::Drop(DropReason::Queue);
        }
        self.note_dropped(now, DropReason::Queue, drops);
        self.serve_until(now, server, way, drops);
        Verdict::Waits
    }

    fn note_dropped(&mut self, at: Instant, reason: DropReason, drops: &mut Drops) {
        for gone in self.dropped.drain(..) {
            drops.count(reason);
            self.decided.push_back(Decision { packet: gone.number, at, verdict: Verdict::Drop(reason) });
        }
    }
}

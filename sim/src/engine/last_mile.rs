//! What the link of a user behind a shared line was like at the moments that the server tells of.
//!
//! A router, not the server, sends into that link, and when the server tells its samples the router is behind it or ahead of it by as much as the engine lets nodes differ. So each wait is taken down as
//! the router sends, and looked up when the run is over: what is measured does not hang on who was asked first.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use greenroom_core::time::Instant;

use crate::record::{Counted, Sample};

/// Waits of links that routers send into, and the samples that want them.
#[derive(Debug, Default)]
pub(super) struct LastMiles {
    /// By client: when a datagram went into the link, and when the link is free again after it.
    waits: BTreeMap<u16, Vec<(Instant, Instant)>>,
    wanted: Vec<Wanted>,
}

/// A sample that lacks the wait for the last link.
#[derive(Debug)]
struct Wanted {
    client: u16,
    /// The portion among those the server told, and the sample in it.
    place: (usize, usize),
}

impl LastMiles {
    /// After a datagram that entered at `now`, the next one would wait for `wait`.
    pub(super) fn entered(&mut self, client: u16, now: Instant, wait: Duration) {
        let waits = self.waits.entry(client).or_default();
        let free_at = now.saturating_add(wait);
        match waits.last_mut().filter(|(at, _)| *at == now) {
            Some(last) => last.1 = free_at,
            None => waits.push((now, free_at)),
        }
    }

    /// A sample of a client's way lacks the wait for its last link.
    pub(super) fn want(&mut self, client: u16, portion: usize, sample: usize) {
        self.wanted.push(Wanted { client, place: (portion, sample) });
    }

    /// Adds to each sample what it lacks: the wait that datagrams of earlier moments had left.
    pub(super) fn complete(&self, told: &mut VecDeque<(Instant, Vec<Sample>)>) {
        for Wanted { client, place: (portion, sample) } in &self.wanted {
            let Some(sample) = told.get_mut(*portion).and_then(|(_, portion)| portion.get_mut(*sample)) else { continue };
            if let Counted::Downlink { queue_delay, .. } = &mut sample.what {
                *queue_delay = queue_delay.saturating_add(self.wait(*client, sample.at));
            }
        }
    }

    fn wait(&self, client: u16, at: Instant) -> Duration {
        let waits = self.waits.get(&client).map_or(&[][..], Vec::as_slice);
        let earlier = waits.partition_point(|(entered, _)| *entered < at);
        let last = earlier.checked_sub(1).and_then(|last| waits.get(last));
        last.map_or(Duration::ZERO, |(_, free_at)| free_at.saturating_since(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_what_earlier_datagrams_left() {
        let ms = Instant::from_millis;
        let mut miles = LastMiles::default();
        miles.entered(7, ms(10), Duration::from_millis(3));
        miles.entered(7, ms(10), Duration::from_millis(6));
        miles.entered(7, ms(100), Duration::from_millis(1));
        for (at, wait_ms) in [(9, 0), (10, 0), (11, 5), (16, 0), (100, 0), (101, 0)] {
            assert_eq!(miles.wait(7, ms(at)), Duration::from_millis(wait_ms), "{at}");
        }
        assert_eq!(miles.wait(8, ms(11)), Duration::ZERO, "nobody's");
    }
}

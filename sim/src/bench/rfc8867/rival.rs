//! TCP beside the media: a transfer without end, or one file after the other with pauses between them (RFC 8868 section 5.1).
//!
//! Each file goes over a connection of its own: windows and estimates of the round trip begin anew. The machines are those of [`net::tcp`](crate::net::tcp); this is the schedule around them.

use core::time::Duration;

use greenroom_core::time::Instant;

use super::case::{Load, Rival};
use crate::{
    net::tcp::{Ack, Receiver, Segment, Sender, SenderConfig},
    random::Stream,
};

/// Data in a segment, and the segment on the wire: 1500 bytes less the headers of IPv4 and TCP.
pub(super) const SEGMENT_BYTES: u32 = 1460;
/// See [`SEGMENT_BYTES`].
pub(super) const SEGMENT_WIRE_BYTES: u32 = SEGMENT_BYTES + ACK_WIRE_BYTES;
/// An acknowledgement: the headers alone.
pub(super) const ACK_WIRE_BYTES: u32 = 40;

/// A sender and a receiver of TCP, and when they have something to do.
#[derive(Clone, Debug)]
pub(super) struct Transfer {
    rival: Rival,
    state: State,
    /// Which connection it is: segments and acknowledgements of an earlier one are forgotten.
    connection: u64,
    sizes: Stream,
    pauses: Stream,
    losses: u64,
}

#[derive(Clone, Debug)]
enum State {
    Pause { until: Instant },
    Sending(Box<(Sender, Receiver)>),
    Over,
}

impl Transfer {
    pub(super) fn new(rival: &Rival, seed: u64, number: usize) -> Self {
        let name = format!("tcp {number}");
        let mut pauses = Stream::new(seed, &name, "pauses");
        let first = match &rival.load {
            Load::Files { pause_mean, begins_on: false, .. } => pause(*pause_mean, &mut pauses),
            Load::Files { .. } | Load::Endless => Duration::ZERO,
        };
        let state = State::Pause { until: rival.starts.saturating_add(first) };
        Self { rival: rival.clone(), state, connection: 0, sizes: Stream::new(seed, &name, "file sizes"), pauses, losses: 0 }
    }

    /// When it has something to do.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Pause { until } => Some(*until),
            State::Sending(ends) => [ends.0.poll_timeout(), Some(self.rival.stops)].into_iter().flatten().min(),
            State::Over => None,
        }
    }

    /// Does what is due.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if now >= self.rival.stops {
            self.end();
            self.state = State::Over;
            return;
        }
        match &mut self.state {
            State::Pause { until } if *until <= now => {
                let segments = match self.rival.load {
                    Load::Endless => None,
                    Load::Files { bytes: (least, most), .. } => {
                        let bytes = least + self.sizes.below(most.saturating_sub(least).saturating_add(1));
                        Some(bytes.div_ceil(u64::from(SEGMENT_BYTES)))
                    }
                };
                self.connection += 1;
                let config = SenderConfig { algorithm: self.rival.algorithm, segments, ..SenderConfig::default() };
                self.state = State::Sending(Box::new((Sender::new(now, config), Receiver::default())));
            }
            State::Sending(ends) => ends.0.handle_timeout(now),
            State::Pause { .. } | State::Over => {}
        }
    }

    /// The next segment to be sent, and of which connection it is.
    pub(super) fn poll_output(&mut self) -> Option<(u64, Segment)> {
        match &mut self.state {
            State::Sending(ends) => Some((self.connection, ends.0.poll_output()?)),
            State::Pause { .. } | State::Over => None,
        }
    }

    /// A segment arrived: the answer to it.
    pub(super) fn take(&mut self, connection: u64, segment: Segment) -> Option<Ack> {
        match &mut self.state {
            State::Sending(ends) if self.connection == connection => Some(ends.1.take(segment)),
            State::Sending(_) | State::Pause { .. } | State::Over => None,
        }
    }

    /// An acknowledgement arrived.
    pub(super) fn acknowledged(&mut self, now: Instant, connection: u64, ack: Ack) {
        let State::Sending(ends) = &mut self.state else { return };
        if self.connection != connection {
            return;
        }
        ends.0.handle_input(now, ack);
        if ends.0.is_done() {
            self.end();
            let pause = match &self.rival.load {
                Load::Files { pause_mean, .. } => pause(*pause_mean, &mut self.pauses),
                Load::Endless => Duration::MAX,
            };
            self.state = State::Pause { until: now.saturating_add(pause) };
        }
    }

    fn end(&mut self) {
        if let State::Sending(ends) = &self.state {
            self.losses += ends.0.losses_and_timeouts().0;
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a pause of seconds; a cast of a double saturates"
)]
fn pause(mean: Duration, stream: &mut Stream) -> Duration {
    Duration::from_nanos((stream.exponential() * mean.as_nanos() as f64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::tcp::Algorithm;

    #[test]
    fn files_follow_each_other_with_pauses_and_what_is_late_is_forgotten() {
        let load = Load::Files { bytes: (30_000, 50_000), pause_mean: Duration::from_secs(10), begins_on: true };
        let (starts, stops) = (Instant::ZERO, Instant::from_secs(299));
        let rival = Rival { route: vec![0], back: vec![1], starts, stops, algorithm: Algorithm::Reno, load };
        let mut transfer = Transfer::new(&rival, 1, 1);
        let mut files = Vec::new();
        let mut segments = 0;
        while let Some(now) = transfer.poll_timeout() {
            transfer.handle_timeout(now);
            while let Some((connection, segment)) = transfer.poll_output() {
                let answer = transfer.take(connection, segment).expect("the connection stands");
                assert_eq!(transfer.take(connection + 1, segment), None);
                transfer.acknowledged(now, connection, answer);
                segments += 1;
                if files.len() < usize::try_from(connection).expect("few") {
                    files.push(now);
                }
            }
        }
        assert!((15..45).contains(&files.len()), "about one in ten seconds, not {}", files.len());
        let mean = segments * SEGMENT_BYTES as usize / files.len();
        assert!((38_000..44_000).contains(&mean), "{mean}");
    }
}

//! How loud a user speaks: spurts of talk and pauses between them, packet by packet.
//!
//! ITU-T P.59 measured conversations: talk spurts and pauses last about a second each, and their lengths are close to exponential. So are those here, each drawn from the speaker's own stream.

use core::time::Duration;

use greenroom_core::audio::AudioLevel;

use crate::{random::Stream, scenario::Voice};

/// By how many decibels the packets of a spurt lie above or below its speaker's level at most. A choice: less than what it takes to win somebody's place among the loudest by a single syllable.
const WAVER_DB: u8 = 6;
/// The noise of a quiet room in an ordinary microphone, in dB below full scale: too soft to be taken for speech.
const ROOM_DB: u8 = 75;

/// A speaker, and where it is in what it has to say.
#[derive(Debug)]
pub(super) struct Speech {
    voice: Voice,
    draws: Stream,
    talking: bool,
    /// Until that changes.
    left: Duration,
}

impl Speech {
    /// A speaker who may be in the middle of a word. `owner` names its random stream.
    pub(super) fn new(voice: Voice, seed: u64, owner: &str) -> Self {
        let mut draws = Stream::new(seed, owner, "voice");
        let talking = draws.below(nanos(voice.talk + voice.pause).max(1)) < nanos(voice.talk);
        let left = span(if talking { voice.talk } else { voice.pause }, &mut draws);
        Self { voice, draws, talking, left }
    }

    /// How loud the next packet is, which holds that much sound. Where it holds the end of a spurt and the beginning of a pause, the beginning counts.
    pub(super) fn next(&mut self, packet: Duration) -> AudioLevel {
        while self.left.is_zero() {
            self.talking = !self.talking;
            self.left = span(if self.talking { self.voice.talk } else { self.voice.pause }, &mut self.draws);
        }
        self.left = self.left.saturating_sub(packet);
        let waver = u8::try_from(self.draws.below(2 * u64::from(WAVER_DB) + 1)).expect("a few decibels");
        let level_db = if self.talking { self.voice.level_db } else { ROOM_DB };
        AudioLevel::new((level_db + waver).saturating_sub(WAVER_DB)).unwrap_or(AudioLevel::SILENCE)
    }
}

/// A span of that length in the mean.
fn span(mean: Duration, draws: &mut Stream) -> Duration {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "at most 38 times the mean")]
    let drawn_ns = (nanos(mean) as f64 * draws.exponential()) as u64;
    Duration::from_nanos(drawn_ns)
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKET: Duration = Duration::from_millis(20);

    fn levels(voice: Voice, seed: u64) -> Vec<u8> {
        let mut speech = Speech::new(voice, seed, "ada");
        (0..100_000).map(|_| speech.next(PACKET).below_full_scale_db()).collect()
    }

    #[test]
    fn spurts_and_pauses_last_as_long_as_they_are_said_to() {
        let levels = levels(Voice::default(), 1);
        let talking: Vec<bool> = levels.iter().map(|level| *level < 60).collect();
        let share = talking.iter().filter(|talking| **talking).count() * 1000 / talking.len();
        let spurts = talking.windows(2).filter(|pair| !pair[0] && pair[1]).count();
        // P.59: 38.5 % of the time. In 2,000 s there are 770 spurts; their number and their share waver by a few percent.
        assert!((350..420).contains(&share), "{share} permille");
        assert!((700..850).contains(&spurts), "{spurts} spurts");
        assert!(levels.iter().all(|level| (20..=32).contains(level) || (69..=81).contains(level)));
    }

    #[test]
    fn without_pauses_it_never_ends() {
        let voice = Voice { pause: Duration::ZERO, level_db: 3, ..Voice::default() };
        assert!(levels(voice, 1).iter().all(|level| *level <= 9));
        assert_ne!(levels(voice, 1), levels(voice, 2));
    }
}

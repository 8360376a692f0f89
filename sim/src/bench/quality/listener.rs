//! What a listener would say of a call: ITU-T G.107's rating of what the lines did to the voice. Nothing of our scorer is in it, neither its formula nor its bars, nor anybody else's.
//!
//! What became of each packet of sound goes through a playout buffer, as in every receiver: a packet that comes after its turn is lost. The buffer is as long as it should have been: of all fixed delays the one at which the call
//! rates highest, known in hindsight (the playout of L. Sun and E. Ifeachor, "Voice quality prediction models and their application in VoIP networks", IEEE Transactions on Multimedia 8(4), 2006). Then, with the names of G.107:
//!
//! - `Ppl` is the share of packets that never came or came after their turn, and `BurstR` how much longer their runs are than they would be by chance (clause 7.5).
//! - `Ta` is the delay from mouth to ear: a packet of 20 ms, the line with its buffer, and the constant delay of the other line of the call, for the line that a listener in the same room would have. `T` is the same and `Tr` twice as
//!   much, with the echo control that is the default.
//! - Everything else is at its default.
//!
//! G.113 has no figures for Opus, and none are guessed. The voice is [rated](Codec) as if it were G.711, once with its packet loss concealment and once without any. Categories are those of ITU-T G.109.

use core::time::Duration;

use greenroom_core::quality::{
    Level,
    emodel::{Equipment, Narrowband},
};

use super::truth::Did;

/// The codecs that the voice is rated as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// G.711 with the concealment of its Appendix I: what is missing is filled in from what was before.
    Concealed,
    /// G.711 without: what is missing is silence.
    Bare,
}

impl Codec {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Concealed, Self::Bare];

    /// Its name in the table.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Concealed => "G.711 with concealment",
            Self::Bare => "G.711 without",
        }
    }

    /// `Bpl` of G.113 Appendix I for random loss; `Ie` is 0 of both.
    const fn robustness_pct(self) -> f64 {
        match self {
            Self::Concealed => 25.1,
            Self::Bare => 4.3,
        }
    }
}

/// A transmission rating R in tenths, 0 to 1000, as each of [`Codec::ALL`].
pub type Ratings = [u16; 2];

/// The length of a packet: it can be sent when it is whole.
const PACKET: Duration = Duration::from_millis(20);

/// G.109 Table 1, with its two best categories in one: SparkRTC has one number for both. Below 50, G.109 recommends no connection.
pub(super) const fn level(rating: u16) -> Level {
    match rating {
        800.. => Level::Excellent,
        700.. => Level::Good,
        600.. => Level::Fair,
        500.. => Level::Poor,
        _ => Level::VeryPoor,
    }
}

/// What the sound of a direction rates as, of the windows that are judged, where the other line has that constant delay. Nothing where nothing was said or nothing came: a model of conversations has no word for that.
pub(super) fn ratings<'a>(windows: impl Iterator<Item = &'a Did>, other: Duration) -> Option<Ratings> {
    let took: Vec<Option<Duration>> = windows.flat_map(|did| did.sound.iter().copied()).collect();
    took.iter().any(Option::is_some).then(|| Codec::ALL.map(|codec| best(&took, other, codec)))
}

/// The rating at the best of all fixed delays of the buffer: one that is just enough for some packet.
fn best(took: &[Option<Duration>], other: Duration, codec: Codec) -> u16 {
    let mut turns: Vec<Duration> = took.iter().copied().flatten().collect();
    turns.sort_unstable();
    turns.dedup();
    turns.into_iter().map(|turn| rate(took, turn, other, codec)).max().unwrap_or(0)
}

/// The rating where every packet has its turn that long after it was made.
fn rate(took: &[Option<Duration>], turn: Duration, other: Duration, codec: Codec) -> u16 {
    let (mut lost, mut runs, mut before_is_lost) = (0_u32, 0_u32, false);
    for took in took {
        let is_lost = took.is_none_or(|took| took > turn);
        lost += u32::from(is_lost);
        runs += u32::from(is_lost && !before_is_lost);
        before_is_lost = is_lost;
    }
    let of = f64::from(u32::try_from(took.len()).unwrap_or(u32::MAX));
    let share = f64::from(lost) / of;
    // By chance a run is 1 / (1 − p) long. Table 2 permits 1 to 8.
    let burst_ratio = if runs == 0 { 1.0 } else { (f64::from(lost) / f64::from(runs) * (1.0 - share)).clamp(1.0, 8.0) };
    let mouth_to_ear_ms = (PACKET + turn + other).as_secs_f64() * 1e3;
    let call = Narrowband {
        equipment: Equipment { impairment: 0.0, robustness_pct: codec.robustness_pct(), loss_pct: share * 100.0, burst_ratio },
        one_way_ms: mouth_to_ear_ms,
        talker_echo_ms: mouth_to_ear_ms,
        round_trip_ms: 2.0 * mouth_to_ear_ms,
        ..Narrowband::default()
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 1000")]
    let tenths = (call.rate().r.clamp(0.0, 100.0) * 10.0 + 0.5) as u16;
    tenths
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEAR: Duration = Duration::from_millis(20);

    /// A thousand packets that took so long each; none came where that is none.
    fn rated(took: impl Fn(u64) -> Option<u64>) -> Ratings {
        let sound = (0..1000).map(|packet| took(packet).map(Duration::from_millis)).collect();
        ratings([Did { sound, ..Did::default() }].iter(), NEAR).expect("some came")
    }

    #[test]
    fn a_clean_call_rates_as_the_recommendation_says_and_silence_is_not_rated() {
        // 60 ms from mouth to ear cost a little of 93.2, as talker echo.
        let clean = rated(|_| Some(20));
        assert!((910..=932).contains(&clean[0]) && clean[0] == clean[1], "{clean:?}");
        assert_eq!(level(clean[0]), Level::Excellent);
        assert_eq!(ratings([Did::default()].iter(), NEAR), None, "nothing was said");
        assert_eq!(ratings([Did { sound: vec![None; 100], ..Did::default() }].iter(), NEAR), None, "nothing came");
    }

    #[test]
    fn loss_costs_what_clause_7_5_says_and_more_in_runs() {
        let clean = rated(|_| Some(20));
        let every_tenth = rated(|packet| (packet % 10 != 0).then_some(20));
        // 95 · 10 / (10 + Bpl).
        for (codec, cost) in [(0, 271), (1, 664)] {
            assert!(clean[codec].abs_diff(every_tenth[codec]).abs_diff(cost) <= 1, "{clean:?} {every_tenth:?}");
        }
        // Runs of five are 4.5 times as long as by chance: 95 · 10 / (10/4.5 + Bpl).
        let in_runs = rated(|packet| (packet % 50 >= 5).then_some(20));
        assert!(clean[0].abs_diff(in_runs[0]).abs_diff(348) <= 1, "{in_runs:?}");
    }

    #[test]
    fn the_buffer_is_as_long_as_it_pays() {
        // One packet of a hundred that is 400 ms late is given up for the delay of all others; a half that is 40 ms late is waited for.
        let with_stragglers = rated(|packet| Some(if packet % 100 == 0 { 420 } else { 20 }));
        let with_losses = rated(|packet| (packet % 100 != 0).then_some(20));
        assert_eq!(with_stragglers, with_losses);
        let half_late = rated(|packet| Some(if packet % 2 == 0 { 60 } else { 20 }));
        assert_eq!(half_late, rated(|_| Some(60)));
    }

    #[test]
    fn categories_are_those_of_g_109() {
        let marks = [1000, 800, 799, 700, 699, 600, 599, 500, 499, 0].map(|rating| level(rating).number());
        assert_eq!(marks, [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]);
    }

    #[test]
    fn a_worse_line_never_rates_better() {
        let mut last = rated(|_| Some(20));
        for lost in 1..=40 {
            // The first of every hundred, so that each step loses all that the one before did.
            let now = rated(|packet| (packet % 100 * 37 % 100 >= lost).then_some(20));
            assert!(now[0] <= last[0] && now[1] <= last[1], "{lost} %: {now:?} after {last:?}");
            last = now;
        }
        let mut last = rated(|_| Some(0));
        for ms in (0..600).step_by(10) {
            let now = rated(|_| Some(ms));
            assert!(now[0] <= last[0], "{ms} ms: {now:?} after {last:?}");
            last = now;
        }
    }
}

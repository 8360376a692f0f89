//! Who is heard: the rule for the loudest on its own, with the properties that every such rule should have, and with what follows from this one.
//!
//! The cases of `data/audio_cases.json` were gathered from the tests of LiveKit, atm0s, ion-sfu, JVB and PulseBeam (its `source` names them). Where they agree with one another, they are held here; their
//! constants are their own.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use greenroom_core::{
    audio::{self, AudioLevel, Loudest, Volume},
    limits,
    time::Instant,
};
use proptest::prelude::*;
use serde_json::Value;

const PACKET: Duration = Duration::from_millis(20);
const SECOND: Duration = Duration::from_secs(1);

type Name = &'static str;

/// People who speak, a packet every 20 ms each, and a rule that listens.
struct Table {
    now: Instant,
    loudest: Loudest<Name, Name>,
    /// Who is sending, and how loud.
    sends: BTreeMap<Name, u8>,
    /// Who was heard, each time that it changed.
    history: Vec<(Duration, Vec<Name>)>,
}

impl Table {
    fn new(seats: usize) -> Self {
        Self { now: Instant::ZERO, loudest: Loudest::new(seats, 0), sends: BTreeMap::new(), history: Vec::new() }
    }

    fn with_spare() -> Self {
        Self { loudest: Loudest::new(limits::LOUDEST, 1), ..Self::new(0) }
    }

    /// Somebody sends at that level from now on.
    fn speaks(&mut self, who: Name, level: u8) -> &mut Self {
        self.sends.insert(who, level);
        self
    }

    /// Somebody sends nothing from now on.
    fn stops(&mut self, who: Name) -> &mut Self {
        self.sends.remove(who);
        self
    }

    fn muted(&mut self, who: Name) -> &mut Self {
        self.sends.remove(who);
        if self.loudest.remove(self.now, who) {
            self.note();
        }
        self
    }

    fn pass(&mut self, span: Duration) -> &mut Self {
        for _ in 0..span.as_millis() / PACKET.as_millis() {
            for (who, level) in self.sends.clone() {
                self.loudest.hear(self.now, who, &who, AudioLevel::new(level).expect("within 127 dB"));
            }
            let until = self.now.saturating_add(PACKET);
            self.wait(until);
        }
        self
    }

    fn wait(&mut self, until: Instant) {
        while let Some(at) = self.loudest.poll_timeout().filter(|at| *at <= until) {
            self.now = at;
            if self.loudest.handle_timeout(at) {
                self.note();
            }
        }
        self.now = until;
    }

    fn note(&mut self) {
        self.history.push((self.now.saturating_since(Instant::ZERO), self.heard()));
    }

    /// In order of their names.
    fn heard(&self) -> Vec<Name> {
        self.loudest.seated().copied().collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Since when they are heard.
    fn since(&self, heard: &[Name]) -> Duration {
        self.history.iter().rev().find(|(_, then)| then == heard).expect("they were heard").0
    }
}

#[test]
fn the_loudest_are_heard_and_no_more_than_there_are_seats() {
    let mut table = Table::new(3);
    table.speaks("ada", 40).speaks("ben", 30).speaks("cem", 50).speaks("dia", 35).pass(SECOND);
    assert_eq!(table.heard(), ["ada", "ben", "dia"]);
    assert_eq!(table.loudest.ranked(table.now), ["ben", "dia", "ada"]);
    assert_eq!(table.history.len(), 1, "decided once: {:?}", table.history);
    assert_eq!(table.history[0].0, limits::VOICE_DECISION, "as soon as everyone was heard");
}

//
#[test]
fn with_fewer_speakers_than_seats_all_are_heard() {
    let mut table = Table::new(3);
    table.speaks("ada", 40).speaks("ben", 30).pass(SECOND);
    assert_eq!(table.heard(), ["ada", "ben"]);
}

//
#[test]
fn among_equals_the_lesser_name_is_heard_whoever_came_first() {
    for order in [["ada", "ben", "cem", "dia"], ["dia", "cem", "ben", "ada"]] {
        let mut loudest = Loudest::new(3, 0);
        for (at, who) in (0..).zip(order) {
            loudest.hear(Instant::from_millis(at), who, &who, AudioLevel::new(30).expect("within 127 dB"));
        }
        let decision = loudest.poll_timeout().expect("people speak");
        assert!(loudest.handle_timeout(decision));
        assert_eq!(loudest.seated().copied().collect::<BTreeSet<_>>(), ["ada", "ben", "cem"].into());
        assert_eq!(loudest.ranked(decision), ["ada", "ben", "cem"]);
    }
}

//
#[test]
fn who_speaks_as_loud_as_the_others_waits_for_a_seat() {
    let mut table = Table::new(3);
    table.speaks("ben", 30).speaks("cem", 31).speaks("dia", 32).pass(SECOND);
    table.speaks("ada", 32 - audio::MARGIN_DB + 1).pass(60 * SECOND);
    assert_eq!(table.heard(), ["ben", "cem", "dia"]);
    assert_eq!(table.history.len(), 1, "{:?}", table.history);
    table.stops("cem").pass(2 * SECOND);
    assert_eq!(table.heard(), ["ada", "ben", "dia"]);
}

//
#[test]
fn pauses_between_words_cost_no_seat() {
    let mut table = Table::new(1);
    table.speaks("ada", 25).pass(SECOND);
    table.speaks("ben", 27);
    for _ in 0..100 {
        table.speaks("ada", 25).pass(Duration::from_millis(400));
        table.speaks("ada", 127).pass(Duration::from_millis(200));
    }
    assert_eq!(table.history.len(), 1, "{:?}", table.history);
}

#[test]
fn whose_turn_is_over_yields_at_once() {
    // Given three who spoke, of whom one has paused for a moment,
    let mut table = Table::new(3);
    table.speaks("ada", 30).speaks("ben", 30).speaks("cem", 30).pass(SECOND).speaks("ada", 127).pass(SECOND / 2);
    assert_eq!(table.heard(), ["ada", "ben", "cem"]);
    // when a fourth begins, more quietly,
    let begun = table.now.saturating_since(Instant::ZERO);
    table.speaks("dia", 45).pass(SECOND);
    // then it is heard from its first word on.
    let heard = table.history.iter().find(|(at, heard)| *at >= begun && heard.contains(&"dia")).expect("it is heard").0;
    assert_eq!(heard, begun + limits::VOICE_DECISION);
}

#[test]
fn a_click_takes_no_seat_that_is_taken() {
    let mut table = Table::new(1);
    table.speaks("ada", 40).pass(SECOND);
    for _ in 0..100 {
        table.speaks("ben", 5).pass(PACKET);
        table.speaks("ben", 80).pass(SECOND / 2);
    }
    assert_eq!(table.heard(), ["ada"]);
    assert_eq!(table.history.len(), 1, "{:?}", table.history);
}

//
#[test]
fn silence_is_told_once() {
    for falls_silent in [127, 90, 71] {
        let mut table = Table::new(3);
        table.speaks("ada", 30).speaks("ben", 30).pass(SECOND);
        table.speaks("ada", falls_silent).speaks("ben", falls_silent).pass(60 * SECOND);
        assert_eq!(table.history.last().map(|(_, heard)| heard.len()), Some(0));
        assert_eq!(table.history.len(), 2, "{:?}", table.history);
        assert_eq!(table.loudest.poll_timeout(), None, "nothing is left to decide");
    }
    // Packets may stop, too.
    let mut table = Table::new(3);
    table.speaks("ada", 30).pass(SECOND).stops("ada").pass(60 * SECOND);
    assert_eq!(table.history.iter().map(|(_, heard)| heard.len()).collect::<Vec<_>>(), [1, 0]);
    assert_eq!(table.since(&[]) + PACKET, SECOND + limits::VOICE_HOLD, "after the hold");
}

//
#[test]
fn who_is_muted_or_gone_loses_its_seat_at_once_and_the_next_has_it() {
    let mut table = Table::new(2);
    table.speaks("ada", 20).speaks("ben", 30).speaks("cem", 40).pass(SECOND);
    assert_eq!(table.heard(), ["ada", "ben"]);
    table.muted("ada");
    assert_eq!(table.heard(), ["ben", "cem"]);
    assert_eq!(table.history.last().map(|(at, _)| *at), Some(SECOND));
    table.muted("ben").muted("cem");
    assert_eq!(table.heard(), [""; 0]);
}

#[test]
fn nobody_hears_itself_and_everybody_hears_three() {
    let mut table = Table::with_spare();
    table.speaks("ada", 20).speaks("ben", 30).speaks("cem", 40).speaks("dia", 50).speaks("eve", 60).pass(SECOND);
    let seated: Vec<Name> = table.loudest.seated().copied().collect();
    let heard_by = |listener: Name| -> BTreeSet<Name> { seated.iter().copied().filter(|who| *who != listener).take(3).collect() };
    assert_eq!(heard_by("zoe"), ["ada", "ben", "cem"].into());
    assert_eq!(heard_by("eve"), ["ada", "ben", "cem"].into());
    assert_eq!(heard_by("dia"), ["ada", "ben", "cem"].into());
    assert_eq!(heard_by("ada"), ["ben", "cem", "dia"].into());
    assert_eq!(heard_by("cem"), ["ada", "ben", "dia"].into());
    // Who is muted in front is followed by the spare, and the spare by the next.
    table.muted("ben");
    assert_eq!(table.loudest.seated().copied().collect::<Vec<_>>(), ["ada", "cem", "dia", "eve"]);
}

/// What this rule promises, of any two steady levels that lie clearly apart, at every usual length of packets, and whatever went before.
#[test]
fn who_is_clearly_louder_is_heard_within_a_second() {
    let mut slowest = Duration::ZERO;
    for packet_ms in [10, 20, 40, 60] {
        for (before, holder, newcomer_before) in
            [(0, 70, None), (0, 40, Some(70)), (20, 40, Some(127)), (30, 30, Some(127)), (0, 80, None), (0, 127, Some(90)), (69, 69, None)]
        {
            let newcomer = u8::saturating_sub(holder, audio::CLEARLY_DB).min(127 - audio::AUDIBLE);
            let level = |db| AudioLevel::new(db).expect("within 127 dB");
            let mut loudest = Loudest::new(1, 0);
            let change = Instant::from_secs(5);
            let mut now = Instant::ZERO;
            let heard_at = loop {
                loudest.hear(now, 1, &1, level(if now < change { before } else { holder }));
                if let Some(db) = newcomer_before.filter(|_| now < change).or((now >= change).then_some(newcomer)) {
                    loudest.hear(now, 2, &2, level(db));
                }
                let until = now.saturating_add(Duration::from_millis(packet_ms));
                while let Some(at) = loudest.poll_timeout().filter(|at| *at <= until) {
                    loudest.handle_timeout(at);
                }
                now = until;
                if loudest.seated().any(|who| *who == 2) {
                    break now;
                }
                assert!(now < change.saturating_add(SECOND), "{packet_ms} ms packets, {before} then {holder} against {newcomer}");
            };
            slowest = slowest.max(heard_at.saturating_since(change));
        }
    }
    assert!(slowest > SECOND * 3 / 4, "the bound is not idle: {slowest:?}");
}

#[test]
fn a_seat_changes_hands_twice_a_second_at_most() {
    // Given ten people whose levels jump about at every packet: by 20 dB, as those of speech do, and by 50, as none do,
    for (swing, most) in [(20, 6), (50, 400)] {
        let changes = changes_in_ten_minutes(swing);
        // then a seat changes hands seldom.
        assert!(changes < most, "{changes} changes in ten minutes of babble within {swing} dB");
    }
}

/// How often somebody lost a seat. Each had it for the tenure at least.
fn changes_in_ten_minutes(swing_db: u64) -> usize {
    let mut rng = greenroom_core::rng::Rng::new(7);
    let mut loudest = Loudest::new(3, 0);
    let (mut now, mut taken): (Instant, BTreeMap<u64, Instant>) = (Instant::ZERO, BTreeMap::new());
    let mut changes = 0;
    for _ in 0..30_000 {
        for who in 0..10 {
            let level = u8::try_from(15 + rng.below(swing_db)).expect("within 127 dB");
            loudest.hear(now, who, &who, AudioLevel::new(level).expect("within 127 dB"));
        }
        now = now.saturating_add(PACKET);
        loudest.handle_timeout(now);
        let seated: BTreeSet<u64> = loudest.seated().copied().collect();
        for (who, since) in taken.clone() {
            if !seated.contains(&who) {
                changes += 1;
                assert!(now.saturating_since(since) >= limits::VOICE_TENURE, "it had it long enough");
                taken.remove(&who);
            }
        }
        taken.extend(seated.into_iter().filter(|who| !taken.contains_key(who)).map(|who| (who, now)).collect::<Vec<_>>());
    }
    changes
}

//
#[test]
fn a_volume_goes_from_just_audible_to_full_scale_in_equal_steps() {
    let volume = |level: u8| {
        let mut loudest = Loudest::new(1, 0);
        loudest.hear(Instant::ZERO, 1, &1, AudioLevel::new(level).expect("within 127 dB"));
        loudest.volume(Instant::ZERO, 1).get()
    };
    assert_eq!([0, 7, 35, 63, 70, 71, 127].map(volume), [100, 90, 50, 10, 0, 0, 0]);
    assert!((0..127).all(|level| volume(level) >= volume(level + 1)));
    for percent in 0..=100 {
        // The quietest level that has that volume or more: levels are whole decibels, of which there are fewer than percents.
        let (level, percent) = (Volume::clamped(percent).level().below_full_scale_db(), u8::try_from(percent).expect("a hundred at most"));
        assert!(volume(level) >= percent && (percent == 0 || volume(level + 1) < percent), "{percent} %: {level}");
    }
    assert_eq!(Volume::clamped(u64::MAX), Volume::MAX);
}

#[test]
fn a_level_is_seven_bits_of_the_header_extension() {
    assert_eq!(AudioLevel::from_extension(0x80 | 0x1e), AudioLevel::new(30).expect("within 127 dB"));
    assert_eq!(AudioLevel::from_extension(0xff), AudioLevel::SILENCE);
    assert_eq!(AudioLevel::new(128), None);
}

#[test]
fn who_falls_silent_is_forgotten() {
    let mut loudest = Loudest::new(1, 0);
    let empty = loudest.clone();
    for who in 0..1000_u64 {
        loudest.hear(Instant::ZERO, who, &who, AudioLevel::new(30).expect("within 127 dB"));
    }
    while let Some(at) = loudest.poll_timeout() {
        loudest.handle_timeout(at);
    }
    assert_eq!(loudest, empty, "nothing is kept");
}

/// The cases that others publish, as far as they are no policy of their own.
mod cases {
    use super::*;

    fn cases() -> Value {
        serde_json::from_str(include_str!("data/audio_cases.json")).expect("it is JSON")
    }

    #[test]
    fn what_is_fair_for_any_rule_has_a_test_here() {
        let fair: Vec<String> = serde_json::from_value(cases()["fair_for_any"].clone()).expect("a list of texts");
        // Each with the test that holds it; a new one asks for its test.
        let held = [
            ("slots<=N always", "any_levels_at_all"),
            (
                "a holder keeps its slot while it keeps talking at comparable level (no tearing)",
                "who_speaks_as_loud_as_the_others_waits_for_a_seat",
            ),
            ("louder-by-a-clear-margin newcomer gets in within a bounded time (<=1 s)", "who_is_clearly_louder_is_heard_within_a_second"),
            ("muted/left speaker is removed at once and announced", "who_is_muted_or_gone_loses_its_seat_at_once_and_the_next_has_it"),
            ("silence produces an empty list exactly once", "silence_is_told_once"),
            ("selection is per room and per listener excludes self", "nobody_hears_itself_and_everybody_hears_three"),
            ("exact ties break deterministically", "among_equals_the_lesser_name_is_heard_whoever_came_first"),
        ];
        assert_eq!(fair, held.map(|(claim, _)| claim.to_owned()));
        let source = include_str!("audio.rs");
        assert!(held.iter().all(|(_, test)| source.contains(&format!("fn {test}("))));
    }

    // What atm0s' tests expect, but for its constants: who came first keeps the seat among equals, and 30 dB more take it.
    #[test]
    fn the_slots_of_atm0s() {
        for case in cases()["top_n_slots_atm0s"]["cases"].as_array().expect("a list") {
            let seats = usize::try_from(case["n"].as_u64().expect("a number")).expect("it is small");
            let mut table = Table::new(seats);
            let events: Vec<(u64, String, i8)> = serde_json::from_value(case["events"].clone()).expect("events");
            for (at_ms, who, dbov) in &events {
                table.pass(Instant::from_millis(*at_ms).saturating_since(table.now));
                let name = ["a", "b", "c"].into_iter().find(|name| name == who).expect("one of three");
                table.speaks(name, dbov.unsigned_abs());
            }
            table.pass(SECOND);
            if let Some(slots) = case.get("slots") {
                assert_eq!(serde_json::to_value(table.heard()).expect("texts"), *slots, "{case}");
            }
            if case.get("at_1000ms").is_some() {
                table.stops("a").pass(2 * SECOND);
                assert_eq!(table.heard(), ["b"], "{case}");
            }
        }
    }

    // What ion-sfu's and LiveKit's tests expect, but for their constants.
    #[test]
    fn who_is_heard_is_told_when_it_changes_and_not_again() {
        for case in cases()["observer_ion"]["cases"].as_array().expect("a list") {
            let mut table = Table::new(2);
            for (name, level) in [("a", 30), ("b", 35), ("c", 60)] {
                assert!(case["streams"].get(name).is_some(), "{case}");
                table.speaks(name, level);
            }
            table.pass(SECOND);
            let before = table.history.len();
            assert_eq!((table.heard(), before), (vec!["a", "b"], 1), "{case}");
            table.pass(10 * SECOND);
            assert_eq!(table.history.len(), before, "nothing new, nothing told");
        }
    }

    #[test]
    fn who_sends_no_packets_any_more_is_not_loud() {
        let case = &cases()["activity_gate_livekit"]["cases"][5];
        let idle = Duration::from_millis(case["then_idle_ms"].as_u64().expect("a number"));
        let mut table = Table::new(1);
        table.speaks("a", 25).pass(2 * SECOND).stops("a").pass(idle);
        assert_eq!((table.heard(), table.loudest.volume(table.now, "a").get()), (vec![], 0));
    }
}

proptest! {
    //
    #[test]
    fn any_levels_at_all(heard in proptest::collection::vec((0_u64..200, 0_u8..6, 0_u8..=127), 0..400), muted in 0_u8..6) {
        // Given people who are heard at any time and at any level, in one order and, within each instant, in another,
        let (mut one, mut other) = (Loudest::new(2, 1), Loudest::new(2, 1));
        let mut now = Instant::ZERO;
        let mut last: BTreeMap<u8, Instant> = BTreeMap::new();
        for (gap, who, level) in heard {
            let until = now.saturating_add(Duration::from_millis(gap.saturating_sub(100)));
            while let Some(at) = one.poll_timeout().filter(|at| *at <= until) {
                let changed = (one.handle_timeout(at), other.handle_timeout(at));
                prop_assert_eq!(changed.0, changed.1);
                prop_assert!(one.poll_timeout().is_none_or(|next| next > at), "decided at {at}, and again at once");
            }
            now = until;
            if who != muted {
                let level = AudioLevel::new(level).expect("within 127 dB");
                one.hear(now, who, &who, level);
                other.hear(now, who, &who, level);
                last.insert(who, now);
            } else if gap % 7 == 0 {
                prop_assert!(!one.remove(now, who) && !other.remove(now, who), "who is muted has no seat");
            }
            // then there are never more than there are seats, each once, none of them muted, and each was heard within the hold.
            let seated: Vec<u8> = one.seated().copied().collect();
            prop_assert!(seated.len() <= 3 && !seated.contains(&muted));
            prop_assert_eq!(seated.iter().collect::<BTreeSet<_>>().len(), seated.len());
            prop_assert!(one.ranked(now).len() <= 2);
            prop_assert!(seated.iter().all(|who| now.saturating_since(last[who]) <= limits::VOICE_HOLD));
            prop_assert_eq!(&one, &other);
        }
    }

    //
    #[test]
    fn the_order_of_those_who_are_heard_together_does_not_matter(levels in proptest::collection::vec(0_u8..=127, 2..9), turns in 0_usize..9) {
        let decided = |order: &[usize]| {
            let mut loudest = Loudest::new(3, 1);
            for packet in 0..40 {
                let at = Instant::from_millis(20 * packet);
                loudest.handle_timeout(at);
                for who in order {
                    loudest.hear(at, *who, who, AudioLevel::new(levels[*who]).expect("within 127 dB"));
                }
            }
            loudest
        };
        let straight: Vec<usize> = (0..levels.len()).collect();
        let mut turned = straight.clone();
        turned.rotate_left(turns % levels.len());
        prop_assert_eq!(decided(&straight), decided(&turned));
    }

    #[test]
    fn steady_levels_are_ranked_as_they_are(levels in proptest::collection::vec(0_u8..=127, 0..9)) {
        // Given people who all speak steadily from the beginning,
        let mut loudest = Loudest::new(3, 1);
        for packet in 0..100 {
            let at = Instant::from_millis(20 * packet);
            for (who, level) in levels.iter().enumerate() {
                loudest.hear(at, who, &who, AudioLevel::new(*level).expect("within 127 dB"));
            }
            loudest.handle_timeout(at.saturating_add(Duration::from_millis(1)));
        }
        // then the loudest audible ones are heard, ties by name, and the fourth is the spare.
        let mut expected: Vec<(u8, usize)> = levels.iter().copied().zip(0..).filter(|(level, _)| 127 - level >= audio::AUDIBLE).collect();
        expected.sort_unstable();
        let expected: Vec<usize> = expected.into_iter().map(|(_, who)| who).take(4).collect();
        let mut seated = loudest.ranked(Instant::from_secs(2));
        seated.extend(loudest.seated().copied().skip(3));
        prop_assert_eq!(seated, expected);
    }
}

//! The loudest speakers of a room: who is heard where nobody subscribes to anybody.
//!
//! [`Loudest`] is told the audio level of every packet, as RFC 6464 has it in a header extension, so that no server needs to decode anything. It answers who is to be heard. The rule is
//! that of musical chairs, played slowly: there are few *seats*, and whoever speaks takes a free one; when none is free, a newcomer has to be clearly louder for a while.
//!
//! # The rule
//!
//! 1. **Loudness** of a speaker is its level smoothed over time: up quickly, down slowly, so that a syllable counts at once and a pause between two words does not
//!    ([`RISE`], [`FALL`]). It is 0 for digital silence and 127 dB for full scale. Where packets stop, it falls as if silence had come.
//! 2. **Audible** is who is at least [`AUDIBLE`] loud. A speaker who has not been audible for [`limits::VOICE_HOLD`] is forgotten, and its seat is free.
//! 3. A **free seat** goes to the loudest audible speaker without one. Ties, in whole decibels, go to the lesser name.
//! 4. A **taken seat** changes hands when somebody has been louder than its holder by [`MARGIN_DB`] without a break for [`limits::VOICE_CHALLENGE`]; at once, where the holder has not been
//!    audible for that long. Who has just sat down keeps the seat for [`limits::VOICE_TENURE`] at least.
//! 5. Who is muted or gone loses its seat at once ([`Loudest::remove`]), and the next takes it.
//!
//! # What follows
//!
//! - Speakers at comparable levels keep their seats for as long as they speak. A cough, a click, a word in between takes none.
//! - Who speaks [`CLEARLY_DB`] louder than somebody with a seat is heard within a second, whatever went before: in the worst case the holder was at full scale a moment ago and is
//!   at −80 now, against a newcomer at −70: its loudness takes `FALL × ln(80 / (CLEARLY_DB − MARGIN_DB))` = 599 ms to fall below; then come the challenge and a decision before and after it.
//! - A seat changes hands twice a second at most.
//! - Decisions come from what was heard until then, not from the order in which it was heard: they are made [`limits::VOICE_DECISION`] after the first word that may change something, when
//!   everyone who speaks has been heard once.
//!
//! # The spare
//!
//! Nobody is to hear itself. A listener who has one of the three seats hears the two others, and somebody else: the holder of a *spare* seat, which is played for in the same way among
//! those who have no seat in front. So one decision serves every listener: each hears the first three of [`Loudest::seated`] who are not itself.
//!
//! # What it costs
//!
//! A level costs a look-up and a few additions. A decision looks at those who have been audible within the hold, and comes no more often than a packet of one of them; shared among their
//! packets that is another few nanoseconds for each, so that a level costs the same whether ten speak or a thousand.

use alloc::{collections::BTreeMap, vec::Vec};
use core::{cmp::Reverse, time::Duration};

use serde::{Deserialize, Deserializer, Serialize};

use crate::{limits, time::Instant};

/// How quickly loudness follows a level that rises. A choice: two and a half packets of 20 ms, so that one loud packet counts for less than half.
pub const RISE: Duration = Duration::from_millis(50);
/// How quickly it follows one that falls. A choice: the gaps of stop consonants within a word last some 100 ms and must not count, and with more than 220 ms a louder newcomer could wait for
/// longer than a second.
pub const FALL: Duration = Duration::from_millis(200);
/// How loud who is heard must be, in dB above digital silence: −70 dBov. Active speech is sent at about −26 dBov (ITU-T P.56 measures it, P.800 recommends the value), and soft voices 30 dB
/// below it are still speech; a quiet room's noise in an ordinary microphone lies about −75. LiveKit's −35 and mediasoup's −80 are settings for other questions.
pub const AUDIBLE: u8 = 57;
/// How much louder than a holder a newcomer must be, in dB, for the seat to change hands: twice the sound pressure. A choice: the loudness of one person speaking wavers by less.
pub const MARGIN_DB: u8 = 6;
/// How much louder somebody must be to be heard within a second, in dB. Ten are commonly heard as twice as loud (S. S. Stevens, 1955).
pub const CLEARLY_DB: u8 = 10;
/// How long packets may stay away before silence is assumed. A choice: the longest packet that Opus makes at once (RFC 6716 section 2.1.4).
const GAP: Duration = Duration::from_millis(60);

/// Seats in front, whose holders are heard by everyone.
const FRONT: usize = 0;
/// Front and spare.
const ROWS: usize = 2;

/// How loud a packet is: 0 is full scale, and 127 digital silence or less (RFC 6464 section 3, −dBov).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AudioLevel(u8);

impl AudioLevel {
    /// Digital silence.
    pub const SILENCE: Self = Self(127);

    /// A level of that many dB below full scale; there are none beyond 127.
    pub const fn new(below_full_scale_db: u8) -> Option<Self> {
        if below_full_scale_db <= Self::SILENCE.0 { Some(Self(below_full_scale_db)) } else { None }
    }

    /// The level in the octet of the header extension. Its first bit says whether the sender takes it for speech; it may be set always or never (RFC 6464 section 3), so nothing rests on it.
    pub const fn from_extension(octet: u8) -> Self {
        Self(octet & 0x7f)
    }

    /// How many dB below full scale.
    pub const fn below_full_scale_db(self) -> u8 {
        self.0
    }
}

/// How loud somebody is, for people to see: 0 is what is just audible or less, and 100 full scale, with equal steps in decibels between them (R-137).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Volume(u8);

impl Volume {
    /// The loudest.
    pub const MAX: Self = Self(100);

    /// That volume, or the loudest where it goes beyond.
    pub fn clamped(volume: u64) -> Self {
        Self(u8::try_from(volume).unwrap_or(u8::MAX).min(Self::MAX.0))
    }

    /// From 0 to 100.
    pub const fn get(self) -> u8 {
        self.0
    }

    /// The level that a steady sound of that volume has.
    pub fn level(self) -> AudioLevel {
        let above = if self.0 == 0 { 0 } else { u16::from(AUDIBLE) + (u16::from(self.0) * u16::from(127 - AUDIBLE)).div_ceil(100) };
        AudioLevel(127 - u8::try_from(above).expect("a hundred parts of seventy and fifty-seven make 127 at most"))
    }
}

impl<'de> Deserialize<'de> for Volume {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u64::deserialize(deserializer).map(Self::clamped)
    }
}

/// Decibels above digital silence, in parts of 256: a sum of small steps gets where one large step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Loudness(u16);

impl Loudness {
    const SILENCE: Self = Self(0);
    const AUDIBLE: Self = Self::of_db(AUDIBLE);

    const fn of_db(above_silence: u8) -> Self {
        Self((above_silence as u16) << 8)
    }

    fn of(level: AudioLevel) -> Self {
        Self::of_db(127 - level.0)
    }

    /// Whole decibels, to compare by.
    const fn db(self) -> u8 {
        ((self.0 + 128) >> 8) as u8
    }

    /// Where it gets from here towards `target` in that time: the part of the way that the time is of the span for that direction. Rounded up, so that it arrives.
    fn towards(self, target: Self, elapsed: Duration) -> Self {
        let span = if target > self { RISE } else { FALL };
        let micros = |span: Duration| u32::try_from(span.as_micros()).unwrap_or(u32::MAX);
        let way = u64::from(self.0.abs_diff(target.0)) * u64::from(micros(elapsed.min(span)));
        let step = u16::try_from(way.div_ceil(u64::from(micros(span)))).expect("a part of the way is no longer than all of it");
        Self(if target > self { self.0 + step } else { self.0 - step })
    }

    fn volume(self) -> Volume {
        let (above, all) = (u32::from(self.0.saturating_sub(Self::AUDIBLE.0)), u32::from(Self::of_db(127).0 - Self::AUDIBLE.0));
        Volume(u8::try_from(above * 100 / all).expect("it is a part of a hundred"))
    }
}

/// Who of many speakers is to be heard: see the [module](self).
///
/// `K` tells speakers apart, `T` orders those who are equally loud. Whoever keeps it says what was heard ([`Loudest::hear`]), who is muted or gone ([`Loudest::remove`]), and keeps its one deadline
/// ([`Loudest::poll_timeout`], [`Loudest::handle_timeout`]). Speakers who are muted must not be told of; it does not know them.
///
/// ```
/// use greenroom_core::{audio::{AudioLevel, Loudest}, time::Instant};
///
/// let level = |db| AudioLevel::new(db).expect("within 127 dB");
/// let mut loudest = Loudest::new(1, 0);
/// loudest.hear(Instant::ZERO, 1, &"ada", level(30));
/// loudest.hear(Instant::ZERO, 2, &"ben", level(35));
/// let decision = loudest.poll_timeout().expect("somebody speaks");
/// assert!(loudest.handle_timeout(decision), "who is heard has changed");
/// assert_eq!(loudest.seated().copied().collect::<Vec<_>>(), [1]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Loudest<K, T> {
    /// How many seats each row has.
    sizes: [usize; ROWS],
    /// Who has them.
    rows: [Vec<K>; ROWS],
    /// Whoever was audible within the hold: at most [`limits::ROOM_MEMBERS`].
    speakers: BTreeMap<K, Speaker<T>>,
    due: Option<Instant>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Speaker<T> {
    name: T,
    loudness: Loudness,
    /// When its last packet came.
    heard: Instant,
    /// When it was audible last.
    audible: Instant,
    /// The row it sits in; [`ROWS`] for none.
    row: usize,
    /// Since when it has that seat.
    seated: Instant,
    /// Since when it has been louder than somebody in that row, by the margin and without a break.
    ahead: [Option<Instant>; ROWS],
}

impl<T: Ord> Speaker<T> {
    /// How loud it is by now.
    fn loudness(&self, now: Instant) -> Loudness {
        let since = now.saturating_since(self.heard);
        let overdue = since.saturating_sub(GAP);
        // The usual case, of which a decision sees one for each speaker: no packet is overdue, so that there is nothing to reckon.
        if overdue.is_zero() { self.loudness } else { self.loudness.towards(Loudness::SILENCE, overdue) }
    }

    fn hear(&mut self, now: Instant, level: Loudness) {
        self.loudness = self.loudness.towards(level, now.saturating_since(self.heard));
        self.heard = now;
        if self.loudness >= Loudness::AUDIBLE {
            self.audible = now;
        }
    }

    fn is_forgotten(&self, now: Instant) -> bool {
        self.silent_at().is_due(now)
    }

    fn silent_at(&self) -> Instant {
        self.audible.saturating_add(limits::VOICE_HOLD)
    }

    /// Whether its seat can be had at once: it has been silent for as long as a challenge takes, which anybody would have won by now.
    fn yields(&self, now: Instant) -> bool {
        let long = |since, span| now.saturating_since(since) >= span;
        long(self.audible, limits::VOICE_CHALLENGE) && long(self.seated, limits::VOICE_TENURE)
    }

    /// The loudest first, and the lesser name of two that are equally loud.
    fn rank(&self, now: Instant) -> (Reverse<u8>, &T) {
        (Reverse(self.loudness(now).db()), &self.name)
    }

    fn sit(&mut self, now: Instant, row: usize) {
        (self.row, self.seated, self.ahead) = (row, now, [None; ROWS]);
    }
}

impl<K: Ord + Copy, T: Ord + Clone> Loudest<K, T> {
    /// Nobody has been heard yet. So many seats are in front, and so many are spare.
    pub const fn new(front: usize, spare: usize) -> Self {
        Self { sizes: [front, spare], rows: [Vec::new(), Vec::new()], speakers: BTreeMap::new(), due: None }
    }

    /// A packet of that speaker came, and how loud it is.
    pub fn hear(&mut self, now: Instant, who: K, name: &T, level: AudioLevel) {
        let heard = Loudness::of(level);
        let row = if let Some(speaker) = self.speakers.get_mut(&who) {
            speaker.hear(now, heard);
            speaker.row
        } else {
            if heard < Loudness::AUDIBLE || self.speakers.len() >= limits::ROOM_MEMBERS {
                return;
            }
            // Who begins to speak is as loud as its first packet: a free seat is not to cost the first syllable.
            let (name, ahead) = (name.clone(), [None; ROWS]);
            self.speakers.insert(who, Speaker { name, loudness: heard, heard: now, audible: now, row: ROWS, seated: now, ahead });
            ROWS
        };
        if row != FRONT {
            self.decide_by(now.saturating_add(limits::VOICE_DECISION));
        }
    }

    /// A speaker is muted or gone. Whether who is heard has changed.
    pub fn remove(&mut self, now: Instant, who: K) -> bool {
        let had_seat = self.forget(who);
        if had_seat {
            self.fill(now);
            self.decide_by(now.saturating_add(limits::VOICE_DECISION));
        }
        had_seat
    }

    /// Nobody was ever heard. Whether who is heard has changed.
    pub fn clear(&mut self) -> bool {
        let changed = self.seated().next().is_some();
        *self = Self::new(self.sizes[FRONT], self.sizes[ROWS - 1]);
        changed
    }

    /// Makes the decision that is due. Whether who is heard has changed. Early and late calls do no harm.
    pub fn handle_timeout(&mut self, now: Instant) -> bool {
        if !self.due.is_some_and(|at| at.is_due(now)) {
            return false;
        }
        let silent: Vec<K> = self.speakers.iter().filter(|(_, speaker)| speaker.is_forgotten(now)).map(|(who, _)| *who).collect();
        let mut changed = false;
        for who in silent {
            changed |= self.forget(who);
        }
        changed |= self.fill(now);
        for row in 0..ROWS {
            changed |= self.challenge(now, row);
        }
        changed |= self.fill(now); // what a challenge from the spare seats left there
        self.due = self.rows.iter().flatten().map(|who| self.speakers[who].silent_at()).min();
        changed
    }

    /// When the next decision is due. It may change nothing.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.due.filter(|at| *at < Instant::MAX)
    }

    /// Everyone with a seat, those in front first. Each listener is to hear as many of them as there are seats in front, the first ones who are not itself.
    pub fn seated(&self) -> impl Iterator<Item = &K> {
        self.rows.iter().flatten()
    }

    /// Those in front, the loudest first.
    pub fn ranked(&self, now: Instant) -> Vec<K> {
        let mut ranked = self.rows[FRONT].clone();
        ranked.sort_by(|one, other| self.speakers[one].rank(now).cmp(&self.speakers[other].rank(now)));
        ranked
    }

    /// How loud somebody is.
    pub fn volume(&self, now: Instant, who: K) -> Volume {
        self.speakers.get(&who).map_or(Volume::default(), |speaker| speaker.loudness(now).volume())
    }

    fn decide_by(&mut self, at: Instant) {
        self.due = Some(self.due.map_or(at, |due| due.min(at)));
    }

    /// Forgets a speaker. Whether it had a seat.
    fn forget(&mut self, who: K) -> bool {
        let row = self.speakers.remove(&who).map_or(ROWS, |speaker| speaker.row);
        if let Some(row) = self.rows.get_mut(row) {
            row.retain(|other| *other != who);
        }
        row < ROWS
    }

    /// Gives free seats, and those of holders who have fallen silent, to the loudest who sit behind or nowhere. Whether anybody took one.
    fn fill(&mut self, now: Instant) -> bool {
        let mut changed = false;
        for row in 0..ROWS {
            loop {
                let is_full = self.rows[row].len() >= self.sizes[row];
                let silent = self.rows[row].iter().filter(|who| self.speakers[who].yields(now));
                let silent = silent.max_by_key(|who| self.speakers[who].rank(now)).copied().filter(|_| is_full);
                if is_full && silent.is_none() {
                    break;
                }
                let waiting = self.speakers.iter().filter(|(_, s)| s.row > row && s.loudness(now) >= Loudness::AUDIBLE);
                let Some(who) = waiting.min_by_key(|(_, speaker)| speaker.rank(now)).map(|(who, _)| *who) else { break };
                if let Some(silent) = silent {
                    self.unseat(now, silent);
                }
                self.seat(now, who, row);
                changed = true;
            }
        }
        changed
    }

    /// Lets those who have been louder for long enough take seats of a row. Whether anybody did.
    fn challenge(&mut self, now: Instant, row: usize) -> bool {
        let mut changed = false;
        for _ in 0..self.sizes[row] {
            let Some(least) = self.rows[row].iter().map(|who| self.speakers[who].loudness(now)).min() else { break };
            let bar = Loudness(least.0 + Loudness::of_db(MARGIN_DB).0);
            let mut first: Option<(&K, &Speaker<T>)> = None;
            for (who, speaker) in self.speakers.iter_mut().filter(|(_, speaker)| speaker.row > row) {
                let is_ahead = speaker.loudness(now) >= bar;
                let since = is_ahead.then(|| *speaker.ahead[row].get_or_insert(now));
                speaker.ahead[row] = since;
                if since.is_some_and(|since| now.saturating_since(since) >= limits::VOICE_CHALLENGE)
                    && first.is_none_or(|(_, other)| speaker.rank(now) < other.rank(now))
                {
                    first = Some((who, speaker));
                }
            }
            let Some((challenger, loudness)) = first.map(|(who, speaker)| (*who, speaker.loudness(now))) else { break };
            // The least of those who have sat for long enough; the last name of two that are equally loud.
            let held = self.rows[row].iter().filter(|who| now.saturating_since(self.speakers[who].seated) >= limits::VOICE_TENURE);
            let weakest = held.max_by_key(|who| self.speakers[who].rank(now)).copied();
            let beaten = weakest.filter(|who| loudness.0 >= self.speakers[who].loudness(now).0 + Loudness::of_db(MARGIN_DB).0);
            let Some(beaten) = beaten else { break };
            self.unseat(now, beaten);
            self.seat(now, challenger, row);
            changed = true;
        }
        changed
    }

    fn unseat(&mut self, now: Instant, who: K) {
        let speaker = self.speakers.get_mut(&who).expect("who has a seat is known");
        self.rows[speaker.row].retain(|other| *other != who);
        speaker.sit(now, ROWS);
    }

    fn seat(&mut self, now: Instant, who: K, row: usize) {
        let speaker = self.speakers.get_mut(&who).expect("only who was heard is seated");
        if let Some(before) = self.rows.get_mut(speaker.row) {
            before.retain(|other| *other != who);
        }
        speaker.sit(now, row);
        self.rows[row].push(who);
    }
}

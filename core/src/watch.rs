//! Which video streams have died, and which came back (R-128 to R-133).
//!
//! A [`Watch`] is told which streams ought to flow, and of every good picture. A stream from which none has come for the interval is *interrupted*; it has *recovered* with the first
//! picture after that. Each is told once.
//!
//! When a line breaks, all that came over it dies at one stroke, but the last pictures of two streams lie some milliseconds apart. So a check waits a little after the first stream is due
//! ([`limits::WATCH_GATHER`]), and takes all those along that are due by then (R-130).

use alloc::{collections::BTreeMap, vec::Vec};
use core::time::Duration;

use crate::{limits, time::Instant};

/// How long a stream may be without a good picture: 1 to 60 whole seconds (R-128).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WatchInterval(u8);

impl WatchInterval {
    /// That many seconds; none beyond 1 to 60.
    pub fn new(secs: u64) -> Option<Self> {
        u8::try_from(secs).ok().filter(|secs| (1..=limits::WATCH_INTERVAL_SECS).contains(secs)).map(Self)
    }

    /// As a span.
    pub const fn span(self) -> Duration {
        Duration::from_secs(self.0 as u64)
    }
}

/// What is known of a stream that is received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Expected {
    /// Its owner has muted it: no pictures come, and none are missed.
    pub muted: bool,
    /// It is sent once somebody receives it: how long the first picture takes is not known, and it is missed no earlier than that has come (C-29).
    pub on_demand: bool,
}

/// A watch over streams: see the [module](self). `K` tells them apart.
///
/// ```
/// use core::time::Duration;
/// use greenroom_core::{time::Instant, watch::{Expected, Watch, WatchInterval}};
///
/// let second = Instant::from_secs;
/// let mut watch = Watch::new(WatchInterval::new(3).expect("from 1 to 60"));
/// watch.expect(second(0), [("bob's camera", Expected { muted: false, on_demand: false })]);
/// assert!(!watch.picture(second(10), "bob's camera"), "it has not been missed");
/// let check = watch.poll_timeout().expect("a stream is watched");
/// assert!(watch.handle_timeout(check).is_empty(), "a picture has come since");
/// let check = watch.poll_timeout().expect("a stream is watched");
/// assert!(check >= second(13));
/// assert_eq!(watch.handle_timeout(check), ["bob's camera"]);
/// assert!(watch.picture(second(20), "bob's camera"), "it is back");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Watch<K> {
    interval: WatchInterval,
    streams: BTreeMap<K, Watched>,
    /// When to look again. It may lie too early, never too late: a picture costs no timer.
    check: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Watched {
    muted: bool,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum State {
    /// The first picture has not come yet, and nobody knows when it will.
    Awaited,
    Flowing {
        /// When the last picture came, or when the stream began to be watched, or was unmuted.
        last: Instant,
    },
    Interrupted,
}

impl<K: Ord + Copy> Watch<K> {
    /// A watch over no streams yet.
    pub const fn new(interval: WatchInterval) -> Self {
        Self { interval, streams: BTreeMap::new(), check: None }
    }

    /// How long a stream may be without a good picture.
    pub const fn interval(&self) -> WatchInterval {
        self.interval
    }

    /// These streams are watched from now on, and no others. What is known of one that was watched before stays known.
    pub fn expect(&mut self, now: Instant, streams: impl IntoIterator<Item = (K, Expected)>) {
        let mut before = core::mem::take(&mut self.streams);
        for (id, Expected { muted, on_demand }) in streams {
            let watched = before.remove(&id);
            let mut state = match watched {
                Some(watched) => watched.state,
                None if on_demand => State::Awaited,
                None => State::Flowing { last: now },
            };
            // Muted until now, it owes nothing for the time before.
            if let (State::Flowing { last }, Some(Watched { muted: true, .. })) = (&mut state, watched) {
                *last = now;
            }
            self.streams.insert(id, Watched { muted, state });
        }
        if self.check.is_none() {
            self.check = self.first_due();
        }
    }

    /// A good picture of a stream came. Whether the stream had been interrupted, and has recovered. One of a stream that is not watched, or muted, is late and means nothing.
    pub fn picture(&mut self, now: Instant, id: K) -> bool {
        let Some(watched) = self.streams.get_mut(&id).filter(|watched| !watched.muted) else { return false };
        let before = core::mem::replace(&mut watched.state, State::Flowing { last: now });
        if self.check.is_none() {
            self.check = self.first_due();
        }
        before == State::Interrupted
    }

    /// Makes the check that is due, and tells which streams are found to be interrupted, in order. Early and late calls do no harm.
    pub fn handle_timeout(&mut self, now: Instant) -> Vec<K> {
        if !self.check.is_some_and(|at| at.is_due(now)) {
            return Vec::new();
        }
        let mut interrupted = Vec::new();
        if self.first_due().is_some_and(|at| at.is_due(now)) {
            let span = self.interval.span();
            for (id, watched) in self.streams.iter_mut().filter(|(_, watched)| !watched.muted) {
                if let State::Flowing { last } = watched.state
                    && last.saturating_add(span).is_due(now)
                {
                    watched.state = State::Interrupted;
                    interrupted.push(*id);
                }
            }
        }
        self.check = self.first_due();
        interrupted
    }

    /// When the next check is due. It may find nothing.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.check.filter(|at| *at < Instant::MAX)
    }

    /// When the first stream is to be told as interrupted, if no picture of it comes: the interval after its last one, and a little for those that die with it.
    fn first_due(&self) -> Option<Instant> {
        let flowing = self.streams.values().filter(|watched| !watched.muted);
        let last = flowing.filter_map(|watched| if let State::Flowing { last } = watched.state { Some(last) } else { None }).min()?;
        Some(last.saturating_add(self.interval.span()).saturating_add(limits::WATCH_GATHER))
    }
}

//! The picture that a viewer of the grid sees: how long it stood still.

use core::time::Duration;
use std::collections::BTreeMap;

use greenroom_core::time::Instant;

use super::case::FPS;

/// A picture is late when none was shown for three times the usual interval, or for the usual interval and this much more, whichever is longer: `freezeCount` of W3C's webrtc-stats.
const FREEZE_MARGIN: Duration = Duration::from_millis(150);

/// Shows each picture when it is whole, if it is newer than the one that is shown. Encoders of the grid make key frames only, so that no picture waits for another.
#[derive(Debug, Default)]
pub(super) struct Screen {
    /// Packets of pictures that are not whole: by timestamp, their numbers, and those of the first and of the last one.
    pieces: BTreeMap<u32, Pieces>,
    shown: Option<Shown>,
    /// What was counted as frozen is not counted again.
    counted_to: Instant,
}

#[derive(Debug, Default)]
struct Pieces {
    came: u64,
    first: Option<u64>,
    last: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
struct Shown {
    at: Instant,
    timestamp: u32,
}

/// Pictures that are waited for at most.
const PIECES: usize = 64;

impl Screen {
    /// A packet came. Tells how long the picture had stood still if this ends a freeze.
    pub(super) fn came(&mut self, now: Instant, seq: u64, timestamp: u32, begins: bool, ends: bool) -> Option<Duration> {
        let is_older = |shown: Shown| timestamp.wrapping_sub(shown.timestamp).cast_signed() <= 0;
        if self.shown.is_some_and(is_older) {
            return None;
        }
        if self.pieces.len() == PIECES {
            self.pieces.pop_first();
        }
        let pieces = self.pieces.entry(timestamp).or_default();
        pieces.came += 1;
        pieces.first = pieces.first.or(begins.then_some(seq));
        pieces.last = pieces.last.or(ends.then_some(seq));
        let (Some(first), Some(last)) = (pieces.first, pieces.last) else { return None };
        if pieces.came <= last - first {
            return None;
        }
        self.pieces.remove(&timestamp);
        let before = self.shown.replace(Shown { at: now, timestamp })?;
        self.stood_still(now, before)
    }

    /// How long the picture has stood still by now, as far as that was not told.
    pub(super) fn still(&mut self, now: Instant) -> Option<Duration> {
        self.stood_still(now, self.shown?)
    }

    /// No picture is meant to come.
    pub(super) fn excuse(&mut self) {
        self.shown = None;
        self.pieces.clear();
    }

    fn stood_still(&mut self, now: Instant, before: Shown) -> Option<Duration> {
        let usual = Duration::from_secs(1) / u32::try_from(FPS).expect("a small number");
        let late = (usual * 3).max(usual + FREEZE_MARGIN);
        if now.saturating_since(before.at) <= late {
            return None;
        }
        let from = before.at.max(self.counted_to);
        self.counted_to = now;
        Some(now.saturating_since(from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::from_millis(ms)
    }

    #[test]
    fn a_picture_is_shown_when_it_is_whole_and_a_freeze_is_told_once() {
        let mut screen = Screen::default();
        assert_eq!(screen.came(at(0), 0, 0, true, true), None);
        assert_eq!(screen.came(at(33), 1, 3000, true, false), None);
        assert_eq!(screen.came(at(34), 3, 3000, false, true), None);
        assert_eq!(screen.still(at(150)), None, "183 ms are not late yet");
        assert_eq!(screen.still(at(250)), Some(Duration::from_millis(250)));
        assert_eq!(screen.came(at(300), 2, 3000, false, false), Some(Duration::from_millis(50)), "the rest of it");
        assert_eq!(screen.came(at(333), 5, 9000, true, true), None);
        assert_eq!(screen.came(at(340), 4, 6000, true, true), None, "an older one is not shown any more");
        screen.excuse();
        assert_eq!(screen.still(at(9000)), None);
        assert_eq!(screen.came(at(9000), 6, 12_000, true, true), None);
    }
}

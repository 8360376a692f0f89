//! What becomes of a connection's packets on one way, whatever they carry: counted by the numbers that the connection itself gives them, repairs and probes included.
//!
//! A packet of a stream may be missing because it was lost on its publisher's way to the server. A number of the connection is missing only where it was lost on this very way, which is why they tell
//! apart whose fault it is. WebRTC has them as transport-wide sequence numbers (draft-holmer-rmcat-transport-wide-cc-extensions-01), modelled media in its stamps.

/// Packets of one way so far. Both counts wrap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passage {
    /// Numbers up to the highest that came.
    pub numbered: u32,
    /// How many of them came.
    pub came: u32,
}

impl Passage {
    /// Packets that were lost since `before`; what came late makes up for some.
    pub fn lost_since(self, before: Self) -> u32 {
        let numbered = self.numbered.wrapping_sub(before.numbered);
        numbered.saturating_sub(self.came.wrapping_sub(before.came))
    }
}

/// Counts numbers of 16 bits as they come.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    highest: Option<u16>,
    passage: Passage,
}

impl Numbers {
    /// A packet with that number came.
    pub(super) fn came(&mut self, number: u16) {
        self.passage.came = self.passage.came.wrapping_add(1);
        let ahead = self.highest.map_or(1, |highest| number.wrapping_sub(highest));
        // What lies half of all numbers ahead or more is late.
        if ahead < 1 << 15 {
            self.highest = Some(number);
            self.passage.numbered = self.passage.numbered.wrapping_add(u32::from(ahead));
        }
    }

    pub(super) const fn passage(&self) -> Passage {
        self.passage
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_lost_until_it_comes_late() {
        let mut numbers = Numbers::default();
        for number in [65_534, 65_535, 2, 3] {
            numbers.came(number);
        }
        let before = numbers.passage();
        assert_eq!(before, Passage { numbered: 6, came: 4 });
        assert_eq!(before.lost_since(Passage::default()), 2, "0 and 1");
        numbers.came(1);
        assert_eq!(numbers.passage().lost_since(Passage::default()), 1);
        assert_eq!(numbers.passage().lost_since(before), 0, "a surplus is no loss");
        let nearly = Passage { numbered: u32::MAX, came: u32::MAX };
        assert_eq!(Passage { numbered: 9, came: 7 }.lost_since(nearly), 2, "counts wrap");
    }
}

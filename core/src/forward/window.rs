//! What became of the newest packets and pictures of a run, each a bit: enough to give a late one its place, in a fixed size.

/// How many sequence numbers of a run are kept in mind: a second of 8 Mbps in packets of a kilobyte, two round trips of the slowest satellite.
pub const PACKETS_KEPT: u64 = 1024;
/// How many pictures of a run are kept in mind: two seconds at 60 a second. No less than [`PACKETS_KEPT`] holds of pictures of several packets.
pub const PICTURES_KEPT: u16 = 128;

const WORDS: usize = (PACKETS_KEPT / 64) as usize;

/// The sequence numbers up to the newest, [`PACKETS_KEPT`] of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[repr(C)]
pub(super) struct Packets {
    newest: u64,
    /// How many were left out, of all that the run had.
    left_out_total: u64,
    /// Two bits for each sequence number, at its place modulo [`PACKETS_KEPT`].
    words: [Word; WORDS],
}

/// The bits of 64 sequence numbers, side by side: both are changed for every packet, and lie in one cache line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Word {
    left_out: u64,
    /// The number went out.
    taken: u64,
}

impl Word {
    const EMPTY: Self = Self { left_out: 0, taken: 0 };
}

/// What is known of a sequence number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// Nothing came yet.
    Open,
    /// Its packet was left out.
    LeftOut,
    /// Its packet went out, or was filled in for.
    Taken,
    /// It lies too far back.
    Forgotten,
}

impl Packets {
    /// Of a run whose first packet goes out.
    pub(super) const fn starting_with(seq: u64) -> Self {
        let mut packets = Self { newest: seq, left_out_total: 0, words: [Word::EMPTY; WORDS] };
        let (word, mask) = place(seq);
        packets.words[word].taken = mask;
        packets
    }

    pub(super) const fn newest(&self) -> u64 {
        self.newest
    }

    /// A packet beyond the newest came: it is left out, or takes its place.
    #[inline]
    pub(super) fn advance(&mut self, seq: u64, leave_out: bool) {
        if seq - self.newest >= PACKETS_KEPT {
            self.words = [Word::EMPTY; WORDS];
        } else {
            for passed in self.newest + 1..seq {
                let (word, mask) = place(passed);
                let word = &mut self.words[word];
                (word.left_out, word.taken) = (word.left_out & !mask, word.taken & !mask);
            }
        }
        self.newest = seq;
        let (word, mask) = place(seq);
        let word = &mut self.words[word];
        if leave_out {
            (word.left_out, word.taken) = (word.left_out | mask, word.taken & !mask);
            self.left_out_total += 1;
        } else {
            (word.left_out, word.taken) = (word.left_out & !mask, word.taken | mask);
        }
    }

    /// What is known of a number up to the newest.
    pub(super) fn slot(&self, seq: u64) -> Slot {
        let (word, mask) = place(seq);
        match self.words[word] {
            _ if self.newest - seq >= PACKETS_KEPT => Slot::Forgotten,
            word if word.left_out & mask != 0 => Slot::LeftOut,
            word if word.taken & mask != 0 => Slot::Taken,
            _ => Slot::Open,
        }
    }

    /// A late packet takes its place.
    pub(super) fn take(&mut self, seq: u64) {
        let (word, mask) = place(seq);
        self.words[word].taken |= mask;
    }

    /// How many packets before `seq` were left out. Not to be asked of forgotten ones.
    #[inline]
    pub(super) fn left_out_before(&self, seq: u64) -> u64 {
        if self.left_out_total == 0 {
            return 0; // the usual case: nothing is thinned out
        }
        self.left_out_total - self.left_out(seq, self.newest)
    }

    /// How many were left out from `first` to `last`, fewer than [`PACKETS_KEPT`] of them.
    fn left_out(&self, first: u64, last: u64) -> u64 {
        let mut count = 0;
        for block in first / 64..=last / 64 {
            let from = if block == first / 64 { first % 64 } else { 0 };
            let to = if block == last / 64 { last % 64 } else { 63 };
            let (word, _) = place(block * 64);
            let word = self.words[word].left_out;
            count += u64::from((word & (u64::MAX << from) & (u64::MAX >> (63 - to))).count_ones());
        }
        count
    }
}

/// The word and the bit of a sequence number.
const fn place(seq: u64) -> (usize, u64) {
    ((seq % PACKETS_KEPT) as usize / 64, 1 << (seq % 64))
}

/// The newest pictures of a run by their distance to the newest of all: bit 0 is that one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Pictures {
    left_out: u128,
    /// Packets of them went out.
    sent: u128,
}

impl Pictures {
    /// One picture, which goes out.
    pub(super) const FIRST: Self = Self { left_out: 0, sent: 1 };

    /// A picture came that is so far ahead of the newest.
    pub(super) const fn advance(&mut self, ahead: u16, leave_out: bool) {
        let by = ahead as u32;
        (self.left_out, self.sent) = if by < 128 { (self.left_out << by, self.sent << by) } else { (0, 0) };
        if leave_out {
            self.left_out |= 1;
        } else {
            self.sent |= 1;
        }
    }

    pub(super) const fn newest_is_left_out(&self) -> bool {
        self.left_out & 1 != 0
    }

    /// Whether the picture that far back goes out, where that was decided. Not to be asked of more than [`PICTURES_KEPT`].
    pub(super) const fn is_sent(&self, back: u16) -> Option<bool> {
        match () {
            () if self.sent >> back & 1 != 0 => Some(true),
            () if self.left_out >> back & 1 != 0 => Some(false),
            () => None,
        }
    }

    /// A late picture goes out.
    pub(super) const fn send(&mut self, back: u16) {
        self.sent |= 1 << back;
    }

    /// How many were left out between the picture that far back and the newest, neither counted.
    pub(super) const fn left_out_since(&self, back: u16) -> u16 {
        let since = if back == 0 { 0 } else { self.left_out & (u128::MAX >> (128 - back as u32)) & !1 };
        #[expect(clippy::cast_possible_truncation, reason = "of 128 bits at most 126 count")]
        let count = since.count_ones() as u16;
        count
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn counts_agree_with_a_list() {
        // Given numbers of which every third is left out and every seventh is late,
        let first = 1_000_003;
        let mut packets = Packets::starting_with(first);
        let mut left_out: Vec<u64> = Vec::new();
        for seq in first + 1..first + 5000 {
            if seq % 7 == 0 {
                continue;
            }
            packets.advance(seq, seq % 3 == 0);
            if seq % 3 == 0 {
                left_out.push(seq);
            }
            // then what the window says of each number is what the list says.
            for back in [0, 1, 2, 7, 63, 64, 65, 500, PACKETS_KEPT - 1] {
                let Some(asked) = seq.checked_sub(back).filter(|asked| *asked >= first) else { continue };
                let before = left_out.iter().filter(|left| **left < asked).count() as u64;
                assert_eq!(packets.left_out_before(asked), before, "{asked} of {seq}");
                let slot = match () {
                    () if asked % 7 == 0 && asked != first => Slot::Open,
                    () if asked % 3 == 0 => Slot::LeftOut,
                    () => Slot::Taken,
                };
                assert_eq!(packets.slot(asked), slot, "{asked} of {seq}");
            }
            if seq - first >= PACKETS_KEPT {
                assert_eq!(packets.slot(seq - PACKETS_KEPT), Slot::Forgotten);
            }
        }
    }

    #[test]
    fn a_long_gap_empties_the_window() {
        let mut packets = Packets::starting_with(5);
        packets.advance(6, true);
        packets.advance(6 + 3 * PACKETS_KEPT, false);
        assert_eq!(packets.slot(5 + 3 * PACKETS_KEPT), Slot::Open);
        assert_eq!(packets.left_out_before(6 + 3 * PACKETS_KEPT), 1);
    }

    #[test]
    fn pictures_are_counted_between_two() {
        let mut pictures = Pictures::FIRST;
        for leave_out in [true, false, true, true] {
            pictures.advance(1, leave_out);
        }
        assert_eq!([0, 1, 2, 3, 4].map(|back| pictures.left_out_since(back)), [0, 0, 1, 1, 2]);
        pictures.advance(3, false);
        assert_eq!([1, 2, 3, 7].map(|back| pictures.is_sent(back)), [None, None, Some(false), Some(true)]);
        assert_eq!(pictures.left_out_since(7), 3);
        pictures.advance(PICTURES_KEPT, true);
        assert_eq!((pictures.is_sent(127), pictures.newest_is_left_out()), (None, true));
    }
}

//! When each node is due, and which one first.

use greenroom_core::time::Instant;

/// The times at which nodes are due, in a winner tree (Knuth, The Art of Computer Programming 3, section 5.4.1): the leaves are the nodes, every inner place holds the earlier of the
/// two below it. To change one node's time costs a walk to the root, the first of all stands there, and there is one entry for each node however often its time changes.
#[derive(Debug)]
pub(super) struct Schedule {
    /// The root at 1, the children of `at` at `2 at` and `2 at + 1`, the leaves in the second half.
    tree: Vec<Entry>,
    leaves: usize,
}

/// A node and its time as one number, the time above the place: a single comparison, and nothing to be guessed, where a pair takes two and a branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry(u128);

impl Entry {
    fn new(at: Instant, place: u16) -> Self {
        Self(u128::from(at.as_nanos()) << 16 | u128::from(place))
    }

    fn at(self) -> Instant {
        Instant::from_nanos(u64::try_from(self.0 >> 16).expect("a time was put there"))
    }

    fn place(self) -> u16 {
        u16::try_from(self.0 & 0xffff).expect("sixteen bits")
    }
}

/// The time of a node that is never due.
const NEVER: Instant = Instant::MAX;

impl Schedule {
    /// A schedule of nodes none of which is due.
    pub(super) fn new(nodes: usize) -> Self {
        let leaves = nodes.next_power_of_two();
        Self { tree: vec![Entry::new(NEVER, u16::MAX); leaves * 2], leaves }
    }

    /// Says when a node is due; none is never.
    pub(super) fn set(&mut self, place: u16, at: Option<Instant>) {
        let mut node = self.leaves + usize::from(place);
        let entry = Entry::new(at.unwrap_or(NEVER), place);
        if self.tree[node] == entry {
            return;
        }
        self.tree[node] = entry;
        let mut winner = entry;
        while node > 1 {
            winner = winner.min(self.tree[node ^ 1]); // the other child of the same parent
            node /= 2;
            if self.tree[node] == winner {
                return; // nothing changes further up
            }
            self.tree[node] = winner;
        }
    }

    /// The node that is due first, the one at the lower place among equals.
    pub(super) fn first(&self) -> Option<(Instant, u16)> {
        let first = self.tree[1];
        (first.at() < NEVER).then(|| (first.at(), first.place()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_first_is_the_earliest_and_among_equals_the_lowest(changes in prop::collection::vec((0_u16..9, prop::option::of(0_u64..20)), 1..200)) {
            let mut schedule = Schedule::new(9);
            let mut plain = [None; 9];
            for (place, at) in changes {
                let at = at.map(Instant::from_nanos);
                plain[usize::from(place)] = at;
                schedule.set(place, at);
                let first = (0..9).filter_map(|place| Some((plain[usize::from(place)]?, place))).min();
                prop_assert_eq!(schedule.first(), first);
            }
        }
    }

    #[test]
    fn a_schedule_of_one_has_it_first() {
        let mut schedule = Schedule::new(1);
        assert_eq!(schedule.first(), None);
        schedule.set(0, Some(Instant::from_nanos(3)));
        assert_eq!(schedule.first(), Some((Instant::from_nanos(3), 0)));
    }
}

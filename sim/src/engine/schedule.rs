//! When each node is due, and which one first.

use greenroom_core::time::Instant;

/// The times at which nodes are due, in a winner tree (Knuth, The Art of Computer Programming 3, section 5.4.1): the leaves are the nodes, every inner place holds the earlier of the
/// two times below it. To change one node's time costs a walk towards the root that ends where nothing changes any more, and there is one entry for each node however often its time changes.
///
/// The tree holds times alone. Whose the first of them is tells a walk from the root to where it came from, to the left among equals, and so to the lowest place: half the memory, and a comparison of
/// plain numbers at each step, where pairs of time and place were compared before.
#[derive(Debug)]
pub(super) struct Schedule {
    /// The root at 1, the children of `at` at `2 at` and `2 at + 1`, the leaves in the second half.
    tree: Vec<Instant>,
    leaves: usize,
}

/// The time of a node that is never due.
const NEVER: Instant = Instant::MAX;

impl Schedule {
    /// A schedule of nodes none of which is due.
    pub(super) fn new(nodes: usize) -> Self {
        let leaves = nodes.next_power_of_two();
        Self { tree: vec![NEVER; leaves * 2], leaves }
    }

    /// Says when a node is due; none is never.
    pub(super) fn set(&mut self, place: u16, at: Option<Instant>) {
        let mut node = self.leaves + usize::from(place);
        let mut winner = at.unwrap_or(NEVER);
        let tree = self.tree.as_mut_slice();
        while tree[node] != winner {
            tree[node] = winner;
            if node <= 1 {
                return;
            }
            winner = winner.min(tree[node ^ 1]); // the other child of the same parent
            node /= 2;
        }
    }

    /// The node that is due first, the one at the lower place among equals.
    pub(super) fn first(&self) -> Option<(Instant, u16)> {
        let (tree, first) = (self.tree.as_slice(), self.tree[1]);
        if first == NEVER {
            return None;
        }
        let mut node = 1;
        while node < self.leaves {
            node *= 2;
            node += usize::from(tree[node] != first);
        }
        Some((first, u16::try_from(node - self.leaves).expect("places have sixteen bits")))
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

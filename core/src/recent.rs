//! What is remembered for a while, with a bound: past its time it is forgotten, and the oldest makes place where there is none. A part: it has no timer, whoever has it tells the time.

use alloc::collections::{BTreeMap, BTreeSet};

use crate::time::Instant;

/// At most `MOST` things, each until its own instant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Recent<K, V, const MOST: usize> {
    known: BTreeMap<K, (Instant, V)>,
    /// Until when each is remembered, first to last.
    ends: BTreeSet<(Instant, K)>,
}

impl<K, V, const MOST: usize> Default for Recent<K, V, MOST> {
    fn default() -> Self {
        Self { known: BTreeMap::new(), ends: BTreeSet::new() }
    }
}

impl<K: Ord + Clone, V, const MOST: usize> Recent<K, V, MOST> {
    /// Remembers that until then, in place of what was known of it.
    pub(crate) fn note(&mut self, key: K, value: V, until: Instant) {
        if let Some((before, _)) = self.known.insert(key.clone(), (until, value)) {
            self.ends.remove(&(before, key.clone()));
        }
        self.ends.insert((until, key));
        if self.ends.len() > MOST {
            self.drop_first();
        }
    }

    /// Forgets what is past its time.
    pub(crate) fn forget(&mut self, now: Instant) {
        while self.ends.first().is_some_and(|(until, _)| until.is_due(now)) {
            self.drop_first();
        }
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.known.get(key).map(|(_, value)| value)
    }

    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    fn drop_first(&mut self) {
        if let Some((_, key)) = self.ends.pop_first() {
            self.known.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: fn(u64) -> Instant = Instant::from_secs;

    #[test]
    fn what_is_past_its_time_is_forgotten_and_what_is_said_again_is_remembered_anew() {
        let mut recent = Recent::<_, _, 10>::default();
        recent.note("ada", 1, AT(30));
        recent.note("bob", 2, AT(31));
        recent.note("ada", 3, AT(40));
        recent.forget(AT(31));
        assert_eq!((recent.get(&"ada"), recent.get(&"bob"), recent.len()), (Some(&3), None, 1));
        recent.forget(AT(40));
        assert_eq!(recent, Recent::default());
    }

    #[test]
    fn the_oldest_makes_place() {
        let mut recent = Recent::<_, _, 3>::default();
        for number in 0..100 {
            recent.note(number, (), AT(number));
        }
        assert_eq!((recent.len(), recent.ends.len()), (3, 3));
        assert!((97..100).all(|number| recent.get(&number).is_some()));
    }
}

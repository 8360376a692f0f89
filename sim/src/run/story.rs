//! The story of a run: what each user saw of the room, in order, without times.

use std::collections::BTreeMap;

use greenroom_core::id::UserId;
use xxhash_rust::xxh3::Xxh3;

use crate::record::Entry;

/// A hash over every user's ordered room events: membership, roles, streams, mutes, removals. Times, layers and qualities are not in it, so engines agree on it.
pub(super) fn hash(entries: &[Entry]) -> u64 {
    let mut stories: BTreeMap<&UserId, Xxh3> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| entry.what.is_story()) {
        let Some(user) = &entry.user else { continue };
        let line = serde_json::to_vec(&entry.what).expect("an entry is text and numbers");
        let story = stories.entry(user).or_default();
        story.update(&line);
        story.update(b"\n");
    }
    let mut all = Xxh3::new();
    for (user, story) in stories {
        all.update(user.as_str().as_bytes());
        all.update(&[0]);
        all.update(&story.digest().to_le_bytes());
    }
    all.digest()
}

#[cfg(test)]
mod tests {
    use greenroom_core::{role::Role, time::Instant};

    use super::*;
    use crate::record::What;

    fn entry(ms: u64, user: &str, what: What) -> Entry {
        Entry { at: Instant::from_millis(ms), user: Some(UserId::new(user).unwrap()), what }
    }

    #[test]
    fn only_the_order_of_room_events_counts() {
        let joined = || What::Joined { role: Role::Joiner };
        let left = || What::Left;
        let story = [entry(1, "ada", joined()), entry(2, "ada", left())];
        let later = [entry(5, "ada", joined()), entry(6, "ada", What::OutageBegan), entry(9, "ada", left())];
        assert_eq!(hash(&story), hash(&later));
        let backwards = [entry(1, "ada", left()), entry(2, "ada", joined())];
        assert_ne!(hash(&story), hash(&backwards));
        let somebody_else = [entry(1, "ben", joined()), entry(2, "ben", left())];
        assert_ne!(hash(&story), hash(&somebody_else));
    }
}

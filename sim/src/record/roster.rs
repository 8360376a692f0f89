//! Who was where at the end, as each user saw it: what runs must agree on, whatever happened on the way.

use std::collections::{BTreeMap, BTreeSet};

use greenroom_core::{id::UserId, role::Role};
use xxhash_rust::xxh3::xxh3_64;

use super::{Entry, StreamName, What};

/// What one user saw at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roster {
    /// Its own role; none if it was not in the room.
    pub role: Option<Role>,
    /// Whether its connection was lost and not yet restored.
    pub is_away: bool,
    /// What it published.
    pub published: BTreeSet<StreamName>,
    /// The others.
    pub peers: BTreeSet<UserId>,
    /// Their streams.
    pub streams: BTreeSet<StreamName>,
}

/// The roster of everyone who ever tried to enter.
pub fn rosters(entries: &[Entry]) -> BTreeMap<UserId, Roster> {
    let mut rosters: BTreeMap<UserId, Roster> = BTreeMap::new();
    for entry in entries {
        let Some(user) = &entry.user else { continue };
        let roster = rosters.entry(user.clone()).or_default();
        match &entry.what {
            What::JoinCalled | What::Left | What::Removed { .. } => *roster = Roster::default(),
            What::Joined { role } | What::RoleChanged { role } => {
                roster.role = Some(*role);
                if !role.may_publish() {
                    roster.published.clear();
                }
            }
            What::Interrupted { .. } => roster.is_away = true,
            What::Restored { .. } => roster.is_away = false,
            What::Published { stream } => drop(roster.published.insert(stream.clone())),
            What::Unpublished { stream } => drop(roster.published.remove(stream)),
            What::PeerJoined { peer } => drop(roster.peers.insert(peer.clone())),
            What::PeerLeft { peer, .. } => drop(roster.peers.remove(peer)),
            What::StreamAdded { stream } => drop(roster.streams.insert(stream.clone())),
            What::StreamRemoved { stream } => drop(roster.streams.remove(stream)),
            _ => {}
        }
    }
    rosters
}

/// A hash over all rosters.
pub fn roster_hash(entries: &[Entry]) -> u64 {
    xxh3_64(format!("{:?}", rosters(entries)).as_bytes())
}

#[cfg(test)]
mod tests {
    use greenroom_core::{stream::StreamKind, time::Instant};

    use super::*;

    #[test]
    fn a_roster_is_what_is_left_of_all_the_news() {
        let (ada, ben) = (UserId::new("ada").unwrap(), UserId::new("ben").unwrap());
        let stream = StreamName { user: ben.clone(), kind: StreamKind::Main };
        let of_ada = |ms, what| Entry { at: Instant::from_millis(ms), user: Some(ada.clone()), what };
        let mut entries = vec![
            of_ada(0, What::JoinCalled),
            of_ada(1, What::Joined { role: Role::Joiner }),
            of_ada(2, What::PeerJoined { peer: ben.clone() }),
            of_ada(3, What::StreamAdded { stream: stream.clone() }),
            of_ada(4, What::StreamRemoved { stream }),
        ];
        let roster = &rosters(&entries)[&ada];
        assert_eq!((roster.role, &roster.peers), (Some(Role::Joiner), &BTreeSet::from([ben.clone()])));
        assert!(roster.streams.is_empty() && !roster.is_away);
        let hash = roster_hash(&entries);
        entries.push(of_ada(9, What::PeerLeft { peer: ben, reason: 0 }));
        assert_ne!(roster_hash(&entries), hash);
        entries.push(of_ada(10, What::Left));
        assert_eq!(rosters(&entries)[&ada], Roster::default());
    }
}

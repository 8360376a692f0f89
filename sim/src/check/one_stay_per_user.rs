//! Nobody sees a user twice in the room, nor itself among the others, nor a stream twice.

use std::collections::{BTreeMap, BTreeSet};

use greenroom_core::id::UserId;

use super::{Evidence, Verdict, Violation};
use crate::record::{StreamName, What};

/// What one user sees of the room.
#[derive(Debug, Default)]
struct Sight<'a> {
    peers: BTreeSet<&'a UserId>,
    streams: BTreeSet<&'a StreamName>,
}

/// The news of each user, put together to what it sees: whoever comes is not there yet, whoever goes was. A stay that is not ended before the same user's next one begins shows as somebody who comes
/// twice.
pub(super) fn check(evidence: &Evidence<'_>) -> Verdict {
    let mut sights: BTreeMap<&UserId, Sight<'_>> = BTreeMap::new();
    let mut news = 0;
    for entry in evidence.entries {
        let Some(user) = &entry.user else { continue };
        let sight = sights.entry(user).or_default();
        let problem = match &entry.what {
            What::Joined { .. } | What::Left | What::Removed { .. } => {
                *sight = Sight::default();
                continue;
            }
            What::PeerJoined { peer } if peer == user => Some("sees itself among the others".to_owned()),
            What::PeerJoined { peer } if !sight.peers.insert(peer) => Some(format!("sees {peer} come, who is there already")),
            What::PeerLeft { peer, .. } if !sight.peers.remove(peer) => Some(format!("sees {peer} go, who was not there")),
            What::StreamAdded { stream } if stream.user == *user => Some("is offered its own stream".to_owned()),
            What::StreamAdded { stream } if !sight.streams.insert(stream) => Some(format!("is offered {stream}, which is there already")),
            What::StreamRemoved { stream } if !sight.streams.remove(stream) => Some(format!("sees {stream} end, which was not there")),
            What::PeerJoined { .. } | What::PeerLeft { .. } | What::StreamAdded { .. } | What::StreamRemoved { .. } => None,
            _ => continue,
        };
        news += 1;
        if let Some(what) = problem {
            return Err(Violation { at: entry.at, who: user.clone().into(), what });
        }
    }
    Ok(format!("{news} comings and goings"))
}

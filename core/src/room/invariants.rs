//! What must hold between any two calls, whatever happened.

use super::Room;
use crate::member::Presence;

impl Room {
    /// Panics where the room's books do not agree with each other, which would be our bug. Costs a walk through the room, so only debug builds do it.
    pub(super) fn check_invariants(&self) {
        if !cfg!(debug_assertions) {
            return;
        }
        assert_eq!(self.members.len(), self.users.len(), "one stay for each user");
        for (id, member) in &self.members {
            assert_eq!(self.users.get(&member.user), Some(id), "{id}: the user's stay is another");
            if let Presence::Here { session, .. } = member.presence {
                assert_eq!(self.sessions.get(&session), Some(id), "{id}: its {session} belongs to another");
            }
            assert!(member.role.may_publish() || member.published.is_empty(), "{id}: a player publishes");
            assert!(self.deadlines.contains(&(member.deadline, *id)), "{id}: no timer watches it");
            for stream in member.subscriptions.keys() {
                let known = self.streams.get(stream).is_some_and(|s| s.subscribers.contains(id) && s.owner != *id);
                assert!(known, "{id}: subscribed to {stream}, which does not know it");
            }
        }
        assert!(self.sessions.values().all(|id| self.members.contains_key(id)), "a connection of nobody");
        assert_eq!(self.deadlines.len(), self.members.len(), "a timer of nobody, or two of one");
        for (id, stream) in &self.streams {
            let owner = self.members.get(&stream.owner).expect("a stream without its publisher");
            assert_eq!(owner.published.get(&stream.info.offer.kind), Some(id), "{id}: its publisher does not know it");
            for subscriber in &stream.subscribers {
                assert!(self.members[subscriber].subscriptions.contains_key(id), "{id}: {subscriber} does not know its subscription");
            }
        }
        assert_eq!(self.holds.len(), self.members.values().filter(|m| m.held_until.is_some()).count(), "a hold of nobody");
        for (stream, layer, member) in &self.waiting {
            let plan = self.members[member].subscriptions[stream].video.as_ref().expect("who waits receives video");
            assert!(plan.target == Some(*layer) && plan.waiting_since.is_some(), "{member} does not wait for {layer} of {stream}");
        }
    }
}

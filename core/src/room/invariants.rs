//! What must hold between any two calls, whatever happened.

use super::Room;
use crate::{id::MemberId, limits, member::Presence, stream::StreamKind, wire::AudioMode};

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
            assert!(member.key.deadline().is_none_or(|at| self.keys.contains(&(at, *id))), "{id}: no timer watches its key");
            assert!(member.takeovers.len() <= limits::TAKEOVERS_PER_MINUTE, "{id}: taken over too often");
            assert!(member.subscriptions.len() <= limits::SUBSCRIPTIONS_PER_MEMBER, "{id}: receives too much");
            for (stream, subscription) in &member.subscriptions {
                assert!(subscription.audio || subscription.video.is_some(), "{id}: subscribed to nothing of {stream}");
                if let Some(plan) = &subscription.video {
                    let ladder = self.streams[stream].info.offer.layers.len();
                    let there = |layer: crate::id::LayerId| usize::from(layer.0) < ladder;
                    let flows = |layer: crate::select::Layer| there(layer.spatial);
                    assert!(!plan.layers.is_empty() && plan.layers.named().all(there), "{id}: wants layers of {stream} that are not there");
                    assert!(
                        plan.target.is_none_or(flows) && plan.current.is_none_or(flows),
                        "{id}: receives a layer of {stream} that is not there"
                    );
                }
                let known = self.streams.get(stream).is_some_and(|s| s.subscribers.contains(id) && s.owner != *id);
                assert!(known, "{id}: subscribed to {stream}, which does not know it");
            }
        }
        assert!(self.sessions.values().all(|id| self.members.contains_key(id)), "a connection of nobody");
        assert_eq!(self.deadlines.len(), self.members.len(), "a timer of nobody, or two of one");
        assert_eq!(self.keys.len(), self.members.values().filter(|m| m.key.deadline().is_some()).count(), "a key of nobody");
        let shares = self.streams.values().filter(|s| s.info.offer.kind == StreamKind::Aux).count();
        assert!(self.ended.len() <= limits::ENDED_STAYS, "too many ends are remembered");
        assert_eq!(self.shares, shares, "shares are miscounted");
        assert!(shares <= 1 || !self.config.one_share, "two share at a time");
        assert_eq!(self.dissolve_at.is_some(), self.dissolved && !self.members.is_empty(), "somebody stays in a room that is dissolved");
        for (id, stream) in &self.streams {
            assert_eq!(stream.measured.len(), stream.info.offer.layers.len(), "{id}: another ladder is measured");
            let viewers = stream.subscribers.iter().filter(|member| self.members[member].subscriptions[id].video.is_some()).count();
            assert_eq!(stream.needed.viewers(), viewers, "{id}: viewers are miscounted");
            for member in &stream.subscribers {
                let plan = self.members[member].subscriptions[id].video.as_ref();
                let counted = plan.map(|plan| super::needed::top_of(&stream.info.offer, plan));
                assert_eq!(plan.and_then(|plan| plan.counted), counted, "{id}: what {member} wishes is counted as something else");
            }
            assert!(stream.needed.lower_at.is_none_or(|at| self.lowerings.contains(&(at, *id))), "{id}: nobody will tell its publisher");
            let owner = self.members.get(&stream.owner).expect("a stream without its publisher");
            assert_eq!(owner.published.get(&stream.info.offer.kind), Some(id), "{id}: its publisher does not know it");
            for subscriber in &stream.subscribers {
                assert!(self.members[subscriber].subscriptions.contains_key(id), "{id}: {subscriber} does not know its subscription");
            }
        }
        let lowerings = self.streams.values().filter(|stream| stream.needed.lower_at.is_some()).count();
        assert_eq!(self.lowerings.len(), lowerings, "a word to the publisher of nothing");
        assert_eq!(self.replans.len(), self.members.values().filter(|m| m.replan_at.is_some()).count(), "a plan of nobody");
        let listens = |id: &MemberId| self.members.get(id).is_some_and(|member| member.audio_mode == AudioMode::Loudest);
        assert!(self.listening.listeners().all(|id| listens(&id)), "somebody listens who is not there, or did not ask to");
        assert!(self.listening.seated().all(|id| self.may_be_heard(id)), "somebody is heard who is not there, or is muted");
        for (stream, layer, member) in &self.waiting {
            let plan = self.members[member].subscriptions[stream].video.as_ref().expect("who waits receives video");
            assert!(
                plan.target.map(|target| target.spatial) == Some(*layer) && plan.waiting_since.is_some(),
                "{member} does not wait for {layer} of {stream}"
            );
        }
    }
}

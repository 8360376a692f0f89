//! Bounds on what a member sends and receives, and which of its streams anybody receives.

use super::Room;
use crate::{
    id::MemberId,
    member::{Cap, Member},
    stream::BitsPerSecond,
    wire::{Accepted, Audience},
};

impl Room {
    /// A member bounds all its media. Its plan keeps to that at once.
    pub(super) fn limit_bandwidth(&mut self, id: MemberId, max_bps: Option<BitsPerSecond>) -> Accepted {
        self.members.get_mut(&id).expect("the caller is a member").cap = max_bps.map(Cap);
        self.plan(id);
        Accepted::Done
    }

    /// What a member sends has changed: where a cap is shared by both ways, what it may receive has changed, too.
    pub(super) fn share_anew(&mut self, id: MemberId) {
        if self.members.get(&id).is_some_and(|member| member.cap.is_some()) {
            self.plan_later(id);
        }
    }

    /// The most that a member may receive; without end where it has no cap.
    pub(super) fn receive_cap_bps(&self, member: &Member) -> BitsPerSecond {
        let offered = |sum: BitsPerSecond, stream| sum.saturating_add(self.streams[stream].info.offer.max_bps());
        member.cap.map_or(BitsPerSecond::MAX, |cap| cap.to_receive(member.published.values().fold(0, offered)))
    }

    /// Which of a member's streams anybody receives.
    pub(super) fn audience(&self, id: MemberId) -> Accepted {
        let streams = self.members[&id].published.values().map(|stream| {
            let known = &self.streams[stream];
            let audio = known.subscribers.iter().any(|subscriber| self.members[subscriber].subscriptions[stream].audio);
            Audience { stream: *stream, audio, video: known.needed.viewers() > 0 }
        });
        Accepted::Audience { streams: streams.collect() }
    }
}

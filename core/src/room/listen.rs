//! Who hears whom without subscribing: the loudest of the room.
//!
//! A member chooses in its join to hear the loudest others ([`AudioMode::Loudest`]). Who they are is decided once for the room, however many listen ([`Loudest`]): three in front, and a spare
//! for those three, so that nobody hears itself. The media plane is told the four of them and applies one rule to every listener; the listeners are told how loud the four are.
//!
//! Levels come from the media plane. A level counts if its member publishes audio that is not muted: one that is late counts for nothing. While nobody listens, none does.

use alloc::{collections::BTreeSet, vec::Vec};

use super::{MediaOutput, Output, Recipients, Room};
use crate::{
    audio::{AudioLevel, Loudest, Volume},
    id::{MemberId, SessionId, UserId},
    limits,
    stream::BitsPerSecond,
    time::Instant,
    wire::{AudioMode, ServerMessage, Voice},
};

/// See the [module](self).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Listening {
    voices: Loudest<MemberId, UserId>,
    /// Members who hear the loudest.
    listeners: BTreeSet<MemberId>,
    /// How loud they are said to be, and who.
    told: Vec<(MemberId, Volume)>,
    /// When the listeners are to be told anew how loud the loudest are; as long as there are any.
    tell_at: Option<Instant>,
}

impl Listening {
    pub(super) const fn new() -> Self {
        Self { voices: Loudest::new(limits::LOUDEST, 1), listeners: BTreeSet::new(), told: Vec::new(), tell_at: None }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        [self.voices.poll_timeout(), self.tell_at].into_iter().flatten().min()
    }

    /// Who has a place among the loudest, those in front first.
    pub(super) fn seated(&self) -> impl Iterator<Item = MemberId> {
        self.voices.seated().copied()
    }

    pub(super) fn listeners(&self) -> impl Iterator<Item = MemberId> {
        self.listeners.iter().copied()
    }

    /// Nobody listens any more, and nothing is kept. Whether somebody was heard.
    pub(super) fn clear(&mut self) -> bool {
        (self.told, self.tell_at) = (Vec::new(), None);
        self.voices.clear()
    }

    fn volumes(&self, now: Instant) -> Vec<(MemberId, Volume)> {
        self.seated().map(|member| (member, self.voices.volume(now, member))).collect()
    }
}

impl Room {
    /// A packet of a member's audio came.
    pub(super) fn level(&mut self, id: MemberId, level: AudioLevel) {
        if self.listening.listeners.is_empty() || !self.may_be_heard(id) {
            return;
        }
        self.listening.voices.hear(self.now, id, &self.members[&id].user, level);
    }

    /// Whether a member publishes audio that is not muted.
    pub(super) fn may_be_heard(&self, id: MemberId) -> bool {
        let Some(member) = self.members.get(&id) else { return false };
        let mut published = member.published.values().map(|stream| &self.streams[stream].info);
        published.any(|stream| stream.offer.audio_bps.is_some() && !stream.audio_muted)
    }

    /// A member's streams have changed: where none can be heard any more, its place goes to the next at once.
    pub(super) fn hush(&mut self, id: MemberId) {
        if !self.may_be_heard(id) && self.listening.voices.remove(self.now, id) {
            self.voices_changed();
        }
    }

    /// A member entered: it may have come to listen. Said again after coming back, so that what was missed is known.
    pub(super) fn begin_to_listen(&mut self, id: MemberId, session: SessionId) {
        let member = &self.members[&id];
        match member.audio_mode {
            AudioMode::Loudest => {}
            AudioMode::Subscribed | AudioMode::Unknown => return,
        }
        let is_new = self.listening.listeners.insert(id);
        if !is_new || !self.listening.told.is_empty() {
            let message = self.volumes_message();
            self.send(session, message);
        }
    }

    /// A member has left.
    pub(super) fn listen_no_longer(&mut self, id: MemberId) {
        if self.listening.listeners.remove(&id) && self.listening.listeners.is_empty() && self.listening.clear() {
            self.media(MediaOutput::Loudest { speakers: Vec::new() });
        }
    }

    /// Tells a fresh transport of a listener what it is.
    pub(super) fn attach_listener(&mut self, id: MemberId) {
        if self.listening.listeners.contains(&id) {
            self.media(MediaOutput::Listen { member: id });
        }
    }

    /// Does what is due of all this. False: nothing is.
    pub(super) fn listening_timers(&mut self) -> bool {
        if self.listening.voices.poll_timeout().is_some_and(|at| at.is_due(self.now)) {
            if self.listening.voices.handle_timeout(self.now) {
                self.voices_changed();
            }
            return true;
        }
        if self.listening.tell_at.is_some_and(|at| at.is_due(self.now)) {
            self.tell_volumes();
            return true;
        }
        false
    }

    /// Others are the loudest now: the media plane and the listeners hear of it at once.
    fn voices_changed(&mut self) {
        let speakers: Vec<MemberId> = self.listening.seated().collect();
        self.media(MediaOutput::Loudest { speakers });
        self.tell_volumes();
    }

    /// Tells the listeners how loud the loudest are, if that is news.
    fn tell_volumes(&mut self) {
        let volumes = self.listening.volumes(self.now);
        self.listening.tell_at = (!volumes.is_empty()).then(|| self.now.saturating_add(limits::VOLUME_INTERVAL));
        if volumes != self.listening.told {
            self.listening.told = volumes;
            let message = self.volumes_message();
            self.outputs.push_back(Output::Send { to: Recipients::Listeners, message });
        }
    }

    fn volumes_message(&self) -> ServerMessage {
        let voice = |(member, volume): &(MemberId, Volume)| Voice { user: self.members[member].user.clone(), volume: *volume };
        ServerMessage::Volumes { voices: self.listening.told.iter().map(voice).collect() }
    }

    /// What is set aside in a member's line for voices that it has not subscribed to, in bits per second. A plan that followed every change of speakers would flap for a trifle.
    pub(super) fn voices_bps(&self, id: MemberId) -> BitsPerSecond {
        if self.listening.listeners.contains(&id) { limits::LOUDEST as BitsPerSecond * limits::VOICE_BPS } else { 0 }
    }
}

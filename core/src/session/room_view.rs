//! What a session knows of its room and of its own place there, and how it catches up after an absence.

use alloc::{collections::BTreeMap, vec::Vec};
use core::cmp::Reverse;

use super::{Answer, Event, JoinCall, others::Others};
use crate::{
    code::Code,
    id::{LayerId, MemberId, StreamId, UserId},
    limits,
    quality::Quality,
    role::Role,
    stream::{BitsPerSecond, LayerSet, StreamInfo, StreamKind, StreamOffer},
    wire::{Accepted, AudioMode, ClientMessage, MediaDescription, MemberInfo, RefusedWish, ServerMessage, VideoWish, Voice},
};

/// The room as one session sees it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct RoomView {
    /// How the session entered, as it says it again when it comes back: with the present role, name and credential, and as the user that it is.
    pub(super) join: JoinCall,
    /// Who the session is.
    pub(super) user: UserId,
    pub(super) member: MemberId,
    pub(super) others: Others,
    /// Streams of one's own: at most one of each kind.
    pub(super) own: BTreeMap<StreamId, OwnStream>,
    /// What was granted of the streams of others, and stands: at most [`limits::SUBSCRIPTIONS_PER_MEMBER`].
    pub(super) subscriptions: BTreeMap<StreamId, Subscription>,
    /// The bound of all media, where there is one.
    pub(super) max_bps: Option<BitsPerSecond>,
    /// How the server's media transport is reached, as it was told last.
    pub(super) media: Option<MediaDescription>,
    /// Why the present credential is good no longer, once that was told.
    pub(super) key_refused: Option<Code>,
    /// How good the connection is.
    pub(super) quality: Quality,
    /// Who of the loudest others is heard, and how loud, as it was told last.
    pub(super) voices: Vec<Voice>,
}

/// A stream of one's own, as the server confirmed it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct OwnStream {
    pub(super) offer: StreamOffer,
    pub(super) audio_muted: bool,
    pub(super) video_muted: bool,
    /// Whether the video is worth sending, as it was told last.
    pub(super) video_needed: Option<(bool, Option<LayerId>)>,
}

/// What is received of a stream.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub(super) struct Subscription {
    pub(super) audio: bool,
    pub(super) video: Option<WantedVideo>,
}

/// How the video of a stream is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct WantedVideo {
    pub(super) layers: LayerSet,
    pub(super) min_height: Option<u16>,
}

/// What a snapshot brought.
pub(super) struct CaughtUp {
    /// What the application missed.
    pub(super) news: Vec<Event>,
    /// Streams of one's own that the session does not know of.
    pub(super) unknown: Vec<StreamId>,
}

impl RoomView {
    /// The room on entering.
    pub(super) fn new(
        join: JoinCall,
        user: UserId,
        member: MemberId,
        role: Role,
        members: Vec<MemberInfo>,
        streams: Vec<StreamInfo>,
    ) -> Self {
        let join = JoinCall { role, user: Some(user.clone()), ..join };
        let (own, others): (Vec<_>, Vec<_>) = streams.into_iter().partition(|stream| stream.user == user);
        let mut view = Self {
            join,
            user,
            member,
            others: Others::of(members, others.into_iter()),
            own: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            max_bps: None,
            media: None,
            key_refused: None,
            quality: Quality::default(),
            voices: Vec::new(),
        };
        for stream in own {
            view.add_own(stream.id, OwnStream::of(stream));
        }
        view
    }

    /// The events that tell of who and what is there already.
    pub(super) fn arrival(&self) -> Vec<Event> {
        self.others.news_since(&Others::default())
    }

    /// Brings the view up to a snapshot of the same stay.
    pub(super) fn catch_up(&mut self, role: Role, members: Vec<MemberInfo>, streams: Vec<StreamInfo>) -> CaughtUp {
        let mut now = Self::new(self.join.clone(), self.user.clone(), self.member, role, members, streams);
        let news = now.others.news_since(&self.others);
        self.subscriptions.retain(|stream, _| now.others.share(&self.others, *stream));
        for (stream, subscription) in &mut self.subscriptions {
            subscription.follow(self.others.stream(*stream), now.others.stream(*stream));
        }
        self.join = now.join;
        self.others = now.others;
        let unknown = now.own.keys().filter(|id| !self.own.contains_key(id)).copied().collect();
        now.own.retain(|id, stream| {
            let known = self.own.get(id);
            stream.video_needed = known.and_then(|known| known.video_needed);
            known.is_some()
        });
        self.own = now.own;
        CaughtUp { news, unknown }
    }

    /// The session's own stream of that kind.
    pub(super) fn own_of(&self, kind: StreamKind) -> Option<(StreamId, &OwnStream)> {
        self.own.iter().find(|(_, stream)| stream.offer.kind == kind).map(|(id, stream)| (*id, stream))
    }

    /// Takes in one piece of news, and tells what of it is news.
    pub(super) fn apply(&mut self, news: ServerMessage) -> Vec<Event> {
        let about_me = |user: &UserId| *user == self.user;
        match news {
            ServerMessage::PeerJoined { user, name } if !about_me(&user) => self.others.enter(user, name),
            ServerMessage::PeerLeft { user, reason } => self.others.leave(user, reason),
            ServerMessage::PeerRenamed { user, name } => self.others.rename(user, name),
            ServerMessage::StreamAdded { stream } if !about_me(&stream.user) => {
                let id = stream.id;
                let news = self.others.add(stream);
                if let [Event::StreamRemoved { .. }, ..] = news[..] {
                    self.subscriptions.remove(&id); // another stream has taken its number
                }
                news
            }
            ServerMessage::StreamUpdated { stream } => {
                let (id, before) = (stream.id, self.others.stream(stream.id).cloned());
                let news = self.others.change(stream);
                if let Some(subscription) = self.subscriptions.get_mut(&id) {
                    subscription.follow(before.as_ref(), self.others.stream(id));
                }
                news
            }
            ServerMessage::StreamMuted { stream, audio, video, .. } => self.others.mute(stream, audio, video),
            ServerMessage::StreamRemoved { stream, .. } => {
                self.subscriptions.remove(&stream);
                self.others.remove(stream)
            }
            ServerMessage::VideoNeeded { stream, needed, up_to } => {
                let before = self.own.get_mut(&stream).map(|own| own.video_needed.replace((needed, up_to)));
                let is_news = before.is_some_and(|before| before != Some((needed, up_to)));
                is_news.then_some(Event::VideoNeeded { stream, needed, up_to }).into_iter().collect()
            }
            // Said again of the same credential, it is no news (R-043: once).
            ServerMessage::KeyRefused { code } => {
                let before = self.key_refused.replace(code);
                (before != Some(code)).then_some(Event::KeyRefused { code }).into_iter().collect()
            }
            ServerMessage::Volumes { voices } => self.hear(voices),
            // Said again after a lost connection, it is no news.
            ServerMessage::Media { description } => {
                let before = self.media.replace(description.clone());
                (before.as_ref() != Some(&description)).then_some(Event::Media { description }).into_iter().collect()
            }
            ServerMessage::PeerJoined { .. }
            | ServerMessage::StreamAdded { .. }
            | ServerMessage::Accepted { .. }
            | ServerMessage::Refused { .. }
            | ServerMessage::Removed { .. }
            | ServerMessage::Closing { .. }
            | ServerMessage::Pong
            | ServerMessage::Unknown => Vec::new(),
        }
    }

    /// Who is heard now, oneself left out. Whoever did not ask to hear the loudest is told of no volume.
    fn hear(&mut self, voices: Vec<Voice>) -> Vec<Event> {
        if self.join.audio_mode != AudioMode::Loudest {
            return Vec::new();
        }
        let mut voices: Vec<Voice> = voices.into_iter().filter(|voice| voice.user != self.user).take(limits::LOUDEST).collect();
        voices.sort_by(|one, other| (Reverse(one.volume), &one.user).cmp(&(Reverse(other.volume), &other.user)));
        let before = core::mem::replace(&mut self.voices, voices.clone());
        (before != voices).then_some(Event::Volumes { voices }).into_iter().collect()
    }

    /// A request was granted: takes on what it changes, and answers for it.
    pub(super) fn grant(&mut self, asked: ClientMessage, accepted: Accepted) -> Result<Answer, Code> {
        match (asked, accepted) {
            (ClientMessage::Publish { offer }, Accepted::Published { stream }) => {
                self.add_own(stream, OwnStream { offer, audio_muted: false, video_muted: false, video_needed: None });
                Ok(Answer::Published { stream })
            }
            (ClientMessage::SubscribeVideo { wanted }, Accepted::Subscribed { refused }) => {
                self.receive_videos(wanted, &refused);
                Ok(Answer::Subscribed { refused })
            }
            (ClientMessage::Audience, Accepted::Audience { streams }) => Ok(Answer::Audience { streams }),
            (asked, Accepted::Done)
                if !matches!(asked, ClientMessage::Publish { .. } | ClientMessage::SubscribeVideo { .. } | ClientMessage::Audience) =>
            {
                self.done(asked);
                Ok(Answer::Done)
            }
            // An answer of the wrong kind: the server broke the protocol, and the caller still needs an answer.
            (
                _,
                Accepted::Done
                | Accepted::Joined { .. }
                | Accepted::Published { .. }
                | Accepted::Subscribed { .. }
                | Accepted::Audience { .. }
                | Accepted::Unknown,
            ) => Err(Code::INTERNAL),
        }
    }

    fn done(&mut self, asked: ClientMessage) {
        match asked {
            ClientMessage::Update { stream, offer } => {
                if let Some(own) = self.own.get_mut(&stream) {
                    own.offer = StreamOffer { kind: own.offer.kind, ..offer };
                }
            }
            ClientMessage::Unpublish { stream } => drop(self.own.remove(&stream)),
            ClientMessage::Mute { stream, audio, video } => {
                if let Some(own) = self.own.get_mut(&stream) {
                    own.audio_muted = audio.unwrap_or(own.audio_muted);
                    own.video_muted = video.unwrap_or(own.video_muted);
                }
            }
            ClientMessage::Subscribe { stream, audio, video, layers, min_height } => self.receive(stream, audio, video, layers, min_height),
            ClientMessage::Unsubscribe { stream, audio, video, layers } => self.receive_no_longer(stream, audio, video, layers),
            ClientMessage::SwitchRole { role, credential } => {
                self.join.role = role;
                if !role.may_publish() {
                    self.own.clear();
                }
                if let Some(credential) = credential {
                    self.join.credential = Some(credential);
                    self.key_refused = None;
                }
            }
            ClientMessage::Renew { credential } => {
                self.join.credential = Some(credential);
                self.key_refused = None;
            }
            ClientMessage::Rename { name } => self.join.name = name,
            ClientMessage::Media { description } => self.join.media = Some(description),
            ClientMessage::LimitBandwidth { max_bps } => self.max_bps = max_bps,
            ClientMessage::Join { .. }
            | ClientMessage::Leave
            | ClientMessage::Publish { .. }
            | ClientMessage::SubscribeVideo { .. }
            | ClientMessage::Audience
            | ClientMessage::Ping
            | ClientMessage::Unknown => {}
        }
    }

    /// A member has one stream of each kind: what the server numbers anew takes the place of the one before.
    fn add_own(&mut self, id: StreamId, stream: OwnStream) {
        self.own.retain(|_, known| known.offer.kind != stream.offer.kind);
        self.own.insert(id, stream);
    }
}

impl RoomView {
    /// Parts add to what is received already.
    fn receive(&mut self, stream: StreamId, audio: bool, video: bool, layers: LayerSet, min_height: Option<u16>) {
        let Some(subscription) = self.subscription(stream) else { return };
        subscription.audio |= audio;
        if video {
            subscription.video = Some(match &subscription.video {
                Some(before) => WantedVideo { layers: before.layers.union(layers), min_height: min_height.or(before.min_height) },
                None => WantedVideo { layers, min_height },
            });
        }
    }

    fn receive_no_longer(&mut self, stream: StreamId, audio: bool, video: bool, layers: Option<LayerSet>) {
        let ladder = self.others.stream(stream).map_or(0, |known| known.offer.layers.len());
        let Some(subscription) = self.subscriptions.get_mut(&stream) else { return };
        subscription.audio &= !audio;
        if let Some(wanted) = subscription.video.as_mut().filter(|_| video) {
            wanted.layers = layers.map_or(LayerSet::EMPTY, |layers| wanted.layers.less(layers, ladder));
        }
        self.forget_empty();
    }

    /// The videos that are listed are received and no others; audio stays as it is.
    fn receive_videos(&mut self, wanted: Vec<VideoWish>, refused: &[RefusedWish]) {
        for subscription in self.subscriptions.values_mut() {
            subscription.video = None;
        }
        self.forget_empty();
        for wish in wanted.into_iter().filter(|wish| refused.iter().all(|refused| refused.stream != wish.stream)) {
            if let Some(subscription) = self.subscription(wish.stream) {
                subscription.video = Some(WantedVideo { layers: wish.layers, min_height: wish.min_height });
            }
        }
    }

    /// What is received of a stream that is there. An honest server grants no more than a member may have.
    fn subscription(&mut self, stream: StreamId) -> Option<&mut Subscription> {
        self.others.stream(stream)?;
        let has_room = self.subscriptions.len() < limits::SUBSCRIPTIONS_PER_MEMBER || self.subscriptions.contains_key(&stream);
        has_room.then(|| self.subscriptions.entry(stream).or_default())
    }

    fn forget_empty(&mut self) {
        self.subscriptions.retain(|_, subscription| {
            subscription.video.take_if(|wanted| wanted.layers.is_empty());
            subscription.audio || subscription.video.is_some()
        });
    }
}

impl OwnStream {
    fn of(stream: StreamInfo) -> Self {
        Self { offer: stream.offer, audio_muted: stream.audio_muted, video_muted: stream.video_muted, video_needed: None }
    }

    /// What is muted: audio, video.
    pub(super) fn muted(&self) -> (bool, bool) {
        (self.audio_muted, self.video_muted)
    }
}

impl Subscription {
    /// The wish for layers follows them to where they stand since an update, as it does in the room.
    pub(super) fn follow(&mut self, before: Option<&StreamInfo>, after: Option<&StreamInfo>) {
        if let (Some(video), Some(before), Some(after)) = (&mut self.video, before, after)
            && before.offer != after.offer
        {
            video.layers = video.layers.follow(&before.offer, &after.offer);
        }
    }

    /// The request for it.
    pub(super) fn request(&self, stream: StreamId) -> ClientMessage {
        let (layers, min_height) = self.video.as_ref().map_or((LayerSet::HIGHEST, None), |wanted| (wanted.layers, wanted.min_height));
        ClientMessage::Subscribe { stream, audio: self.audio, video: self.video.is_some(), layers, min_height }
    }
}
